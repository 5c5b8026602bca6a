// Hugging Face's `config.json` of a LlamaForCausalLM (LLaMA 1, 2 and 3), or of a MistralForCausalLM, which computes the
// same but for its sliding window; checked and given defaults as transformers gives them. Only BOS and EOS have
// no default: an id of another vocabulary would be wrong in silence. Whatever would change the computation and is not
// implemented here is refused by name and value; keys that change nothing are kept and written back as they came.
//
// Source: transformers' `LlamaConfig`, `MistralConfig` and `modeling_rope_utils`, versions 4 (`rope_theta`, `rope_scaling`,
// `torch_dtype`) and 5 (`rope_parameters`, `dtype`).
import { z } from 'zod';
import { LeiaError } from '../system/error.ts';

/** Rotary position embedding as the config describes it; see `rope.ts` for the frequencies. */
export type RopeParameters =
  | { readonly type: 'default'; readonly theta: number }
  | { readonly type: 'linear'; readonly theta: number; readonly factor: number }
  | {
      readonly type: 'llama3';
      readonly theta: number;
      readonly factor: number;
      readonly lowFreqFactor: number;
      readonly highFreqFactor: number;
      readonly originalMaxPositionEmbeddings: number;
    };

/** The shape of a LLaMA, with every default filled in. Sizes in elements. */
export interface LlamaConfig {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly numHiddenLayers: number;
  readonly numAttentionHeads: number;
  /** Divides `numAttentionHeads` (grouped-query attention). */
  readonly numKeyValueHeads: number;
  /** Even; `hiddenSize / numAttentionHeads` unless the config says otherwise. */
  readonly headDim: number;
  readonly maxPositionEmbeddings: number;
  /** A Mistral's `sliding_window`: a position sees so many, its own included. Null if it sees all before it. */
  readonly slidingWindow: number | null;
  readonly rmsNormEps: number;
  readonly initializerRange: number;
  readonly tieWordEmbeddings: boolean;
  readonly rope: RopeParameters;
  /** Null if the config names none. */
  readonly bosTokenId: number | null;
  /** Empty if the config names none. See also `endTokenIds` for those at which generation ends. */
  readonly eosTokenIds: readonly number[];
  /** The type the weights were saved in, as the config claims it; the weights' own headers decide. */
  readonly dtype: 'float32' | 'bfloat16' | 'float16' | null;
  /** The JSON object this was read from, with all its keys. */
  readonly source: Readonly<Record<string, unknown>>;
}

const size = z.int().positive();
const tokenId = z.int().nonnegative();
const positive = z.number().positive();

/** Python writes `null` for "not set": both are absent here. */
function optional<T extends z.ZodType>(type: T) {
  return type.nullish().transform((value) => value ?? undefined);
}

const schema = z.looseObject({
  vocab_size: optional(size),
  hidden_size: optional(size),
  intermediate_size: optional(size),
  num_hidden_layers: optional(size),
  num_attention_heads: optional(size),
  num_key_value_heads: optional(size),
  head_dim: optional(size),
  max_position_embeddings: optional(size),
  sliding_window: optional(size),
  rms_norm_eps: optional(positive),
  initializer_range: optional(z.number().min(0).max(1)),
  tie_word_embeddings: optional(z.boolean()),
  bos_token_id: optional(tokenId),
  eos_token_id: optional(z.union([tokenId, z.array(tokenId)])),
  rope_theta: optional(positive),
  rope_scaling: optional(z.record(z.string(), z.unknown())),
  rope_parameters: optional(z.record(z.string(), z.unknown())),
  model_type: optional(z.string()),
  architectures: optional(z.array(z.string())),
  torch_dtype: optional(z.string()),
  dtype: optional(z.string()),
});

const ropeSchema = z.strictObject({
  rope_type: optional(z.string()),
  type: optional(z.string()),
  rope_theta: optional(positive),
  factor: optional(z.number().min(1)),
  low_freq_factor: optional(positive),
  high_freq_factor: optional(positive),
  original_max_position_embeddings: optional(size),
  partial_rotary_factor: optional(z.literal(1)),
  finetuned: optional(z.boolean()),
});

