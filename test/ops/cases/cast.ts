import { type DType, ops } from '../../../lib/index.ts';
import {
  elements,
  type OperationCase,
  randomFloatType,
  randomShape,
  randomSource,
  randomValues,
  rounded,
  size,
} from '../case.ts';

function castCase(shape: readonly number[], from: DType, to: DType): OperationCase {
  const random = randomSource(elements(shape) + 9);
  const floats = randomValues(shape, from === 'int32' ? 'float32' : from, random, 1000);
  const input =
    from === 'int32' ? { ...floats, dtype: from, data: floats.data.map(Math.round) } : floats;
  return {
    name: `cast ${shape.join('x')} ${from} to ${to}`,
    inputs: { input },
    run: ({ input }, output) => ops.cast({ input: input!, output: output(shape, to) }),
    reference: ({ input }) => ({
      output: to === 'int32' ? input!.data : rounded({ ...input!, dtype: to }).data,
    }),
    tolerance: { output: 0 },
    bytes: elements(shape) * (size(from) + size(to)),
    flops: 0,
  };
}

const shapes = [[], [0, 3], [5], [3, 7, 11], [70001]];

export const cases: OperationCase[] = shapes.flatMap((shape) => [
  ...(['float32', 'bfloat16'] as const).flatMap((from) =>
    (['float32', 'bfloat16'] as const).map((to) => castCase(shape, from, to)),
  ),
  castCase(shape, 'int32', 'int32'),
]);

export function randomCase(seed: number): OperationCase {
  const random = randomSource(seed);
  return castCase(randomShape(random, 5, 0), randomFloatType(random), randomFloatType(random));
}
