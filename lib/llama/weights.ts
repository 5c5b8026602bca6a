// The model's parameters as tensors, under their Hugging Face names and by their place in the network. The
// same shape of object holds the gradients, so that the list of operations reads `gradients.layers[i].gate`
// beside `weights.layers[i].gate`; a parameter that is frozen has none.
import type { Device } from '../core/device.ts';
import { type Allocation, allocate } from '../core/layout.ts';
import * as ops from '../core/ops.ts';
import type { DType, Tensor } from '../core/tensor.ts';
import { LeiaError } from '../system/error.ts';
import type { LlamaConfig } from './config.ts';
import {
  gradientLayout,
  llamaParameters,
  type ParameterLayout,
  padVocabulary,
  parameterLayout,
  windowLayout,
} from './parameters.ts';

/** One decoder layer. Matrices are [out, in], norms [hidden]. */
export interface LayerWeights<Parameter = Tensor> {
  readonly attentionNorm: Parameter;
  readonly query: Parameter;
  readonly key: Parameter;
  readonly value: Parameter;
  readonly attentionOutput: Parameter;
  readonly mlpNorm: Parameter;
  readonly gate: Parameter;
  readonly up: Parameter;
  readonly down: Parameter;
}

/** The gradients of a layer's parameters, of those that are not frozen. */
export type LayerGradients = LayerWeights<Tensor | undefined>;

/** What is there for each parameter, by its place in the network. */
interface Places<Parameter> {
  /** [vocab, hidden]. */
  readonly embedding: Parameter;
  readonly layers: readonly LayerWeights<Parameter>[];
  readonly finalNorm: Parameter;
  /** [vocab, hidden]; the embedding itself when they are tied. */
  readonly head: Parameter;
}

function placesOf<Parameter>(
  config: LlamaConfig,
  get: (name: string) => Parameter,
): Places<Parameter> {
  const embedding = get('model.embed_tokens.weight');
  const layers = Array.from({ length: config.numHiddenLayers }, (_, index) => {
    const layer = (name: string) => get(`model.layers.${index}.${name}.weight`);
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
  const finalNorm = get('model.norm.weight');
  const head = config.tieWordEmbeddings ? embedding : get('lm_head.weight');
  return { embedding, layers, finalNorm, head };
}

export class LlamaWeights implements Places<Tensor>, Disposable {
  readonly embedding: Tensor;
  readonly layers: readonly LayerWeights[];
  readonly finalNorm: Tensor;
  readonly head: Tensor;
  /** The same memory as [padded vocab, hidden]: rows of zeros follow those of the vocabulary. */
  readonly paddedHead: Tensor;
  readonly #memory: Allocation<ParameterLayout>;
  readonly #byName: ReadonlyMap<string, Tensor>;

  /**
   * Allocates every parameter, uninitialised but for the padding of the output matrix; `inWindow` only two layers, whose
   * memory the others share (see `windowLayout`).
   */
  constructor(config: LlamaConfig, options: { dtype: DType; device: Device; inWindow?: boolean }) {
    const layoutOf = options.inWindow ? windowLayout : parameterLayout;
    this.#memory = allocate(layoutOf(config, options.dtype), options.device);
    this.#byName = new Map(Object.entries(this.#memory.tensors.byName));
    const places = placesOf(config, (name) => this.get(name));
    this.embedding = places.embedding;
    this.layers = places.layers;
    this.finalNorm = places.finalNorm;
    this.head = places.head;
    this.paddedHead = this.#memory.tensors.paddedHead;
    using padding = this.paddedHead.slice(config.vocabSize, padVocabulary(config.vocabSize));
    ops.fill({ output: padding, value: 0 });
  }

  /** The tensor of a Hugging Face name; throws `argument` when the model has none of it. */
  get(name: string): Tensor {
    // With tied embeddings the output matrix is the embedding, whoever asks for it.
    const tensor = this.#byName.get(name) ?? (name === 'lm_head.weight' ? this.head : undefined);
    if (tensor !== undefined) return tensor;
    throw unknownParameter(name);
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

/** The float32 gradients of all parameters but those that are frozen. */
export class LlamaGradients implements Places<Tensor | undefined>, Disposable {
  readonly embedding: Tensor | undefined;
  readonly layers: readonly LayerGradients[];
  readonly finalNorm: Tensor | undefined;
  readonly head: Tensor | undefined;
  /** The same memory as [padded vocab, hidden], as the products see it. */
  readonly paddedHead: Tensor | undefined;
  readonly #memory: Allocation<ReturnType<typeof gradientLayout>>;
  readonly #byName: ReadonlyMap<string, Tensor>;
  readonly #names: ReadonlySet<string>;

  /** Allocates the gradients, as zeros; `inWindow` those of two layers, whose memory the others share. */
  constructor(
    config: LlamaConfig,
    options: { device: Device; frozen: ReadonlySet<string>; inWindow?: boolean },
  ) {
    const { device, frozen, inWindow = false } = options;
    this.#memory = allocate(gradientLayout(config, frozen, inWindow), device);
    this.#byName = new Map(Object.entries(this.#memory.tensors.byName));
    this.#names = new Set(llamaParameters(config).map(({ name }) => name));
    const places = placesOf(config, (name) => this.#byName.get(name));
    this.embedding = places.embedding;
    this.layers = places.layers;
    this.finalNorm = places.finalNorm;
    this.head = places.head;
    this.paddedHead = this.#memory.tensors.paddedHead;
    for (const output of [this.paddedHead, ...this.#byName.values()]) {
      if (output) ops.fill({ output, value: 0 });
    }
  }

  /** The gradient of a Hugging Face name; throws `argument` if the parameter is frozen, or the model has none of it. */
  get(name: string): Tensor {
    const tensor = this.#byName.get(name) ?? (name === 'lm_head.weight' ? this.head : undefined);
    if (tensor !== undefined) return tensor;
    const isFrozen = this.#names.has(name) || name === 'lm_head.weight';
    throw isFrozen
      ? new LeiaError('argument', `the parameter "${name}" is frozen, so it has no gradient`)
      : unknownParameter(name);
  }

  /** Name and gradient of every parameter that has one, from the embedding up. */
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

function unknownParameter(name: string): LeiaError {
  return new LeiaError(
    'argument',
    `the model has no parameter "${name}"; names are those of Hugging Face, such as "model.layers.0.self_attn.q_proj.weight"`,
  );
}
