// The memory of a forward and backward pass over `batch` sequences of `sequence` tokens, described before any of
// it is allocated (`core/layout.ts`). All of it is allocated at once and used again in every step; nothing is
// allocated while a step runs. For training, every layer keeps what its backward needs; without gradients all
// layers share one set.
import { type Allocated, TensorLayout } from '../core/layout.ts';
import { bytesPerElement, type DType } from '../core/tensor.ts';
import type { LlamaConfig } from './config.ts';
import { padVocabulary } from './parameters.ts';

/** What one pass computes at once, and in which dtype. */
export interface PassShape {
  readonly batch: number;
  readonly sequence: number;
  /** Of activations; inverse norms, logsumexp and losses are float32 always. */
  readonly dtype: DType;
  /** Only for a pass that backward follows; nothing unless given. */
  readonly recompute?: Recompute | undefined;
  /** The lowest part that backward enters (`lowestTrained`); the embedding unless given. Layers below keep nothing. */
  readonly lowest?: number | undefined;
}

/**
 * What backward computes again instead of keeping it, so that it takes memory in one layer at a time:
 *
 * - `norms`: the outputs of norms and SwiGLU, which cost next to nothing;
 * - `layer-except-attention`: all of a layer but its input, attention's output and its logsumexp;
 * - `layer`: all of a layer but its input.
 *
 * Computed again are the same operations on the same inputs, so that every choice gives the same bits.
 */
export const recomputations = ['none', 'norms', 'layer-except-attention', 'layer'] as const;
/** What backward computes again instead of keeping it. */
export type Recompute = (typeof recomputations)[number];

/** What memory is planned for: logits alone, `forward` and then `backward`, or both in one. */
export type Purpose = 'logits' | 'forward' | 'step';

/** One activation seen in two ways. */
function headsLayout({ batch, sequence, dtype }: PassShape, heads: number, headDim: number) {
  const rows = new TensorLayout([batch * sequence, heads * headDim], dtype);
  return {
    /** [rows, heads * headDim], as the linear layers see it. */
    rows,
    /** [batch, sequence, heads, headDim], as attention sees it. */
    heads: rows.view([batch, sequence, heads, headDim]),
  };
}

/** What one decoder layer computes and its backward reads. `rows` is batch * sequence. */
function layerLayout(config: LlamaConfig, shape: PassShape) {
  const { hiddenSize, intermediateSize, numAttentionHeads, numKeyValueHeads, headDim } = config;
  const { batch, sequence, dtype } = shape;
  const rows = batch * sequence;
  const hidden = () => new TensorLayout([rows, hiddenSize], dtype);
  const intermediate = () => new TensorLayout([rows, intermediateSize], dtype);
  const perRow = () => new TensorLayout([rows], 'float32');
  return {
    /** [rows, hidden], the residual stream before the layer. */
    input: hidden(),
    /** [rows], float32. */
    attentionInverseRms: perRow(),
    /** [rows, hidden], after the norm. */
    attentionInput: hidden(),
    /** After the rotary embedding. */
    query: headsLayout(shape, numAttentionHeads, headDim),
    /** After the rotary embedding. */
    key: headsLayout(shape, numKeyValueHeads, headDim),
    value: headsLayout(shape, numKeyValueHeads, headDim),
    attention: headsLayout(shape, numAttentionHeads, headDim),
    /** [batch, heads, sequence], float32. */
    logsumexp: new TensorLayout([batch, numAttentionHeads, sequence], 'float32'),
    /** [rows, hidden], the residual stream between attention and MLP. */
    afterAttention: hidden(),
    /** [rows], float32. */
    mlpInverseRms: perRow(),
    /** [rows, hidden], after the norm. */
    mlpInput: hidden(),
    /** [rows, intermediate]. */
    gate: intermediate(),
    up: intermediate(),
    activated: intermediate(),
  };
}

type LayerLayout = ReturnType<typeof layerLayout>;

/** What a layer keeps for its backward in memory of its own. */
function keptOf(layer: LayerLayout, recompute: Recompute): Partial<LayerLayout> {
  const { attentionInput: _, mlpInput: __, activated: ___, ...withoutNorms } = layer;
  const { input, attention, logsumexp } = layer;
  return {
    none: layer,
    norms: withoutNorms,
    'layer-except-attention': { input, attention, logsumexp },
    layer: { input },
  }[recompute];
}

/** The activations of a forward pass; with `training`, of one that a backward pass can follow. */
export function activationLayout(
  config: LlamaConfig,
  shape: PassShape & { readonly training: boolean },
) {
  const { batch, sequence, dtype, training, recompute = 'none', lowest = -1 } = shape;
  const { hiddenSize, numHiddenLayers } = config;
  const rows = batch * sequence;
  const hidden = () => new TensorLayout([rows, hiddenSize], dtype);
  const first = layerLayout(config, shape);
  // What a layer does not keep lies in memory that all share. So does what the lowest layer keeps: those before it are done.
  const shared = training ? Math.max(lowest, 0) : numHiddenLayers;
  const layers = Array.from({ length: numHiddenLayers }, (_, index) =>
    index > shared ? { ...first, ...keptOf(layerLayout(config, shape), recompute) } : first,
  );
  return {
    layers,
    /** What of the layers lies in memory that all of them use. */
    recompute,
    /** [batch, sequence, hidden], the first layer's input, as the embedding writes it. */
    embedded: first.input.view([batch, sequence, hiddenSize]),
    /** [rows, hidden], what attention or the MLP gives, before it is added to the residual stream. */
    sublayerOutput: hidden(),
    /** [rows, hidden], the residual stream after the last layer, which may overwrite its input without gradients. */
    output: training ? hidden() : first.input,
    /** [rows], float32. */
    finalInverseRms: new TensorLayout([rows], 'float32'),
    /** [rows, hidden], after the final norm, what the output matrix sees. */
    final: hidden(),
  };
}

