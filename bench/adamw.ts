// AdamW on 8 million parameters: a stream, judged by bandwidth.
import { adamwCase, usual } from '../test/ops/cases/adamw.ts';
import type { BenchCase } from './bench-case.ts';

export const cases: BenchCase[] = [false, true].map((split) => ({
  operation: adamwCase([[8_000_000]], { ...usual, step: 10 }, split, 0.5),
  unit: 'GB/s',
}));
