import { ops } from '../../../lib/ops.ts';
import { elements, type OperationCase, randomSource, size } from '../case.ts';
import { maxReference, problemsWithElements, valuesWithTies } from './max.ts';
import { named, nameOf, type Problem, randomProblem, reduced } from './sum.ts';

function caseOf(problem: Problem): OperationCase {
  const { shape, dimension, dtype, keep } = problem;
  return {
    name: `argmax ${nameOf(problem)}`,
    inputs: { input: valuesWithTies(problem, randomSource(elements(shape) + 23)) },
    run: ({ input }, output) =>
      ops.argmax({
        input: input!,
        dimension: named(problem),
        indices: output(reduced(shape, dimension, keep), 'int32'),
      }),
    reference: ({ input }) => {
      const { indices } = maxReference(input!.data, shape, dimension);
      return { indices };
    },
    tolerance: { indices: 0 },
    bytes: elements(shape) * size(dtype),
    flops: elements(shape),
  };
}

export const cases = problemsWithElements.map(caseOf);
export const randomCase = (seed: number) => caseOf(randomProblem(randomSource(seed)));
