// Arithmetic of two tensors, or of a tensor and a number. The four operations take the same arguments.
import { requireOperand, splitOperands } from '../operands.ts';
import { operation } from '../operation.ts';
import { Tensor } from '../tensor.ts';
import { broadcastShape, like } from './outputs.ts';

/** Arguments of {@link add}, {@link subtract}, {@link multiply} and {@link divide}. */
export interface Binary {
  /**
   * Any shape, float32 or bfloat16; or a number. Shapes are broadcast by NumPy's rules: aligned at the innermost
   * dimension, a size of 1 or a missing outer dimension stretches to the other's size.
   */
  a: Tensor | number;
  /** dtype of a, a shape that broadcasts with a's; or a number. One of the two is a tensor. */
  b: Tensor | number;
  /** dtype of a, the shape that both stretch to; may be a or b itself where that has this shape. */
  output?: Tensor;
}

/** Arguments of {@link addBackward} and its siblings. */
export interface BinaryBackward {
  /** Shape and dtype of the output. */
  gradOutput: Tensor;
  /**
   * The operands of the forward pass. One may be left out where its values are not needed (each operation says which it
   * needs) and its gradient is not wanted or given.
   */
  a?: Tensor | number | undefined;
  b?: Tensor | number | undefined;
  /** Asks for the gradient of this operand alone. Else there is one for each that is a tensor or has one given. */
  only?: 'a' | 'b' | undefined;
  /** Shape and dtype of a; overwritten. */
  gradA?: Tensor;
  /** Shape and dtype of b; overwritten. */
  gradB?: Tensor;
}

/** The gradients that were asked for. */
export interface BinaryGradients {
  gradA: Tensor | undefined;
  gradB: Tensor | undefined;
}

interface NativeBinary {
  a: Tensor | undefined;
  b: Tensor | undefined;
  number: number;
  output: Tensor;
}

interface NativeBackward extends BinaryGradients {
  gradOutput: Tensor;
  a: Tensor | undefined;
  b: Tensor | undefined;
  number: number;
}

function forward(name: string): (args: Binary) => { output: Tensor } {
  const native = operation<NativeBinary>(name);
  return (args) => {
    requireOperand(name, 'a', args.a);
    requireOperand(name, 'b', args.b);
    const operands = splitOperands(args.a, args.b);
    const { a, b } = operands;
    const shape = broadcastShape(a?.shape ?? [], b?.shape ?? []);
    const output = args.output ?? Tensor.empty(shape, a ?? b);
    native({ ...operands, output }, {});
    return { output };
  };
}

/** The operands whose values a gradient depends on. */
type Needs = { readonly a: readonly ('a' | 'b')[]; readonly b: readonly ('a' | 'b')[] };

function backward(name: string, needs: Needs): (args: BinaryBackward) => BinaryGradients {
  const native = operation<NativeBackward>(`${name}Backward`);
  return (args) => {
    const operands = splitOperands(args.a, args.b);
    const gradient = (operand: 'a' | 'b', given: Tensor | undefined) => {
      if (args.only !== undefined && args.only !== operand) return undefined;
      const target = given ?? (operands[operand] && like(operands[operand]));
      if (target)
        for (const each of needs[operand]) requireOperand(`${name}Backward`, each, args[each]);
      return target;
    };
    const gradients = { gradA: gradient('a', args.gradA), gradB: gradient('b', args.gradB) };
    native({ gradOutput: args.gradOutput, ...operands, ...gradients }, {});
    return gradients;
  };
}

/**
 * `output = a + b`, element by element, computed in float32; shapes are broadcast.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const a = Tensor.from([1, 2, 3, 4], [2, 2]);
 * await ops.add({ a, b: Tensor.from([10, 20], [2]) }).output.read(); // 11, 22, 13, 24
 */
export const add = forward('add');

/**
 * `output = a - b`, element by element, computed in float32; shapes are broadcast.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const a = Tensor.from([1, 2, 3, 4], [2, 2]);
 * await ops.subtract({ a, b: 1 }).output.read(); // 0, 1, 2, 3
 */
export const subtract = forward('subtract');

/**
 * `output = a * b`, element by element, computed in float32; shapes are broadcast.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const a = Tensor.from([1, 2, 3, 4], [2, 2]);
 * await ops.multiply({ a, b: Tensor.from([10, 20], [2, 1]) }).output.read(); // 10, 20, 60, 80
 */
export const multiply = forward('multiply');

/**
 * `output = a / b`, element by element, computed in float32; shapes are broadcast. Division by 0 follows IEEE 754.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const a = Tensor.from([1, 2, 4], [3]);
 * await ops.divide({ a: 1, b: a }).output.read(); // 1, 0.5, 0.25
 */
export const divide = forward('divide');

/**
 * Backward of {@link add}: `gradA = gradB = gradOutput`, summed over the dimensions along which the operand was
 * stretched. It needs the values of neither a nor b.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const gradOutput = Tensor.from([1, 2, 3, 4], [2, 2]);
 * const b = Tensor.from([10, 20], [2]);
 * await ops.addBackward({ gradOutput, b, only: 'b' }).gradB?.read(); // 4, 6
 */
export const addBackward = backward('add', { a: [], b: [] });

/**
 * Backward of {@link subtract}: `gradA = gradOutput`, `gradB = -gradOutput`; see {@link addBackward}.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const gradOutput = Tensor.from([1, 2, 3, 4], [2, 2]);
 * const b = Tensor.from([10, 20], [2]);
 * await ops.subtractBackward({ gradOutput, b, only: 'b' }).gradB?.read(); // -4, -6
 */
export const subtractBackward = backward('subtract', { a: [], b: [] });

/**
 * Backward of {@link multiply}: `gradA = gradOutput * b`, `gradB = gradOutput * a`, summed over the dimensions along which
 * the operand was stretched. Each gradient needs the values of the other operand.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const gradOutput = Tensor.from([1, 1, 1, 1], [2, 2]);
 * const a = Tensor.from([1, 2, 3, 4], [2, 2]);
 * const { gradA, gradB } = ops.multiplyBackward({ gradOutput, a, b: Tensor.from([10, 20], [2]) });
 * await gradA?.read(); // 10, 20, 10, 20
 * await gradB?.read(); // 4, 6
 */
export const multiplyBackward = backward('multiply', { a: ['b'], b: ['a'] });

/**
 * Backward of {@link divide}: `gradA = gradOutput / b`, `gradB = -gradOutput * (a / b) / b`, summed over the dimensions
 * along which the operand was stretched. gradA needs the values of b, gradB those of both.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const gradOutput = Tensor.from([1, 1], [2]);
 * const { gradB } = ops.divideBackward({ gradOutput, a: 1, b: Tensor.from([2, 4], [2]) });
 * await gradB?.read(); // -0.25, -0.063
 */
export const divideBackward = backward('divide', { a: ['b'], b: ['a', 'b'] });
