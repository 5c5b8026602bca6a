// Sizes as people write them: 100MB, 1.5 GiB.

const units: Readonly<Record<string, number>> = {
  kb: 1e3,
  kib: 2 ** 10,
  mb: 1e6,
  mib: 2 ** 20,
  gb: 1e9,
  gib: 2 ** 30,
};

/** In bytes; undefined if it is no number with a unit. */
export function parseSize(text: string): number | undefined {
  const [, number, unit] = /^(\d+(?:\.\d+)?) ?([a-z]+)$/i.exec(text) ?? [];
  const bytes = Number(number) * (units[unit?.toLowerCase() ?? ''] ?? Number.NaN);
  return bytes > 0 ? bytes : undefined;
}
