import { ops } from '../../../lib/ops.ts';
import {
  dot,
  elements,
  type GradientCheck,
  type OperationCase,
  randomFloatType,
  randomInteger,
  randomSource,
  randomValues,
  size,
} from '../case.ts';
import { differences, valuesWithTies } from './max.ts';

interface Problem {
  shape: readonly number[];
  k: number;
  dtype: 'float32' | 'bfloat16';
}

export function topKReference(x: Float64Array, width: number, k: number) {
  const output: number[] = [];
  const indices: number[] = [];
  for (let first = 0; first < x.length; first += width) {
    const row = Array.from(x.subarray(first, first + width), (value, index) => ({ value, index }));
    // Equal ones stay in the order of their indices.
    for (const { value, index } of row
      .sort((a, b) => (b.value > a.value ? 1 : b.value < a.value ? -1 : 0))
      .slice(0, k)) {
      output.push(value);
      indices.push(index);
    }
  }
  return { output: Float64Array.from(output), indices: Float64Array.from(indices) };
}

export function scattered(dy: Float64Array, indices: Float64Array, width: number, k: number) {
  const gradInput = new Float64Array((dy.length / k) * width);
  dy.forEach((g, i) => {
    gradInput[Math.floor(i / k) * width + indices[i]!] = g;
  });
  return gradInput;
}

const nameOf = ({ shape, k, dtype }: Problem) => `${k} of ${shape.join('x')} ${dtype}`;

function forwardCase(problem: Problem): OperationCase {
  const { shape, k, dtype } = problem;
  const outputs = [...shape.slice(0, -1), k];
  const random = randomSource(elements(shape) + k);
  return {
    name: `topKForward ${nameOf(problem)}`,
    inputs: { input: valuesWithTies({ ...problem, dimension: 0, keep: false }, random) },
    run: ({ input }, output) =>
      ops.topKForward({
        input: input!,
        k,
        output: output(outputs, dtype),
        indices: output(outputs, 'int32'),
      }),
    reference: ({ input }) => topKReference(input!.data, shape.at(-1)!, k),
    tolerance: { output: 0, indices: 0 },
    error: differences,
    bytes: elements(shape) * size(dtype),
    flops: elements(shape),
  };
}

function backwardCase(problem: Problem): OperationCase {
  const { shape, k, dtype } = problem;
  const outputs = [...shape.slice(0, -1), k];
  const random = randomSource(elements(shape) + k);
  const width = shape.at(-1)!;
  const { indices } = topKReference(randomValues(shape, dtype, random).data, width, k);
  return {
    name: `topKBackward ${nameOf(problem)}`,
    inputs: {
      gradOutput: randomValues(outputs, dtype, random),
      indices: { shape: outputs, dtype: 'int32', data: indices },
    },
    run: ({ gradOutput, indices }, output) =>
      ops.topKBackward({
        gradOutput: gradOutput!,
        indices: indices!,
        gradInput: output(shape, dtype),
      }),
    reference: ({ gradOutput, indices }) => ({
      gradInput: scattered(gradOutput!.data, indices!.data, width, k),
    }),
    tolerance: { gradInput: 0 },
    bytes: elements(shape) * size(dtype),
    flops: elements(shape),
  };
}

const problems: Problem[] = [
  { shape: [1], k: 1 },
  { shape: [0, 5], k: 2 },
  { shape: [3, 2, 9], k: 9 },
  { shape: [4, 40], k: 3 },
  { shape: [3, 1001], k: 50 },
  { shape: [2, 9000], k: 7 },
].flatMap((problem) => (['float32', 'bfloat16'] as const).map((dtype) => ({ ...problem, dtype })));

export const cases = problems.flatMap((problem) => [forwardCase(problem), backwardCase(problem)]);

export function randomCase(seed: number): OperationCase {
  const random = randomSource(seed);
  const width = randomInteger(random, 1, 700);
  const problem = {
    shape: [randomInteger(random, 1, 5), width],
    k: randomInteger(random, 1, Math.min(width, 20)),
    dtype: randomFloatType(random),
  };
  return (random() < 0.5 ? forwardCase : backwardCase)(problem);
}

function gradientChecks(): GradientCheck[] {
  const random = randomSource(5);
  const x = randomValues([3, 7], 'float32', random).data;
  const dy = randomValues([3, 2], 'float32', random).data;
  return [
    {
      name: 'topK input',
      loss: (moved) => dot(topKReference(moved, 7, 2).output, dy),
      x,
      gradient: scattered(dy, topKReference(x, 7, 2).indices, 7, 2),
    },
  ];
}

export const gradients = gradientChecks();
