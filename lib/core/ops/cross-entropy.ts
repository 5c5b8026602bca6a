import { operation } from '../operation.ts';
import { Tensor } from '../tensor.ts';
import { like } from './outputs.ts';

/** The label of rows that take no part in the loss; PyTorch and transformers use the same number. */
export const ignoredLabel = -100;

/** Arguments of {@link crossEntropyForward}. */
export interface CrossEntropyForward {
  /** [rows, columns], float32 or bfloat16. */
  logits: Tensor;
  /** [rows], int32: 0 to vocabulary - 1, or {@link ignoredLabel}. Nothing is shifted. */
  labels: Tensor;
  /** [rows], float32: 0 where ignored. */
  losses?: Tensor;
  /** [rows], float32, of every row: saved for backward. */
  logsumexp?: Tensor;
  /** How many of a row's logits count, all unless given; those behind are neither read nor part of any sum. */
  vocabulary?: number;
}

const nativeCrossEntropyForward = operation<
  CrossEntropyForward,
  'losses' | 'logsumexp' | 'vocabulary'
>('crossEntropyForward');

/**
 * Cross-entropy of each row: `losses[r] = logsumexp[r] - logits[r, labels[r]]`. The logits are read
 * once; probabilities are never stored. A label out of range is an error of the stream, which names
 * the label and its position.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const logits = Tensor.from([2, 0, 0, 3], [2, 2]);
 * const labels = Tensor.from(Int32Array.of(0, ignoredLabel), [2]);
 * await ops.crossEntropyForward({ logits, labels }).losses.read(); // 0.127, 0
 */
export function crossEntropyForward(args: CrossEntropyForward): {
  losses: Tensor;
  logsumexp: Tensor;
} {
  nativeCrossEntropyForward.expect(args);
  const { logits } = args;
  const shape = [logits.shape[0] ?? 0];
  const losses = args.losses ?? Tensor.empty(shape, { device: logits.device });
  const logsumexp = args.logsumexp ?? Tensor.empty(shape, { device: logits.device });
  nativeCrossEntropyForward(args, { losses, logsumexp, vocabulary: vocabularyOf(args) });
  return { losses, logsumexp };
}

/** Arguments of {@link crossEntropyBackward}. */
export interface CrossEntropyBackward {
  logits: Tensor;
  labels: Tensor;
  logsumexp: Tensor;
  /** The derivative of the final loss by each row's loss: 1 / labels for a mean. */
  scale: number;
  /** Shape and dtype of logits; overwritten; may be logits itself. 0 behind the vocabulary. */
  gradLogits?: Tensor;
  /** How many of a row's logits count; all unless given. */
  vocabulary?: number;
}

const nativeCrossEntropyBackward = operation<CrossEntropyBackward, 'gradLogits' | 'vocabulary'>(
  'crossEntropyBackward',
);

/**
 * Backward of {@link crossEntropyForward}: `gradLogits = scale * (softmax(logits) - onehot(label))`,
 * 0 in ignored rows.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const logits = Tensor.from([2, 0, 0, 3], [2, 2]);
 * const labels = Tensor.from(Int32Array.of(0, 0), [2]);
 * const { logsumexp } = ops.crossEntropyForward({ logits, labels });
 * const { gradLogits } = ops.crossEntropyBackward({ logits, labels, logsumexp, scale: 1 / 2 });
 * await gradLogits.read(); // -0.06, 0.06, -0.476, 0.476
 */
export function crossEntropyBackward(args: CrossEntropyBackward): { gradLogits: Tensor } {
  nativeCrossEntropyBackward.expect(args);
  const gradLogits = args.gradLogits ?? like(args.logits);
  nativeCrossEntropyBackward(args, { gradLogits, vocabulary: vocabularyOf(args) });
  return { gradLogits };
}

/** Arguments of {@link crossEntropy}. */
export interface CrossEntropy {
  /** [rows, columns], float32 or bfloat16. */
  logits: Tensor;
  /** [rows], int32: 0 to vocabulary - 1, or {@link ignoredLabel}. Nothing is shifted. */
  labels: Tensor;
  /** The derivative of the final loss by each row's loss: 1 / labels for a mean. */
  scale: number;
  /** [rows], float32: 0 where ignored. */
  losses?: Tensor;
  /** Shape and dtype of logits; overwritten; may be logits itself. 0 behind the vocabulary. */
  gradLogits?: Tensor;
  /** How many of a row's logits count; all unless given. */
  vocabulary?: number;
}

const nativeCrossEntropy = operation<CrossEntropy, 'losses' | 'gradLogits' | 'vocabulary'>(
  'crossEntropy',
);

/**
 * {@link crossEntropyForward} and {@link crossEntropyBackward} in one, for training: every logit comes from
 * memory once and its gradient goes there once, which in place is half the traffic of the two.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const logits = Tensor.from([2, 0, 0, 3], [2, 2]);
 * const labels = Tensor.from(Int32Array.of(0, 0), [2]);
 * const { losses } = ops.crossEntropy({ logits, labels, scale: 1 / 2, gradLogits: logits });
 * await losses.read(); // 0.127, 3.049
 */
export function crossEntropy(args: CrossEntropy): { losses: Tensor; gradLogits: Tensor } {
  nativeCrossEntropy.expect(args);
  const { logits } = args;
  const losses = args.losses ?? Tensor.empty([logits.shape[0] ?? 0], { device: logits.device });
  const gradLogits = args.gradLogits ?? like(logits);
  nativeCrossEntropy(args, { losses, gradLogits, vocabulary: vocabularyOf(args) });
  return { losses, gradLogits };
}

/** A row's logits, unless fewer are said to count. */
function vocabularyOf({ logits, vocabulary }: { logits: Tensor; vocabulary?: number }): number {
  return vocabulary ?? logits.shape[1] ?? 0;
}
