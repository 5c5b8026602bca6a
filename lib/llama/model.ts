// LLaMA as a list of operations, forward and backward, in the order they run. Nothing here allocates or
// waits: every call queues work on the device that reads and writes planned memory (`activations.ts`).
// What an operation saves for its backward is named in its arguments.
//
// Sources: Touvron et al. 2023, "LLaMA", section 2.2; transformers' `modeling_llama.py`.
import * as ops from '../core/ops.ts';
import type { Tensor } from '../core/tensor.ts';
import type {
  Activations,
  GradientWorkspace,
  Heads,
  KeptLogits,
  LayerActivations,
  LossWorkspace,
} from './activations.ts';
import type { LlamaConfig } from './config.ts';
import type { LayerWeights, LlamaWeights } from './weights.ts';

/** What all layers of one pass share. */
export interface PassContext {
  readonly config: LlamaConfig;
  /** [batch, sequence], int32. */
  readonly ids: Tensor;
  /** [positions, headDim / 2], float32: row i is for the i-th token of each sequence. */
  readonly cos: Tensor;
  readonly sin: Tensor;
  /** [batch, sequence], int32: where each position's document starts; whole rows if absent. */
  readonly documentStarts?: Tensor | undefined;
  /** Keys and values of earlier tokens, to which these are added; only where no backward follows. */
  readonly cache?: CachedContext | undefined;
}

/** Where tokens that continue sequences find the keys and values of those before them, and put their own. */
export interface CachedContext {
  /** [batch, sequence], int32: each token's position in its sequence, which is its row of `cos` and `sin`. */
  readonly positions: Tensor;
  /** [batch * sequence], int32: each token's row of the caches. */
  readonly rows: Tensor;
  /** [batch], int32: the tokens of each sequence with these. */
  readonly lengths: Tensor;
  readonly layers: readonly CachedLayer[];
}

export interface CachedLayer {
  readonly key: Heads;
  readonly value: Heads;
}

/** From token ids to `activations.final`, the normalised output of the last layer. */
export function forwardTrunk(
  context: PassContext,
  weights: LlamaWeights,
  activations: Activations,
): void {
  const { layers, embedded, output, sublayerOutput, final } = activations;
  const epsilon = context.config.rmsNormEps;
  ops.embeddingForward({ ids: context.ids, weight: weights.embedding, output: embedded });
  for (const [index, layer] of weights.layers.entries()) {
    const own = layers[index] as LayerActivations;
    const before = layers[index - 1];
    // The norm also adds the previous layer's output to the residual stream: one pass over memory less.
    ops.rmsNormForward({
      ...(before
        ? { input: sublayerOutput, residual: before.afterAttention, sum: own.input }
        : { input: own.input }),
      weight: layer.attentionNorm,
      epsilon,
      output: own.attentionInput,
      inverseRms: own.attentionInverseRms,
    });
    forwardLayer(context, layer, own, sublayerOutput, context.cache?.layers[index]);
  }
  ops.rmsNormForward({
    input: sublayerOutput,
    residual: (layers.at(-1) as LayerActivations).afterAttention,
    sum: output,
    weight: weights.finalNorm,
    epsilon,
    output: final,
    inverseRms: activations.finalInverseRms,
  });
}

/**
 * One decoder layer: `afterAttention = input + attention(norm(input))` and
 * `output = afterAttention + mlp(norm(afterAttention))`. The caller has taken the first norm; it also adds
 * mlp(norm(afterAttention)), which this leaves in `sublayerOutput`.
 */
function forwardLayer(
  context: PassContext,
  weights: LayerWeights,
  own: LayerActivations,
  sublayerOutput: Tensor,
  cached: CachedLayer | undefined,
): void {
  forwardQueryKeyValue(context, weights, own);
  forwardAttention(context, own, cached);
  forwardMlp(context, weights, own, sublayerOutput);
  linear(own.activated, weights.down, sublayerOutput);
}

function forwardQueryKeyValue(
  { cos, sin, cache }: PassContext,
  weights: LayerWeights,
  own: LayerActivations,
): void {
  const angles = { cos, sin, ...(cache && { positions: cache.positions }) };
  linear(own.attentionInput, weights.query, own.query.rows);
  linear(own.attentionInput, weights.key, own.key.rows);
  linear(own.attentionInput, weights.value, own.value.rows);
  ops.ropeForward({ input: own.query.heads, ...angles, output: own.query.heads });
  ops.ropeForward({ input: own.key.heads, ...angles, output: own.key.heads });
}

