import { ops } from '../../../lib/ops.ts';
import {
  dot,
  type GradientCheck,
  type OperationCase,
  type Random,
  randomFloatType,
  randomInteger,
  randomSource,
  randomValues,
  relativeError,
  rounded,
  size,
  type Values,
} from '../case.ts';

const epsilon = 1e-5;

/** How much further off a sum of so many numbers in float32 is. */
const long = (count: number) => Math.max(1, Math.sqrt(count / 1000));
const norm = (values: ArrayLike<number>) => Math.hypot(...Array.from(values));

export function layerNormReference(x: Float64Array, weight: Float64Array, bias?: Float64Array) {
  const hidden = weight.length;
  const rows = x.length / hidden;
  const mean = new Float64Array(rows);
  const inverseDeviation = new Float64Array(rows);
  for (let r = 0; r < rows; r++) {
    const row = x.subarray(r * hidden, (r + 1) * hidden);
    mean[r] = row.reduce((sum, value) => sum + value / hidden, 0);
    const variance = row.reduce((sum, value) => sum + (value - mean[r]!) ** 2 / hidden, 0);
    inverseDeviation[r] = 1 / Math.sqrt(variance + epsilon);
  }
  const output = x.map((value, at) => {
    const row = Math.floor(at / hidden);
    const centred = (value - mean[row]!) * inverseDeviation[row]!;
    return centred * weight[at % hidden]! + (bias?.[at % hidden] ?? 0);
  });
  return { output, mean, inverseDeviation };
}

/** With the mean and deviation as they were saved. */
export function layerNormBackwardReference(
  dy: Float64Array,
  x: Float64Array,
  weight: Float64Array,
  mean: Float64Array,
  inverseDeviation: Float64Array,
) {
  const hidden = weight.length;
  const gradInput = new Float64Array(x.length);
  const gradWeight = new Float64Array(hidden);
  const gradBias = new Float64Array(hidden);
  for (let r = 0; r < mean.length; r++) {
    const scale = inverseDeviation[r]!;
    const centred = (i: number) => (x[r * hidden + i]! - mean[r]!) * scale;
    const gradient = (i: number) => dy[r * hidden + i]! * weight[i]!;
    let meanGradient = 0;
    let meanProduct = 0;
    for (let i = 0; i < hidden; i++) {
      meanGradient += gradient(i) / hidden;
      meanProduct += (gradient(i) * centred(i)) / hidden;
      gradWeight[i]! += dy[r * hidden + i]! * centred(i);
      gradBias[i]! += dy[r * hidden + i]!;
    }
    for (let i = 0; i < hidden; i++) {
      gradInput[r * hidden + i] = scale * (gradient(i) - meanGradient - centred(i) * meanProduct);
    }
  }
  return { gradInput, gradWeight, gradBias };
}

interface Problem {
  rows: number;
  hidden: number;
  dtype: 'float32' | 'bfloat16';
  bias: boolean;
  /** Whether the weight is frozen, so that it has no gradient. */
  frozen?: boolean;
  /** The inputs' mean, beside a deviation of 1 to 2. */
  mean?: number;
}

function nameOf({ rows, hidden, dtype, bias, mean, frozen }: Problem): string {
  const more = `${mean ? ` around ${mean}` : ''}${frozen ? ', frozen' : ''}`;
  return `${rows}x${hidden} ${dtype}${bias ? ' with bias' : ''}${more}`;
}

function inputOf({ rows, hidden, dtype, mean = 0 }: Problem, random: Random): Values {
  const { shape, data } = randomValues([rows, hidden], 'float32', random, 2);
  return rounded({ shape, dtype, data: data.map((x) => x + mean) });
}

function forwardCase(problem: Problem, inPlace = false): OperationCase {
  const { rows, hidden, dtype, bias } = problem;
  const random = randomSource(rows * 1013 + hidden);
  return {
    name: `layerNormForward ${nameOf(problem)}${inPlace ? ' in place' : ''}`,
    inputs: {
      input: inputOf(problem, random),
      weight: randomValues([hidden], dtype, random),
      ...(bias && { bias: randomValues([hidden], dtype, random) }),
    },
    run: ({ input, weight, bias }, output) =>
      ops.layerNormForward({
        input: input!,
        weight: weight!,
        ...(bias && { bias }),
        epsilon,
        output: inPlace ? input! : output([rows, hidden], dtype),
        mean: output([rows]),
        inverseDeviation: output([rows]),
      }),
    reference: ({ input, weight, bias }) =>
      layerNormReference(input!.data, weight!.data, bias?.data),
    // Added one after the other, the deviation was measured to be off by 1e-7 to 8e-7 for 257 to 8200 numbers. Around
    // 10,000 the plain formula is off by 1e-3, which no case allows.
    tolerance: {
      output: dtype === 'float32' ? 2e-7 * long(hidden) : 3e-3,
      mean: 1e-7 * long(hidden),
      inverseDeviation: 2.5e-7 * long(hidden),
    },
    // The mean's error is held against the deviation, 2: it may itself be close to 0.
    error: (output, actual, expected) =>
      relativeError(actual, expected) *
      (output === 'mean' ? norm(expected) / (norm(expected) + 2 * Math.sqrt(rows)) || 1 : 1),
    bytes: (2 * rows * hidden + 2 * hidden) * size(dtype) + 8 * rows,
    flops: 8 * rows * hidden,
  };
}

