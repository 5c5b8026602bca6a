// What a run writes, read by rules that share nothing with the reader in lib/: safetensors' own
// (huggingface/safetensors, README, "Format"), and the layout of the folders transformers wrote.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { train } from '../../lib/train/train.ts';
import { fixtures, readJson } from '../llama/fixtures.ts';
import { makeModel, makeRun } from './runs.ts';

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

/** Checks every rule of the format and gives the entries in the order of their data. */
async function readByTheRules(path: string): Promise<Map<string, Entry & { data: Buffer }>> {
  const bytes = await readFile(path);
  const length = Number(bytes.readBigUInt64LE(0));
  expect(length).toBeLessThanOrEqual(100_000_000);
  const header = bytes.toString('utf8', 8, 8 + length);
  expect(header.startsWith('{')).toBe(true);
  // Only spaces may pad it, and the data begins aligned.
  expect(header).toMatch(/\} *$/);
  expect((8 + length) % 8).toBe(0);
  const { __metadata__: metadata, ...json } = JSON.parse(header);
  expect(metadata).toEqual({ format: 'pt' });
  const entries = Object.entries(json as Record<string, Entry>).sort(
    ([, a], [, b]) => a.data_offsets[0] - b.data_offsets[0],
  );
  const sizes: Record<string, number> = { F32: 4, BF16: 2, F16: 2 };
  let end = 0;
  for (const [, { dtype, shape, data_offsets }] of entries) {
    // No holes, no overlaps, and as many bytes as shape and dtype say.
    expect(data_offsets[0]).toBe(end);
    end = data_offsets[1];
    expect(end - data_offsets[0]).toBe(shape.reduce((a, b) => a * b, sizes[dtype]!));
  }
  expect(8 + length + end).toBe(bytes.length);
  return new Map(
    entries.map(([name, entry]) => {
      const [from, to] = entry.data_offsets.map((offset) => 8 + length + offset);
      return [name, { ...entry, data: bytes.subarray(from, to) }];
    }),
  );
}

describe.each(['tiny-llama', 'tiny-llama-tied'])('from %s', (name) => {
  test.each(['float32', 'bfloat16', 'float16'] as const)('in %s', async (saveDtype) => {
    const settings = { maxSteps: 1, strategy: 'none', learningRate: 1e-30 } as const;
    const options = {
      ...(await makeRun({ ...settings, dtype: 'bfloat16', saveDtype })),
      model: await makeModel(name),
    };
    await train(options);
    const written = await readByTheRules(join(options.output, 'model.safetensors'));
    const base = await readByTheRules(join(fixtures, name, 'model.safetensors'));
    expect([...written.keys()].sort()).toEqual([...base.keys()].sort());
    for (const [tensor, { shape, data }] of base) {
      const entry = written.get(tensor)!;
      expect(entry.shape).toEqual(shape);
      expect(entry.dtype).toBe({ float32: 'F32', bfloat16: 'BF16', float16: 'F16' }[saveDtype]);
      // A rate of nothing leaves the weights as they were: bit for bit, or rounded.
      if (saveDtype === 'float32') expect(entry.data.equals(data)).toBe(true);
      if (saveDtype === 'bfloat16') {
        expect(largestDifference(entry.data, data)).toBeLessThanOrEqual(1 / 256);
      }
    }
    const config = await readJson(join(options.output, 'config.json'));
    const before = await readJson(join(fixtures, name, 'config.json'));
    expect(config).toEqual({ ...before, torch_dtype: saveDtype });
    expect(await readdir(options.output)).toContain('tokenizer.json');
  });
});

/** Of bfloat16 values to float32 ones, relative. */
function largestDifference(bits: Buffer, floats: Buffer): number {
  let largest = 0;
  for (let i = 0; i < floats.length / 4; i++) {
    const value = floats.readFloatLE(4 * i);
    const word = Buffer.alloc(4);
    word.writeUInt16LE(bits.readUInt16LE(2 * i), 2);
    largest = Math.max(largest, Math.abs(word.readFloatLE(0) - value) / Math.abs(value || 1));
  }
  return largest;
}
