// LLaMA as a list of operations, in the order they run; `backward.ts` has the backward pass. Nothing here allocates or
// waits: every call queues work on the device that reads and writes planned memory (`activations.ts`).
// What an operation saves for its backward is named in its arguments.
//
// Sources: Touvron et al. 2023, "LLaMA", section 2.2; transformers' `modeling_llama.py`.
import * as ops from '../core/ops.ts';
import type { Tensor } from '../core/tensor.ts';
import type {
  Activations,
  Heads,
  KeptLogits,
  LayerActivations,
  LossWorkspace,
} from './activations.ts';
import type { LlamaConfig } from './config.ts';
import type { HooksOfLayer, LayerHooks } from './hooks.ts';
import type { PassListener } from './parts.ts';
import type { LayerWeights, LlamaWeights } from './weights.ts';

/** What all layers of one pass share. */
export interface PassContext {
  readonly config: LlamaConfig;
  /** [batch, sequence], int32; none where the embeddings themselves are given. */
  readonly ids: Tensor | undefined;
  /** [batch, sequence, hidden], dtype of the model: takes the place of the ids' rows of the embedding. */
  readonly embeddings?: Tensor | undefined;
  /** [positions, headDim / 2], float32: row i is for the i-th token of each sequence. */
  readonly cos: Tensor;
  readonly sin: Tensor;
  /** [batch, sequence], int32: where each position's document starts; whole rows if absent. */
  readonly documentStarts?: Tensor | undefined;
  /** What is to be called in layers. */
  readonly hooks?: LayerHooks | undefined;
  /** Keys and values of earlier tokens, to which these are added; only where no backward follows. */
  readonly cache?: CachedContext | undefined;
  /** Hears which part of the model comes next. */
  readonly listener?: PassListener | undefined;
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

/** From token ids, or their embeddings, to `activations.final`, the normalised output of the last layer. */
export function forwardTrunk(
  context: PassContext,
  weights: LlamaWeights,
  activations: Activations,
): void {
  const { layers, embedded, output, sublayerOutput, final } = activations;
  const { listener } = context;
  const epsilon = context.config.rmsNormEps;
  listener?.begin('embedding', 'forward');
  if (context.embeddings) ops.cast({ input: context.embeddings, output: embedded });
  if (context.ids)
    ops.embeddingForward({ ids: context.ids, weight: weights.embedding, output: embedded });
  for (const [index, layer] of weights.layers.entries()) {
    const own = layers[index] as LayerActivations;
    const before = layers[index - 1];
    listener?.begin(index, 'forward');
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
    const hooks = context.hooks?.of(index);
    if (hooks?.forward('input', own.input)) normInput(context, layer, own);
    hooks?.forward('attentionInput', own.attentionInput);
    forwardLayer(context, layer, own, sublayerOutput, hooks, context.cache?.layers[index]);
  }
  listener?.begin('output', 'forward');
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
  hooks: HooksOfLayer | undefined,
  cached: CachedLayer | undefined,
): void {
  forwardQueryKeyValue(context, weights, own, hooks);
  forwardAttention(context, own, hooks, cached);
  forwardMlp(context, weights, own, sublayerOutput, hooks);
  linear(own.activated, weights.down, sublayerOutput);
  hooks?.forward('mlpOutput', sublayerOutput, own.activated);
}

/** The layer's first norm, of an input that is there already. */
function normInput({ config }: PassContext, weights: LayerWeights, own: LayerActivations): void {
  ops.rmsNormForward({
    input: own.input,
    weight: weights.attentionNorm,
    epsilon: config.rmsNormEps,
    output: own.attentionInput,
    inverseRms: own.attentionInverseRms,
  });
}

/** The layer's second norm, of a residual stream that is there already. */
function normAfterAttention(
  { config }: PassContext,
  weights: LayerWeights,
  own: LayerActivations,
): void {
  ops.rmsNormForward({
    input: own.afterAttention,
    weight: weights.mlpNorm,
    epsilon: config.rmsNormEps,
    output: own.mlpInput,
    inverseRms: own.mlpInverseRms,
  });
}

function forwardQueryKeyValue(
  { cos, sin, cache }: PassContext,
  weights: LayerWeights,
  own: LayerActivations,
  hooks: HooksOfLayer | undefined,
): void {
  const angles = { cos, sin, ...(cache && { positions: cache.positions }) };
  linear(own.attentionInput, weights.query, own.query.rows);
  linear(own.attentionInput, weights.key, own.key.rows);
  linear(own.attentionInput, weights.value, own.value.rows);
  hooks?.forward('query', own.query.rows, own.attentionInput);
  hooks?.forward('key', own.key.rows, own.attentionInput);
  hooks?.forward('value', own.value.rows, own.attentionInput);
  ops.ropeForward({ input: own.query.heads, ...angles, output: own.query.heads });
  ops.ropeForward({ input: own.key.heads, ...angles, output: own.key.heads });
}

/** Which tokens each of a sequence sees, as attention's operations take it. */
export function visibilityOf({ slidingWindow }: Pick<LlamaConfig, 'slidingWindow'>) {
  if (slidingWindow === null) return { causal: true };
  return { causal: true, windowSize: [slidingWindow - 1, 0] as const };
}

function forwardAttention(
  { config, documentStarts, cache }: PassContext,
  own: LayerActivations,
  hooks: HooksOfLayer | undefined,
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
    ...visibilityOf(config),
    ...(documentStarts && { documentStarts }),
    ...(cache && { keyLengths: cache.lengths }),
    output: own.attention.heads,
    logsumexp: own.logsumexp,
  });
  hooks?.forward('attention', own.attention.rows);
}

