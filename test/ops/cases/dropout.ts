import { ops } from '../../../lib/ops.ts';
import {
  dot,
  elements,
  type GradientCheck,
  type OperationCase,
  randomFloatType,
  randomInteger,
  randomShape,
  randomSource,
  randomValues,
  size,
} from '../case.ts';
import { philox } from './random-normal.ts';

type Float = 'float32' | 'bfloat16';

/** Of each element whether it stays. */
export function dropoutMask(count: number, p: number, seed: number, offset: number): boolean[] {
  const dropped = Math.trunc(p * 2 ** 32);
  return Array.from({ length: count }, (_, i) => {
    return philox(BigInt(seed), BigInt(offset + i), 2n ** 64n - 1n) >= dropped;
  });
}

export function dropoutReference(input: Float64Array, p: number, mask: readonly boolean[]) {
  return input.map((value, i) => (mask[i] ? value / (1 - p) : 0));
}

function dropoutCase(
  shape: readonly number[],
  p: number,
  dtype: Float,
  offset: number,
  inPlace: boolean,
): OperationCase {
  const count = elements(shape);
  const seed = 2 ** 53 - 1 - count;
  return {
    name: `dropout ${shape.join('x')} ${dtype} p ${p} offset ${offset}${inPlace ? ' in place' : ''}`,
    inputs: { input: randomValues(shape, dtype, randomSource(count + 31)) },
    run: ({ input }, output) => {
      const into = inPlace ? input! : output(shape, dtype);
      return ops.dropout({ input: input!, p, seed, offset, output: into });
    },
    reference: ({ input }) => ({
      output: dropoutReference(input!.data, p, dropoutMask(count, p, seed, offset)),
    }),
    tolerance: { output: p === 0 ? 0 : dtype === 'float32' ? 1e-7 : 3e-3 },
    bytes: 2 * count * size(dtype),
    flops: count,
  };
}

export const cases: OperationCase[] = [
  dropoutCase([2, 0], 0.5, 'float32', 0, false),
  dropoutCase([], 0.5, 'bfloat16', 3, true),
  ...(['float32', 'bfloat16'] as const).flatMap((dtype) => [
    dropoutCase([9, 173], 0.1, dtype, 0, false),
    dropoutCase([9, 173], 0, dtype, 4, false),
    dropoutCase([3, 600], 0.9, dtype, 8, true),
    dropoutCase([5, 301], 0.5, dtype, 2 ** 34 + 5, false),
  ]),
];

export function randomCase(seed: number): OperationCase {
  const random = randomSource(seed);
  const p = [0, 0.1, 0.5, 0.99][randomInteger(random, 0, 3)]!;
  const offset = randomInteger(random, 0, 9);
  const shape = randomShape(random, 3, 1);
  return dropoutCase(shape, p, randomFloatType(random), offset, random() < 0.5);
}

function gradientChecks(): GradientCheck[] {
  const random = randomSource(1);
  const x = randomValues([24], 'float32', random).data;
  const dy = randomValues([24], 'float32', random).data;
  const mask = dropoutMask(24, 0.4, 1, 0);
  return [
    {
      name: 'dropout',
      loss: (moved) => dot(dropoutReference(moved, 0.4, mask), dy),
      x,
      gradient: dropoutReference(dy, 0.4, mask),
    },
  ];
}

export const gradients = gradientChecks();
