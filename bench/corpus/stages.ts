// What is measured of `leia prepare`, and what one measurement asks for and gives.
import type { TemplateTreatment } from '../../lib/corpus/wikitext/extract.ts';

export const stages = ['bzip2', 'titles', 'text', 'library', 'tokens', 'prepare'] as const;
export type Stage = (typeof stages)[number];

export interface Request {
  stage: Stage;
  /** Dump, plain or .bz2; for `bzip2` .bz2. */
  dump: string;
  workers: number;
  tokenizer: string;
  /** What becomes of templates in `text`; in `prepare` its default. */
  templates: TemplateTreatment;
  /** Table of langlinks, for `prepare`. */
  names: string;
}

export interface Measured {
  seconds: number;
  /** Processor time of all threads. */
  cpuSeconds: number;
  /** Of XML. */
  bytes: number;
  articles: number;
  tokens: number;
  peakMiB: number;
}