/** What the two families call themselves, and the defaults in which they differ. */
const families = {
  llama: {
    // The second is the spelling of the first conversions of LLaMA 1.
    architectures: ['LlamaForCausalLM', 'LLaMAForCausalLM'],
    intermediateSize: 11008,
    numKeyValueHeads: undefined,
    maxPositionEmbeddings: 2048,
    slidingWindow: undefined,
  },
  mistral: {
    architectures: ['MistralForCausalLM'],
    intermediateSize: 14336,
    numKeyValueHeads: 8,
    maxPositionEmbeddings: 131072,
    slidingWindow: 4096,
  },
} as const;

/** Keys that change what a LLaMA computes, with the values that leave it as implemented here. */
const supportedValues: Readonly<Record<string, readonly unknown[]>> = {
  hidden_act: ['silu'],
  attention_bias: [false],
  mlp_bias: [false],
  partial_rotary_factor: [1],
  quantization_config: [],
  is_encoder_decoder: [false],
  add_cross_attention: [false],
  pruned_heads: [],
};

/**
 * Checks a parsed `config.json`. `where` names the file in error messages.
 *
 * @throws LeiaError `format` for a wrong type or size, `unsupported` for a value that is not implemented,
 *   `mismatch` for values that contradict each other.
 */
export function parseLlamaConfig(json: unknown, where = 'config.json'): LlamaConfig {
  const source = asObject(json, where);
  const family = families[familyOf(source, where)];
  refuseUnsupported(source, where);
  const raw = check(schema, source, where);

  const hiddenSize = raw.hidden_size ?? 4096;
  const numAttentionHeads = raw.num_attention_heads ?? 32;
  const keyValueHeadsIfAbsent =
    'num_key_value_heads' in source ? undefined : family.numKeyValueHeads;
  const numKeyValueHeads = raw.num_key_value_heads ?? keyValueHeadsIfAbsent ?? numAttentionHeads;
  const maxPositionEmbeddings = raw.max_position_embeddings ?? family.maxPositionEmbeddings;
  const windowIfAbsent = 'sliding_window' in source ? undefined : family.slidingWindow;
  const slidingWindow = hidingWindow(raw.sliding_window ?? windowIfAbsent, maxPositionEmbeddings);
  if (slidingWindow !== null && family !== families.mistral) {
    const supported = `only null, or max_position_embeddings ${maxPositionEmbeddings} and more`;
    unsupported(where, 'sliding_window', slidingWindow, `${supported}; a "mistral" may have one`);
  }
  if (hiddenSize % numAttentionHeads !== 0) {
    contradiction(
      where,
      `hidden_size ${hiddenSize} is not a multiple of num_attention_heads ${numAttentionHeads}`,
    );
  }
  if (numAttentionHeads % numKeyValueHeads !== 0) {
    contradiction(
      where,
      `num_key_value_heads ${numKeyValueHeads} does not divide num_attention_heads ${numAttentionHeads}`,
    );
  }
  const headDim = raw.head_dim ?? hiddenSize / numAttentionHeads;
  if (headDim % 2 !== 0) {
    contradiction(where, `head_dim ${headDim} is odd, rotary position embeddings need it even`);
  }
  const vocabSize = raw.vocab_size ?? 32000;
  return {
    vocabSize,
    hiddenSize,
    intermediateSize: raw.intermediate_size ?? family.intermediateSize,
    numHiddenLayers: raw.num_hidden_layers ?? 32,
    numAttentionHeads,
    numKeyValueHeads,
    headDim,
    maxPositionEmbeddings,
    slidingWindow,
    rmsNormEps: raw.rms_norm_eps ?? 1e-6,
    initializerRange: raw.initializer_range ?? 0.02,
    tieWordEmbeddings: raw.tie_word_embeddings ?? false,
    rope: parseRope(raw, maxPositionEmbeddings, where),
    bosTokenId: raw.bos_token_id ?? null,
    eosTokenIds: [raw.eos_token_id ?? []].flat(),
    dtype: parseDtype(raw.dtype ?? raw.torch_dtype, where),
    source,
  };
}