function backwardCase(problem: Problem, inPlace = false): OperationCase {
  const { rows, hidden, dtype, bias, frozen } = problem;
  const random = randomSource(rows * 2011 + hidden);
  const input = inputOf(problem, random);
  const weight = randomValues([hidden], dtype, random);
  const saved = layerNormReference(input.data, weight.data);
  const perRow = (data: Float64Array) => rounded({ shape: [rows], dtype: 'float32', data });
  return {
    name: `layerNormBackward ${nameOf(problem)}${inPlace ? ' in place' : ''}`,
    inputs: {
      gradOutput: randomValues([rows, hidden], dtype, random),
      input,
      weight,
      mean: perRow(saved.mean),
      inverseDeviation: perRow(saved.inverseDeviation),
    },
    run: ({ gradOutput, input, weight, mean, inverseDeviation }, output) => {
      const zeros = () => ops.fill({ output: output([hidden]), value: 0 }).output;
      const gradBias = bias ? zeros() : undefined;
      const { gradInput, gradWeight } = ops.layerNormBackward({
        gradOutput: gradOutput!,
        input: input!,
        weight: weight!,
        mean: mean!,
        inverseDeviation: inverseDeviation!,
        gradInput: inPlace ? input! : output([rows, hidden], dtype),
        ...(frozen ? { only: 'input' } : { gradWeight: zeros() }),
        ...(gradBias && { gradBias }),
      });
      return { gradInput, ...(gradWeight && { gradWeight }), ...(gradBias && { gradBias }) };
    },
    reference: ({ gradOutput, input, weight, mean, inverseDeviation }) => {
      const { gradBias, gradWeight, gradInput } = layerNormBackwardReference(
        gradOutput!.data,
        input!.data,
        weight!.data,
        mean!.data,
        inverseDeviation!.data,
      );
      return { gradInput, ...(!frozen && { gradWeight }), ...(bias && { gradBias }) };
    },
    tolerance: {
      gradInput: dtype === 'float32' ? (hidden < 8 ? 4e-7 : 1.2e-7) : 3e-3,
      gradWeight: 1.5e-7 * Math.max(1, Math.sqrt(rows / 50)),
      gradBias: 1.5e-7 * Math.max(1, Math.sqrt(rows / 50)),
    },
    bytes: 3 * rows * hidden * size(dtype),
    flops: 13 * rows * hidden,
  };
}

const shapes = [
  [2, 3],
  [0, 5],
  [33, 100],
  [130, 257],
  [3, 1032],
  [3, 2056],
  [2, 4104],
  [2, 8200],
  [1030, 8],
] as const;

const problems: Problem[] = shapes.flatMap(([rows, hidden]) =>
  (['float32', 'bfloat16'] as const).flatMap((dtype) =>
    [true, false].map((bias) => ({ rows, hidden, dtype, bias })),
  ),
);
const largeMeans: Problem[] = [300, 1032, 8200].map((hidden) => ({
  rows: 5,
  hidden,
  dtype: 'float32',
  bias: true,
  mean: 10_000,
}));

export const cases: OperationCase[] = [
  ...[...problems, ...largeMeans].flatMap((problem, i) => [
    forwardCase(problem, i % 3 === 1),
    backwardCase(problem, i % 3 === 1),
  ]),
  ...[true, false].map((bias) =>
    backwardCase({ rows: 33, hidden: 100, dtype: 'float32', bias, frozen: true }),
  ),
];

export function randomCase(seed: number): OperationCase {
  const random = randomSource(seed);
  const make = random() < 0.5 ? forwardCase : backwardCase;
  const problem = {
    rows: randomInteger(random, 1, 40),
    hidden: randomInteger(random, 8, 300),
    dtype: randomFloatType(random),
    bias: random() < 0.5,
  };
  return make(problem, random() < 0.3);
}

function gradientChecks(): GradientCheck[] {
  const random = randomSource(1);
  const x = randomValues([3, 8], 'float32', random).data;
  const weight = randomValues([8], 'float32', random).data;
  const bias = randomValues([8], 'float32', random).data;
  const dy = randomValues([3, 8], 'float32', random).data;
  const { mean, inverseDeviation } = layerNormReference(x, weight, bias);
  const gradients = layerNormBackwardReference(dy, x, weight, mean, inverseDeviation);
  return [
    {
      name: 'layerNorm input',
      loss: (moved) => dot(layerNormReference(moved, weight, bias).output, dy),
      x,
      gradient: gradients.gradInput,
    },
    {
      name: 'layerNorm weight',
      loss: (moved) => dot(layerNormReference(x, moved, bias).output, dy),
      x: weight,
      gradient: gradients.gradWeight,
    },
    {
      name: 'layerNorm bias',
      loss: (moved) => dot(layerNormReference(x, weight, moved).output, dy),
      x: bias,
      gradient: gradients.gradBias,
    },
  ];
}

export const gradients = gradientChecks();
