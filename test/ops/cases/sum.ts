import { ops, type Shape } from '../../../lib/ops.ts';
import {
  dot,
  elements,
  type GradientCheck,
  type OperationCase,
  type Random,
  randomFloatType,
  randomInteger,
  randomShape,
  randomSource,
  randomValues,
  relativeError,
  size,
} from '../case.ts';

/** The elements that each output is made of, in order. */
export function reducedElements(x: Float64Array, shape: Shape, dimension: number): Float64Array[] {
  const count = shape[dimension]!;
  const inner = elements(shape.slice(dimension + 1));
  const outer = elements(shape.slice(0, dimension));
  return Array.from({ length: outer * inner }, (_, at) => {
    const first = Math.floor(at / inner) * count * inner + (at % inner);
    return Float64Array.from({ length: count }, (_, i) => x[first + i * inner]!);
  });
}

/** Puts a number for each element of a dimension into its place: what `reducedElements` takes apart. */
export function spreadElements(
  shape: Shape,
  dimension: number,
  value: (output: number, index: number) => number,
): Float64Array {
  const count = shape[dimension]!;
  const inner = elements(shape.slice(dimension + 1));
  return Float64Array.from({ length: elements(shape) }, (_, at) => {
    const output = Math.floor(at / inner / count) * inner + (at % inner);
    return value(output, Math.floor(at / inner) % count);
  });
}

export function sumReference(x: Float64Array, shape: Shape, dimension: number): Float64Array {
  const sums = reducedElements(x, shape, dimension).map((own) => own.reduce((a, b) => a + b, 0));
  return Float64Array.from(sums);
}

/** Without that dimension, or with size 1 there. */
export function reduced(shape: Shape, dimension: number, keep: boolean): number[] {
  return shape.flatMap((size, i) => (i !== dimension ? [size] : keep ? [1] : []));
}

export interface Problem {
  shape: Shape;
  dimension: number;
  dtype: 'float32' | 'bfloat16';
  /** Whether the result keeps the dimension, and the call counts it from the innermost. */
  keep: boolean;
}

export function nameOf({ shape, dimension, dtype, keep }: Problem): string {
  return `${shape.join('x')} over ${dimension} ${dtype}${keep ? ' kept' : ''}`;
}

/** The dimension, as a call names it. */
export function named({ shape, dimension, keep }: Problem): number {
  return keep ? dimension - shape.length : dimension;
}

/** Long and short, over each dimension, with columns that fill 16 bytes and that do not. */
export const problems: Problem[] = (
  [
    { shape: [1], dimension: 0 },
    { shape: [40, 7], dimension: 1 },
    { shape: [3, 130], dimension: 1 },
    { shape: [9, 1000], dimension: 1 },
    { shape: [2, 9001], dimension: 1 },
    { shape: [301, 24], dimension: 0 },
    { shape: [5, 70, 3, 11], dimension: 1 },
    { shape: [3, 2, 1100], dimension: 1 },
    { shape: [4, 0, 3], dimension: 2 },
  ] as const
).flatMap((problem, i) =>
  (['float32', 'bfloat16'] as const).map((dtype) => ({ ...problem, dtype, keep: i % 2 === 0 })),
);

export function randomProblem(random: Random): Problem {
  const shape = randomShape(random, 4, 1);
  const dimension = randomInteger(random, 0, shape.length - 1);
  return { shape, dimension, dtype: randomFloatType(random), keep: random() < 0.5 };
}

/** Sums, or means, which are sums divided by the size. */
export function casesOf(name: 'sum' | 'mean') {
  const divisorOf = ({ shape, dimension }: Problem) => (name === 'mean' ? shape[dimension]! : 1);
  const forwardCase = (problem: Problem): OperationCase => {
    const { shape, dimension, dtype, keep } = problem;
    const input = randomValues(shape, dtype, randomSource(elements(shape) + 11));
    const outputs = reduced(shape, dimension, keep);
    const forward = (x: Float64Array) =>
      sumReference(x, shape, dimension).map((sum) => sum / divisorOf(problem));
    return {
      name: `${name}Forward ${nameOf(problem)}`,
      inputs: { input },
      run: ({ input }, output) =>
        ops[`${name}Forward`]({
          input: input!,
          dimension: named(problem),
          output: output(outputs, dtype),
        }),
      reference: ({ input }) => ({ output: forward(input!.data) }),
      tolerance: { output: dtype === 'float32' ? 1e-7 : 3e-3 },
      // Held against the sum without signs: little may be left of it.
      error: (_, actual, expected) => {
        const whole = forward(input.data.map(Math.abs));
        const scale = dtype === 'float32' ? whole : Float64Array.from(expected);
        const norm = Math.sqrt(dot(Float64Array.from(expected), Float64Array.from(expected)));
        return (relativeError(actual, expected) * norm) / (Math.sqrt(dot(scale, scale)) || 1);
      },
      bytes: elements(shape) * size(dtype),
      flops: elements(shape),
    };
  };
  const backwardCase = (problem: Problem): OperationCase => {
    const { shape, dimension, dtype, keep } = problem;
    const outputs = reduced(shape, dimension, keep);
    return {
      name: `${name}Backward ${nameOf(problem)}`,
      inputs: { gradOutput: randomValues(outputs, dtype, randomSource(elements(shape) + 13)) },
      run: ({ gradOutput }, output) =>
        ops[`${name}Backward`]({
          gradOutput: gradOutput!,
          dimension: named(problem),
          gradInput: output(shape, dtype),
        }),
      reference: ({ gradOutput }) => ({
        gradInput: spreadElements(
          shape,
          dimension,
          (output) => gradOutput!.data[output]! / divisorOf(problem),
        ),
      }),
      tolerance: { gradInput: name === 'sum' ? 0 : dtype === 'float32' ? 1.2e-7 : 3e-3 },
      bytes: elements(shape) * size(dtype),
      flops: elements(shape),
    };
  };
  const randomCase = (seed: number): OperationCase => {
    const random = randomSource(seed);
    return (random() < 0.5 ? forwardCase : backwardCase)(randomProblem(random));
  };
  const shape = [3, 4, 2];
  const random = randomSource(3);
  const x = randomValues(shape, 'float32', random).data;
  const dy = randomValues([3, 2], 'float32', random).data;
  const divisor = name === 'mean' ? 4 : 1;
  const gradients: GradientCheck[] = [
    {
      name: `${name} input`,
      loss: (moved) => dot(sumReference(moved, shape, 1), dy) / divisor,
      x,
      gradient: spreadElements(shape, 1, (output) => dy[output]! / divisor),
    },
  ];
  const cases = problems.flatMap((problem) => [forwardCase(problem), backwardCase(problem)]);
  return { cases, randomCase, gradients };
}

export const { cases, randomCase, gradients } = casesOf('sum');
