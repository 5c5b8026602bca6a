// `leia train --plan`: what it prints for a model of which only config.json is there, on devices that are not.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { cards, parseDeviceMemory, planLines } from '../../lib/cli/plan.ts';
import { absentGpu } from '../../lib/train/memory.ts';
import { trainSettings } from '../../lib/train/settings.ts';
import { expectError, temporaryFolder } from '../llama/fixtures.ts';
import { leia } from './child.ts';

const llama2 = {
  model_type: 'llama',
  vocab_size: 32_000,
  hidden_size: 4096,
  intermediate_size: 11_008,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  max_position_embeddings: 4096,
};

/** A folder with nothing but this config.json. */
async function folderOf(config: object = llama2): Promise<string> {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  return folder;
}

/** The plan of LLaMA-2-7B for so many GPUs that are not here. */
const planFor = async (device: string, ranks = 1) =>
  await planLines(await folderOf(), trainSettings.parse({}), ranks, parseDeviceMemory(device));

describe('a plan of LLaMA-2-7B', () => {
  test('for an H200 marks what keeps everything, and its parts add up', async () => {
    const lines = await planFor('h200-141gb');
    expect(lines[0]).toBe(
      '6.74 billion parameters in bfloat16; 2048 sequences of 2048 tokens a step',
    );
    expect(lines.filter((line) => line.startsWith('→  '))).toEqual([
      expect.stringMatching(/^→ {2}none +float32 +4 +35\.1 GB +144\.8 GB .* fits$/),
    ]);
    expect(lines.at(-1)).toMatch(/--recompute none --moments float32 --micro-batch-size 4$/);
    const start = lines.findIndex((line) => line.startsWith('parameters'));
    const end = lines.findIndex((line) => line.startsWith('in all'));
    const gigabytes = (line: string) => Number(/([\d.]+) GB$/.exec(line)![1]);
    const sum = lines.slice(start, end).reduce((total, line) => total + gigabytes(line), 0);
    expect(Math.abs(sum - gigabytes(lines[end]!))).toBeLessThan(0.5);
    expect(lines.join('\n')).toContain("AdamW's moments");
  });

  test('of a small model counts millions; sequences that it cannot take are refused', async () => {
    const small = { hidden_size: 64, intermediate_size: 176, num_attention_heads: 4 };
    const folder = await folderOf({ ...llama2, ...small, num_hidden_layers: 2 });
    const planOf = async (sequenceLength: number) =>
      await planLines(
        folder,
        trainSettings.parse({ sequenceLength }),
        1,
        parseDeviceMemory('40GB'),
      );
    expect((await planOf(4096))[0]).toMatch(/^4\.20 million parameters in bfloat16; /);
    await expectError(() => planOf(4097), 'argument', "model's max_position_embeddings 4096");
  });

  test('for one card of 80 GB takes smaller moments, and computes layers again', async () => {
    const lines = await planFor('a100-80gb');
    expect(lines.at(-1)).toMatch(/^→ .*--recompute layer\S* --moments bfloat16/);
    expect(lines.filter((line) => line.includes('float32'))).toHaveLength(4);
    for (const line of lines.filter((line) => line.includes('float32'))) {
      expect(line).toMatch(/too large$/);
    }
  });

  test('for one card of 40 GB says that nothing fits', async () => {
    const lines = await planFor('40GB');
    expect(lines.some((line) => line.startsWith('→'))).toBe(false);
    expect(lines.at(-1)).toBe('None fits into 40.0 GB; the parts are those of the smallest.');
  });

  test('for eight cards of 40 GB shares gradients and states, without smaller moments', async () => {
    const lines = await planFor('a100-40gb', 8);
    expect(lines[1]).toBe('8 ranks, each on a100-40gb: 42.2 GB');
    expect(lines.filter((line) => line.startsWith('→  '))).toEqual([
      expect.stringMatching(/^→ {2}2 +norms +float32 +2 +12\.7 GB +42\.1 GB .* fits$/),
    ]);
    const ofStage = (stage: number) => lines.filter((line) => RegExp(`^.  ${stage} `).test(line));
    for (const stage of [0, 1]) {
      expect(ofStage(stage)).toHaveLength(8);
      for (const line of ofStage(stage)) expect(line).toMatch(/too large$/);
    }
    for (const stage of [2, 3]) {
      expect(ofStage(stage)).toHaveLength(4);
      for (const line of ofStage(stage)) expect(line).toMatch(/float32 .* fits$/);
    }
    expect(lines.at(-1)).toMatch(/ --zero 2 --recompute norms --moments float32 --micro-batch/);
    expect((await planFor('1GB', 2)).at(-1)).toMatch(/^None fits into 1\.0 GB on each rank; /);
  });

  test("counts LEIA's two tokens where they will be added, and not twice", async () => {
    const parameters = async (config: object, strategy: 'right' | 'none') => {
      const lines = await planLines(
        await folderOf(config),
        trainSettings.parse({ strategy, dtype: 'float32' }),
        1,
        absentGpu('a GPU', 1e12),
      );
      return lines.find((line) => line.startsWith('parameters'));
    };
    const small = {
      model_type: 'llama',
      vocab_size: 64,
      hidden_size: 65_536,
      intermediate_size: 1,
      num_hidden_layers: 1,
      num_attention_heads: 1,
      head_dim: 64,
      tie_word_embeddings: true,
    };
    expect(await parameters(small, 'right')).not.toBe(await parameters(small, 'none'));
    const adapted = { ...small, leia_base_vocab_size: 62 };
    expect(await parameters(adapted, 'right')).toBe(await parameters(adapted, 'none'));
  });
});

