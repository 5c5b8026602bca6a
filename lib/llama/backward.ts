// The backward pass of a LLaMA as a list of operations, in reverse of `model.ts`. It computes what somebody wants and no
// more: no gradient of a weight that is frozen, and nothing below the lowest part that trains.
import * as ops from '../core/ops.ts';
import type { Tensor } from '../core/tensor.ts';
import type {
  Activations,
  GradientWorkspace,
  KeptLogits,
  LayerActivations,
  LossWorkspace,
} from './activations.ts';
import type { LlamaConfig } from './config.ts';
import type { HooksOfLayer, LayerPoint } from './hooks.ts';
import { linear, type PassContext, recomputeLayer, visibilityOf } from './model.ts';
import { llamaParameters } from './parameters.ts';
import type { LayerGradients, LayerWeights, LlamaGradients, LlamaWeights } from './weights.ts';

/**
 * The lowest part of the model that backward enters, counted from the embedding up: -1 for the embedding, then the number
 * of a layer, then that of the layers for the final norm, and one more where at most the output matrix trains.
 */
export function lowestTrained(config: LlamaConfig, frozen: ReadonlySet<string>): number {
  const { numHiddenLayers } = config;
  const name = llamaParameters(config).find((parameter) => !frozen.has(parameter.name))?.name;
  if (name === 'model.embed_tokens.weight') return -1;
  const layer = /^model\.layers\.(\d+)\./.exec(name ?? '')?.[1];
  if (layer !== undefined) return Number(layer);
  return name === 'model.norm.weight' ? numHiddenLayers : numHiddenLayers + 1;
}

/** What backward adds to, and how far down it goes. */
export interface BackwardContext extends PassContext {
  readonly gradients: LlamaGradients;
  /** See {@link lowestTrained}. */
  readonly lowest: number;
}

type LossContext = Pick<BackwardContext, 'config' | 'gradients' | 'lowest' | 'listener'>;

/** Backward from `scale` times the sum of all losses: the gradient of `activations.final` is left in `normOutput`. */
export function backwardLoss(
  { config, gradients, lowest, listener }: LossContext,
  weights: LlamaWeights,
  activations: Activations,
  loss: LossWorkspace,
  { logits, logsumexp, gradLogits }: KeptLogits,
  scale: number,
): void {
  listener?.begin('output', 'backward');
  ops.crossEntropyBackward({ logits, labels: loss.labels, logsumexp, scale, gradLogits });
  linearGradWeight(gradLogits, activations.final, gradients.head);
  if (lowest > config.numHiddenLayers) return;
  linearGradInput(gradLogits, weights.head, loss.gradients.normOutput);
}

/**
 * `forwardLoss` and {@link backwardLoss} in one, for one chunk of rows after the other. The logits are by far
 * the widest activations: they exist for one chunk at a time, and their gradient overwrites them. Nobody else sees
 * them, so they are as wide as the padded output matrix.
 */
export function lossWithGradient(
  { config, gradients, lowest, listener }: LossContext,
  weights: LlamaWeights,
  activations: Activations,
  loss: LossWorkspace,
  logitsChunk: Tensor,
  scale: number,
): void {
  listener?.begin('output', 'backward');
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
    if (lowest <= config.numHiddenLayers) linearGradInput(logits, weights.paddedHead, gradFinal);
  }
  ops.matmul({ a: loss.lossRow, b: loss.rowWeights, output: loss.loss });
}

/**
 * Backward from the gradient of `activations.final`, in `work.normOutput`, down to `context.lowest`; adds to the gradients.
 * If that is the embedding, the gradient of its rows is left in `work.embedded`. The activations are overwritten: a gradient
 * takes the place of its activation where both have one shape.
 */
export function backwardTrunk(
  context: BackwardContext,
  weights: LlamaWeights,
  activations: Activations,
  work: GradientWorkspace,
): void {
  const { ids, gradients, lowest, listener } = context;
  if (lowest <= weights.layers.length) {
    normGradients(
      {
        gradOutput: work.normOutput,
        input: activations.output,
        weight: weights.finalNorm,
        inverseRms: activations.finalInverseRms,
        gradInput: work.residual,
      },
      gradients.finalNorm,
    );
  }
  listener?.gradientsReady('output');
  const last = weights.layers.length - 1;
  for (let index = last; index >= Math.max(lowest, 0); index--) {
    const layer = weights.layers[index] as LayerWeights;
    const own = activations.layers[index] as LayerActivations;
    const hooks = context.hooks?.of(index);
    listener?.begin(index, 'backward');
    // The last layer's activations are still there.
    if (index < last) recomputeLayer(context, layer, own, activations, hooks);
    const layerGradients = gradients.layers[index] as LayerGradients;
    backwardLayer(context, layer, layerGradients, own, work, hooks, index > lowest);
    listener?.gradientsReady(index);
  }
  if (ids && lowest < 0 && gradients.embedding) {
    listener?.begin('embedding', 'backward');
    ops.embeddingBackward({ gradOutput: work.embedded, ids, gradWeight: gradients.embedding });
    listener?.gradientsReady('embedding');
  }
}

/**
 * Turns `work.residual` from the gradient of the layer's output into that of its input, if that is wanted. If not, it ends
 * with the lowest gradient of the layer's own that is.
 */
