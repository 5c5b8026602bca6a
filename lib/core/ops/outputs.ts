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
