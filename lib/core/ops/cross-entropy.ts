import { operation } from '../operation.ts';
import { Tensor } from '../tensor.ts';
import { like } from './outputs.ts';

/** The label of rows that take no part in the loss; PyTorch and transformers use the same number. */
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

const nativeCrossEntropyForward = operation<CrossEntropyForward, 'losses' | 'logsumexp'>(
  'crossEntropyForward',
);

/**
 * Cross-entropy of each row: `losses[r] = logsumexp[r] - logits[r, labels[r]]`. The logits are read
 * once; probabilities are never stored. A label out of range is an error of the stream, which names
 * the label and its position.
 */
export function crossEntropyForward(args: CrossEntropyForward): {
  losses: Tensor;
  logsumexp: Tensor;
} {
  const { logits } = args;
  const shape = [logits.shape[0] ?? 0];
  const losses = args.losses ?? Tensor.empty(shape, { device: logits.device });
  const logsumexp = args.logsumexp ?? Tensor.empty(shape, { device: logits.device });
  nativeCrossEntropyForward(args, { losses, logsumexp });
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

const nativeCrossEntropyBackward = operation<CrossEntropyBackward, 'gradLogits'>(
  'crossEntropyBackward',
);

/**
 * Backward of {@link crossEntropyForward}: `gradLogits = scale * (softmax(logits) - onehot(label))`,
 * 0 in ignored rows.
 */
export function crossEntropyBackward(args: CrossEntropyBackward): { gradLogits: Tensor } {
  const gradLogits = args.gradLogits ?? like(args.logits);
  nativeCrossEntropyBackward(args, { gradLogits });
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

const nativeCrossEntropy = operation<CrossEntropy, 'losses' | 'gradLogits'>('crossEntropy');

/**
 * {@link crossEntropyForward} and {@link crossEntropyBackward} in one, for training: every logit comes from
 * memory once and its gradient goes there once, which in place is half the traffic of the two.
 */
export function crossEntropy(args: CrossEntropy): { losses: Tensor; gradLogits: Tensor } {
  const { logits } = args;
  const losses = args.losses ?? Tensor.empty([logits.shape[0] ?? 0], { device: logits.device });
  const gradLogits = args.gradLogits ?? like(logits);
  nativeCrossEntropy(args, { losses, gradLogits });
  return { losses, gradLogits };
}