function backwardLayer(
  { config, cos, sin, documentStarts }: PassContext,
  weights: LayerWeights,
  gradients: LayerGradients,
  own: LayerActivations,
  work: GradientWorkspace,
  hooks: HooksOfLayer | undefined,
  isInputWanted: boolean,
): void {
  const { residual, normOutput, attention, query, key, value } = work;
  const wanted = wantedOf(gradients, hooks, isInputWanted);

  const gradMlpOutput = gradSublayerOutput('mlpOutput', own.activated, work, hooks);
  linearGradWeight(gradMlpOutput, own.activated, gradients.down);
  if (!wanted.activated) return;
  const gradActivated = own.activated;
  linearGradInput(gradMlpOutput, weights.down, gradActivated);
  hooks?.backward('activated', gradActivated);
  if (!wanted.gates) return;
  ops.swigluBackward({
    gradOutput: gradActivated,
    gate: own.gate,
    up: own.up,
    gradGate: own.gate,
    gradUp: own.up,
  });
  hooks?.backward('gate', own.gate, own.mlpInput);
  hooks?.backward('up', own.up, own.mlpInput);
  linearGradWeight(own.gate, own.mlpInput, gradients.gate);
  linearGradWeight(own.up, own.mlpInput, gradients.up);
  if (!wanted.mlpInput) return;
  linearGradInput(own.gate, weights.gate, normOutput);
  linearGradInput(own.up, weights.up, normOutput, true);
  hooks?.backward('mlpInput', normOutput);
  normGradients(
    {
      gradOutput: normOutput,
      input: own.afterAttention,
      weight: weights.mlpNorm,
      inverseRms: own.mlpInverseRms,
      gradSum: residual,
      gradInput: residual,
    },
    gradients.mlpNorm,
  );
  hooks?.backward('afterAttention', residual);

  if (!wanted.afterAttention) return;
  const gradOutput = gradSublayerOutput('attentionOutput', own.attention.rows, work, hooks);
  linearGradWeight(gradOutput, own.attention.rows, gradients.attentionOutput);
  if (!wanted.attention) return;
  linearGradInput(gradOutput, weights.attentionOutput, attention.rows);
  hooks?.backward('attention', attention.rows);
  if (!wanted.heads) return;
  ops.flashAttentionBackward({
    gradOutput: attention.heads,
    query: own.query.heads,
    key: own.key.heads,
    value: own.value.heads,
    output: own.attention.heads,
    logsumexp: own.logsumexp,
    ...visibilityOf(config),
    ...(documentStarts && { documentStarts }),
    gradQuery: query.heads,
    gradKey: key.heads,
    gradValue: value.heads,
  });
  ops.ropeBackward({ gradOutput: query.heads, cos, sin, gradInput: query.heads });
  ops.ropeBackward({ gradOutput: key.heads, cos, sin, gradInput: key.heads });
  hooks?.backward('query', query.rows, own.attentionInput);
  hooks?.backward('key', key.rows, own.attentionInput);
  hooks?.backward('value', value.rows, own.attentionInput);
  linearGradWeight(query.rows, own.attentionInput, gradients.query);
  linearGradWeight(key.rows, own.attentionInput, gradients.key);
  linearGradWeight(value.rows, own.attentionInput, gradients.value);
  if (!wanted.attentionInput) return;
  linearGradInput(query.rows, weights.query, normOutput);
  linearGradInput(key.rows, weights.key, normOutput, true);
  linearGradInput(value.rows, weights.value, normOutput, true);
  hooks?.backward('attentionInput', normOutput);
  normGradients(
    {
      gradOutput: normOutput,
      input: own.input,
      weight: weights.attentionNorm,
      inverseRms: own.attentionInverseRms,
      gradSum: residual,
      gradInput: residual,
    },
    gradients.attentionNorm,
  );
  hooks?.backward('input', residual);
}

/** Which gradients of a layer's activations are to be computed: those at or above something that somebody wants. */
function wantedOf(
  gradients: LayerGradients,
  hooks: HooksOfLayer | undefined,
  isInputWanted: boolean,
) {
  const trains = (...names: readonly (keyof LayerGradients)[]) =>
    names.some((name) => gradients[name] !== undefined);
  const hooked = (...points: readonly LayerPoint[]) => hooks?.wants(...points) === true;
  const attentionInput =
    isInputWanted || trains('attentionNorm') || hooked('input', 'attentionInput');
  const heads =
    attentionInput || trains('query', 'key', 'value') || hooked('query', 'key', 'value');
  const attention = heads || hooked('attention');
  const afterAttention =
    attention || trains('attentionOutput') || hooked('attentionOutput', 'afterAttention');
  const mlpInput = afterAttention || trains('mlpNorm') || hooked('mlpInput');
  const gates = mlpInput || trains('gate', 'up') || hooked('gate', 'up');
  const activated = gates || hooked('activated');
  return { attentionInput, heads, attention, afterAttention, mlpInput, gates, activated };
}

/**
 * The gradient of what is added to the residual stream: that of the stream itself, or, where hooks may change it, a copy that
 * they have seen.
 */
function gradSublayerOutput(
  point: 'attentionOutput' | 'mlpOutput',
  input: Tensor,
  { residual, normOutput }: GradientWorkspace,
  hooks: HooksOfLayer | undefined,
): Tensor {
  if (hooks?.wants(point) !== true) return residual;
  ops.cast({ input: residual, output: normOutput });
  hooks.backward(point, normOutput, input);
  return normOutput;
}

function normGradients(
  args: Omit<ops.RmsNormBackward, 'gradWeight' | 'only'>,
  gradWeight: Tensor | undefined,
): void {
  ops.rmsNormBackward(gradWeight ? { ...args, gradWeight } : { ...args, only: 'input' });
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

/** `gradWeight += gradOutput^T input`, in float32; nothing for a weight that is frozen. */
function linearGradWeight(gradOutput: Tensor, input: Tensor, gradWeight: Tensor | undefined): void {
  if (gradWeight === undefined) return;
  ops.matmul({
    a: gradOutput,
    b: input,
    transposeA: true,
    output: gradWeight,
    accumulate: true,
  });
}
