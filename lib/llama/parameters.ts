// The parameters of a LLaMA under their Hugging Face names, derived from the config alone. Everything that
// reads, writes, initialises or optimises weights goes through this list, so that names and shapes are
// stated once.
import { TensorLayout } from '../core/layout.ts';
import type { DType, Tensor } from '../core/tensor.ts';
import type { LlamaConfig } from './config.ts';

/** One parameter. Matrices are `[out, in]`, applied as `y = x W^T`. */
export interface LlamaParameter {
  readonly name: string;
  readonly shape: readonly number[];
  /** Weights of RMSNorm: initialised to one and never decayed. */
  readonly isNorm: boolean;
}

/** A parameter on its device, as an optimiser takes it: whole, or a flat slice of it where several ranks share it. */
export interface TrainableParameter {
  readonly name: string;
  /** float32 or bfloat16. */
  readonly parameter: Tensor;
  /** float32, shape of the parameter. */
  readonly gradient: Tensor;
  /** Whether weight decay applies; norms' weights have none. */
  readonly decay: boolean;
  /** The first element of a slice in the whole parameter, a multiple of 8; 0 unless given. */
  readonly first?: number;
}

/** All parameters, from the embedding up. With tied embeddings there is no `lm_head.weight`. */
export function llamaParameters(config: LlamaConfig): LlamaParameter[] {
  const { hiddenSize, intermediateSize, headDim, vocabSize } = config;
  const querySize = config.numAttentionHeads * headDim;
  const keyValueSize = config.numKeyValueHeads * headDim;
  const matrix = (name: string, out: number, input: number): LlamaParameter => ({
    name: `${name}.weight`,
    shape: [out, input],
    isNorm: false,
  });
  const norm = (name: string): LlamaParameter => ({
    name: `${name}.weight`,
    shape: [hiddenSize],
    isNorm: true,
  });
  const layers = Array.from({ length: config.numHiddenLayers }, (_, index) => {
    const layer = `model.layers.${index}`;
    return [
      norm(`${layer}.input_layernorm`),
      matrix(`${layer}.self_attn.q_proj`, querySize, hiddenSize),
      matrix(`${layer}.self_attn.k_proj`, keyValueSize, hiddenSize),
      matrix(`${layer}.self_attn.v_proj`, keyValueSize, hiddenSize),
      matrix(`${layer}.self_attn.o_proj`, hiddenSize, querySize),
      norm(`${layer}.post_attention_layernorm`),
      matrix(`${layer}.mlp.gate_proj`, intermediateSize, hiddenSize),
      matrix(`${layer}.mlp.up_proj`, intermediateSize, hiddenSize),
      matrix(`${layer}.mlp.down_proj`, hiddenSize, intermediateSize),
    ];
  });
  return [
    matrix('model.embed_tokens', vocabSize, hiddenSize),
    ...layers.flat(),
    norm('model.norm'),
    ...(config.tieWordEmbeddings ? [] : [matrix('lm_head', vocabSize, hiddenSize)]),
  ];
}

/** The memory of all parameters. */
export interface ParameterLayout {
  /** [padded vocab, hidden], the output matrix with rows of zeros behind the vocabulary's ({@link padVocabulary}). */
  readonly paddedHead: TensorLayout;
  /** By Hugging Face name, without padding. */
  readonly byName: Readonly<Record<string, TensorLayout>>;
}

export function parameterLayout(config: LlamaConfig, dtype: DType): ParameterLayout {
  const { hiddenSize, vocabSize } = config;
  const paddedHead = new TensorLayout([padVocabulary(vocabSize), hiddenSize], dtype);
  const byName = Object.fromEntries(
    llamaParameters(config).map(({ name, shape }) => [
      name,
      name === headName(config) ? paddedHead.view(shape) : new TensorLayout(shape, dtype),
    ]),
  );
  return { paddedHead, byName };
}

/** The memory of the gradients, float32: that of the parameters, or of their window, without those that are frozen. */
export function gradientLayout(
  config: LlamaConfig,
  frozen: ReadonlySet<string> = new Set(),
  inWindow = false,
): Partial<Pick<ParameterLayout, 'paddedHead'>> & Pick<ParameterLayout, 'byName'> {
  const { paddedHead, byName } = (inWindow ? windowLayout : parameterLayout)(config, 'float32');
  const trained = Object.entries(byName).filter(([name]) => !frozen.has(name));
  return {
    ...(trained.some(([, { viewOf }]) => viewOf === paddedHead) && { paddedHead }),
    byName: Object.fromEntries(trained),
  };
}

/**
 * Memory for two layers at a time, and for either the embedding or the output matrix. It is for parameters or gradients
 * that no rank keeps whole: a pass needs two layers at once, the one that it computes and the one that comes next. All
 * layers with even numbers lie in one place, the others in another.
 */
export function windowLayout(config: LlamaConfig, dtype: DType): ParameterLayout {
  const { paddedHead, byName } = parameterLayout(config, dtype);
  const matrix = paddedHead.view([config.vocabSize, config.hiddenSize]);
  const places = Object.entries(byName).map(([name, own]) => {
    const [, index, rest] = /^model\.layers\.(\d+)\.(.*)$/.exec(name) ?? [];
    if (index !== undefined) return [name, byName[`model.layers.${Number(index) % 2}.${rest}`]];
    return [name, own.shape.length === 2 ? matrix : own];
  });
  return { paddedHead, byName: Object.fromEntries(places) };
}

/** The parameter that is the output matrix. */
function headName({ tieWordEmbeddings }: LlamaConfig): string {
  return tieWordEmbeddings ? 'model.embed_tokens.weight' : 'lm_head.weight';
}

const vocabularyStep = 64;

/**
 * The vocabulary as training computes it: rounded up to a multiple of 64. With LEIA's two tokens LLaMA 2 has 32,002,
 * whose rows of logits do not begin where 16-byte accesses can; all that reads or writes logits is slow then. The
 * columns in between have no token: their weights are zero, they are no part of any sum, and no file has them.
 */
export function padVocabulary(vocabSize: number): number {
  return Math.ceil(vocabSize / vocabularyStep) * vocabularyStep;
}

/** How many numbers the model has. */
export function countParameters(config: LlamaConfig): number {
  return llamaParameters(config).reduce(
    (sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1),
    0,
  );
}