/**
 * The same config with some keys of `config.json` changed, e.g. `{ vocab_size: 32002 }`; all others keep
 * their spelling and value. `dtype` is written in the spelling the config already uses.
 */
export function changeLlamaConfig(
  config: LlamaConfig,
  changes: Readonly<Record<string, unknown>>,
): LlamaConfig {
  const { dtype, ...others } = changes;
  const source: Record<string, unknown> = { ...config.source, ...others };
  if (dtype !== undefined) {
    if ('dtype' in source) source.dtype = dtype;
    if ('torch_dtype' in source || !('dtype' in source)) source.torch_dtype = dtype;
  }
  return parseLlamaConfig(source, 'changed config');
}

/** Keys that Python types as float: written with a point, since some readers insist (`8.0`, not `8`). */
const floatKeys = new Set([
  'attention_dropout',
  'factor',
  'high_freq_factor',
  'initializer_range',
  'low_freq_factor',
  'partial_rotary_factor',
  'rms_norm_eps',
  'rope_theta',
]);

/** The text of `config.json` for this config, laid out as transformers does. */
export function formatLlamaConfig(config: LlamaConfig): string {
  const complete: Record<string, unknown> = { ...config.source };
  const family = familyOf(complete, 'config.json');
  complete.architectures ??= [families[family].architectures[0]];
  complete.model_type ??= family;
  return `${formatJson(complete, '', '')}\n`;
}

function formatJson(value: unknown, key: string, indent: string): string {
  if (typeof value === 'number' && Number.isInteger(value) && floatKeys.has(key)) {
    return value.toFixed(1);
  }
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const inner = `${indent}  `;
  const parts = Array.isArray(value)
    ? value.map((item) => formatJson(item, '', inner))
    : Object.entries(value).map(([k, v]) => `${JSON.stringify(k)}: ${formatJson(v, k, inner)}`);
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  return parts.length === 0
    ? `${open}${close}`
    : `${open}\n${inner}${parts.join(`,\n${inner}`)}\n${indent}${close}`;
}

function asObject(json: unknown, where: string): Record<string, unknown> {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    const kind = json === null ? 'null' : Array.isArray(json) ? 'an array' : typeof json;
    throw new LeiaError('format', `${where}: expected a JSON object, got ${kind}`);
  }
  return { ...json };
}

function check<T extends z.ZodType>(type: T, value: object, where: string): z.output<T> {
  const result = type.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const path = issue?.path.join('.') ?? '';
  let got: unknown = value;
  for (const key of issue?.path ?? []) got = (got as Record<PropertyKey, unknown>)?.[key];
  const name = path === '' ? '' : ` ${path} is ${JSON.stringify(got)}:`;
  const code = issue?.code === 'unrecognized_keys' ? 'unsupported' : 'format';
  throw new LeiaError(code, `${where}:${name} ${issue?.message ?? 'invalid'}`);
}

function unsupported(where: string, key: string, value: unknown, supported: string): never {
  throw new LeiaError(
    'unsupported',
    `${where}: ${key} is ${JSON.stringify(value)}, which is not supported (${supported})`,
  );
}

/** Which family a config is of, by model_type or, where that is missing, by architectures. */
function familyOf(source: Readonly<Record<string, unknown>>, where: string): keyof typeof families {
  const { model_type: modelType, architectures } = source;
  if (modelType === undefined && architectures === undefined) {
    throw new LeiaError(
      'format',
      `${where}: neither model_type nor architectures is given, expected "llama" and ["LlamaForCausalLM"]`,
    );
  }
  const ofArchitectures = (name: keyof typeof families) =>
    !Array.isArray(architectures) ||
    architectures.every((item) =>
      (families[name].architectures as readonly unknown[]).includes(item),
    );
  const names = Object.keys(families) as (keyof typeof families)[];
  const named = names.filter((name) => modelType === undefined || modelType === name);
  if (named.length === 0) {
    unsupported(where, 'model_type', modelType, 'only "llama" and "mistral"');
  }
  const family = named.find(ofArchitectures);
  if (family !== undefined) return family;
  const expected = named.map((name) => `["${families[name].architectures[0]}"]`).join(' or ');
  return unsupported(where, 'architectures', architectures, `only ${expected}`);
}