test('a device is named by its memory or as a card', async () => {
  expect(parseDeviceMemory('40GB').bytes).toBe(40e9);
  expect(parseDeviceMemory('1.5 GiB').bytes).toBe(1.5 * 2 ** 30);
  expect(parseDeviceMemory('512mb').bytes).toBe(512e6);
  expect(parseDeviceMemory('A100-80GB').bytes).toBe(cards['a100-80gb']);
  for (const wrong of ['', '40', 'GB', '0GB', '-1GB', '40TB', 'b200', '1e3GB', '40GB of it']) {
    await expectError(
      () => parseDeviceMemory(wrong),
      'usage',
      `--device-memory: expected a size such as 40GB or 39.3GiB, or one of a100-40gb, a100-80gb, h100-80gb, h200-141gb, got '${wrong}'`,
    );
  }
});

describe('on the command line', () => {
  const plan = async (...more: string[]) =>
    await leia(['train', '--plan', '--model', await folderOf(), ...more]);

  test('needs the model alone, and takes what is given as given', async () => {
    const { code, stdout, stderr } = await plan(
      '--device-memory',
      'h200-141gb',
      '--recompute',
      'norms',
      '--moments',
      'float32',
    );
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(stdout.split('\n').filter((line) => / fits$/.test(line))).toEqual([
      expect.stringMatching(/^→ {2}norms +float32/),
    ]);
  });

  test('refuses what does not belong together', async () => {
    const without = await leia(
      'train --model m --data d --output o --device-memory 40GB'.split(' '),
    );
    expect(without.code).toBe(2);
    expect(without.stderr).toContain('--device-memory is what --plan counts for');
    const wrong = await plan('--device-memory', '40');
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain("got '40'");
    const absent = await leia(['train', '--plan', '--model', join(await folderOf(), 'absent')]);
    expect(absent.code).toBe(1);
    expect(absent.stderr.trim().split('\n')).toHaveLength(1);
    const batch = await plan('--batch-size', '6', '--micro-batch-size', '4');
    expect(batch.code).toBe(2);
    expect(batch.stderr).toContain('a batch of 6 sequences cannot be cut');
  });

  test('says how to plan for a device that is not here', async () => {
    const { code, stderr } = await plan('--device', 'cuda:77');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^leia: .*; --device-memory plans for a GPU that is not here\n$/);
  });

  test('still needs data and output without --plan', async () => {
    const { code, stderr } = await leia(['train', '--model', await folderOf()]);
    expect(code).toBe(2);
    expect(stderr).toContain('--data is missing');
  });
});
