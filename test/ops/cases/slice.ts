import { type DType, ops } from '../../../lib/ops.ts';
import {
  dtypesOfEachSize,
  elements,
  type OperationCase,
  type Random,
  randomInteger,
  randomSource,
  size,
  wholeOrFloatValues,
} from '../case.ts';

/** A range of one dimension of `whole`, and how many elements lie before it and between its rows. */
export interface Range {
  shape: readonly number[];
  dimension: number;
  start: number;
  end: number;
}

export function partShape({ shape, dimension, start, end }: Range): number[] {
  return shape.with(dimension, end - start);
}

/** Calls visit with each element's index in the whole and in the part. */
export function visitRange(
  { shape, dimension, start, end }: Range,
  visit: (whole: number, part: number) => void,
): void {
  const inner = elements(shape.slice(dimension + 1));
  const outer = elements(shape.slice(0, dimension));
  let part = 0;
  for (let i = 0; i < outer; i++) {
    for (let j = start; j < end; j++) {
      for (let k = 0; k < inner; k++) visit((i * shape[dimension]! + j) * inner + k, part++);
    }
  }
}

export function sliceReference(input: Float64Array, range: Range): Float64Array {
  const output = new Float64Array(elements(partShape(range)));
  visitRange(range, (whole, part) => {
    output[part] = input[whole]!;
  });
  return output;
}

export function rangeName({ shape, dimension, start, end }: Range): string {
  return `${'abcde'[dimension]} ${start} to ${end} of ${shape.join('x')}`;
}

function sliceCase(range: Range, dtype: DType): OperationCase {
  const { shape, dimension, start } = range;
  const part = partShape(range);
  return {
    name: `slice ${rangeName(range)} ${dtype}`,
    inputs: { input: wholeOrFloatValues(shape, dtype, randomSource(elements(shape) + start)) },
    run: ({ input }, output) =>
      ops.slice({ input: input!, dimension, start, output: output(part, dtype) }),
    reference: ({ input }) => ({ output: sliceReference(input!.data, range) }),
    tolerance: { output: 0 },
    bytes: 2 * elements(part) * size(dtype),
    flops: 0,
  };
}

export const ranges: Range[] = [
  { shape: [7], dimension: 0, start: 2, end: 7 },
  { shape: [7, 3], dimension: 0, start: 1, end: 1 },
  { shape: [5, 48], dimension: 1, start: 16, end: 32 },
  { shape: [5, 33], dimension: 1, start: 3, end: 20 },
  { shape: [70, 9], dimension: 1, start: 8, end: 9 },
  { shape: [2, 11, 24], dimension: 1, start: 4, end: 11 },
  { shape: [2, 3, 4, 5, 17], dimension: 2, start: 1, end: 3 },
  { shape: [2, 3, 1, 40], dimension: 3, start: 0, end: 40 },
];

export const cases: OperationCase[] = ranges.flatMap((range) =>
  dtypesOfEachSize.map((dtype) => sliceCase(range, dtype)),
);

export function randomRange(random: Random): Range {
  const rank = randomInteger(random, 1, 5);
  const most = [200, 60, 20, 9, 6][rank - 1]!;
  const shape = Array.from({ length: rank }, () => randomInteger(random, 1, most));
  const dimension = randomInteger(random, 0, rank - 1);
  const start = randomInteger(random, 0, shape[dimension]!);
  return { shape, dimension, start, end: randomInteger(random, start, shape[dimension]!) };
}

export function randomCase(seed: number): OperationCase {
  const random = randomSource(seed);
  const dtype = dtypesOfEachSize[randomInteger(random, 0, 3)]!;
  return sliceCase(randomRange(random), dtype);
}
