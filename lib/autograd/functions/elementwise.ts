// What is computed element by element.
import * as ops from '../../core/ops.ts';
import { type DType, Tensor } from '../../core/tensor.ts';
import { LeiaError } from '../../system/error.ts';
import { type GradientSum, give } from '../gradient-sum.ts';
import { isRecording } from '../recording.ts';
import { inputOfTerm, type Term, valueOfTerm } from '../term.ts';
import {
  isDifferentiable,
  type Operand,
  record,
  tensorOf,
  type Variable,
  wantsGradient,
} from '../variable.ts';

/**
 * `silu(gate) * up`, as {@link ops.swigluForward}.
 *
 * @throws LeiaError with code `argument` as the operation.
 * @example
 * await swiglu(Tensor.from([-1, 2], [2]), Tensor.from([10, 10], [2])).read(); // -2.689, 17.616
 */
export function swiglu(gate: Operand, up: Operand): Variable {
  const values = { gate: tensorOf(gate), up: tensorOf(up) };
  const { output } = ops.swigluForward(values);
  const saved = [values.gate, values.up] as const;
  const [result] = record([gate, up], [output], saved, ([gradOutput], sums, [gate, up]) => {
    if (gradOutput === undefined) return;
    const { gradGate, gradUp } = ops.swigluBackward({ gradOutput, gate, up });
    give(gradGate, sums[0]);
    give(gradUp, sums[1]);
  });
  return result;
}

/**
 * `a + b` of one shape, as {@link ops.residualAdd}.
 *
 * @throws LeiaError with code `argument` as the operation.
 * @example
 * await residualAdd(Tensor.from([1, 2], [2]), Tensor.from([10, 20], [2])).read(); // 11, 22
 */
export function residualAdd(a: Operand, b: Operand): Variable {
  const { output } = ops.residualAdd({ a: tensorOf(a), b: tensorOf(b) });
  const [result] = record([a, b], [output], [], ([gradient], [sumA, sumB]) => {
    if (gradient === undefined) return;
    sumA?.share(gradient);
    sumB?.share(gradient);
  });
  return result;
}

/**
 * The same numbers in another dtype, as {@link ops.cast}. Whole numbers have no past, as after `detach`.
 *
 * @throws LeiaError with code `argument` as the operation, `unsupported` to float16 if a gradient is wanted: no operation
 *   has one in it.
 * @example
 * cast(Tensor.from([1, 2], [2]), 'bfloat16').dtype; // bfloat16
 */
export function cast(input: Operand, dtype: DType): Variable {
  if (dtype === 'float16' && isRecording() && wantsGradient(input)) {
    throw new LeiaError('unsupported', 'cast: no gradient goes through float16; detach before');
  }
  const { output } = ops.cast({ input: tensorOf(input), dtype });
  const past = isDifferentiable(dtype) ? input : undefined;
  const [result] = record([past], [output], [], ([gradient], [sum]) => {
    if (gradient) sum?.share(gradient);
  });
  return result;
}

/**
 * `input + bias` for each row, as {@link ops.addBias}.
 *
 * @throws LeiaError with code `argument` as the operation.
 * @example
 * await addBias(Tensor.from([1, 2, 3, 4], [2, 2]), Tensor.from([10, 20], [2])).read(); // 11, 22, 13, 24
 */
export function addBias(input: Operand, bias: Operand): Variable {
  const { output } = ops.addBias({ input: tensorOf(input), bias: tensorOf(bias) });
  const [result] = record([input, bias], [output], [], ([gradOutput], [ofInput, ofBias]) => {
    if (gradOutput === undefined) return;
    ofBias?.inFloat32((gradBias) => ops.addBiasBackward({ gradOutput, gradBias }));
    ofInput?.share(gradOutput);
  });
  return result;
}

/**
 * `condition ? a : b`, as {@link ops.where}. The gradient goes to the one that was chosen.
 *
 * @param condition int32, such as {@link ops.greater} gives; no gradient goes through it.
 * @throws LeiaError with code `argument` as the operation.
 * @example
 * const x = new Variable(Tensor.from([1, -2, 3], [3]), { requiresGrad: true });
 * const { output: condition } = ops.greater({ a: x.value, b: 0 });
 * where(condition, x, 0).backward();
 * await x.gradient.read(); // 1, 0, 1
 */
export function where(condition: Tensor, a: Term, b: Term): Variable {
  const { output } = ops.where({ condition, a: valueOfTerm(a), b: valueOfTerm(b) });
  const inputs = [inputOfTerm(a), inputOfTerm(b)] as const;
  const [result] = record(
    inputs,
    [output],
    [condition],
    ([gradient], [sumA, sumB], [condition]) => {
      if (gradient === undefined) return;
      if (sumA) giveStretched(ops.where({ condition, a: gradient, b: 0 }).output, sumA);
      if (sumB) giveStretched(ops.where({ condition, a: 0, b: gradient }).output, sumB);
    },
  );
  return result;
}

/** Adds a gradient over what an operand was stretched along, as the backward of a sum does. */
function giveStretched(gradOutput: Tensor, sum: GradientSum): void {
  const gradA = Tensor.empty(sum.form.shape, gradOutput);
  ops.addBackward({ gradOutput, gradA, only: 'a' });
  gradOutput.dispose();
  sum.add(gradA);
}
