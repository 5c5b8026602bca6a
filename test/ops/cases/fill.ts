import { type DType, ops } from '../../../lib/ops.ts';
import {
  elements,
  type OperationCase,
  randomFloatType,
  randomShape,
  randomSource,
  rounded,
  size,
} from '../case.ts';

function fillCase(shape: readonly number[], dtype: DType, value: number): OperationCase {
  return {
    name: `fill ${shape.join('x')} ${dtype} with ${value}`,
    inputs: {},
    run: (_inputs, output) => ops.fill({ output: output(shape, dtype), value }),
    reference: () => {
      const data = new Float64Array(elements(shape)).fill(value);
      return { output: rounded({ shape, dtype, data }).data };
    },
    tolerance: { output: 0 },
    bytes: elements(shape) * size(dtype),
    flops: 0,
  };
}

export const cases: OperationCase[] = [[], [0], [3, 5], [300007]].flatMap((shape) => [
  fillCase(shape, 'float32', 0.1),
  fillCase(shape, 'bfloat16', -1 / 3),
  fillCase(shape, 'int32', -2147483648),
  fillCase(shape, 'float16', 1e-7),
  fillCase(shape, 'int64', -(2 ** 53)),
  fillCase(shape, 'uint8', 255),
]);

export function randomCase(seed: number): OperationCase {
  const random = randomSource(seed);
  return fillCase(randomShape(random, 5, 0), randomFloatType(random), random() - 0.5);
}
