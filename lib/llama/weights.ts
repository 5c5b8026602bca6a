// The model's parameters as tensors, under their Hugging Face names and by their place in the network. The
// same shape of object holds the gradients, so that the list of operations reads `gradients.layers[i].gate`
// beside `weights.layers[i].gate`.
import type { Device } from '../core/device.ts';
import { type Allocation, allocate } from '../core/layout.ts';
import * as ops from '../core/ops.ts';
import type { DType, Tensor } from '../core/tensor.ts';
import { LeiaError } from '../system/error.ts';
import type { LlamaConfig } from './config.ts';
import { type ParameterLayout, padVocabulary, parameterLayout } from './parameters.ts';

/** One decoder layer. Matrices are [out, in], norms [hidden]. */
export interface LayerWeights {
  readonly attentionNorm: Tensor;
  readonly query: Tensor;
  readonly key: Tensor;
  readonly value: Tensor;
  readonly attentionOutput: Tensor;
  readonly mlpNorm: Tensor;
  readonly gate: Tensor;
  readonly up: Tensor;
  readonly down: Tensor;
}

export class LlamaWeights implements Disposable {
  /** [vocab, hidden]. */
  readonly embedding: Tensor;
  readonly layers: readonly LayerWeights[];
  readonly finalNorm: Tensor;
  /** [vocab, hidden]; the embedding itself when they are tied. */
  readonly head: Tensor;
  /** The same memory as [padded vocab, hidden]: rows of zeros follow those of the vocabulary. */
  readonly paddedHead: Tensor;
  readonly #memory: Allocation<ParameterLayout>;
  readonly #byName: ReadonlyMap<string, Tensor>;

  /** Allocates every parameter, uninitialised but for the padding of the output matrix. */
  constructor(config: LlamaConfig, options: { dtype: DType; device: Device }) {
    this.#memory = allocate(parameterLayout(config, options.dtype), options.device);
    this.#byName = new Map(Object.entries(this.#memory.tensors.byName));
    this.embedding = this.get('model.embed_tokens.weight');
    this.layers = Array.from({ length: config.numHiddenLayers }, (_, index) => {
      const layer = (name: string) => this.get(`model.layers.${index}.${name}.weight`);
      return {
        attentionNorm: layer('input_layernorm'),
        query: layer('self_attn.q_proj'),
        key: layer('self_attn.k_proj'),
        value: layer('self_attn.v_proj'),
        attentionOutput: layer('self_attn.o_proj'),
        mlpNorm: layer('post_attention_layernorm'),
        gate: layer('mlp.gate_proj'),
        up: layer('mlp.up_proj'),
        down: layer('mlp.down_proj'),
      };
    });
    this.finalNorm = this.get('model.norm.weight');
    this.head = config.tieWordEmbeddings ? this.embedding : this.get('lm_head.weight');
    this.paddedHead = this.#memory.tensors.paddedHead;
    using padding = this.paddedHead.slice(config.vocabSize, padVocabulary(config.vocabSize));
    ops.fill({ output: padding, value: 0 });
  }

  /** The tensor of a Hugging Face name; throws `argument` when the model has none of it. */
  get(name: string): Tensor {
    // With tied embeddings the output matrix is the embedding, whoever asks for it.
    const tensor = this.#byName.get(name) ?? (name === 'lm_head.weight' ? this.head : undefined);
    if (tensor !== undefined) return tensor;
    throw new LeiaError(
      'argument',
      `the model has no parameter "${name}"; names are those of Hugging Face, such as "model.layers.0.self_attn.q_proj.weight"`,
    );
  }

  /** Name and tensor of every parameter, each once, from the embedding up. */
  entries(): IterableIterator<[string, Tensor]> {
    return this.#byName.entries();
  }

  get bytes(): number {
    return this.#memory.bytes;
  }

  [Symbol.dispose](): void {
    this.#memory[Symbol.dispose]();
  }
}
