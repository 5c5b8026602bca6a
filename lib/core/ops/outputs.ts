// Shapes of outputs that the caller did not give.
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