function forwardAttention(
  { documentStarts, cache }: PassContext,
  own: LayerActivations,
  cached?: CachedLayer,
): void {
  if (cache && cached) {
    ops.writeRows({ rows: cache.rows, input: own.key.rows, table: cached.key.rows });
    ops.writeRows({ rows: cache.rows, input: own.value.rows, table: cached.value.rows });
  }
  const { key, value } = cached ?? own;
  ops.flashAttentionForward({
    query: own.query.heads,
    key: key.heads,
    value: value.heads,
    causal: true,
    ...(documentStarts && { documentStarts }),
    ...(cache && { keyLengths: cache.lengths }),
    output: own.attention.heads,
    logsumexp: own.logsumexp,
  });
}

/** From attention's output to SwiGLU's. */
function forwardMlp(
  { config }: PassContext,
  weights: LayerWeights,
  own: LayerActivations,
  sublayerOutput: Tensor,
): void {
  linear(own.attention.rows, weights.attentionOutput, sublayerOutput);
  ops.rmsNormForward({
    input: sublayerOutput,
    residual: own.input,
    sum: own.afterAttention,
    weight: weights.mlpNorm,
    epsilon: config.rmsNormEps,
    output: own.mlpInput,
    inverseRms: own.mlpInverseRms,
  });
  linear(own.mlpInput, weights.gate, own.gate);
  linear(own.mlpInput, weights.up, own.up);
  ops.swigluForward({ gate: own.gate, up: own.up, output: own.activated });
}

/**
 * Brings back what later layers have overwritten since `forwardLayer`, by the same operations on the same inputs. The
 * first norm's input is the sum that it wrote then, rounded as it was.
 */
function recomputeLayer(
  context: PassContext,
  weights: LayerWeights,
  own: LayerActivations,
  { recompute, sublayerOutput }: Activations,
): void {
  if (recompute === 'none') return;
  const epsilon = context.config.rmsNormEps;
  ops.rmsNormForward({
    input: own.input,
    weight: weights.attentionNorm,
    epsilon,
    output: own.attentionInput,
    inverseRms: own.attentionInverseRms,
  });
  if (recompute === 'norms') {
    ops.rmsNormForward({
      input: own.afterAttention,
      weight: weights.mlpNorm,
      epsilon,
      output: own.mlpInput,
      inverseRms: own.mlpInverseRms,
    });
    ops.swigluForward({ gate: own.gate, up: own.up, output: own.activated });
    return;
  }
  forwardQueryKeyValue(context, weights, own);
  if (recompute === 'layer') forwardAttention(context, own);
  forwardMlp(context, weights, own, sublayerOutput);
}

/** Logits of every position and the weighted sum of their losses: `loss = sum(rowWeights * losses)`. */
export function forwardLoss(
  weights: LlamaWeights,
  activations: Activations,
  loss: LossWorkspace,
  { logits, logsumexp }: KeptLogits,
): void {
  const { labels, losses } = loss;
  linear(activations.final, weights.head, logits);
  ops.crossEntropyForward({ logits, labels, losses, logsumexp });
  ops.matmul({ a: loss.lossRow, b: loss.rowWeights, output: loss.loss });
}

/** Backward from `scale` times the sum of all losses: the gradient of `activations.final` is left in `normOutput`. */
export function backwardLoss(
  weights: LlamaWeights,
  gradients: LlamaWeights,
  activations: Activations,
  loss: LossWorkspace,
  { logits, logsumexp, gradLogits }: KeptLogits,
  scale: number,
): void {
  ops.crossEntropyBackward({ logits, labels: loss.labels, logsumexp, scale, gradLogits });
  linearGradWeight(gradLogits, activations.final, gradients.head);
  linearGradInput(gradLogits, weights.head, loss.gradients.normOutput);
}

/**
 * {@link forwardLoss} and {@link backwardLoss} in one, for one chunk of rows after the other. The logits are by far
 * the widest activations: they exist for one chunk at a time, and their gradient overwrites them. Nobody else sees
 * them, so they are as wide as the padded output matrix.
 */
export function lossWithGradient(
  weights: LlamaWeights,
  gradients: LlamaWeights,
  activations: Activations,
  loss: LossWorkspace,
  logitsChunk: Tensor,
  scale: number,
): void {
  const { normOutput } = loss.gradients;
  const rows = loss.labels.shape[0] as number;
  const chunk = logitsChunk.shape[0] as number;
  const vocabulary = weights.head.shape[0] as number;
  for (let start = 0; start < rows; start += chunk) {
    const end = Math.min(start + chunk, rows);
    using final = activations.final.slice(start, end);
    using labels = loss.labels.slice(start, end);
    using losses = loss.losses.slice(start, end);
    using gradFinal = normOutput.slice(start, end);
    using logits = logitsChunk.slice(0, end - start);
    linear(final, weights.paddedHead, logits);
    ops.crossEntropy({ logits, labels, scale, losses, gradLogits: logits, vocabulary });
    linearGradWeight(logits, final, gradients.paddedHead);
    linearGradInput(logits, weights.paddedHead, gradFinal);
  }
  ops.matmul({ a: loss.lossRow, b: loss.rowWeights, output: loss.loss });
}

