import { requireOperand, tensorOf } from '../operands.ts';
import { operation } from '../operation.ts';
import { Tensor } from '../tensor.ts';
import { broadcastShape } from './outputs.ts';

/** Arguments of {@link where}. */
export interface Where {
  /** int32, such as a comparison gives. The shapes of all three are broadcast by NumPy's rules. */
  condition: Tensor;
  /** Any shape; float32, bfloat16 or int32; or a number. */
  a: Tensor | number;
  /** dtype of a, any shape; or a number. */
  b: Tensor | number;
  /** dtype of a and b, the shape that all three stretch to; may be a or b itself. float32 if both are numbers. */
  output?: Tensor;
}

interface NativeWhere {
  condition: Tensor;
  a: Tensor | undefined;
  aNumber: number;
  b: Tensor | undefined;
  bNumber: number;
  output: Tensor;
}

const nativeWhere = operation<NativeWhere>('where');

/**
 * `output = condition ? a : b`, element by element; any condition but 0 chooses a. Backward is the operation itself: what
 * arrives at a is `where({ condition, a: gradOutput, b: 0 })`, at b `where({ condition, a: 0, b: gradOutput })`, summed
 * over what was stretched (see addBackward).
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const a = Tensor.from([1, -2, 3], [3]);
 * const { output: condition } = ops.greater({ a, b: 0 });
 * await ops.where({ condition, a, b: 0 }).output.read(); // 1, 0, 3
 */
export function where(args: Where): { output: Tensor } {
  const { condition } = args;
  requireOperand('where', 'condition', condition, 'a Tensor');
  requireOperand('where', 'a', args.a);
  requireOperand('where', 'b', args.b);
  const [a, b] = [tensorOf(args.a), tensorOf(args.b)];
  const numberOf = (value: Tensor | number) => (typeof value === 'number' ? value : 0);
  const shape = broadcastShape(condition.shape, broadcastShape(a?.shape ?? [], b?.shape ?? []));
  const dtype = (a ?? b)?.dtype ?? 'float32';
  const output = args.output ?? Tensor.empty(shape, { dtype, device: condition.device });
  const numbers = { aNumber: numberOf(args.a), bNumber: numberOf(args.b) };
  nativeWhere({ condition, a, b, ...numbers, output }, {});
  return { output };
}
