// The planned memory of a forward and backward pass over `batch` sequences of `sequence` tokens. All of it
// is allocated at once and used again in every step; nothing is allocated while a step runs. For training,
// every layer keeps what its backward needs; without gradients all layers share one set.
import type { Device } from '../core/device.ts';
import { bytesPerElement, type DType, elementCount, type Shape, Tensor } from '../core/tensor.ts';
import type { LlamaConfig } from './config.ts';

/** One activation seen in two ways. */
export interface Heads {
  /** [rows, heads * headDim], as the linear layers see it. */
  readonly rows: Tensor;
  /** [batch, sequence, heads, headDim], as attention sees it. */
  readonly heads: Tensor;
}

/** What one decoder layer computes and its backward reads. `rows` is batch * sequence. */
export interface LayerActivations {
  /** [rows, hidden]: the residual stream before the layer. */
  readonly input: Tensor;
  /** [rows], float32. */
  readonly attentionInverseRms: Tensor;
  /** [rows, hidden], after the norm. */
  readonly attentionInput: Tensor;
  /** After the rotary embedding. */
  readonly query: Heads;
  /** After the rotary embedding. */
  readonly key: Heads;
  readonly value: Heads;
  /** [batch, keys, keyValueHeads, headDim]: what queries attend to, `key.heads` or a cache that ends with it. */
  readonly keyContext: Tensor;
  readonly valueContext: Tensor;
  readonly attention: Heads;
  /** [batch, heads, sequence], float32. */
  readonly logsumexp: Tensor;
  /** [rows, hidden]: the residual stream between attention and MLP. */
  readonly middle: Tensor;
  /** [rows], float32. */
  readonly mlpInverseRms: Tensor;
  /** [rows, hidden], after the norm. */
  readonly mlpInput: Tensor;
  /** [rows, intermediate]. */
  readonly gate: Tensor;
  readonly up: Tensor;
  readonly activated: Tensor;
}

/** Gradients on their way down; every layer overwrites those of the layer above. */
export interface GradientWorkspace {
  /** [rows, hidden]: of the residual stream. */
  readonly residual: Tensor;
  /** The same as [batch, sequence, hidden]. */
  readonly embedded: Tensor;
  /** [rows, hidden]: of one branch, before it joins the residual stream. */
  readonly branch: Tensor;
  readonly attention: Heads;
  readonly query: Heads;
  readonly key: Heads;
  readonly value: Heads;
}

export interface Activations extends Disposable {
  readonly batch: number;
  readonly sequence: number;
  readonly layers: readonly LayerActivations[];
  /** [batch, sequence, hidden]: the first layer's input, as the embedding writes it. */
  readonly embedded: Tensor;
  /** [rows, hidden]: a branch's output before it is added to the residual stream. */
  readonly branch: Tensor;
  /** [rows, hidden]: the residual stream after the last layer. */
  readonly output: Tensor;
  /** [rows], float32. */
  readonly finalInverseRms: Tensor;
  /** [rows, hidden]: after the final norm, what the output matrix sees. */
  readonly final: Tensor;
  readonly bytes: number;
}

/** Makes tensors and remembers them, to free them and to say what they take. */
class Pool {
  bytes = 0;
  readonly #tensors: Tensor[] = [];
  readonly #dtype: DType;
  readonly #device: Device;

  constructor(dtype: DType, device: Device) {
    this.#dtype = dtype;
    this.#device = device;
  }

