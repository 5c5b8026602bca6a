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

type Float = 'float32' | 'bfloat16';

export function addBiasReference(input: Float64Array, bias: Float64Array): Float64Array {
  return input.map((value, i) => value + bias[i % bias.length]!);
}

/** The sum over rows, added to what is there. */
export function addBiasBackwardReference(dy: Float64Array, before: Float64Array): Float64Array {
  const sums = Float64Array.from(before);
  dy.forEach((value, i) => {
    sums[i % sums.length]! += value;
  });
  return sums;
}

function forwardCase(shape: readonly number[], dtype: Float, inPlace: boolean): OperationCase {
  const random = randomSource(elements(shape) + 17);
  return {
    name: `addBias ${shape.join('x')} ${dtype}${inPlace ? ' in place' : ''}`,
    inputs: {
      input: randomValues(shape, dtype, random),
      bias: randomValues(shape.slice(-1), dtype, random),
    },
    run: ({ input, bias }, output) =>
      ops.addBias({
        input: input!,
        bias: bias!,
        output: inPlace ? input! : output(shape, dtype),
      }),
    reference: ({ input, bias }) => ({ output: addBiasReference(input!.data, bias!.data) }),
    tolerance: { output: dtype === 'float32' ? 6e-8 : 3e-3 },
    bytes: 2 * elements(shape) * size(dtype),
    flops: elements(shape),
  };
}

function backwardCase(shape: readonly number[], dtype: Float): OperationCase {
  const random = randomSource(elements(shape) + 19);
  const width = shape.slice(-1);
  return {
    name: `addBiasBackward ${shape.join('x')} ${dtype}`,
    inputs: {
      gradOutput: randomValues(shape, dtype, random),
      gradBias: randomValues(width, 'float32', random),
    },
    run: ({ gradOutput, gradBias }) =>
      ops.addBiasBackward({ gradOutput: gradOutput!, gradBias: gradBias! }),
    reference: ({ gradOutput, gradBias }) => ({
      gradBias: addBiasBackwardReference(gradOutput!.data, gradBias!.data),
    }),
    // Sums one after the other have 6e-7 over 2,100 rows, the median of 200 draws.
    tolerance: { gradBias: 6e-7 },
    bytes: elements(shape) * size(dtype) + 8 * width[0]!,
    flops: elements(shape),
  };
}

const shapes = [[1], [3, 0], [0, 5], [40], [3, 5, 7], [33, 48], [2100, 1], [1500, 9]];

export const cases: OperationCase[] = shapes.flatMap((shape, i) => {
  const dtype = i % 2 === 0 ? 'float32' : 'bfloat16';
  const other = i % 2 === 0 ? 'bfloat16' : 'float32';
  return [
    forwardCase(shape, dtype, i % 4 < 2),
    backwardCase(shape, dtype),
    backwardCase(shape, other),
  ];
});

export function randomCase(seed: number): OperationCase {
  const random = randomSource(seed);
  const shape = randomShape(random, 4, 1);
  const dtype = randomFloatType(random);
  return randomInteger(random, 0, 1) === 0
    ? forwardCase(shape, dtype, random() < 0.5)
    : backwardCase(shape, dtype);
}

function gradientChecks(): GradientCheck[] {
  const random = randomSource(1);
  const input = randomValues([3, 8], 'float32', random).data;
  const bias = randomValues([8], 'float32', random).data;
  const dy = randomValues([3, 8], 'float32', random).data;
  return [
    {
      name: 'addBias bias',
      loss: (moved) => dot(addBiasReference(input, moved), dy),
      x: bias,
      gradient: addBiasBackwardReference(dy, new Float64Array(8)),
    },
  ];
}

export const gradients = gradientChecks();
