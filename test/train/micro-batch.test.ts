// The micro-batch that a run chooses when its user does not: by memory, by the batch, and once for all.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { parseLlamaConfig } from '../../lib/llama/config.ts';
import { planMemory } from '../../lib/train/memory.ts';
import { chooseMicroBatchSize } from '../../lib/train/micro-batch.ts';
import { type TrainSettingsInput, trainSettings } from '../../lib/train/settings.ts';
import { type TrainOptions, type TrainStart, train } from '../../lib/train/train.ts';
import { runChild } from '../support/child.ts';
import { makeRun, metricsOf, small, withoutSpeed } from './runs.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

/** Makes it look as if the process were in a container with so much memory. */
function constrain(bytes: number): void {
  vi.spyOn(process, 'constrainedMemory').mockReturnValue(bytes);
}

const config = parseLlamaConfig(
  {
    model_type: 'llama',
    vocab_size: 300,
    hidden_size: 48,
    intermediate_size: 100,
    num_hidden_layers: 3,
    num_attention_heads: 4,
  },
  'config.json',
);
const chosen = (settings: TrainSettingsInput) =>
  chooseMicroBatchSize(config, trainSettings.parse({ sequenceLength: 32, ...settings }));
const total = (microBatchSize: number, settings: TrainSettingsInput) =>
  planMemory(config, { ...trainSettings.parse(settings), microBatchSize }).total;

describe('on the CPU', () => {
  test.each([
    [1, 32, 1],
    [5, 32, 1],
    [8, 32, 8],
    [12, 32, 4],
    // Not beyond 2,048 tokens, unless one sequence is longer.
    [2048, 32, 64],
    [2048, 1000, 2],
    [2048, 2048, 1],
    [2048, 4096, 1],
  ])(
    'a batch of %i sequences of %i tokens is cut into parts of %i',
    (batchSize, length, expected) => {
      expect(chosen({ batchSize, sequenceLength: length })).toBe(expected);
    },
  );

  test('the plan takes half of the memory at most', () => {
    const settings = { batchSize: 64, sequenceLength: 32, dtype: 'float32' } as const;
    constrain(2 * total(8, settings));
    expect(chosen(settings)).toBe(8);
    constrain(2 * total(8, settings) - 1);
    expect(chosen(settings)).toBe(4);
    constrain(2 * total(1, settings) - 1);
    expect(chosen(settings)).toBe(1);
  });

  test('a loss that depends on micro-batches does not depend on the machine', () => {
    expect(chosen({ batchSize: 8, lossAverage: 'micro-batches' })).toBe(1);
  });
});

test("a device's own memory decides on that device", async () => {
  const settings = { batchSize: 64, sequenceLength: 32, device: 'emulated' } as const;
  const child = async (memory: number) => {
    const { output, errors } = await runChild('train/children/device-memory.ts', {
      LEIA_ADDON: join(process.env.LEIA_BUILD ?? 'build', 'emulated/leia.node'),
      LEIA_EMULATOR_MEMORY: String(memory),
      SETTINGS: JSON.stringify(settings),
    });
    expect(errors).toBe('');
    return JSON.parse(output) as { chosen: number; free: number; refused?: string };
  };
  const plenty = await child(1 << 28);
  expect(plenty.chosen).toBe(64);
  const takenByOpening = (1 << 28) - plenty.free;
  // The plan takes fifteen sixteenths at most, but a single sequence may take all.
  const enough = Math.ceil((total(4, settings) * 16) / 15) + takenByOpening;
  const tooLittle = total(1, settings) - 1 + takenByOpening;
  const [four, two, none] = await Promise.all([enough, enough - 2, tooLittle].map(child));
  expect(four).toEqual({ chosen: 4, free: enough - takenByOpening });
  expect(two!.chosen).toBe(2);
  expect(none!.refused).toMatch(
    /^usage the run needs [\d.]+ GB of memory, emulated has [\d.]+ GB free; [\d.]+ GB are activations, which a smaller --micro-batch-size/,
  );
});

describe('a run', () => {
  async function makeUndecided(): Promise<TrainOptions> {
    const options = await makeRun();
    const { microBatchSize: _, ...settings } = small;
    return { ...options, settings: trainSettings.parse(settings) };
  }

  async function resultOf(output: string) {
    const files = ['model.safetensors', 'run.json'].map((name) => readFile(join(output, name)));
    return [withoutSpeed(await metricsOf(output)), ...(await Promise.all(files))];
  }

  test('says and records what was chosen, and is then as if it had been given', async () => {
    const options = await makeUndecided();
    const onStart = vi.fn<(start: TrainStart) => void>();
    await train({ ...options, onStart });
    expect(onStart.mock.calls[0]![0].microBatchSize).toBe(4);
    const run = JSON.parse(await readFile(join(options.output, 'run.json'), 'utf8'));
    expect(run.microBatchSize).toBe(4);
    const given = { ...options, settings: { ...options.settings, microBatchSize: 4 } };
    expect(await train(given)).toMatchObject({ trained: false });
    // A finished run is found finished, also where another size would be chosen now.
    constrain(1);
    expect(await train(options)).toMatchObject({ trained: false });
  });

  test('keeps what it began with when it is resumed with less memory', async () => {
    const whole = await makeUndecided();
    let plan = 0;
    await train({
      ...whole,
      onStart: ({ memory }) => {
        plan = memory.total;
      },
    });
    const options = { ...whole, output: `${whole.output}-resumed` };
    const controller = new AbortController();
    const onStep = () => controller.abort();
    const stopped = train({ ...options, signal: controller.signal, onStep });
    await expect(stopped).rejects.toMatchObject({ code: 'interrupted' });

    // Enough for the run, but a new one would choose smaller micro-batches.
    constrain(2 * plan - 1);
    const onStart = vi.fn<(start: TrainStart) => void>();
    await train({ ...options, output: `${whole.output}-new`, onStart });
    expect(onStart.mock.lastCall![0].microBatchSize).toBe(2);
    await train({ ...options, onStart });
    expect(onStart.mock.lastCall![0]).toMatchObject({ stepsDone: 1, microBatchSize: 4 });
    expect(await resultOf(options.output)).toEqual(await resultOf(whole.output));
  });

  test('that saved nothing chooses again', async () => {
    const options = await makeUndecided();
    const controller = new AbortController();
    controller.abort();
    const stopped = train({ ...options, signal: controller.signal });
    await expect(stopped).rejects.toMatchObject({ code: 'interrupted' });
    const settings = { ...options.settings, batchSize: 2, maxSteps: 1 };
    const onStart = vi.fn<(start: TrainStart) => void>();
    await train({ ...options, settings, onStart });
    expect(onStart.mock.lastCall![0].microBatchSize).toBe(2);
  });
});
