// A random part of a dump's articles, the same for any number of threads, pieces and interruptions: whether a page is in it
// depends on its number and the seed alone. A larger share of the same seed has all pages of a smaller one.
import { createHash } from 'node:crypto';

/** A random part of the articles. */
export interface Sample {
  /** Of the articles, above 0 and at most 1. */
  share: number;
  seed: number;
}

/** Whether the page of this number is in the sample; all are where there is none. */
export function isInSample(id: number, sample: Sample | undefined): boolean {
  if (sample === undefined) return true;
  const drawn = createHash('sha256').update(`${sample.seed} ${id}`).digest().readUInt32BE();
  return drawn < sample.share * 2 ** 32;
}
