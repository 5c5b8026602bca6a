import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { changeLlamaConfig, formatLlamaConfig, parseLlamaConfig } from '../../lib/llama/config.ts';
import { countParameters } from '../../lib/llama/parameters.ts';
import { expectError, fixtures, readJson, tinyLlamas } from './fixtures.ts';

const minimal = { model_type: 'llama' };

describe('parseLlamaConfig', () => {
  test('fills in the defaults of transformers, but for BOS and EOS', () => {
    expect(parseLlamaConfig(minimal)).toEqual({
      vocabSize: 32000,
      hiddenSize: 4096,
      intermediateSize: 11008,
      numHiddenLayers: 32,
      numAttentionHeads: 32,
      numKeyValueHeads: 32,
      headDim: 128,
      maxPositionEmbeddings: 2048,
      slidingWindow: null,
      rmsNormEps: 1e-6,
      initializerRange: 0.02,
      tieWordEmbeddings: false,
      rope: { type: 'default', theta: 10000 },
      bosTokenId: null,
      eosTokenIds: [],
      dtype: null,
      source: minimal,
    });
    expect(countParameters(parseLlamaConfig(minimal))).toBe(6738415616);
  });

  test('reads null as not set', () => {
    const config = parseLlamaConfig({
      ...minimal,
      num_key_value_heads: null,
      head_dim: null,
      rope_scaling: null,
      pad_token_id: null,
      eos_token_id: null,
      bos_token_id: null,
      quantization_config: null,
      attention_bias: null,
    });
    expect(config).toMatchObject({ numKeyValueHeads: 32, headDim: 128 });
    expect(config).toMatchObject({ bosTokenId: null, eosTokenIds: [] });
  });

  test.each([
    ['architectures', ['LLaMAForCausalLM']],
    // Both change how training computes, or in how many pieces, and nothing of the model.
    ['attention_dropout', 0.1],
    ['pretraining_tp', 2],
    ['sliding_window', 2048],
  ])('takes %s %j, and keeps it', (key, value) => {
    const config = parseLlamaConfig({ ...minimal, [key]: value });
    expect(config).toEqual({ ...parseLlamaConfig(minimal), source: { ...minimal, [key]: value } });
    expect(JSON.parse(formatLlamaConfig(config))[key]).toEqual(value);
  });

  test('reads a Mistral, without a sliding window as the LLaMA that it is', async () => {
    const mistral = { model_type: 'mistral', sliding_window: null };
    const config = parseLlamaConfig({ ...mistral, architectures: ['MistralForCausalLM'] });
    expect(config).toMatchObject({
      hiddenSize: 4096,
      intermediateSize: 14336,
      numAttentionHeads: 32,
      numKeyValueHeads: 8,
      headDim: 128,
      maxPositionEmbeddings: 131072,
      rope: { type: 'default', theta: 10000 },
    });
    // Of Mistral 7B 0.3.
    expect(countParameters(parseLlamaConfig({ ...mistral, vocab_size: 32768 }))).toBe(7248023552);
    const { numKeyValueHeads } = parseLlamaConfig({ ...mistral, num_key_value_heads: null });
    expect(numKeyValueHeads).toBe(32);
    expect(JSON.parse(formatLlamaConfig(parseLlamaConfig(mistral)))).toMatchObject({
      architectures: ['MistralForCausalLM'],
      ...mistral,
    });
    // One that says nothing has a window, of 4096.
    expect(config.slidingWindow).toBeNull();
    for (const window of [{}, { sliding_window: 4096 }]) {
      const windowed = { model_type: 'mistral', ...window };
      expect(parseLlamaConfig(windowed).slidingWindow).toBe(4096);
      // No sequence is as long as the window.
      const short = parseLlamaConfig({ ...windowed, max_position_embeddings: 4096 });
      expect(short.slidingWindow).toBeNull();
    }
    const mixed = { ...mistral, architectures: ['LlamaForCausalLM'] };
    await expectError(() => parseLlamaConfig(mixed), 'unsupported', 'only ["MistralForCausalLM"]');
  });

  test('reads BOS, and one end token or several', () => {
    const one = parseLlamaConfig({ ...minimal, bos_token_id: 0, eos_token_id: 2 });
    expect([one.bosTokenId, one.eosTokenIds]).toEqual([0, [2]]);
    const config = parseLlamaConfig({ ...minimal, eos_token_id: [128001, 128008, 128009] });
    expect(config.eosTokenIds).toEqual([128001, 128008, 128009]);
  });

  test('reads rope and dtype in the spellings of transformers 4 and 5', () => {
    const scaling = {
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 8192,
      rope_type: 'llama3',
    };
    const four = parseLlamaConfig({
      ...minimal,
      rope_theta: 500000,
      rope_scaling: scaling,
      torch_dtype: 'bfloat16',
    });
    const five = parseLlamaConfig({
      ...minimal,
      rope_parameters: { ...scaling, rope_theta: 500000 },
      dtype: 'bfloat16',
    });
    expect(four.rope).toEqual(five.rope);
    expect(four.rope).toEqual({
      type: 'llama3',
      theta: 500000,
      factor: 8,
      lowFreqFactor: 1,
      highFreqFactor: 4,
      originalMaxPositionEmbeddings: 8192,
    });
    expect([four.dtype, five.dtype]).toEqual(['bfloat16', 'bfloat16']);
    const legacy = { ...minimal, rope_scaling: { type: 'linear', factor: 2 } };
    expect(parseLlamaConfig(legacy).rope).toEqual({ type: 'linear', theta: 10000, factor: 2 });
  });

  test.each([
    ['model_type', 'qwen2'],
    ['architectures', ['LlamaForSequenceClassification']],
    ['architectures', ['LlamaForCausalLM', 'MistralForCausalLM']],
    ['architectures', ['MistralForCausalLM']],
    ['hidden_act', 'gelu'],
    ['attention_bias', true],
    ['mlp_bias', true],
    ['sliding_window', 2047],
    ['quantization_config', { quant_method: 'gptq' }],
    ['partial_rotary_factor', 0.5],
    ['layer_types', ['full_attention', 'sliding_attention']],
    ['torch_dtype', 'float8_e4m3fn'],
    ['rope_scaling', { rope_type: 'yarn', factor: 2 }],
    ['rope_scaling', { type: 'dynamic', factor: 2 }],
    ['rope_scaling', { rope_type: 'linear', factor: 2, attention_factor: 0.5 }],
  ])('refuses %s %j by name', async (key, value) => {
    const name = key === 'torch_dtype' ? 'dtype' : key;
    await expectError(() => parseLlamaConfig({ ...minimal, [key]: value }), 'unsupported', name);
  });

  test.each([
    [{ vocab_size: 0 }, 'vocab_size is 0'],
    [{ hidden_size: -64 }, 'hidden_size is -64'],
    [{ num_hidden_layers: 1.5 }, 'num_hidden_layers is 1.5'],
    [{ num_attention_heads: '32' }, 'num_attention_heads is "32"'],
    [{ rms_norm_eps: 0 }, 'rms_norm_eps is 0'],
    [{ tie_word_embeddings: 'yes' }, 'tie_word_embeddings is "yes"'],
    [{ rope_theta: 0 }, 'rope_theta is 0'],
    [{ rope_scaling: { type: 'linear' } }, 'rope_scaling.factor is missing'],
    [{ rope_scaling: { type: 'linear', factor: 0.5 } }, 'factor is 0.5'],
    [{ rope_scaling: 'linear' }, 'rope_scaling is "linear"'],
  ])('refuses %j', async (keys, text) => {
    await expectError(() => parseLlamaConfig({ ...minimal, ...keys }), 'format', text);
  });

  test.each([
    [{ num_attention_heads: 3 }, 'hidden_size 4096 is not a multiple of num_attention_heads 3'],
    [{ num_key_value_heads: 5 }, 'num_key_value_heads 5 does not divide num_attention_heads 32'],
    [{ head_dim: 127 }, 'head_dim 127 is odd'],
    [
      { rope_scaling: { type: 'linear', factor: 2 }, rope_parameters: { rope_type: 'default' } },
      'say different things',
    ],
    [
      {
        rope_scaling: {
          rope_type: 'llama3',
          factor: 8,
          low_freq_factor: 4,
          high_freq_factor: 4,
        },
      },
      'high_freq_factor 4 must be greater than low_freq_factor 4',
    ],
  ])('refuses the contradiction %j', async (keys, text) => {
    await expectError(() => parseLlamaConfig({ ...minimal, ...keys }), 'mismatch', text);
  });

  test('refuses what is no config at all', async () => {
    await expectError(() => parseLlamaConfig(null), 'format', 'expected a JSON object, got null');
    await expectError(() => parseLlamaConfig([]), 'format', 'got an array');
    await expectError(() => parseLlamaConfig({}), 'format', 'neither model_type nor architectures');
  });
});

describe('formatLlamaConfig', () => {
  test.each(tinyLlamas)('writes the config of %s back byte for byte', async (name) => {
    const path = `${fixtures}${name}/config.json`;
    const text = await readFile(path, 'utf8');
    const written = formatLlamaConfig(parseLlamaConfig(await readJson(path)));
    // JSON.stringify has no 1e-05; the numbers are the same.
    expect(written.trim()).toBe(text.trim().replace('1e-05', '0.00001'));
  });

  test('keeps unknown keys and changes only what was asked', () => {
    const config = parseLlamaConfig({ ...minimal, mood: { calm: [1, {}] }, dtype: 'float32' });
    const changed = changeLlamaConfig(config, { vocab_size: 32002, dtype: 'bfloat16' });
    expect(changed.vocabSize).toBe(32002);
    expect(JSON.parse(formatLlamaConfig(changed))).toEqual({
      architectures: ['LlamaForCausalLM'],
      model_type: 'llama',
      mood: { calm: [1, {}] },
      dtype: 'bfloat16',
      vocab_size: 32002,
    });
  });
});
