import { type DType, ops } from '../../../lib/ops.ts';
import {
  dtypesOfEachSize,
  elements,
  type OperationCase,
  randomInteger,
  randomSource,
  size,
  wholeOrFloatValues,
} from '../case.ts';
import { writeSliceReference } from './write-slice.ts';

function concatenateCase(
  shape: readonly number[],
  dimension: number,
  sizes: readonly number[],
  dtype: DType,
): OperationCase {
  const random = randomSource(elements(shape) + sizes.length);
  const whole = shape.with(
    dimension,
    sizes.reduce((a, b) => a + b),
  );
  const names = sizes.map((_, i) => `input${i}`);
  return {
    name: `concatenate ${sizes.join('+')} in ${'abcde'[dimension]} of ${whole.join('x')} ${dtype}`,
    inputs: Object.fromEntries(
      sizes.map((part, i) => [
        names[i]!,
        wholeOrFloatValues(shape.with(dimension, part), dtype, random),
      ]),
    ),
    run: (inputs, output) =>
      ops.concatenate({
        inputs: names.map((name) => inputs[name]!),
        dimension,
        output: output(whole, dtype),
      }),
    reference: (inputs) => {
      let result: Float64Array = new Float64Array(elements(whole));
      let start = 0;
      names.forEach((name, i) => {
        const range = { shape: whole, dimension, start, end: start + sizes[i]! };
        result = writeSliceReference(inputs[name]!.data, result, range, false);
        start = range.end;
      });
      return { output: result };
    },
    tolerance: { output: 0 },
    bytes: 2 * elements(whole) * size(dtype),
    flops: 0,
  };
}

const shapes: [shape: number[], dimension: number, sizes: number[]][] = [
  [[1], 0, [3]],
  [[1, 5], 0, [2, 0, 3]],
  [[9, 1], 1, [16, 8, 40]],
  [[9, 1], 1, [1, 1, 17]],
  [[2, 1, 24], 1, [3, 4]],
  [[2, 3, 1, 5, 7], 2, [1, 2, 1]],
];

export const cases: OperationCase[] = shapes.flatMap(([shape, dimension, sizes]) =>
  dtypesOfEachSize.map((dtype) => concatenateCase(shape, dimension, sizes, dtype)),
);

export function randomCase(seed: number): OperationCase {
  const random = randomSource(seed);
  const rank = randomInteger(random, 1, 5);
  const shape = Array.from({ length: rank }, () => randomInteger(random, 1, 7));
  const sizes = Array.from({ length: randomInteger(random, 1, 4) }, () =>
    randomInteger(random, 0, 30),
  );
  const dtype = dtypesOfEachSize[randomInteger(random, 0, 3)]!;
  return concatenateCase(shape, randomInteger(random, 0, rank - 1), sizes, dtype);
}