/** The logits of all rows, for callers that look at them before they call `backward`. */
function keptLogitsLayout({ vocabSize }: LlamaConfig, { batch, sequence, dtype }: PassShape) {
  const rows = batch * sequence;
  const logits = new TensorLayout([rows, vocabSize], dtype);
  return {
    /** [rows, vocab]. */
    logits,
    /** The same as [batch, sequence, vocab]. */
    byPosition: logits.view([batch, sequence, vocabSize]),
    /** [rows], float32. */
    logsumexp: new TensorLayout([rows], 'float32'),
    /** [rows, vocab]. */
    gradLogits: new TensorLayout([rows, vocabSize], dtype),
  };
}

/** Gradients on their way down; every layer overwrites those of the layer above. */
function gradientLayout(config: LlamaConfig, shape: PassShape) {
  const { hiddenSize, numAttentionHeads, numKeyValueHeads, headDim } = config;
  const { batch, sequence, dtype } = shape;
  const residual = new TensorLayout([batch * sequence, hiddenSize], dtype);
  return {
    /** [rows, hidden], of the residual stream. */
    residual,
    /** The same as [batch, sequence, hidden]. */
    embedded: residual.view([batch, sequence, hiddenSize]),
    /** [rows, hidden], of what a norm gives to attention, the MLP or the output matrix. */
    normOutput: new TensorLayout([batch * sequence, hiddenSize], dtype),
    attention: headsLayout(shape, numAttentionHeads, headDim),
    query: headsLayout(shape, numAttentionHeads, headDim),
    key: headsLayout(shape, numKeyValueHeads, headDim),
    value: headsLayout(shape, numKeyValueHeads, headDim),
  };
}

/** Enough rows of logits at once to keep a GPU's matrix units busy, and few enough for any vocabulary. */
const logitsChunkBytes = 2 ** 27;
const logitsChunkStep = 128;

function logitsChunkRows(rows: number, vocabSize: number, dtype: DType): number {
  const fitting = logitsChunkBytes / (vocabSize * bytesPerElement(dtype));
  const whole = Math.floor(fitting / logitsChunkStep) * logitsChunkStep;
  return Math.min(rows, Math.max(logitsChunkStep, whole));
}

/** What loss and backward need beside the activations; `keepLogits` says whether all logits are there at once. */
export function lossLayout(
  config: LlamaConfig,
  shape: PassShape & { readonly keepLogits: boolean },
) {
  const { batch, sequence, dtype, keepLogits } = shape;
  const { vocabSize } = config;
  const rows = batch * sequence;
  const losses = new TensorLayout([rows], 'float32');
  const loss = new TensorLayout([1, 1], 'float32');
  return {
    /** [chunk, padded vocab], the logits of some rows at a time, unless all are kept. */
    logitsChunk: keepLogits
      ? undefined
      : new TensorLayout(
          [logitsChunkRows(rows, vocabSize, dtype), padVocabulary(vocabSize)],
          dtype,
        ),
    kept: keepLogits ? keptLogitsLayout(config, shape) : undefined,
    /** [rows], int32: the next token's label, -100 where none is asked for. */
    labels: new TensorLayout([rows], 'int32'),
    /** [rows], float32. */
    losses,
    /** The same as [1, rows]. */
    lossRow: losses.view([1, rows]),
    /** [rows, 1], float32: the weight of each row's loss; its product with `losses` is the mean loss. */
    rowWeights: new TensorLayout([rows, 1], 'float32'),
    /** [1, 1], float32. */
    loss,
    /** The same as [1]. */
    lossValue: loss.view([1]),
    gradients: gradientLayout(config, shape),
  };
}

/** All memory of a pass over a batch of token ids: what a model allocates beside weights and gradients. */
export function passLayout(config: LlamaConfig, shape: PassShape, purpose: Purpose) {
  const { batch, sequence, dtype } = shape;
  const training = purpose !== 'logits';
  return {
    /** [batch, sequence], int32. */
    ids: new TensorLayout([batch, sequence], 'int32'),
    /** [batch, sequence], int32: where each position's document starts. */
    documentStarts: new TensorLayout([batch, sequence], 'int32'),
    activations: activationLayout(config, { ...shape, training }),
    /** [batch, sequence, vocab], without labels. */
    logits: training ? undefined : new TensorLayout([batch, sequence, config.vocabSize], dtype),
    /** With labels. */
    loss: training
      ? lossLayout(config, { ...shape, keepLogits: purpose === 'forward' })
      : undefined,
  };
}

export type PassLayout = ReturnType<typeof passLayout>;
export type Activations = Allocated<ReturnType<typeof activationLayout>>;
export type LayerActivations = Allocated<ReturnType<typeof layerLayout>>;
export type Heads = Allocated<ReturnType<typeof headsLayout>>;
export type LossWorkspace = Allocated<ReturnType<typeof lossLayout>>;
export type KeptLogits = Allocated<ReturnType<typeof keptLogitsLayout>>;
export type GradientWorkspace = Allocated<ReturnType<typeof gradientLayout>>;