/** A window as long as the longest sequence hides nothing. */
function hidingWindow(window: number | undefined, longest: number): number | null {
  return window === undefined || window >= longest ? null : window;
}

function refuseUnsupported(source: Readonly<Record<string, unknown>>, where: string): void {
  for (const [key, values] of Object.entries(supportedValues)) {
    const value = source[key];
    const empty = value === undefined || value === null || isEmptyContainer(value);
    if (!empty && !values.includes(value)) {
      const supported = values.length === 0 ? 'only null' : `only ${JSON.stringify(values[0])}`;
      unsupported(where, key, value, supported);
    }
  }
  const layers = source.layer_types;
  if (Array.isArray(layers) && layers.some((layer) => layer !== 'full_attention')) {
    unsupported(where, 'layer_types', layers, 'only "full_attention"');
  }
}

function isEmptyContainer(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

function parseRope(
  raw: z.output<typeof schema>,
  maxPositionEmbeddings: number,
  where: string,
): RopeParameters {
  const candidates = [
    { key: 'rope_scaling', value: raw.rope_scaling },
    { key: 'rope_parameters', value: raw.rope_parameters },
  ].flatMap(({ key, value }) => (value === undefined ? [] : [{ key, value }]));
  const parsed = candidates.map(({ key, value }) =>
    parseRopeObject(value, `${where}: ${key}`, raw.rope_theta, maxPositionEmbeddings),
  );
  const [first, second] = parsed;
  if (second !== undefined && JSON.stringify(first) !== JSON.stringify(second)) {
    contradiction(where, 'rope_scaling and rope_parameters say different things; remove one');
  }
  return first ?? { type: 'default', theta: raw.rope_theta ?? 10000 };
}

function parseRopeObject(
  value: Record<string, unknown>,
  where: string,
  outerTheta: number | undefined,
  maxPositionEmbeddings: number,
): RopeParameters {
  const type = value.rope_type ?? value.type ?? 'default';
  if (type !== 'default' && type !== 'linear' && type !== 'llama3') {
    throw new LeiaError(
      'unsupported',
      `${where}.rope_type is ${JSON.stringify(type)}, which is not supported (only "default", "linear" and "llama3")`,
    );
  }
  const rope = check(ropeSchema, value, where);
  const theta = rope.rope_theta ?? outerTheta ?? 10000;
  const need = (key: 'factor' | 'low_freq_factor' | 'high_freq_factor') => {
    const number = rope[key];
    if (number !== undefined) return number;
    throw new LeiaError('format', `${where}.${key} is missing, rope_type "${type}" needs it`);
  };
  if (type === 'default') return { type, theta };
  if (type === 'linear') return { type, theta, factor: need('factor') };
  const lowFreqFactor = need('low_freq_factor');
  const highFreqFactor = need('high_freq_factor');
  if (highFreqFactor <= lowFreqFactor) {
    contradiction(
      where,
      `high_freq_factor ${highFreqFactor} must be greater than low_freq_factor ${lowFreqFactor}`,
    );
  }
  return {
    type,
    theta,
    factor: need('factor'),
    lowFreqFactor,
    highFreqFactor,
    originalMaxPositionEmbeddings: rope.original_max_position_embeddings ?? maxPositionEmbeddings,
  };
}

function parseDtype(name: string | undefined, where: string): LlamaConfig['dtype'] {
  if (name === undefined || name === 'auto') return null;
  const short = name.replace(/^torch\./, '');
  if (short === 'float32' || short === 'bfloat16' || short === 'float16') return short;
  throw new LeiaError(
    'unsupported',
    `${where}: dtype is "${name}", which is not supported (only "float32", "bfloat16" and "float16")`,
  );
}

function contradiction(where: string, message: string): never {
  throw new LeiaError('mismatch', `${where}: ${message}`);
}
