import { operation } from '../operation.ts';
import type { Tensor } from '../tensor.ts';
import { like } from './outputs.ts';

/** Arguments of {@link logSoftmaxForward}. */
export interface LogSoftmaxForward {
  /** [..., size], float32 or bfloat16. */
  input: Tensor;
  /** Shape and dtype of input; may be input itself. Saved for backward. */
  output?: Tensor;
}

const nativeLogSoftmaxForward = operation<LogSoftmaxForward, 'output'>('logSoftmaxForward');

/**
 * The logarithm of softmax over the innermost dimension. No finite input overflows, and inputs of −Infinity stay what
 * they are. As in PyTorch, a row is NaN throughout that has a NaN or +Infinity, or nothing but −Infinity.
 *
 * @throws LeiaError with code `argument` if a shape or dtype is not as said above.
 * @example
 * const input = Tensor.from([0, 1], [1, 2]);
 * await ops.logSoftmaxForward({ input }).output.read(); // -1.313, -0.313
 */
export function logSoftmaxForward(args: LogSoftmaxForward): { output: Tensor } {
  nativeLogSoftmaxForward.expect(args);
  const output = args.output ?? like(args.input);
  nativeLogSoftmaxForward(args, { output });
  return { output };
}

/** Arguments of {@link logSoftmaxBackward}. */
export interface LogSoftmaxBackward {
  /** Shape and dtype of output. */
  gradOutput: Tensor;
  /** What forward gave. */
  output: Tensor;
  /** Shape and dtype of output; overwritten; may be gradOutput or output itself. */
  gradInput?: Tensor;
}

const nativeLogSoftmaxBackward = operation<LogSoftmaxBackward, 'gradInput'>('logSoftmaxBackward');

/**
 * Backward of {@link logSoftmaxForward}: `gradInput = gradOutput - exp(output) * sum(gradOutput)`.
 *
 * @throws LeiaError with code `argument` if a shape or dtype is not as said above.
 * @example
 * const { output } = ops.logSoftmaxForward({ input: Tensor.from([0, 1], [1, 2]) });
 * const gradOutput = Tensor.from([1, 0], [1, 2]);
 * await ops.logSoftmaxBackward({ gradOutput, output }).gradInput.read(); // 0.731, -0.731
 */
export function logSoftmaxBackward(args: LogSoftmaxBackward): { gradInput: Tensor } {
  nativeLogSoftmaxBackward.expect(args);
  const gradInput = args.gradInput ?? like(args.output);
  nativeLogSoftmaxBackward(args, { gradInput });
  return { gradInput };
}
