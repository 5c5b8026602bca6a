// RMSNorm on the rows of a step of 4 x 512 tokens, hidden size 768.
import { backwardCase, forwardCase } from '../test/ops/cases/rms-norm.ts';
import type { BenchCase } from './bench-case.ts';

export const cases: BenchCase[] = (['float32', 'bfloat16'] as const).flatMap((dtype) =>
  [forwardCase, backwardCase].map((build) => ({
    operation: build(2048, 768, dtype),
    unit: 'GB/s' as const,
  })),
);
