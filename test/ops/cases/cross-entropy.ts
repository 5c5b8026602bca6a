import { ops } from '../../../lib/index.ts';
import {
  dot,
  type GradientCheck,
  type OperationCase,
  randomFloatType,
  randomInteger,
  randomSource,
  randomValues,
  rounded,
  size,
  type Values,
} from '../case.ts';

export function crossEntropyReference(logits: Float64Array, labels: Float64Array) {
  const vocabulary = logits.length / labels.length;
  const losses = new Float64Array(labels.length);
  const logsumexp = new Float64Array(labels.length);
  labels.forEach((label, row) => {
    const own = logits.subarray(row * vocabulary, (row + 1) * vocabulary);
    const maximum = own.reduce((a, b) => Math.max(a, b));
    const sum = own.reduce((total, x) => total + Math.exp(x - maximum), 0);
    logsumexp[row] = maximum + Math.log(sum);
    losses[row] = label === -100 ? 0 : logsumexp[row]! - own[label]!;
  });
  return { losses, logsumexp };
}

export function crossEntropyBackwardReference(
  logits: Float64Array,
  labels: Float64Array,
  logsumexp: Float64Array,
  scale: number,
) {
  const vocabulary = logits.length / labels.length;
  const gradLogits = logits.map((x, at) => {
    const row = Math.floor(at / vocabulary);
    if (labels[row] === -100) return 0;
    const target = at % vocabulary === labels[row] ? 1 : 0;
    return scale * (Math.exp(x - logsumexp[row]!) - target);
  });
  return { gradLogits };
}

/** About a fifth of the rows is ignored. */
function randomLabels(rows: number, vocabulary: number, random: () => number): Values {
  const data = Float64Array.from({ length: rows }, () =>
    random() < 0.2 ? -100 : Math.floor(random() * vocabulary),
  );
  return { shape: [rows], dtype: 'int32', data };
}

interface Problem {
  rows: number;
  vocabulary: number;
  scale: number;
  dtype: 'float32' | 'bfloat16';
}

function forwardCase({ rows, vocabulary, scale, dtype }: Problem): OperationCase {
  const random = randomSource(rows * 31 + vocabulary);
  return {
    name: `crossEntropyForward ${rows}x${vocabulary} ${dtype} scale ${scale}`,
    inputs: {
      logits: randomValues([rows, vocabulary], dtype, random, scale),
      labels: randomLabels(rows, vocabulary, random),
    },
    run: ({ logits, labels }, output) =>
      ops.crossEntropyForward({
        logits: logits!,
        labels: labels!,
        losses: output([rows]),
        logsumexp: output([rows]),
      }),
    reference: ({ logits, labels }) => crossEntropyReference(logits!.data, labels!.data),
    tolerance: { losses: 6e-8, logsumexp: 5e-8 },
    bytes: rows * vocabulary * size(dtype),
    flops: 4 * rows * vocabulary,
  };
}

function backwardCase(
  { rows, vocabulary, scale, dtype }: Problem,
  inPlace: boolean,
): OperationCase {
  const random = randomSource(rows * 37 + vocabulary);
  const logits = randomValues([rows, vocabulary], dtype, random, scale);
  const labels = randomLabels(rows, vocabulary, random);
  const logsumexp = rounded({
    shape: [rows],
    dtype: 'float32',
    data: crossEntropyReference(logits.data, labels.data).logsumexp,
  });
  return {
    name: `crossEntropyBackward ${rows}x${vocabulary} ${dtype} scale ${scale}${
      inPlace ? ' in place' : ''
    }`,
    inputs: { logits, labels, logsumexp },
    run: (tensors, output) =>
      ops.crossEntropyBackward({
        logits: tensors.logits!,
        labels: tensors.labels!,
        logsumexp: tensors.logsumexp!,
        scale: 0.25,
        gradLogits: inPlace ? tensors.logits! : output([rows, vocabulary], dtype),
      }),
    reference: ({ logits, labels, logsumexp }) =>
      crossEntropyBackwardReference(logits!.data, labels!.data, logsumexp!.data, 0.25),
    tolerance: { gradLogits: dtype === 'float32' ? 1e-7 : 3e-3 },
    bytes: 2 * rows * vocabulary * size(dtype),
    flops: 3 * rows * vocabulary,
  };
}

function bothCase({ rows, vocabulary, scale, dtype }: Problem, inPlace: boolean): OperationCase {
  const random = randomSource(rows * 41 + vocabulary);
  return {
    name: `crossEntropy ${rows}x${vocabulary} ${dtype} scale ${scale}${inPlace ? ' in place' : ''}`,
    inputs: {
      logits: randomValues([rows, vocabulary], dtype, random, scale),
      labels: randomLabels(rows, vocabulary, random),
    },
    run: ({ logits, labels }, output) =>
      ops.crossEntropy({
        logits: logits!,
        labels: labels!,
        scale: 0.25,
        losses: output([rows]),
        gradLogits: inPlace ? logits! : output([rows, vocabulary], dtype),
      }),
    reference: ({ logits, labels }) => {
      const { losses, logsumexp } = crossEntropyReference(logits!.data, labels!.data);
      const gradient = crossEntropyBackwardReference(logits!.data, labels!.data, logsumexp, 0.25);
      return { losses, ...gradient };
    },
    tolerance: { losses: 6e-8, gradLogits: dtype === 'float32' ? 3e-7 : 3e-3 },
    bytes: 2 * rows * vocabulary * size(dtype),
    flops: 7 * rows * vocabulary,
  };
}

const problems = [
  { rows: 1, vocabulary: 1, scale: 1 },
  { rows: 7, vocabulary: 33, scale: 2 },
  { rows: 5, vocabulary: 1030, scale: 1 },
  { rows: 4, vocabulary: 1048, scale: 3 },
  { rows: 6, vocabulary: 2500, scale: 40 },
  { rows: 0, vocabulary: 5, scale: 1 },
].flatMap((problem) => (['float32', 'bfloat16'] as const).map((dtype) => ({ ...problem, dtype })));

export const cases: OperationCase[] = problems.flatMap((problem) => [
  forwardCase(problem),
  backwardCase(problem, false),
  backwardCase(problem, true),
  bothCase(problem, false),
  bothCase(problem, true),
]);

export function randomCase(seed: number): OperationCase {
  const random = randomSource(seed);
  const problem = {
    rows: randomInteger(random, 4, 20),
    vocabulary: randomInteger(random, 5, 1500),
    scale: random() < 0.5 ? 1 : 20,
    dtype: randomFloatType(random),
  };
  const inPlace = random() < 0.5;
  const which = random();
  if (which < 1 / 3) return forwardCase(problem);
  return which < 2 / 3 ? backwardCase(problem, inPlace) : bothCase(problem, inPlace);
}

function gradientChecks(): GradientCheck[] {
  const random = randomSource(6);
  const logits = randomValues([4, 5], 'float32', random, 2).data;
  const labels = Float64Array.from([3, -100, 0, 4]);
  const { logsumexp } = crossEntropyReference(logits, labels);
  const weights = new Float64Array(4).fill(0.25);
  return [
    {
      name: 'crossEntropy logits',
      loss: (moved) => dot(crossEntropyReference(moved, labels).losses, weights),
      x: logits,
      gradient: crossEntropyBackwardReference(logits, labels, logsumexp, 0.25).gradLogits,
    },
  ];
}

export const gradients = gradientChecks();
