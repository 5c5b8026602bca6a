// What a LlamaModel is made with, and what its passes take and give.
import type { Device } from '../core/device.ts';
import type { HostArray, Tensor } from '../core/tensor.ts';
import type { Recompute } from './activations.ts';
import type { TokenRows } from './batch.ts';
import type { CheckpointView } from './checkpoint.ts';
import type { SaveDtype } from './stored-values.ts';

/** What a model computes in. */
export type ModelDtype = 'float32' | 'bfloat16';

/** How a model is made or loaded. */
export interface ModelOptions {
  /** Where the model lives; `cpu` unless said otherwise. */
  readonly device?: Device | string;
  /** What weights and activations are stored in. Gradients, norms, softmax and losses are float32 always. */
  readonly dtype?: ModelDtype;
  /** What backward computes again, to take less memory: the gradients stay the same, bit for bit. Nothing by default. */
  readonly recompute?: Recompute;
  /**
   * What is in memory for two layers at a time only (`windowLayout`), for ranks that share it: the
   * {@link LlamaModel.listener} brings it when a pass needs it, and takes gradients away.
   */
  readonly inWindow?: { readonly parameters: boolean; readonly gradients: boolean };
}

/** How a model is written. */
export interface SaveModelOptions {
  /** The dtype of the written weights. `base`, the default, is the {@link LlamaModel.storedDtype}. */
  readonly dtype?: SaveDtype;
  /** The float32 values behind bfloat16 parameters ({@link AdamW.master}); the parameters themselves unless given. */
  readonly masters?: (name: string) => Promise<Float32Array>;
  /** The parameters as they are stored, where this model does not hold them whole. */
  readonly parameters?: (name: string) => Promise<HostArray>;
  /** The weights before training, to tell how much of the update rounding takes. */
  readonly before?: CheckpointView;
  readonly companions?: string | undefined;
  readonly files?: ReadonlyMap<string, string>;
}

/** What forward takes beside ids and labels. */
export interface ForwardOptions {
  /**
   * How many label tokens the loss is averaged over: those of this batch, or, when a batch is computed in
   * parts, those of all parts together ({@link countLabelTokens}). The parts' losses and gradients then add up to the
   * batch's.
   */
  readonly labelTokens?: number;
  /** For every position the first position of its document in the row; tokens see only their document. */
  readonly documentStarts?: TokenRows;
  /** Whether backward goes down to the embeddings of the tokens, whose gradient it then gives, though nothing trains there. */
  readonly gradInputEmbeddings?: boolean;
}

/** Tensors in the model's own memory: the next `forward` overwrites them. */
export interface ForwardResult {
  /** [batch, sequence, vocab], dtype of the model. */
  readonly logits: Tensor;
}

export interface LossResult extends ForwardResult {
  /** [1], float32. */
  readonly loss: Tensor;
}

/** What backward takes. */
export interface BackwardOptions {
  /** Multiplies the loss; 1 unless given. */
  readonly scale?: number;
}

/** In the model's own memory: the next pass overwrites it. */
export interface BackwardResult {
  /**
   * [batch, sequence, hidden], dtype of the model: the gradient of the embeddings that the tokens have, or that were given.
   * Undefined if it was not asked for.
   */
  readonly gradInputEmbeddings: Tensor | undefined;
}

/** In the model's own memory: the next pass overwrites it. */
export interface ForwardBackwardResult {
  /** [1], float32. */
  readonly loss: Tensor;
  /** As {@link BackwardResult} has it. */
  readonly gradInputEmbeddings?: Tensor;
}