/** From attention's output to SwiGLU's. */
function forwardMlp(
  context: PassContext,
  weights: LayerWeights,
  own: LayerActivations,
  sublayerOutput: Tensor,
  hooks: HooksOfLayer | undefined,
): void {
  linear(own.attention.rows, weights.attentionOutput, sublayerOutput);
  hooks?.forward('attentionOutput', sublayerOutput, own.attention.rows);
  ops.rmsNormForward({
    input: sublayerOutput,
    residual: own.input,
    sum: own.afterAttention,
    weight: weights.mlpNorm,
    epsilon: context.config.rmsNormEps,
    output: own.mlpInput,
    inverseRms: own.mlpInverseRms,
  });
  if (hooks?.forward('afterAttention', own.afterAttention)) {
    normAfterAttention(context, weights, own);
  }
  hooks?.forward('mlpInput', own.mlpInput);
  linear(own.mlpInput, weights.gate, own.gate);
  linear(own.mlpInput, weights.up, own.up);
  hooks?.forward('gate', own.gate, own.mlpInput);
  hooks?.forward('up', own.up, own.mlpInput);
  ops.swigluForward({ gate: own.gate, up: own.up, output: own.activated });
  hooks?.forward('activated', own.activated);
}

/**
 * Brings back what later layers have overwritten since `forwardLayer`, by the same operations on the same inputs. The
 * first norm's input is the sum that it wrote then, rounded as it was.
 */
export function recomputeLayer(
  context: PassContext,
  weights: LayerWeights,
  own: LayerActivations,
  { recompute, sublayerOutput }: Activations,
  hooks: HooksOfLayer | undefined,
): void {
  if (recompute === 'none') return;
  normInput(context, weights, own);
  hooks?.forward('attentionInput', own.attentionInput);
  if (recompute === 'norms') {
    normAfterAttention(context, weights, own);
    hooks?.forward('mlpInput', own.mlpInput);
    ops.swigluForward({ gate: own.gate, up: own.up, output: own.activated });
    hooks?.forward('activated', own.activated);
    return;
  }
  forwardQueryKeyValue(context, weights, own, hooks);
  if (recompute === 'layer') forwardAttention(context, own, hooks);
  forwardMlp(context, weights, own, sublayerOutput, hooks);
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

/** `output = input weight^T`; input [rows, in], weight [out, in]. */
export function linear(input: Tensor, weight: Tensor, output: Tensor): void {
  ops.matmul({ a: input, b: weight, transposeB: true, output });
}
