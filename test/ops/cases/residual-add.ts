import { ops } from '../../../lib/ops.ts';
import {
  elements,
  type OperationCase,
  randomFloatType,
  randomInteger,
  randomShape,
  randomSource,
  randomValues,
  size,
} from '../case.ts';

function addCase(
  shape: readonly number[],
  dtype: 'float32' | 'bfloat16',
  target: 'output' | 'a' | 'b',
): OperationCase {
  const random = randomSource(elements(shape) + 3);
  return {
    name: `residualAdd ${shape.join('x')} ${dtype} into ${target}`,
    inputs: { a: randomValues(shape, dtype, random), b: randomValues(shape, dtype, random) },
    run: ({ a, b }, output) => {
      const into = { output: output(shape, dtype), a: a!, b: b! }[target];
      return ops.residualAdd({ a: a!, b: b!, output: into });
    },
    reference: ({ a, b }) => ({ output: a!.data.map((value, i) => value + b!.data[i]!) }),
    tolerance: { output: dtype === 'float32' ? 6e-8 : 3e-3 },
    bytes: 3 * elements(shape) * size(dtype),
    flops: elements(shape),
  };
}

const shapes = [[1], [2, 0], [], [3, 5, 7], [33, 1000]];

export const cases: OperationCase[] = shapes.flatMap((shape) =>
  (['float32', 'bfloat16'] as const).flatMap((dtype) =>
    (['output', 'a', 'b'] as const).map((target) => addCase(shape, dtype, target)),
  ),
);

export function randomCase(seed: number): OperationCase {
  const random = randomSource(seed);
  const target = (['output', 'a', 'b'] as const)[randomInteger(random, 0, 2)]!;
  return addCase(randomShape(random, 4, 8), randomFloatType(random), target);
}
