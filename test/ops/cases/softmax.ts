import { ops, type Tensor } from '../../../lib/ops.ts';
import {
  dot,
  elements,
  type GradientCheck,
  type OperationCase,
  randomFloatType,
  randomInteger,
  randomSource,
  randomValues,
  relativeError,
  rounded,
  size,
} from '../case.ts';

const norm = (values: Float64Array) => Math.sqrt(dot(values, values));

/** Calls body for each row, and puts its results together. */
export function mapRows(
  x: Float64Array,
  width: number,
  body: (row: Float64Array, first: number) => ArrayLike<number>,
): Float64Array {
  const result = new Float64Array(x.length);
  for (let at = 0; at < x.length; at += width) result.set(body(x.subarray(at, at + width), at), at);
  return result;
}

export function softmaxReference(x: Float64Array, width: number): Float64Array {
  return mapRows(x, width, (row) => {
    const highest = row.reduce((a, b) => Math.max(a, b), -Infinity);
    const shares = row.map((value) => Math.exp(value - highest));
    const sum = shares.reduce((a, b) => a + b, 0);
    return shares.map((share) => share / sum);
  });
}

export function logSoftmaxReference(x: Float64Array, width: number): Float64Array {
  return mapRows(x, width, (row) => {
    const highest = row.reduce((a, b) => Math.max(a, b), -Infinity);
    const sum = row.reduce((a, b) => a + Math.exp(b - highest), 0);
    return row.map((value) => value - highest - Math.log(sum));
  });
}

export function softmaxBackwardReference(dy: Float64Array, y: Float64Array, width: number) {
  return mapRows(dy, width, (row, at) => {
    const sum = dot(row, y.subarray(at, at + width));
    return row.map((g, i) => y[at + i]! * (g - sum));
  });
}

export function logSoftmaxBackwardReference(dy: Float64Array, y: Float64Array, width: number) {
  return mapRows(dy, width, (row, at) => {
    const sum = row.reduce((a, b) => a + b, 0);
    return row.map((g, i) => g - Math.exp(y[at + i]!) * sum);
  });
}

interface Operation {
  name: 'softmax' | 'logSoftmax';
  forward(x: Float64Array, width: number): Float64Array;
  backward(dy: Float64Array, y: Float64Array, width: number): Float64Array;
  /** What a gradient is the difference of, without sign: errors are held against it, for little may be left. */
  addends(dy: Float64Array, y: Float64Array, width: number): Float64Array;
}

interface Problem {
  shape: readonly number[];
  scale: number;
  dtype: 'float32' | 'bfloat16';
}

function nameOf({ shape, scale, dtype }: Problem): string {
  return `${shape.join('x')} ${dtype} scale ${scale}`;
}

function forwardCase(
  { name, forward }: Operation,
  problem: Problem,
  inPlace: boolean,
): OperationCase {
  const { shape, scale, dtype } = problem;
  const input = randomValues(shape, dtype, randomSource(elements(shape) + 3), scale);
  return {
    name: `${name}Forward ${nameOf(problem)}${inPlace ? ' in place' : ''}`,
    inputs: { input },
    run: ({ input }, output) =>
      ops[`${name}Forward`]({ input: input!, output: inPlace ? input! : output(shape, dtype) }),
    reference: ({ input }) => ({ output: forward(input!.data, shape.at(-1)!) }),
    // Plain float32 operations were measured to be off by 1.3e-7 for 33 numbers, 8e-7 for 1040 and 4e-6 for 16,400.
    tolerance: {
      output: dtype === 'float32' ? 2e-7 * Math.max(1, Math.sqrt(shape.at(-1)! / 4000)) : 3e-3,
    },
    bytes: 2 * elements(shape) * size(dtype),
    flops: 5 * elements(shape),
  };
}

