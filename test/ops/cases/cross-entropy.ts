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
function randomLabels(rows: number, vocabulary: number, random: Random): Values {
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
  /** Columns behind those of the vocabulary. */
  padding?: number;
}

/** Behind the vocabulary lies what must not be read: NaN. */
function randomLogits(problem: Problem, random: Random): Values {
  const { rows, vocabulary, scale, dtype, padding = 0 } = problem;
  const { data } = randomValues([rows, vocabulary], dtype, random, scale);
  const columns = vocabulary + padding;
  const padded = new Float64Array(rows * columns).fill(Number.NaN);
  for (let row = 0; row < rows; row++) {
    padded.set(data.subarray(row * vocabulary, (row + 1) * vocabulary), row * columns);
  }
  return { shape: [rows, columns], dtype, data: padded };
}

/** The logits of the vocabulary alone, as the references take them. */
function withoutPadding({ shape, data }: Values, padding = 0): Float64Array {
  const columns = shape[1]!;
  return data.filter((_, i) => i % columns < columns - padding);
}

/** A gradient with zeros behind the vocabulary, as it lies in memory. */
function withPadding(gradient: Float64Array, vocabulary: number, padding = 0): Float64Array {
  const columns = vocabulary + padding;
  return new Float64Array((gradient.length / vocabulary) * columns).map((_, i) =>
    i % columns < vocabulary ? gradient[Math.floor(i / columns) * vocabulary + (i % columns)]! : 0,
  );
}

/** The argument for a vocabulary that is not the whole row, and its part of a case's name. */
const vocabularyOf = ({ vocabulary, padding }: Problem) => (padding ? { vocabulary } : {});
const nameOf = ({ rows, vocabulary, scale, dtype, padding }: Problem) =>
  `${rows}x${vocabulary}${padding ? ` padded by ${padding}` : ''} ${dtype} scale ${scale}`;

function forwardCase(problem: Problem): OperationCase {
  const { rows, vocabulary, dtype, padding } = problem;
  const random = randomSource(rows * 31 + vocabulary);
  return {
    name: `crossEntropyForward ${nameOf(problem)}`,
    inputs: {
      logits: randomLogits(problem, random),
      labels: randomLabels(rows, vocabulary, random),
    },
    run: ({ logits, labels }, output) =>
      ops.crossEntropyForward({
        logits: logits!,
        labels: labels!,
        losses: output([rows]),
        logsumexp: output([rows]),
        ...vocabularyOf(problem),
      }),
    reference: ({ logits, labels }) =>
      crossEntropyReference(withoutPadding(logits!, padding), labels!.data),
    tolerance: { losses: 6e-8, logsumexp: 5e-8 },
    bytes: rows * vocabulary * size(dtype),
    flops: 4 * rows * vocabulary,
  };
}

function backwardCase(problem: Problem, inPlace: boolean): OperationCase {
  const { rows, vocabulary, dtype, padding } = problem;
  const random = randomSource(rows * 37 + vocabulary);
  const logits = randomLogits(problem, random);
  const labels = randomLabels(rows, vocabulary, random);
  const logsumexp = rounded({
    shape: [rows],
    dtype: 'float32',
    data: crossEntropyReference(withoutPadding(logits, padding), labels.data).logsumexp,
  });
  return {
    name: `crossEntropyBackward ${nameOf(problem)}${inPlace ? ' in place' : ''}`,
    inputs: { logits, labels, logsumexp },
    run: (tensors, output) =>
      ops.crossEntropyBackward({
        logits: tensors.logits!,
        labels: tensors.labels!,
        logsumexp: tensors.logsumexp!,
        scale: 0.25,
        gradLogits: inPlace ? tensors.logits! : output(logits.shape, dtype),
        ...vocabularyOf(problem),
      }),
    reference: ({ logits, labels, logsumexp }) => {
      const { gradLogits } = crossEntropyBackwardReference(
        withoutPadding(logits!, padding),
        labels!.data,
        logsumexp!.data,
        0.25,
      );
      return { gradLogits: withPadding(gradLogits, vocabulary, padding) };
    },
    tolerance: { gradLogits: dtype === 'float32' ? 1e-7 : 3e-3 },
    bytes: 2 * rows * vocabulary * size(dtype),
    flops: 3 * rows * vocabulary,
  };
}

function bothCase(problem: Problem, inPlace: boolean): OperationCase {
  const { rows, vocabulary, dtype, padding } = problem;
  const random = randomSource(rows * 41 + vocabulary);
  return {
    name: `crossEntropy ${nameOf(problem)}${inPlace ? ' in place' : ''}`,
    inputs: {
      logits: randomLogits(problem, random),
      labels: randomLabels(rows, vocabulary, random),
    },
    run: ({ logits, labels }, output) =>
      ops.crossEntropy({
        logits: logits!,
        labels: labels!,
        scale: 0.25,
        losses: output([rows]),
        gradLogits: inPlace ? logits! : output(logits!.shape, dtype),
        ...vocabularyOf(problem),
      }),
    reference: ({ logits, labels }) => {
      const counted = withoutPadding(logits!, padding);
      const { losses, logsumexp } = crossEntropyReference(counted, labels!.data);
      const { gradLogits } = crossEntropyBackwardReference(counted, labels!.data, logsumexp, 0.25);
      return { losses, gradLogits: withPadding(gradLogits, vocabulary, padding) };
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
  // Rows that begin where 16-byte accesses can, of a vocabulary that does not fill them; and one that does not at all.
  { rows: 5, vocabulary: 1030, scale: 2, padding: 58 },
  { rows: 9, vocabulary: 70, scale: 1, padding: 58 },
  { rows: 4, vocabulary: 33, scale: 1, padding: 2 },
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
    padding: random() < 0.5 ? 0 : randomInteger(random, 1, 70),
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
