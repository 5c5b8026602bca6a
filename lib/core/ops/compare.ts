// Comparisons of two tensors, or of a tensor and a number. All take the same arguments.
import { requireOperand, splitOperands } from '../operands.ts';
import { operation } from '../operation.ts';
import { Tensor } from '../tensor.ts';
import { broadcastShape } from './outputs.ts';

/** Arguments of {@link equal} and its siblings. */
export interface Compare {
  /** Any shape; float32, bfloat16 or int32; or a number. Shapes are broadcast by NumPy's rules. */
  a: Tensor | number;
  /** dtype of a, a shape that broadcasts with a's; or a number. One of the two is a tensor. */
  b: Tensor | number;
  /** int32, the shape that both stretch to. */
  output?: Tensor;
}

interface NativeCompare {
  a: Tensor | undefined;
  b: Tensor | undefined;
  number: number;
  output: Tensor;
}

function comparison(name: string): (args: Compare) => { output: Tensor } {
  const native = operation<NativeCompare>(name);
  return (args) => {
    requireOperand(name, 'a', args.a);
    requireOperand(name, 'b', args.b);
    const operands = splitOperands(args.a, args.b);
    const { a, b } = operands;
    const shape = broadcastShape(a?.shape ?? [], b?.shape ?? []);
    const { device } = a ?? b ?? {};
    const output =
      args.output ?? Tensor.empty(shape, { dtype: 'int32', ...(device && { device }) });
    native({ ...operands, output }, {});
    return { output };
  };
}

/**
 * `output = a == b ? 1 : 0`, element by element. A number beside floats is rounded to their dtype first, here and below.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const a = Tensor.from([1, 2, 3], [3]);
 * await ops.equal({ a, b: 2 }).output.read(); // 0, 1, 0
 */
export const equal = comparison('equal');
/**
 * `output = a != b ? 1 : 0`, element by element.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const a = Tensor.from([1, 2, 3], [3]);
 * await ops.notEqual({ a, b: 2 }).output.read(); // 1, 0, 1
 */
export const notEqual = comparison('notEqual');
/**
 * `output = a < b ? 1 : 0`, element by element.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const a = Tensor.from([1, 2, 3], [3]);
 * await ops.less({ a, b: 2 }).output.read(); // 1, 0, 0
 */
export const less = comparison('less');
/**
 * `output = a <= b ? 1 : 0`, element by element.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const a = Tensor.from([1, 2, 3], [3]);
 * await ops.lessEqual({ a, b: 2 }).output.read(); // 1, 1, 0
 */
export const lessEqual = comparison('lessEqual');
/**
 * `output = a > b ? 1 : 0`, element by element.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const a = Tensor.from([1, 2, 3], [3]);
 * await ops.greater({ a, b: 2 }).output.read(); // 0, 0, 1
 */
export const greater = comparison('greater');
/**
 * `output = a >= b ? 1 : 0`, element by element.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const a = Tensor.from([1, 2, 3], [3]);
 * await ops.greaterEqual({ a, b: 2 }).output.read(); // 0, 1, 1
 */
export const greaterEqual = comparison('greaterEqual');
