import { chmod, copyFile, cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { float32ToBfloat16 } from '../../lib/core/bfloat16.ts';
import { Checkpoint } from '../../lib/llama/checkpoint.ts';
import { type LlamaConfig, parseLlamaConfig } from '../../lib/llama/config.ts';
import { LlamaModel } from '../../lib/llama/llama-model.ts';
import { llamaParameters } from '../../lib/llama/parameters.ts';
import {
  SafetensorsFile,
  type SafetensorsSource,
  writeSafetensors,
} from '../../lib/llama/safetensors.ts';
import { saveCheckpoint } from '../../lib/llama/save-checkpoint.ts';
import { bytesOf } from '../../lib/llama/stored-values.ts';
import { expectError, fixtures, readJson, temporaryFolder, tinyLlamas } from './fixtures.ts';

const tiny = join(fixtures, 'tiny-llama');

/** Copies a fixture's model, so that a test may damage it. */
async function copyModel(name = 'tiny-llama'): Promise<string> {
  const folder = join(await temporaryFolder(), 'model');
  await mkdir(folder);
  for (const file of ['config.json', 'model.safetensors', 'generation_config.json']) {
    await copyFile(join(fixtures, name, file), join(folder, file));
  }
  return folder;
}

/** Rewrites the weights of a folder with some tensors changed, removed (null) or added. */
async function changeTensors(
  folder: string,
  changes: Record<string, SafetensorsSource | null>,
): Promise<void> {
  const path = join(folder, 'model.safetensors');
  const sources: SafetensorsSource[] = [];
  await using file = await SafetensorsFile.open(path);
  for (const [name, { dtype, shape }] of file.tensors) {
    if (name in changes) continue;
    sources.push({ name, dtype, shape, read: () => file.read(name) });
  }
  for (const source of Object.values(changes)) if (source !== null) sources.push(source);
  await writeSafetensors(path, sources);
}

async function save(from: string, to: string, maxShardBytes?: number): Promise<void> {
  await using checkpoint = await Checkpoint.open(from);
  await saveCheckpoint(to, {
    config: checkpoint.config,
    dtype: 'float32',
    read: (name) => checkpoint.read(name),
    companions: from,
    ...(maxShardBytes === undefined ? {} : { maxShardBytes }),
  });
}

async function expectSameWeights(a: string, b: string): Promise<void> {
  await using first = await Checkpoint.open(a);
  await using second = await Checkpoint.open(b);
  expect(second.parameters).toEqual(first.parameters);
  for (const { name } of first.parameters) {
    const [a, b] = [await first.read(name), await second.read(name)];
    expect(b.dtype).toBe(a.dtype);
    expect(Buffer.compare(bytesOf(a), bytesOf(b))).toBe(0);
  }
}

describe('Checkpoint.open', () => {
  test.each(tinyLlamas)('opens %s', async (name) => {
    await using checkpoint = await Checkpoint.open(join(fixtures, name));
    for (const { name: parameter, shape } of checkpoint.parameters) {
      const values = await checkpoint.readFloat32(parameter);
      expect(values.length).toBe(shape.reduce((a, b) => a * b, 1));
    }
    expect(checkpoint.parameters.some((parameter) => parameter.name === 'lm_head.weight')).toBe(
      !checkpoint.config.tieWordEmbeddings,
    );
  });

  test('opens a Mistral without a sliding window, which computes the same, and writes it back', async () => {
    const folder = await copyModel();
    const path = join(folder, 'config.json');
    const family = { model_type: 'mistral', architectures: ['MistralForCausalLM'] };
    const config = { ...(await readJson(path)), ...family, sliding_window: null };
    await writeFile(path, JSON.stringify(config));
    using mistral = await LlamaModel.load(folder);
    using llama = await LlamaModel.load(tiny);
    const ids = [[1, 300, 7, 511, 42]];
    expect(await mistral.forward(ids).logits.readFloats()).toEqual(
      await llama.forward(ids).logits.readFloats(),
    );
    const saved = await temporaryFolder();
    await mistral.save(saved);
    expect(await readJson(join(saved, 'config.json'))).toEqual(config);
  });

  test('names a missing tensor, a wrong shape, a tensor too many and a foreign dtype', async () => {
    const folder = await copyModel();
    const norm = 'model.norm.weight';
    const tensor = (name: string, size: number, dtype: 'F32' | 'F64' = 'F32') => ({
      name,
      dtype,
      shape: [size],
      read: () => new Uint8Array(size * (dtype === 'F32' ? 4 : 8)),
    });
    await changeTensors(folder, { [norm]: null });
    await expectError(() => Checkpoint.open(folder), 'mismatch', `"${norm}" is missing`);
    await changeTensors(folder, { [norm]: tensor(norm, 63) });
    await expectError(
      () => Checkpoint.open(folder),
      'mismatch',
      'shape [63], config.json asks for [64]',
    );
    await changeTensors(folder, { [norm]: tensor(norm, 64, 'F64') });
    await expectError(() => Checkpoint.open(folder), 'unsupported', 'dtype F64');
    const bias = 'model.layers.0.self_attn.q_proj.bias';
    await changeTensors(folder, { [norm]: tensor(norm, 64), [bias]: tensor(bias, 64) });
    await expectError(() => Checkpoint.open(folder), 'mismatch', `"${bias}" is not part`);
  });

  test('ignores the buffers of older versions', async () => {
    const folder = await copyModel();
    const name = 'model.layers.0.self_attn.rotary_emb.inv_freq';
    await changeTensors(folder, {
      [name]: { name, dtype: 'F32', shape: [8], read: () => new Uint8Array(32) },
    });
    await using checkpoint = await Checkpoint.open(folder);
    expect(checkpoint.parameters.some((parameter) => parameter.name === name)).toBe(false);
  });

  test('takes a saved copy of tied embeddings, refuses another output matrix', async () => {
    const folder = await copyModel('tiny-llama-tied');
    await using file = await SafetensorsFile.open(join(folder, 'model.safetensors'));
    const bytes = await file.read('model.embed_tokens.weight');
    const head = (read: () => Uint8Array): SafetensorsSource => ({
      name: 'lm_head.weight',
      dtype: 'F32',
      shape: [512, 64],
      read,
    });
    await changeTensors(folder, { 'lm_head.weight': head(() => bytes) });
    await (await Checkpoint.open(folder)).close();
    bytes[17]! ^= 1;
    await changeTensors(folder, { 'lm_head.weight': head(() => bytes) });
    await expectError(() => Checkpoint.open(folder), 'mismatch', 'tie_word_embeddings');
  });

  test('names what a folder lacks', async () => {
    const folder = await temporaryFolder();
    await expectError(() => Checkpoint.open(folder), 'io', 'config.json: no such file');
    await copyFile(join(tiny, 'config.json'), join(folder, 'config.json'));
    await expectError(() => Checkpoint.open(folder), 'io', 'neither model.safetensors');
    await writeFile(join(folder, 'config.json'), '{"model_type": "llama"');
    await expectError(() => Checkpoint.open(folder), 'format', 'is not JSON');
  });

  test('names a truncated weight file', async () => {
    const folder = await copyModel();
    const path = join(folder, 'model.safetensors');
    await writeFile(path, (await readFile(path)).subarray(0, 100_000));
    await expectError(() => Checkpoint.open(folder), 'format', 'is truncated');
  });
});

describe('shards', () => {
  async function sharded(): Promise<string> {
    const folder = await temporaryFolder();
    await save(tiny, folder, 300_000);
    return folder;
  }

  async function changeIndex(
    folder: string,
    change: (map: Record<string, unknown>) => unknown,
  ): Promise<void> {
    const path = join(folder, 'model.safetensors.index.json');
    const index = await readJson(path);
    const map = change(index.weight_map as Record<string, unknown>);
    await writeFile(path, JSON.stringify({ ...index, weight_map: map }));
  }

  test('are written as transformers does and read back', async () => {
    const folder = await sharded();
    const shards = Array.from({ length: 3 }, (_, i) => `model-0000${i + 1}-of-00003.safetensors`);
    expect((await readdir(folder)).sort()).toEqual([
      'config.json',
      'generation_config.json',
      ...shards,
      'model.safetensors.index.json',
    ]);
    const index = await readJson(join(folder, 'model.safetensors.index.json'));
    expect(index.metadata).toEqual({ total_parameters: 201920, total_size: 807680 });
    expect(new Set(Object.values(index.weight_map as object))).toEqual(new Set(shards));
    for (const shard of shards) {
      expect((await readFile(join(folder, shard))).length).toBeLessThan(310_000);
    }
    await expectSameWeights(tiny, folder);
  });

  test('a missing shard is named', async () => {
    const folder = await sharded();
    await rm(join(folder, 'model-00002-of-00003.safetensors'));
    await expectError(
      () => Checkpoint.open(folder),
      'io',
      'model-00002-of-00003.safetensors is missing',
    );
  });

  test('an index that lies is caught', async () => {
    const norm = 'model.norm.weight';
    const first = 'model-00001-of-00003.safetensors';
    const folder = await sharded();
    await changeIndex(folder, (map) => ({ ...map, [norm]: first }));
    await expectError(
      () => Checkpoint.open(folder),
      'mismatch',
      `${first} has tensor "${norm}", it does not`,
    );
    await changeIndex(folder, ({ [norm]: _, ...map }) => map);
    await expectError(() => Checkpoint.open(folder), 'mismatch', `does not list tensor "${norm}"`);
    for (const path of ['../evil.safetensors', '/etc/passwd', '', 7, null]) {
      await changeIndex(folder, (map) => ({ ...map, [norm]: path }));
      await expectError(() => Checkpoint.open(folder), 'format', 'in the same folder');
    }
    await changeIndex(folder, () => []);
    await expectError(() => Checkpoint.open(folder), 'format', '"weight_map" is missing');
  });
});

describe('saveCheckpoint', () => {
  test.each(tinyLlamas)('writes %s back: same weights, config and companions', async (name) => {
    const from = join(fixtures, name);
    const to = join(await temporaryFolder(), 'new', 'folder');
    await save(from, to);
    await expectSameWeights(from, to);
    expect((await readdir(to)).sort()).toEqual([
      'config.json',
      'generation_config.json',
      'model.safetensors',
    ]);
    expect(await readJson(join(to, 'config.json'))).toEqual(
      await readJson(join(from, 'config.json')),
    );
    // The same order and layout as the reference's writer: the files are equal, byte for byte.
    expect(
      (await readFile(join(to, 'model.safetensors'))).equals(
        await readFile(join(from, 'model.safetensors')),
      ),
    ).toBe(true);
  });

  test('writes bfloat16 and says so in the config', async () => {
    const to = await temporaryFolder();
    await using source = await Checkpoint.open(tiny);
    await saveCheckpoint(to, {
      config: source.config,
      dtype: 'bfloat16',
      read: (name) => source.read(name),
    });
    await using saved = await Checkpoint.open(to);
    expect(saved.config.dtype).toBe('bfloat16');
    const { dtype, values } = await saved.read('model.norm.weight');
    expect(dtype).toBe('bfloat16');
    expect(values).toEqual(float32ToBfloat16(await source.readFloat32('model.norm.weight')));
  });

  test('copies the tokenizer along, but for what the caller gives', async () => {
    const from = await copyModel();
    for (const name of ['tokenizer.json', 'tokenizer_config.json', 'notes.txt']) {
      await writeFile(join(from, name), name);
    }
    const to = await temporaryFolder();
    await using source = await Checkpoint.open(from);
    await saveCheckpoint(to, {
      config: source.config,
      dtype: 'float32',
      read: (name) => source.read(name),
      companions: from,
      files: new Map([
        ['tokenizer.json', 'changed'],
        ['added_tokens.json', '{}'],
      ]),
    });
    expect(await readFile(join(to, 'tokenizer.json'), 'utf8')).toBe('changed');
    expect((await readdir(to)).sort()).toEqual([
      'added_tokens.json',
      'config.json',
      'generation_config.json',
      'model.safetensors',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
  });

  test('replaces another checkpoint, keeps other files, also in place', async () => {
    const folder = await copyModel();
    await writeFile(join(folder, 'metrics.jsonl'), 'kept');
    await writeFile(join(folder, 'tokenizer.json'), 'kept');
    await save(tiny, folder, 300_000);
    expect(await readdir(folder)).not.toContain('model.safetensors');
    await expectSameWeights(tiny, folder);
    await save(folder, folder);
    expect((await readdir(folder)).sort()).toEqual([
      'config.json',
      'generation_config.json',
      'metrics.jsonl',
      'model.safetensors',
      'tokenizer.json',
    ]);
    await expectSameWeights(tiny, folder);
  });

  test('a failure on the way leaves the old checkpoint and no litter', async () => {
    const folder = await copyModel();
    const config: LlamaConfig = parseLlamaConfig(await readJson(join(folder, 'config.json')));
    const sizes = new Map(
      llamaParameters(config).map((p) => [p.name, p.shape.reduce((a, b) => a * b)]),
    );
    const broken = saveCheckpoint(folder, {
      config,
      dtype: 'float32',
      read: (name) => {
        if (name === 'model.norm.weight') throw new Error('lost');
        return { dtype: 'float32', values: new Float32Array(sizes.get(name) ?? 0) };
      },
    });
    await expectError(() => broken, 'io', 'lost');
    expect((await readdir(folder)).length).toBe(3);
    await expectSameWeights(tiny, folder);
  });

  test('a folder that cannot be written is named', async () => {
    const parent = await temporaryFolder();
    const file = join(parent, 'file');
    await writeFile(file, '');
    await expectError(() => save(tiny, join(file, 'model')), 'io', 'not a folder');
    if (process.getuid?.() === 0) return; // root may write anywhere
    const locked = join(parent, 'locked');
    await cp(tiny, locked, { recursive: true });
    await chmod(locked, 0o555);
    await expectError(() => save(tiny, locked), 'io', 'permission denied');
  });
});
