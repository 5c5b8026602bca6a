import { operation } from '../operation.ts';
import type { Tensor } from '../tensor.ts';
import { like } from './outputs.ts';

/** Arguments of {@link softmaxForward}. */
export interface SoftmaxForward {
  /** [..., size], float32 or bfloat16. */
  input: Tensor;
  /** Shape and dtype of input; may be input itself. Saved for backward. */
  output?: Tensor;
}

const nativeSoftmaxForward = operation<SoftmaxForward, 'output'>('softmaxForward');

/**
 * Softmax over the innermost dimension. No finite input overflows, and inputs of −Infinity get 0. As in PyTorch, a row
 * is NaN throughout that has a NaN or +Infinity, or nothing but −Infinity: it has no probabilities.
 *
 * @throws LeiaError with code `argument` if a shape or dtype is not as said above.
 * @example
 * const input = Tensor.from([0, 1], [1, 2]);
 * await ops.softmaxForward({ input }).output.read(); // 0.269, 0.731
 */
export function softmaxForward(args: SoftmaxForward): { output: Tensor } {
  nativeSoftmaxForward.expect(args);
  const output = args.output ?? like(args.input);
  nativeSoftmaxForward(args, { output });
  return { output };
}

/** Arguments of {@link softmaxBackward}. */
export interface SoftmaxBackward {
  /** Shape and dtype of output. */
  gradOutput: Tensor;
  /** What forward gave. */
  output: Tensor;
  /** Shape and dtype of output; overwritten; may be gradOutput or output itself. */
  gradInput?: Tensor;
}

const nativeSoftmaxBackward = operation<SoftmaxBackward, 'gradInput'>('softmaxBackward');

/**
 * Backward of {@link softmaxForward}: `gradInput = output * (gradOutput - sum(gradOutput * output))`.
 *
 * @throws LeiaError with code `argument` if a shape or dtype is not as said above.
 * @example
 * const { output } = ops.softmaxForward({ input: Tensor.from([0, 1], [1, 2]) });
 * const gradOutput = Tensor.from([1, 0], [1, 2]);
 * await ops.softmaxBackward({ gradOutput, output }).gradInput.read(); // 0.197, -0.197
 */
export function softmaxBackward(args: SoftmaxBackward): { gradInput: Tensor } {
  nativeSoftmaxBackward.expect(args);
  const gradInput = args.gradInput ?? like(args.output);
  nativeSoftmaxBackward(args, { gradInput });
  return { gradInput };
}
