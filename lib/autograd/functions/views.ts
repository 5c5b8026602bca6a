// The same elements in other places.

import { dimensionIndex } from '../../core/ops/outputs.ts';
import * as ops from '../../core/ops.ts';
import { Tensor } from '../../core/tensor.ts';
import { give } from '../gradient-sum.ts';
import { type Operand, record, tensorOf, type Variable } from '../variable.ts';

/**
 * The dimensions in another order, as {@link Tensor.permute}.
 *
 * @throws LeiaError with code `argument` unless `order` names each dimension once.
 * @example
 * await permute(Tensor.from([1, 2, 3, 4, 5, 6], [2, 3]), [1, 0]).read(); // 1, 4, 2, 5, 3, 6
 */
export function permute(input: Operand, order: readonly number[]): Variable {
  const output = tensorOf(input).permute(order);
  const places = order.map((dimension) => dimensionIndex(output.shape, dimension));
  const inverse = places.map((_, dimension) => places.indexOf(dimension));
  const [result] = record([input], [output], [], ([gradient], [sum]) => {
    if (gradient) give(gradient.permute(inverse), sum);
  });
  return result;
}

/**
 * Two dimensions exchanged, as {@link Tensor.transpose}: 0 is the outermost, -1 the innermost.
 *
 * @throws LeiaError with code `argument` for a dimension that the operand does not have.
 * @example
 * await transpose(Tensor.from([1, 2, 3, 4, 5, 6], [2, 3]), 0, 1).read(); // 1, 4, 2, 5, 3, 6
 */
export function transpose(input: Operand, first: number, second: number): Variable {
  const output = tensorOf(input).transpose(first, second);
  const [result] = record([input], [output], [], ([gradient], [sum]) => {
    if (gradient) give(gradient.transpose(first, second), sum);
  });
  return result;
}

/**
 * A range of one dimension, up to its end unless told, as {@link ops.slice}.
 *
 * @throws LeiaError with code `argument` as the operation.
 * @example
 * await slice(Tensor.from([1, 2, 3, 4, 5, 6], [2, 3]), 1, 1).read(); // 2, 3, 5, 6
 */
export function slice(input: Operand, dimension: number, start: number, end?: number): Variable {
  const value = tensorOf(input);
  const { shape, dtype, device } = value;
  const { output } = ops.slice({
    ...{ input: value, dimension, start },
    ...(end !== undefined && { end }),
  });
  const [result] = record([input], [output], [], ([gradient], [sum]) => {
    if (gradient === undefined || sum === undefined) return;
    const place = { input: gradient, dimension, start };
    if (sum.form.dtype === gradient.dtype) {
      ops.writeSlice({ ...place, accumulate: true, output: sum.total() });
    } else {
      const whole = Tensor.zeros(shape, { dtype, device });
      sum.add(ops.writeSlice({ ...place, output: whole }).output);
    }
  });
  return result;
}

/**
 * One behind the other along a dimension, as {@link ops.concatenate}.
 *
 * @throws LeiaError with code `argument` as the operation.
 * @example
 * const [a, b] = [Tensor.from([1, 2], [2, 1]), Tensor.from([3, 4], [2, 1])];
 * await concatenate([a, b], 1).read(); // 1, 3, 2, 4
 */
export function concatenate(inputs: readonly Operand[], dimension: number): Variable {
  const values = inputs.map(tensorOf);
  const { output } = ops.concatenate({ inputs: values, dimension });
  const sizes = values.map(({ shape }) => shape[dimensionIndex(shape, dimension)] ?? 0);
  const [result] = record(inputs, [output], [], ([gradient], sums) => {
    if (gradient === undefined) return;
    for (const [i, { start, end }] of rangesOf(sizes).entries()) {
      if (sums[i]) give(ops.slice({ input: gradient, dimension, start, end }).output, sums[i]);
    }
  });
  return result;
}

/**
 * The parts of a dimension, of these sizes, one behind the other: the counterpart of {@link concatenate}.
 *
 * @throws LeiaError with code `argument` as the operation.
 * @example
 * const [query, keys] = split(Tensor.from([1, 2, 3, 4, 5, 6], [2, 3]), [1, 2], 1);
 * await query.read(); // 1, 4
 * await keys.read(); // 2, 3, 5, 6
 */
export function split<const Sizes extends readonly number[]>(
  input: Operand,
  sizes: Sizes,
  dimension: number,
): { [Index in keyof Sizes]: Variable } {
  const parts = rangesOf(sizes).map(({ start, end }) => slice(input, dimension, start, end));
  return parts as { [Index in keyof Sizes]: Variable };
}

function rangesOf(sizes: readonly number[]): { readonly start: number; readonly end: number }[] {
  let end = 0;
  return sizes.map((size) => {
    const start = end;
    end += size;
    return { start, end };
  });
}
