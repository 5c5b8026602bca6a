import { ops } from '../../../lib/ops.ts';
import {
  dot,
  type GradientCheck,
  type OperationCase,
  randomFloatType,
  randomInteger,
  randomSource,
  randomValues,
  rounded,
  type Values,
} from '../case.ts';

const epsilon = 1e-5;

export function rmsNormReference(x: Float64Array, weight: Float64Array) {
  const hidden = weight.length;
  const rows = x.length / hidden;
  const output = new Float64Array(x.length);
  const inverseRms = new Float64Array(rows);
  for (let r = 0; r < rows; r++) {
    let sum = 0;
    for (let i = 0; i < hidden; i++) sum += x[r * hidden + i]! ** 2;
    inverseRms[r] = 1 / Math.sqrt(sum / hidden + epsilon);
    for (let i = 0; i < hidden; i++) {
      output[r * hidden + i] = x[r * hidden + i]! * inverseRms[r]! * weight[i]!;
    }
  }
  return { output, inverseRms };
}

export function rmsNormBackwardReference(dy: Float64Array, x: Float64Array, weight: Float64Array) {
  const hidden = weight.length;
  const { inverseRms } = rmsNormReference(x, weight);
  const gradInput = new Float64Array(x.length);
  const gradWeight = new Float64Array(hidden);
  for (let r = 0; r < inverseRms.length; r++) {
    const scale = inverseRms[r]!;
    let mean = 0;
    for (let i = 0; i < hidden; i++) {
      const at = r * hidden + i;
      mean += (dy[at]! * weight[i]! * x[at]! * scale) / hidden;
      gradWeight[i]! += dy[at]! * x[at]! * scale;
    }
    for (let i = 0; i < hidden; i++) {
      const at = r * hidden + i;
      gradInput[at] = scale * (dy[at]! * weight[i]! - x[at]! * scale * mean);
    }
  }
  return { gradInput, gradWeight };
}

/** The backward for a weight that is frozen: the gradient of the input alone. */
export function frozenCase(rows: number, hidden: number, adds: boolean): OperationCase {
  const whole = backwardCase(rows, hidden, 'float32', adds);
  return {
    ...whole,
    name: `${whole.name}, frozen`,
    run: (tensors, output) => {
      const { gradOutput, input, weight, inverseRms, gradSum } = tensors;
      const { gradInput } = ops.rmsNormBackward({
        gradOutput: gradOutput!,
        input: input!,
        weight: weight!,
        inverseRms: inverseRms!,
        ...(gradSum && { gradSum }),
        gradInput: output([rows, hidden]),
        only: 'input',
      });
      return { gradInput };
    },
    reference: (inputs) => ({ gradInput: whole.reference(inputs).gradInput! }),
    tolerance: { gradInput: 1.1e-7 },
  };
}

/**
 * How much further off a sum of so many numbers in float32 is. Added one after the other, the inverse of the root
 * mean square was measured to be off by 1.1e-7 for 64 numbers, 1.3e-7 for 257, 5.8e-7 for 2056 and 1.1e-6 for
 * 8200; the gradient of the input by 5e-8 to 6e-8 whatever the length; that of the weight by 5e-8 for 2 rows, 1.6e-7
 * for 33 and 7.3e-7 for 1030. No tolerance is more than twice that.
 */
function long(count: number): number {
  return Math.max(1, Math.sqrt(count / 257));
}

export function forwardCase(
  rows: number,
  hidden: number,
  dtype: 'float32' | 'bfloat16',
  adds = false,
): OperationCase {
  const random = randomSource(rows * 1009 + hidden);
  const shape = [rows, hidden];
  return {
    name: `rmsNormForward ${rows}x${hidden} ${dtype}${adds ? ' of a sum' : ''}`,
    inputs: {
      input: randomValues(shape, dtype, random, 2),
      weight: randomValues([hidden], dtype, random),
      ...(adds && { residual: randomValues(shape, dtype, random, 2) }),
    },
    run: ({ input, weight, residual }, output) =>
      ops.rmsNormForward({
        input: input!,
        weight: weight!,
        epsilon,
        ...(residual && { residual, sum: output(shape, dtype) }),
        output: output(shape, dtype),
        inverseRms: output([rows]),
      }),
    reference: ({ input, weight, residual }) => {
      const data = input!.data.map((x, i) => x + (residual?.data[i] ?? 0));
      // The norm is of what the sum was rounded to.
      const sum = residual ? rounded({ shape, dtype, data }).data : data;
      return { ...rmsNormReference(sum, weight!.data), sum };
    },
    tolerance: {
      output: dtype === 'float32' ? 1.2e-7 * long(hidden) : 3e-3,
      inverseRms: hidden < 1000 ? 1e-7 : Math.min(3.89e-10 * hidden, 2.3e-8 * Math.sqrt(hidden)),
      sum: 0,
    },
    bytes: ((adds ? 4 : 2) * rows * hidden + hidden) * (dtype === 'float32' ? 4 : 2) + 4 * rows,
    flops: (adds ? 5 : 4) * rows * hidden,
  };
}