  tensor(shape: Shape, dtype: DType = this.#dtype): Tensor {
    const tensor = Tensor.empty(shape, { dtype, device: this.#device });
    this.bytes += elementCount(shape) * bytesPerElement(dtype);
    this.#tensors.push(tensor);
    return tensor;
  }

  /** The same memory in another shape. */
  view(tensor: Tensor, shape: Shape): Tensor {
    const view = tensor.view(shape);
    this.#tensors.push(view);
    return view;
  }

  heads(batch: number, sequence: number, heads: number, headDim: number): Heads {
    const rows = this.tensor([batch * sequence, heads * headDim]);
    return { rows, heads: this.view(rows, [batch, sequence, heads, headDim]) };
  }

  dispose(): void {
    for (const tensor of this.#tensors) tensor.dispose();
  }
}

export interface ActivationOptions {
  readonly batch: number;
  readonly sequence: number;
  readonly dtype: DType;
  readonly device: Device;
  /** Whether every layer keeps its own activations, for a backward pass. */
  readonly training: boolean;
}

/** Allocates the activations of a forward pass. */
export function allocateActivations(config: LlamaConfig, options: ActivationOptions): Activations {
  const { batch, sequence, training } = options;
  const { hiddenSize, intermediateSize, numAttentionHeads, numKeyValueHeads, headDim } = config;
  const rows = batch * sequence;
  const pool = new Pool(options.dtype, options.device);
  const hidden = () => pool.tensor([rows, hiddenSize]);
  const perRow = () => pool.tensor([rows], 'float32');
  const layer = (): LayerActivations => {
    const key = pool.heads(batch, sequence, numKeyValueHeads, headDim);
    const value = pool.heads(batch, sequence, numKeyValueHeads, headDim);
    return {
      input: hidden(),
      attentionInverseRms: perRow(),
      attentionInput: hidden(),
      query: pool.heads(batch, sequence, numAttentionHeads, headDim),
      key,
      value,
      keyContext: key.heads,
      valueContext: value.heads,
      attention: pool.heads(batch, sequence, numAttentionHeads, headDim),
      logsumexp: pool.tensor([batch, numAttentionHeads, sequence], 'float32'),
      middle: hidden(),
      mlpInverseRms: perRow(),
      mlpInput: hidden(),
      gate: pool.tensor([rows, intermediateSize]),
      up: pool.tensor([rows, intermediateSize]),
      activated: pool.tensor([rows, intermediateSize]),
    };
  };
  const count = config.numHiddenLayers;
  const layers = training
    ? Array.from({ length: count }, layer)
    : new Array<LayerActivations>(count).fill(layer());
  const { input } = layers[0] as LayerActivations;
  return {
    batch,
    sequence,
    layers,
    embedded: pool.view(input, [batch, sequence, hiddenSize]),
    branch: hidden(),
    // Without gradients the last layer may overwrite its own input.
    output: training ? hidden() : input,
    finalInverseRms: perRow(),
    final: hidden(),
    bytes: pool.bytes,
    [Symbol.dispose]: () => pool.dispose(),
  };
}

/** The logits of all rows, for who wants to see them and go back later. */
export interface KeptLogits {
  /** [rows, vocab]. */
  readonly logits: Tensor;
  /** The same as [batch, sequence, vocab]. */
  readonly byPosition: Tensor;
  /** [rows], float32. */
  readonly logsumexp: Tensor;
  /** [rows, vocab]. */
  readonly gradLogits: Tensor;
}

/** What a training step needs beside the layers' activations. */
export interface LossWorkspace extends Disposable {
  /** [chunk, vocab], or all of them: `kept`. */
  readonly logitsChunk?: Tensor;
  readonly kept?: KeptLogits;
  /** [rows], int32: the next token's label, -100 where none is asked for. */
  readonly labels: Tensor;
  /** [rows], float32. */
  readonly losses: Tensor;
  /** The same as [1, rows]. */
  readonly lossRow: Tensor;
  /** [rows, 1], float32: what each row's loss counts; with `losses` it gives the mean by one product. */
  readonly rowWeights: Tensor;
  /** [1, 1], float32. */
  readonly loss: Tensor;
  /** The same as [1]. */
  readonly lossValue: Tensor;
  readonly gradients: GradientWorkspace;
  readonly bytes: number;
}

/** Enough rows of logits at once to keep a GPU's matrix units busy, and few enough for any vocabulary. */
const logitsChunkBytes = 2 ** 27;
const logitsChunkStep = 128;

function logitsChunkRows(rows: number, vocabSize: number, dtype: DType): number {
  const fitting = logitsChunkBytes / (vocabSize * bytesPerElement(dtype));
  const whole = Math.floor(fitting / logitsChunkStep) * logitsChunkStep;
  return Math.min(rows, Math.max(logitsChunkStep, whole));
}

export function allocateLossWorkspace(
  config: LlamaConfig,
  options: ActivationOptions & { readonly keepLogits: boolean },
): LossWorkspace {
  const { batch, sequence, dtype } = options;
  const { vocabSize, hiddenSize } = config;
  const rows = batch * sequence;
  const pool = new Pool(dtype, options.device);
  const heads = (count: number) => pool.heads(batch, sequence, count, config.headDim);
  const losses = pool.tensor([rows], 'float32');
  const loss = pool.tensor([1, 1], 'float32');
  const residual = pool.tensor([rows, hiddenSize]);
  const keep = (): KeptLogits => {
    const logits = pool.tensor([rows, vocabSize]);
    return {
      logits,
      byPosition: pool.view(logits, [batch, sequence, vocabSize]),
      logsumexp: pool.tensor([rows], 'float32'),
      gradLogits: pool.tensor([rows, vocabSize]),
    };
  };
  return {
    ...(options.keepLogits
      ? { kept: keep() }
      : { logitsChunk: pool.tensor([logitsChunkRows(rows, vocabSize, dtype), vocabSize]) }),
    labels: pool.tensor([rows], 'int32'),
    losses,
    lossRow: pool.view(losses, [1, rows]),
    rowWeights: pool.tensor([rows, 1], 'float32'),
    loss,
    lossValue: pool.view(loss, [1]),
    gradients: {
      residual,
      embedded: pool.view(residual, [batch, sequence, hiddenSize]),
      branch: pool.tensor([rows, hiddenSize]),
      attention: heads(config.numAttentionHeads),
      query: heads(config.numAttentionHeads),
      key: heads(config.numKeyValueHeads),
      value: heads(config.numKeyValueHeads),
    },
    bytes: pool.bytes,
    [Symbol.dispose]: () => pool.dispose(),
  };
}