/**
 * Backward from the gradient of `activations.final`, in `work.normOutput`, to the embedding; adds to `gradients`. The
 * activations are overwritten: a gradient takes the place of its activation where both have one shape.
 */
export function backwardTrunk(
  context: PassContext,
  weights: LlamaWeights,
  gradients: LlamaWeights,
  activations: Activations,
  work: GradientWorkspace,
): void {
  ops.rmsNormBackward({
    gradOutput: work.normOutput,
    input: activations.output,
    weight: weights.finalNorm,
    inverseRms: activations.finalInverseRms,
    gradInput: work.residual,
    gradWeight: gradients.finalNorm,
  });
  const last = weights.layers.length - 1;
  for (let index = last; index >= 0; index--) {
    const layer = weights.layers[index] as LayerWeights;
    const own = activations.layers[index] as LayerActivations;
    // The last layer's activations are still there.
    if (index < last) recomputeLayer(context, layer, own, activations);
    backwardLayer(context, layer, gradients.layers[index] as LayerWeights, own, work);
  }
  ops.embeddingBackward({
    gradOutput: work.embedded,
    ids: context.ids,
    gradWeight: gradients.embedding,
  });
}

/** Turns `work.residual` from the gradient of the layer's output into that of its input. */
function backwardLayer(
  { cos, sin, documentStarts }: PassContext,
  weights: LayerWeights,
  gradients: LayerWeights,
  own: LayerActivations,
  work: GradientWorkspace,
): void {
  const { residual, normOutput, attention, query, key, value } = work;

  linearGradWeight(residual, own.activated, gradients.down);
  const gradActivated = own.activated;
  linearGradInput(residual, weights.down, gradActivated);
  ops.swigluBackward({
    gradOutput: gradActivated,
    gate: own.gate,
    up: own.up,
    gradGate: own.gate,
    gradUp: own.up,
  });
  linearGradWeight(own.gate, own.mlpInput, gradients.gate);
  linearGradWeight(own.up, own.mlpInput, gradients.up);
  linearGradInput(own.gate, weights.gate, normOutput);
  linearGradInput(own.up, weights.up, normOutput, true);
  ops.rmsNormBackward({
    gradOutput: normOutput,
    input: own.afterAttention,
    weight: weights.mlpNorm,
    inverseRms: own.mlpInverseRms,
    gradSum: residual,
    gradInput: residual,
    gradWeight: gradients.mlpNorm,
  });

  linearGradWeight(residual, own.attention.rows, gradients.attentionOutput);
  linearGradInput(residual, weights.attentionOutput, attention.rows);
  ops.flashAttentionBackward({
    gradOutput: attention.heads,
    query: own.query.heads,
    key: own.key.heads,
    value: own.value.heads,
    output: own.attention.heads,
    logsumexp: own.logsumexp,
    causal: true,
    ...(documentStarts && { documentStarts }),
    gradQuery: query.heads,
    gradKey: key.heads,
    gradValue: value.heads,
  });
  ops.ropeBackward({ gradOutput: query.heads, cos, sin, gradInput: query.heads });
  ops.ropeBackward({ gradOutput: key.heads, cos, sin, gradInput: key.heads });
  linearGradWeight(query.rows, own.attentionInput, gradients.query);
  linearGradWeight(key.rows, own.attentionInput, gradients.key);
  linearGradWeight(value.rows, own.attentionInput, gradients.value);
  linearGradInput(query.rows, weights.query, normOutput);
  linearGradInput(key.rows, weights.key, normOutput, true);
  linearGradInput(value.rows, weights.value, normOutput, true);
  ops.rmsNormBackward({
    gradOutput: normOutput,
    input: own.input,
    weight: weights.attentionNorm,
    inverseRms: own.attentionInverseRms,
    gradSum: residual,
    gradInput: residual,
    gradWeight: gradients.attentionNorm,
  });
}

/** `output = input weight^T`; input [rows, in], weight [out, in]. */
export function linear(input: Tensor, weight: Tensor, output: Tensor): void {
  ops.matmul({ a: input, b: weight, transposeB: true, output });
}

/** `gradInput = gradOutput weight`, or added to it. */
function linearGradInput(
  gradOutput: Tensor,
  weight: Tensor,
  gradInput: Tensor,
  accumulate = false,
): void {
  ops.matmul({ a: gradOutput, b: weight, output: gradInput, accumulate });
}

/** `gradWeight += gradOutput^T input`, in float32. */
function linearGradWeight(gradOutput: Tensor, input: Tensor, gradWeight: Tensor): void {
  ops.matmul({
    a: gradOutput,
    b: input,
    transposeA: true,
    output: gradWeight,
    accumulate: true,
  });
}
