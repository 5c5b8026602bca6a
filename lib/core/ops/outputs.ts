// Shapes of outputs that the caller did not give.
import { LeiaError } from '../../system/error.ts';
import { type Shape, Tensor } from '../tensor.ts';

/** Number of rows when all but the innermost dimension are taken together. */
export function rowCount(shape: Shape): number {
  return shape.slice(0, -1).reduce((product, size) => product * size, 1);
}

/** A new tensor with the shape, dtype and device of another. */
export function like(tensor: Tensor): Tensor {
  return Tensor.empty(tensor.shape, tensor);
}

/**
 * The shape that two shapes stretch to by NumPy's rules. Where they do not, it is wrong for one of them, which the
 * operation then refuses.
 */
export function broadcastShape(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const size = a[i - rank + a.length] ?? 1;
    return size === 1 ? (b[i - rank + b.length] ?? 1) : size;
  });
}

/** A dimension counted from the outermost. Negative ones count from the innermost, -1. */
export function dimensionIndex(shape: Shape, dimension: number): number {
  return dimension < 0 ? dimension + shape.length : dimension;
}

/** A shape without one dimension, or with the size 1 there. Negative dimensions count from the innermost. */
export function reducedShape(shape: Shape, dimension: number, keep = false): number[] {
  const index = dimensionIndex(shape, dimension);
  return shape.flatMap((size, i) => (i !== index ? [size] : keep ? [1] : []));
}

/** The gradient of a norm's weight: what the caller gave, or zeros, or none if that of the input alone is asked for. */
export function gradientOfWeight(args: {
  weight: Tensor;
  gradWeight?: Tensor;
  only?: 'input' | undefined;
}): Tensor | undefined {
  if (args.only === 'input') return undefined;
  return args.gradWeight ?? Tensor.zeros(args.weight.shape, { device: args.weight.device });
}

/** The gradient that the caller gave, or a new one of the shape that it gave instead. */
export function gradientOf(
  operation: string,
  args: { gradOutput: Tensor; gradInput?: Tensor; shape?: Shape },
): Tensor {
  if (args.gradInput) return args.gradInput;
  if (args.shape) return Tensor.empty(args.shape, args.gradOutput);
  throw new LeiaError('argument', `${operation}: expected gradInput, or shape to make it`);
}
