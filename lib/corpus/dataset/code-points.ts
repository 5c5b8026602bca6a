/** How many characters a text has, as offsets count them. */
export function codePoints(text: string): number {
  let count = text.length;
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) >> 10 === 0x37) count--;
  return count; // every low surrogate has been counted twice
}
