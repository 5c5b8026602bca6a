// Operations of your own, by their forward and backward.
import type { Tensor } from '../core/tensor.ts';
import { LeiaError } from '../system/error.ts';
import { type Operand, record, tensorOf, type Variable } from './variable.ts';

/** A function of tensors with a backward of its own, for {@link customFunction}. */
export interface CustomFunction<
  Inputs extends readonly Tensor[],
  Saved extends readonly (Tensor | undefined)[],
> {
  /** The result of the inputs, a new tensor, and the tensors that backward needs: inputs, the output, or new ones. */
  readonly forward: (...inputs: Inputs) => { readonly output: Tensor; readonly saved: Saved };
  /**
   * The gradient of every input, of its shape; undefined for one that has none. They are the tape's from then on.
   *
   * @param gradOutput the gradient of the output, of its shape and dtype; it may be returned as it is.
   */
  readonly backward: (
    gradOutput: Tensor,
    saved: Saved,
  ) => { readonly [Index in keyof Inputs]: Tensor | undefined };
}

/**
 * An operation on variables made of operations on tensors. What is no tensor goes in by a closure.
 *
 * @throws LeiaError `argument`, in backward, for a gradient that has not the shape of its input.
 * @example
 * const double = customFunction({
 *   forward: (x: Tensor) => ({ output: ops.residualAdd({ a: x, b: x }).output, saved: [] }),
 *   backward: (gradOutput) => [ops.residualAdd({ a: gradOutput, b: gradOutput }).output],
 * });
 * const x = new Variable(Tensor.from([1, 2], [2]), { requiresGrad: true });
 * double(x).backward();
 * await x.gradient.read(); // 2, 2
 */
export function customFunction<
  Inputs extends readonly Tensor[],
  const Saved extends readonly (Tensor | undefined)[],
>({ forward, backward }: CustomFunction<Inputs, Saved>) {
  return (...inputs: { [Index in keyof Inputs]: Operand }): Variable => {
    const values = inputs.map(tensorOf);
    const { output, saved } = forward(...(values as readonly Tensor[] as Inputs));
    const [result] = record(inputs, [output], saved, ([gradOutput], sums, kept) => {
      if (gradOutput === undefined) return;
      const gradients = backward(gradOutput, kept);
      for (const [i, sum] of sums.entries()) {
        const gradient = gradients[i];
        if (gradient && sum) sum.share(checked(gradient, i, sum.form.shape));
      }
      for (const gradient of gradients) gradient?.dispose();
    });
    for (const tensor of saved) {
      if (tensor && tensor !== output && !values.includes(tensor)) tensor.dispose();
    }
    return result;
  };
}

function checked(gradient: Tensor, index: number, shape: readonly number[]): Tensor {
  if (`${gradient.shape}` === `${shape}`) return gradient;
  throw new LeiaError(
    'argument',
    `customFunction: backward gave ${gradient} for input ${index}, expected the shape [${shape.join(', ')}] of the input`,
  );
}
