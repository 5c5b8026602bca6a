// The ready settings in configs/: each is taken by its name, plans, and trains three steps at a reduced size.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readySettingsNames } from '../../lib/cli/options.ts';
import { temporaryFolder } from '../llama/fixtures.ts';
import { makeDataset, makeModel, metricsOf } from '../train/runs.ts';
import { leia } from './child.ts';

const llama = { model_type: 'llama', max_position_embeddings: 8192 };
const sevenBillion = {
  ...llama,
  hidden_size: 4096,
  intermediate_size: 11_008,
  num_hidden_layers: 32,
  num_attention_heads: 32,
};

/** The model that each is for, and what is marked for it on a device. */
const models = {
  'leia-llama2-7b': {
    config: { ...sevenBillion, vocab_size: 32_000 },
    device: 'h200-141gb',
    marked: '--recompute none --moments float32 --micro-batch-size 1',
  },
  'leia-swallow-7b': {
    config: { ...sevenBillion, vocab_size: 43_176 },
    device: 'h200-141gb',
    marked: '--recompute none --moments float32 --micro-batch-size 1',
  },
  'leia-llama3-8b': {
    config: {
      ...sevenBillion,
      vocab_size: 128_256,
      intermediate_size: 14_336,
      num_key_value_heads: 8,
    },
    device: 'h200-141gb',
    marked: '--recompute none --moments float32 --micro-batch-size 2',
  },
  'laptop-15m': {
    config: {
      ...llama,
      vocab_size: 32_000,
      hidden_size: 288,
      intermediate_size: 768,
      num_hidden_layers: 6,
      num_attention_heads: 6,
      tie_word_embeddings: true,
    },
    // A laptop's memory is not known here, but that it is enough for any micro-batch.
    device: '16GB',
    marked: '--recompute none --moments float32 --micro-batch-size 32',
  },
};

test('there is a model for each', () => {
  expect(readySettingsNames()).toEqual(Object.keys(models).sort());
});

test.each(Object.entries(models))('%s plans', async (name, { config, device, marked }) => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  const args = ['train', '--plan', '--config', name, '--model', folder, '--device-memory', device];
  const { code, stdout, stderr } = await leia(args);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  expect(stdout.trim().split('\n').at(-1)).toMatch(new RegExp(`^→ .*${marked}$`));
});

test.each(Object.keys(models))('%s trains three steps at a reduced size', async (name) => {
  const output = join(await temporaryFolder(), 'run');
  const args = ['train', '--config', name, '--model', await makeModel()];
  args.push('--data', await makeDataset(), '--output', output, '--device', 'cpu');
  args.push('--max-steps', '3', '--warmup-steps', '1', '--batch-size', '4');
  args.push('--sequence-length', '32');
  const { code, stderr } = await leia(args);
  expect(stderr).not.toContain('leia:');
  expect(code).toBe(0);
  const metrics = await metricsOf(output);
  expect(metrics.map(({ step }) => step)).toEqual([1, 2, 3]);
  expect(metrics.every(({ loss }) => Number.isFinite(loss))).toBe(true);
});

test('a name that there is not is refused with those there are', async () => {
  const { code, stderr } = await leia(['train', '--config', 'leia-llama2', '--model', 'm']);
  expect(code).toBe(2);
  expect(stderr).toBe(
    "leia: --config: there is no file 'leia-llama2', and no ready setting of that name; did you mean 'leia-llama2-7b'? There are laptop-15m, leia-llama2-7b, leia-llama3-8b, leia-swallow-7b\n",
  );
});
