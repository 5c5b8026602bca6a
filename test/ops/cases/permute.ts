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

/** `input` with its dimensions in another order. */
export function permuteReference(
  input: Float64Array,
  shape: readonly number[],
  order: readonly number[],
): Float64Array {
  const strides = shape.map((_, i) => elements(shape.slice(i + 1)));
  const sizes = order.map((dimension) => shape[dimension]!);
  return Float64Array.from({ length: input.length }, (_, index) => {
    let rest = index;
    let from = 0;
    for (let i = sizes.length - 1; i >= 0; i--) {
      from += (rest % sizes[i]!) * strides[order[i]!]!;
      rest = Math.floor(rest / sizes[i]!);
    }
    return input[from]!;
  });
}

function permuteCase(shape: readonly number[], order: readonly number[], dtype: DType) {
  const random = randomSource(elements(shape) + order.length);
  const sizes = order.map((dimension) => shape[dimension]!);
  return {
    name: `permute ${shape.join('x')} to ${order.map((i) => 'abcde'[i]).join('')} ${dtype}`,
    inputs: { input: wholeOrFloatValues(shape, dtype, random) },
    run: ({ input }, output) => ops.permute({ input: input!, order, output: output(sizes, dtype) }),
    reference: ({ input }) => ({ output: permuteReference(input!.data, shape, order) }),
    tolerance: { output: 0 },
    bytes: 2 * elements(shape) * size(dtype),
    flops: 0,
  } satisfies OperationCase;
}

const shapes: [shape: number[], order: number[]][] = [
  [[], []],
  [[7], [0]],
  [
    [0, 3],
    [1, 0],
  ],
  [
    [33, 70],
    [1, 0],
  ],
  [
    [131, 67],
    [1, 0],
  ],
  [
    [64, 3],
    [1, 0],
  ],
  // More rows than one task of the CPU turns.
  [
    [1100, 70],
    [1, 0],
  ],
  [
    [1, 90, 1, 40],
    [3, 2, 1, 0],
  ],
  // Heads to the front and back, a tile's whole rows; the middle of three.
  [
    [2, 9, 4, 16],
    [0, 2, 1, 3],
  ],
  [
    [2, 17, 3, 40],
    [0, 2, 3, 1],
  ],
  [
    [5, 12, 33],
    [2, 0, 1],
  ],
  [
    [3, 4, 2, 5, 6],
    [4, 1, 3, 0, 2],
  ],
  [
    [3, 4, 2, 5, 8],
    [2, 0, 1, 3, 4],
  ],
];

export const cases: OperationCase[] = shapes.flatMap(([shape, order]) =>
  dtypesOfEachSize.map((dtype) => permuteCase(shape, order, dtype)),
);

/** The numbers from 0 on in any order. */
export function randomOrder(random: Random, count: number): number[] {
  return Array.from({ length: count }, (_, i) => ({ i, at: random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ i }) => i);
}

export function randomCase(seed: number): OperationCase {
  const random = randomSource(seed);
  const rank = randomInteger(random, 1, 5);
  const most = [200, 60, 20, 9, 6][rank - 1]!;
  const shape = Array.from({ length: rank }, () => randomInteger(random, 1, most));
  const dtype = dtypesOfEachSize[randomInteger(random, 0, 3)]!;
  return permuteCase(shape, randomOrder(random, rank), dtype);
}
