import { describe, expect, test } from 'vitest';
import { readConfig } from '../../lib/llama/checkpoint.ts';
import { inverseFrequencies, ropeTables } from '../../lib/llama/rope.ts';
import { SafetensorsFile } from '../../lib/llama/safetensors.ts';
import { fixtures, tinyLlamas } from './fixtures.ts';

describe('inverseFrequencies', () => {
  test.each(tinyLlamas)('equals what transformers uses for %s', async (name) => {
    const config = await readConfig(`${fixtures}${name}`);
    await using expected = await SafetensorsFile.open(`${fixtures}${name}/expected.safetensors`);
    const reference = await expected.readFloat32('inv_freq');
    const frequencies = inverseFrequencies(config.rope, config.headDim);
    expect(frequencies.length).toBe(reference.length);
    for (const [i, value] of frequencies.entries()) {
      // transformers computes them in float32
      expect(Math.abs(value / reference[i]! - 1)).toBeLessThan(1e-6);
    }
  });

  test('llama3 scaling covers all three bands', async () => {
    const { rope, headDim } = await readConfig(`${fixtures}tiny-llama-rope-llama3`);
    const plain = inverseFrequencies({ type: 'default', theta: rope.theta }, headDim);
    const ratios = [...inverseFrequencies(rope, headDim)].map((value, i) => value / plain[i]!);
    expect(ratios.at(0)).toBe(1);
    expect(ratios.at(-1)).toBe(1 / 8);
    expect(ratios.some((ratio) => ratio > 1 / 8 && ratio < 1)).toBe(true);
  });

  test('linear scaling divides every frequency', () => {
    const plain = inverseFrequencies({ type: 'default', theta: 10000 }, 64);
    const scaled = inverseFrequencies({ type: 'linear', theta: 10000, factor: 4 }, 64);
    expect([...scaled]).toEqual([...plain].map((value) => value / 4));
  });
});

test('ropeTables are rounded from float64 angles, also at far positions', () => {
  const rope = { type: 'default', theta: 10000 } as const;
  const positions = 100_001;
  const { cos, sin } = ropeTables(rope, 8, positions);
  expect(cos.length).toBe(positions * 4);
  for (const position of [0, 1, 4095, 100_000]) {
    for (let i = 0; i < 4; i++) {
      const angle = position * 10000 ** (-i / 4);
      expect(cos[position * 4 + i]).toBe(Math.fround(Math.cos(angle)));
      expect(sin[position * 4 + i]).toBe(Math.fround(Math.sin(angle)));
    }
  }
});
