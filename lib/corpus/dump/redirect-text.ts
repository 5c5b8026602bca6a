// Redirects as the page's text writes them: `#REDIRECT [[Target]]`, with the word in the wiki's language.
// Only needed for dumps of before 2012, which do not name the target in an element of its own.

/** The word's forms in Wikipedia's languages (English works everywhere). */
const WORDS = new Set(
  `
redirect|redirection|weiterleitung|redirección|redireccion|redirecionamento|rinvia|rinvio|redirectfrom|
doorverwijzing|patrz|przekieruj|tam|omdirigering|viderestilling|ohjaus|uudelleenohjaus|přesměruj|presmeruj|
átirányítás|redirectează|yönlendi̇rme|yönlendirme|yönlendirmə|istiqamətləndirmə|đổi|alih|lencong|
перенаправление|перенапр|перенаправлення|пренасочване|виж|преусмери|преусмјери|перанакіраваньне|перанакіраванне|
айдау|ανακατευθυνση|ανακατευθυνσh|הפניה|תحويل|تحويل|تغییرمسیر|تغییر_مسیر|رجوع|अनुप्रेषित|पुनर्निर्देशन|पुनर्प्रेषित|
পুনর্নির্দেশ|পুনর্নিদেশ|வழிமாற்று|దారిమార్పు|ತಿರುಗಿಸು|തിരിച്ചുവിടുക|เปลี่ยนทาง|넘겨주기|転送|リダイレクト|重定向|重新導向|
ohjeaus|alidirektu|alidirekto|preusmeritev|preusmjeri|redirecció|birzuzendu|pāradresācija|suunamine|tilvísun|
ყურება|გადამისამართება|վերահղում|yo'naltirish|yoʻnaltirish|adkas|ail-cyfeirio|ailgyfeirio|aanstuur|sangker
`
    .replace(/\n/g, '')
    .split('|')
    .map((word) => word.normalize('NFC')),
);

/** In UTF-16 units: so much of a page is searched for the word and the link. */
const SEARCHED = 600;
/** How many bytes of UTF-8 each of these units takes at most. */
const MOST_BYTES = 3;

/** Whether a `#` may come first: the first character that is no ASCII blank is a `#` or one of the other blanks. */
function mayBegin(wikitext: Buffer): boolean {
  let first = 0;
  while (wikitext[first]! <= 0x20) first++;
  return /^[#\s]/.test(wikitext.toString('utf8', first, first + MOST_BYTES));
}

/** The target of a redirect page's wikitext, or undefined if the page is no redirect. `known`: it certainly is one. */
export function redirectTarget(wikitext: Uint8Array, known: boolean): string | undefined {
  const bytes = Buffer.from(wikitext.buffer, wikitext.byteOffset, wikitext.length);
  if (!known && !mayBegin(bytes)) return undefined;
  const text = (known ? bytes : bytes.subarray(0, SEARCHED * MOST_BYTES)).toString();
  const match = /^\s*#\s*([^\s[\]:#]+)(?:\s+[^\s[\]:]+)*\s*:?\s*\[\[([^\]|\n]+)/u.exec(
    text.slice(0, SEARCHED),
  );
  if (!match) return known ? /\[\[([^\]|\n]+)/.exec(text)?.[1]?.trim() : undefined;
  const word = match[1]!.normalize('NFC').toLowerCase();
  return known || WORDS.has(word) ? match[2]!.trim() : undefined;
}
