import { ops } from '../../../lib/ops.ts';
import {
  dot,
  elements,
  type GradientCheck,
  type OperationCase,
  type Random,
  randomSource,
  randomValues,
  size,
  type Values,
} from '../case.ts';
import {
  named,
  nameOf,
  type Problem,
  problems,
  randomProblem,
  reduced,
  reducedElements,
  spreadElements,
} from './sum.ts';

/** The highest of each, and the first index that has it. */
export function maxReference(x: Float64Array, shape: readonly number[], dimension: number) {
  const all = reducedElements(x, shape, dimension);
  const indices = all.map((own) => own.indexOf(own.reduce((a, b) => Math.max(a, b), -Infinity)));
  return {
    output: Float64Array.from(all, (own, i) => own[indices[i]!]!),
    indices: Float64Array.from(indices),
  };
}

/** Many are equal to others, and some are -infinity. */
export function valuesWithTies({ shape, dtype }: Problem, random: Random): Values {
  const { data } = randomValues(shape, dtype, random);
  return { shape, dtype, data: data.map((x) => (x < -1 ? -Infinity : Math.round(x * 2) / 2)) };
}

function forwardCase(problem: Problem): OperationCase {
  const { shape, dimension, dtype, keep } = problem;
  const outputs = reduced(shape, dimension, keep);
  return {
    name: `maxForward ${nameOf(problem)}`,
    inputs: { input: valuesWithTies(problem, randomSource(elements(shape) + 17)) },
    run: ({ input }, output) =>
      ops.maxForward({
        input: input!,
        dimension: named(problem),
        output: output(outputs, dtype),
        indices: output(outputs, 'int32'),
      }),
    reference: ({ input }) => maxReference(input!.data, shape, dimension),
    tolerance: { output: 0, indices: 0 },
    error: differences,
    bytes: elements(shape) * size(dtype),
    flops: elements(shape),
  };
}

/** How many are other numbers: infinities have no difference. */
export function differences(_: string, actual: ArrayLike<number>, expected: ArrayLike<number>) {
  return Array.from(actual).filter((value, i) => value !== expected[i]).length;
}

function backwardCase(problem: Problem): OperationCase {
  const { shape, dimension, dtype, keep } = problem;
  const random = randomSource(elements(shape) + 19);
  const outputs = reduced(shape, dimension, keep);
  const { data } = valuesWithTies(problem, random);
  const { indices } = maxReference(data, shape, dimension);
  return {
    name: `maxBackward ${nameOf(problem)}`,
    inputs: {
      gradOutput: randomValues(outputs, dtype, random),
      indices: { shape: outputs, dtype: 'int32', data: indices },
    },
    run: ({ gradOutput, indices }, output) =>
      ops.maxBackward({
        gradOutput: gradOutput!,
        indices: indices!,
        dimension: named(problem),
        gradInput: output(shape, dtype),
      }),
    reference: ({ gradOutput, indices }) => ({
      gradInput: spreadElements(shape, dimension, (output, index) =>
        indices!.data[output] === index ? gradOutput!.data[output]! : 0,
      ),
    }),
    tolerance: { gradInput: 0 },
    bytes: elements(shape) * size(dtype),
    flops: elements(shape),
  };
}

/** There is a highest element. */
export const problemsWithElements = problems.filter(
  ({ shape, dimension }) => shape[dimension]! > 0,
);

export const cases: OperationCase[] = problemsWithElements.flatMap((problem) => [
  forwardCase(problem),
  backwardCase(problem),
]);

export function randomCase(seed: number): OperationCase {
  const random = randomSource(seed);
  return (random() < 0.5 ? forwardCase : backwardCase)(randomProblem(random));
}

function gradientChecks(): GradientCheck[] {
  const shape = [3, 4, 2];
  const random = randomSource(3);
  const x = randomValues(shape, 'float32', random).data;
  const dy = randomValues([3, 2], 'float32', random).data;
  const { indices } = maxReference(x, shape, 1);
  return [
    {
      name: 'max input',
      loss: (moved) => dot(maxReference(moved, shape, 1).output, dy),
      x,
      gradient: spreadElements(shape, 1, (output, index) =>
        indices[output] === index ? dy[output]! : 0,
      ),
    },
  ];
}

export const gradients = gradientChecks();
