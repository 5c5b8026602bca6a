import { addon, type Handle } from '../addon.ts';
import { Tensor } from '../tensor.ts';
import { like } from './outputs.ts';

export interface NativeCrossEntropy {
  crossEntropyForward(logits: Handle, labels: Handle, losses: Handle, logsumexp: Handle): void;
  crossEntropyBackward(
    logits: Handle,
    labels: Handle,
    logsumexp: Handle,
    scale: number,
    gradLogits: Handle,
  ): void;
  crossEntropy(
    logits: Handle,
    labels: Handle,
    scale: number,
    losses: Handle,
    gradLogits: Handle,
  ): void;
}

/** The label of rows that take no part in the loss. */
export const ignoredLabel = -100;

export interface CrossEntropyForward {
  /** [rows, vocabulary], float32 or bfloat16. */
  logits: Tensor;
  /** [rows], int32: 0 to vocabulary - 1, or {@link ignoredLabel}. Nothing is shifted. */
  labels: Tensor;
  /** [rows], float32: 0 where ignored. */
  losses?: Tensor;
  /** [rows], float32, of every row: saved for backward. */
  logsumexp?: Tensor;
}

/**
 * Cross-entropy of each row: `losses[r] = logsumexp[r] - logits[r, labels[r]]`. The logits are read
 * once; probabilities are never stored. A label out of range is an error of the stream, which names
 * the label and its position.
 */
export function crossEntropyForward(args: CrossEntropyForward): {
  losses: Tensor;
  logsumexp: Tensor;
} {
  const { logits, labels } = args;
  const shape = [logits.shape[0] ?? 0];
  const losses = args.losses ?? Tensor.empty(shape, { device: logits.device });
  const logsumexp = args.logsumexp ?? Tensor.empty(shape, { device: logits.device });
  addon().crossEntropyForward(logits.handle, labels.handle, losses.handle, logsumexp.handle);
  return { losses, logsumexp };
}

export interface CrossEntropyBackward {
  logits: Tensor;
  labels: Tensor;
  logsumexp: Tensor;
  /** The derivative of the final loss by each row's loss: 1 / labels for a mean. */
  scale: number;
  /** Shape and dtype of logits; overwritten; may be logits itself. */
  gradLogits?: Tensor;
}

/**
 * Backward of {@link crossEntropyForward}: `gradLogits = scale * (softmax(logits) - onehot(label))`,
 * 0 in ignored rows.
 */
export function crossEntropyBackward(args: CrossEntropyBackward): { gradLogits: Tensor } {
  const { logits, labels, logsumexp, scale } = args;
  const gradLogits = args.gradLogits ?? like(logits);
  addon().crossEntropyBackward(
    logits.handle,
    labels.handle,
    logsumexp.handle,
    scale,
    gradLogits.handle,
  );
  return { gradLogits };
}

export interface CrossEntropy {
  /** [rows, vocabulary], float32 or bfloat16. */
  logits: Tensor;
  /** [rows], int32: 0 to vocabulary - 1, or {@link ignoredLabel}. Nothing is shifted. */
  labels: Tensor;
  /** The derivative of the final loss by each row's loss: 1 / labels for a mean. */
  scale: number;
  /** [rows], float32: 0 where ignored. */
  losses?: Tensor;
  /** Shape and dtype of logits; overwritten; may be logits itself. */
  gradLogits?: Tensor;
}

/**
 * {@link crossEntropyForward} and {@link crossEntropyBackward} in one, for training: every logit comes from
 * memory once and its gradient goes there once, which in place is half the traffic of the two.
 */
export function crossEntropy(args: CrossEntropy): { losses: Tensor; gradLogits: Tensor } {
  const { logits, labels, scale } = args;
  const losses = args.losses ?? Tensor.empty([logits.shape[0] ?? 0], { device: logits.device });
  const gradLogits = args.gradLogits ?? like(logits);
  addon().crossEntropy(logits.handle, labels.handle, scale, losses.handle, gradLogits.handle);
  return { losses, gradLogits };
}
