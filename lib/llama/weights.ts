// The model's parameters as tensors, under their Hugging Face names and by their place in the network. The
// same shape of object holds the gradients, so that the list of operations reads `gradients.layers[i].gate`
// beside `weights.layers[i].gate`; a parameter that is frozen has none.
import type { Device } from '../core/device.ts';
import { type Allocation, allocate } from '../core/layout.ts';
import * as ops from '../core/ops.ts';
import type { DType, Tensor } from '../core/tensor.ts';
import { LeiaError } from '../system/error.ts';
import type { LlamaConfig } from './config.ts';
import { gradientLayout, padVocabulary, parameterLayout, windowLayout } from './parameters.ts';

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

type Memory = Allocation<ReturnType<typeof gradientLayout>>;

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

/** One tensor for each parameter, or for each that is not frozen, by its place and by its Hugging Face name. */
abstract class ParameterTensors<Parameter extends Tensor | undefined>
  implements Places<Parameter>, Disposable
{
  readonly embedding: Parameter;
  readonly layers: readonly LayerWeights<Parameter>[];
  readonly finalNorm: Parameter;
  readonly head: Parameter;
  /** The same memory as [padded vocab, hidden], as the products see it: rows of zeros follow those of the vocabulary. */
  readonly paddedHead: Parameter;
  readonly #memory: Memory;
  readonly #byName: ReadonlyMap<string, Tensor>;

  /** The tensors of a layout; where it may lack some, `Parameter` may be undefined. */
  constructor(config: LlamaConfig, memory: Memory) {
    this.#memory = memory;
    this.#byName = new Map(Object.entries(memory.tensors.byName));
    const places = placesOf(config, (name) => this.#byName.get(name) as Parameter);
    this.embedding = places.embedding;
    this.layers = places.layers;
    this.finalNorm = places.finalNorm;
    this.head = places.head;
    this.paddedHead = memory.tensors.paddedHead as Parameter;
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

  /** Name and tensor of each that is there, once, from the embedding up. */
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

/** The parameters. */
export class LlamaWeights extends ParameterTensors<Tensor> {
  /**
   * Allocates every parameter, uninitialised but for the padding of the output matrix; `inWindow` only two layers, whose
   * memory the others share (see `windowLayout`).
   */
  constructor(config: LlamaConfig, options: { dtype: DType; device: Device; inWindow?: boolean }) {
    const layoutOf = options.inWindow ? windowLayout : parameterLayout;
    super(config, allocate(layoutOf(config, options.dtype), options.device));
    using padding = this.paddedHead.slice(config.vocabSize, padVocabulary(config.vocabSize));
    ops.fill({ output: padding, value: 0 });
  }
}

/** The float32 gradients of all parameters but those that are frozen. */
export class LlamaGradients extends ParameterTensors<Tensor | undefined> {
  readonly #frozen: ReadonlySet<string>;

  /** Allocates the gradients, as zeros; `inWindow` those of two layers, whose memory the others share. */
  constructor(
    config: LlamaConfig,
    options: { device: Device; frozen: ReadonlySet<string>; inWindow?: boolean },
  ) {
    const { device, frozen, inWindow = false } = options;
    super(config, allocate(gradientLayout(config, frozen, inWindow), device));
    this.#frozen = frozen;
    if (this.paddedHead) ops.fill({ output: this.paddedHead, value: 0 });
    for (const [, output] of this.entries()) ops.fill({ output, value: 0 });
  }

  /** The gradient of a Hugging Face name; throws `argument` if the parameter is frozen, or the model has none of it. */
  override get(name: string): Tensor {
    const isHead = name === 'lm_head.weight';
    if (!this.#frozen.has(name) && !(isHead && this.head === undefined)) return super.get(name);
    throw new LeiaError('argument', `the parameter "${name}" is frozen, so it has no gradient`);
  }
}
