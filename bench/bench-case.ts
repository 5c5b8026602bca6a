// What a benchmark times: a case of the tests at a size that matters, and how to check its results first. A
// reference of the whole result would take minutes at such sizes, so a case may bring one of a part.
import type { OperationCase, Values } from '../test/ops/case.ts';

export type Outputs = ReadonlyMap<string, ArrayLike<number>>;

export interface BenchCase {
  operation: OperationCase;
  /** What bounds the operation, and so is reported. */
  unit: 'GFLOP/s' | 'GB/s';
  /** A part of the results and what it should be, by output; the whole reference unless given. */
  part?(inputs: Record<string, Values>, outputs: Outputs): Record<string, Part>;
}

export interface Part {
  actual: ArrayLike<number>;
  expected: Float64Array;
}
