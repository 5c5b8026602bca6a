import { type DType, ops } from '../../../lib/ops.ts';
import {
  dot,
  dtypesOfEachSize,
  elements,
  type GradientCheck,
  isWhole,
  type OperationCase,
  randomInteger,
  randomSource,
  randomValues,
  size,
  wholeOrFloatValues,
} from '../case.ts';
import {
  partShape,
  type Range,
  randomRange,
  rangeName,
  ranges,
  sliceReference,
  visitRange,
} from './slice.ts';

export function writeSliceReference(
  input: Float64Array,
  before: Float64Array,
  range: Range,
  accumulate: boolean,
): Float64Array {
  const output = Float64Array.from(before);
  visitRange(range, (whole, part) => {
    output[whole] = input[part]! + (accumulate ? output[whole]! : 0);
  });
  return output;
}

function writeCase(range: Range, dtype: DType, accumulate: boolean): OperationCase {
  const { shape, dimension, start } = range;
  const random = randomSource(elements(shape) + 7 * start);
  const part = partShape(range);
  return {
    name: `writeSlice ${accumulate ? 'adds to ' : ''}${rangeName(range)} ${dtype}`,
    inputs: {
      input: wholeOrFloatValues(part, dtype, random),
      output: wholeOrFloatValues(shape, dtype, random),
    },
    run: ({ input, output }) =>
      ops.writeSlice({ input: input!, dimension, start, accumulate, output: output! }),
    reference: ({ input, output }) => ({
      output: writeSliceReference(input!.data, output!.data, range, accumulate),
    }),
    // One rounding of a sum.
    tolerance: { output: accumulate ? (dtype === 'float32' ? 6e-8 : 4e-3) : 0 },
    bytes: (accumulate ? 3 : 2) * elements(part) * size(dtype),
    flops: accumulate ? elements(part) : 0,
  };
}

export const cases: OperationCase[] = ranges.flatMap((range) => [
  ...dtypesOfEachSize.map((dtype) => writeCase(range, dtype, false)),
  ...(['float32', 'bfloat16'] as const).map((dtype) => writeCase(range, dtype, true)),
]);

/** As the backward of a slice: the gradient of a loss over the slice, in its place in the whole. */
export const gradients: GradientCheck[] = ranges.slice(2).map((range) => {
  const random = randomSource(elements(range.shape));
  const x = randomValues(range.shape, 'float32', random).data;
  const weights = randomValues(partShape(range), 'float32', random).data;
  return {
    name: `slice ${rangeName(range)}`,
    x,
    loss: (values) => dot(sliceReference(values, range), weights),
    gradient: writeSliceReference(weights, new Float64Array(x.length), range, false),
  };
});

export function randomCase(seed: number): OperationCase {
  const random = randomSource(seed);
  const dtype = dtypesOfEachSize[randomInteger(random, 0, 3)]!;
  return writeCase(randomRange(random), dtype, !isWhole(dtype) && random() < 0.5);
}