export function backwardCase(
  rows: number,
  hidden: number,
  dtype: 'float32' | 'bfloat16',
  adds = false,
): OperationCase {
  const random = randomSource(rows * 2003 + hidden);
  const input = randomValues([rows, hidden], dtype, random, 2);
  const weight = randomValues([hidden], dtype, random);
  const inverse = rmsNormReference(input.data, weight.data).inverseRms;
  const inverseRms: Values = { shape: [rows], dtype: 'float32', data: inverse };
  return {
    name: `rmsNormBackward ${rows}x${hidden} ${dtype}${adds ? ' of a sum' : ''}`,
    inputs: {
      gradOutput: randomValues([rows, hidden], dtype, random),
      input,
      weight,
      inverseRms,
      ...(adds && { gradSum: randomValues([rows, hidden], dtype, random) }),
    },
    run: (tensors, output) => {
      const { gradOutput, input, weight, inverseRms, gradSum } = tensors;
      const gradWeight = ops.fill({ output: output([hidden]), value: 0 }).output;
      return ops.rmsNormBackward({
        gradOutput: gradOutput!,
        input: input!,
        weight: weight!,
        inverseRms: inverseRms!,
        ...(gradSum && { gradSum }),
        gradInput: output([rows, hidden], dtype),
        gradWeight,
      });
    },
    reference: ({ gradOutput, input, weight, gradSum }) => {
      const gradients = rmsNormBackwardReference(gradOutput!.data, input!.data, weight!.data);
      if (gradSum)
        gradients.gradInput.forEach((g, i, all) => {
          all[i] = g + gradSum.data[i]!;
        });
      return gradients;
    },
    tolerance: {
      gradInput: dtype === 'float32' ? 1.1e-7 : 3e-3,
      gradWeight: 1e-7 * Math.max(1, Math.sqrt(rows / 50)),
    },
    bytes: (adds ? 4 : 3) * rows * hidden * (dtype === 'float32' ? 4 : 2),
    flops: (adds ? 10 : 9) * rows * hidden,
  };
}

const shapes = [
  [2, 3],
  [3, 5],
  [7, 64],
  [33, 100],
  [130, 257],
  [3, 1032],
  [3, 2056],
  [2, 4104],
  [2, 8200],
  [1030, 8],
] as const;

export const cases: OperationCase[] = [
  ...shapes.flatMap(([rows, hidden]) =>
    (['float32', 'bfloat16'] as const).flatMap((dtype) =>
      [false, true].flatMap((adds) => [
        forwardCase(rows, hidden, dtype, adds),
        backwardCase(rows, hidden, dtype, adds),
      ]),
    ),
  ),
  frozenCase(33, 100, false),
  frozenCase(3, 2056, true),
];

export function randomCase(seed: number): OperationCase {
  const random = randomSource(seed);
  const make = random() < 0.5 ? forwardCase : backwardCase;
  const hidden = randomInteger(random, 8, 300);
  return make(randomInteger(random, 1, 40), hidden, randomFloatType(random), random() < 0.5);
}

function gradientChecks(): GradientCheck[] {
  const random = randomSource(1);
  const x = randomValues([3, 8], 'float32', random).data;
  const weight = randomValues([8], 'float32', random).data;
  const dy = randomValues([3, 8], 'float32', random).data;
  const { gradInput, gradWeight } = rmsNormBackwardReference(dy, x, weight);
  return [
    {
      name: 'rmsNorm input',
      loss: (moved) => dot(rmsNormReference(moved, weight).output, dy),
      x,
      gradient: gradInput,
    },
    {
      name: 'rmsNorm weight',
      loss: (moved) => dot(rmsNormReference(x, moved).output, dy),
      x: weight,
      gradient: gradWeight,
    },
  ];
}

export const gradients = gradientChecks();