function backwardCase(
  { name, forward, backward, addends }: Operation,
  problem: Problem,
  into: 'gradInput' | 'gradOutput' | 'output',
): OperationCase {
  const { shape, scale, dtype } = problem;
  const random = randomSource(elements(shape) + 4);
  const width = shape.at(-1)!;
  const { data } = randomValues(shape, dtype, random, scale);
  const gradOutput = randomValues(shape, dtype, random);
  const output = rounded({ shape, dtype, data: forward(data, width) });
  return {
    name: `${name}Backward ${nameOf(problem)} into ${into}`,
    inputs: { gradOutput, output },
    run: (tensors, allocate) => {
      const { gradOutput, output } = tensors as { gradOutput: Tensor; output: Tensor };
      const gradInput = { gradInput: allocate(shape, dtype), gradOutput, output }[into];
      return ops[`${name}Backward`]({ gradOutput, output, gradInput });
    },
    reference: ({ gradOutput, output }) => ({
      gradInput: backward(gradOutput!.data, output!.data, width),
    }),
    // Plain float32 operations were measured to be off by 4.6e-7 for 1040 numbers and by 1.5e-6 for 4104.
    tolerance: {
      gradInput: dtype === 'float32' ? 2e-7 * Math.max(1, Math.sqrt(width / 200)) : 3e-3,
    },
    error: (_, actual, expected) =>
      (relativeError(actual, expected) * (norm(Float64Array.from(expected)) || 1)) /
      (norm(addends(gradOutput.data, output.data, width)) || 1),
    bytes: 3 * elements(shape) * size(dtype),
    flops: 4 * elements(shape),
  };
}

const problems: Problem[] = [
  { shape: [1], scale: 1 },
  { shape: [2, 0], scale: 1 },
  { shape: [0, 5], scale: 1 },
  { shape: [7, 33], scale: 2 },
  { shape: [2, 3, 5, 40], scale: 50 },
  { shape: [4, 1030], scale: 1 },
  { shape: [3, 1040], scale: 3 },
  { shape: [3, 2056], scale: 3 },
  { shape: [2, 4104], scale: 300 },
  { shape: [2, 16400], scale: 2 },
].flatMap((problem) => (['float32', 'bfloat16'] as const).map((dtype) => ({ ...problem, dtype })));

/** The two operations have the same arguments, and so the same cases. */
export function casesOf(operation: Operation) {
  const targets = ['gradInput', 'gradOutput', 'output'] as const;
  const cases = problems.flatMap((problem, i) => [
    forwardCase(operation, problem, i % 3 === 1),
    backwardCase(operation, problem, targets[i % 3]!),
  ]);
  const randomCase = (seed: number): OperationCase => {
    const random = randomSource(seed);
    const shape = [randomInteger(random, 1, 20), randomInteger(random, 1, 1500)];
    const scale = random() < 0.5 ? 1 : 20;
    const problem = { shape, scale, dtype: randomFloatType(random) };
    return random() < 0.5
      ? forwardCase(operation, problem, random() < 0.5)
      : backwardCase(operation, problem, targets[randomInteger(random, 0, 2)]!);
  };
  const random = randomSource(7);
  const x = randomValues([3, 6], 'float32', random, 2).data;
  const dy = randomValues([3, 6], 'float32', random).data;
  const gradients: GradientCheck[] = [
    {
      name: `${operation.name} input`,
      loss: (moved) => dot(operation.forward(moved, 6), dy),
      x,
      gradient: operation.backward(dy, operation.forward(x, 6), 6),
    },
  ];
  return { cases, randomCase, gradients };
}

export const { cases, randomCase, gradients } = casesOf({
  name: 'softmax',
  forward: softmaxReference,
  backward: softmaxBackwardReference,
  addends: (dy, y, width) =>
    mapRows(dy, width, (row, at) => {
      const sum = row.reduce((total, g, i) => total + Math.abs(g * y[at + i]!), 0);
      return row.map((g, i) => y[at + i]! * (Math.abs(g) + sum));
    }),
});
