// What a run chooses when its user does not: by memory, by the batch, by counted work, and once for all.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { parseLlamaConfig } from '../../lib/llama/config.ts';
import { checkMemory, completeChoices, fastest, planRows } from '../../lib/train/choices.ts';
import { absentGpu, planMemory } from '../../lib/train/memory.ts';
import { type TrainSettingsInput, trainSettings } from '../../lib/train/settings.ts';
import { type TrainOptions, type TrainStart, train } from '../../lib/train/train.ts';
import { expectError } from '../llama/fixtures.ts';
import { smallConfig as config } from '../llama/small-config.ts';
import { runChild } from '../support/child.ts';
import { makeRun, metricsOf, small, withoutSpeed } from './runs.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

/** Makes it look as if the process were in a container with so much memory. */
function constrain(bytes: number): void {
  vi.spyOn(process, 'constrainedMemory').mockReturnValue(bytes);
}

const chosen = (settings: TrainSettingsInput) =>
  completeChoices(config, trainSettings.parse({ sequenceLength: 32, ...settings })).microBatchSize;
const total = (
  microBatchSize: number,
  settings: TrainSettingsInput,
  device: Parameters<typeof planMemory>[2] = { kind: 'cpu', margin: 0 },
) => planMemory(config, { ...trainSettings.parse(settings), microBatchSize }, device).total;

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
  // Long enough that a micro-batch twice as large takes more of the device's pages of 2 MiB.
  const settings = { batchSize: 64, sequenceLength: 512, device: 'emulated' } as const;
  const child = async (memory: number) => {
    const { output, errors } = await runChild('train/children/device-memory.ts', {
      LEIA_ADDON: join(process.env.LEIA_BUILD ?? 'build', 'emulated/leia.node'),
      LEIA_EMULATOR_MEMORY: String(memory),
      SETTINGS: JSON.stringify(settings),
    });
    expect(errors).toBe('');
    return JSON.parse(output) as { chosen: number; free: number; refused?: string };
  };
  const plenty = await child(1 << 29);
  expect(plenty.chosen).toBe(64);
  const takenByOpening = (1 << 29) - plenty.free;
  const gpu = { kind: 'gpu', margin: 0 } as const;
  const enough = total(4, settings, gpu) + takenByOpening;
  const tooLittle = total(1, settings, gpu) - 1 + takenByOpening;
  const [four, two, none] = await Promise.all([enough, enough - 2, tooLittle].map(child));
  expect(four).toEqual({ chosen: 4, free: enough - takenByOpening });
  expect(two!.chosen).toBe(2);
  expect(none!.refused).toMatch(
    /^usage the run needs [\d.]+ GB of memory, emulated has [\d.]+ GB; the largest part are .* with [\d.]+ GB; --recompute norms --moments float32 --micro-batch-size 1 would need [\d.]+ GB$/,
  );
});

describe('among all choices', () => {
  const llama2 = parseLlamaConfig(
    {
      model_type: 'llama',
      vocab_size: 32_002,
      hidden_size: 4096,
      intermediate_size: 11_008,
      num_hidden_layers: 32,
      num_attention_heads: 32,
      max_position_embeddings: 4096,
    },
    'config.json',
  );
  const rowsFor = (gigabytes: number, settings: TrainSettingsInput = {}) =>
    planRows(llama2, trainSettings.parse(settings), absentGpu('a GPU', gigabytes * 1e9));

  test('the fastest that fits is taken: more is computed again the less memory there is', () => {
    expect(fastest(rowsFor(150))).toMatchObject({ recompute: 'none', microBatchSize: 4 });
    expect(fastest(rowsFor(118))).toMatchObject({ recompute: 'norms', microBatchSize: 1 });
    expect(fastest(rowsFor(113))).toMatchObject({ recompute: 'layer-except-attention' });
    expect(fastest(rowsFor(40))).toBeUndefined();
    for (const gigabytes of [150, 118, 113]) {
      const rows = rowsFor(gigabytes).filter(({ fits, moments }) => fits && moments === 'float32');
      expect(rows.length).toBeGreaterThan(0);
      const least = Math.min(...rows.map(({ work }) => work));
      expect(fastest(rowsFor(gigabytes))!.work).toBe(least);
    }
  });

  test('moments lose precision only where nothing else fits', () => {
    expect(rowsFor(150).some(({ fits, moments }) => fits && moments === 'bfloat16')).toBe(true);
    expect(fastest(rowsFor(150))!.moments).toBe('float32');
    const row = fastest(rowsFor(84.9))!;
    expect(row).toMatchObject({ moments: 'bfloat16' });
    expect(row.recompute).toMatch(/^layer/);
    expect(fastest(rowsFor(84.9, { moments: 'float32' }))).toBeUndefined();
  });

  test('ranks share what they have to, and each has a micro-batch', () => {
    const rowsOf = (ranks: number, gigabytes: number, settings: TrainSettingsInput = {}) => {
      const device = { ...absentGpu('a GPU', gigabytes * 1e9), ranks };
      return planRows(llama2, trainSettings.parse(settings), device);
    };
    // Where everything fits, what is shared only costs messages; but slices of the state are also updated sooner.
    expect(fastest(rowsOf(8, 150))!.zero).toBeLessThan(2);
    expect(fastest(rowsOf(8, 42))).toMatchObject({ zero: 2, moments: 'float32' });
    expect(fastest(rowsOf(8, 26))).toMatchObject({ zero: 3, moments: 'float32' });
    expect(fastest(rowsOf(8, 15, { recompute: 'layer' }))).toBeUndefined();
    expect(new Set(rowsOf(8, 42, { zero: 1, recompute: 'layer' }).map(({ zero }) => zero))).toEqual(
      new Set([1]),
    );
    expect(new Set(rowsOf(1, 42, { recompute: 'layer' }).map(({ zero }) => zero))).toEqual(
      new Set([0]),
    );
    for (const row of rowsOf(8, 1e6, { batchSize: 64, recompute: 'layer' }))
      expect(row.microBatchSize).toBe(8);
    // A stage shares more than the one before it.
    const totals = rowsOf(8, 42, { recompute: 'none', moments: 'float32', microBatchSize: 1 });
    const bytes = totals.map(({ memory }) => memory.total);
    expect(bytes).toEqual(bytes.toSorted((a, b) => b - a));
    expect(totals.map(({ zero }) => zero)).toEqual([0, 1, 2, 3]);
  });

  test('what is given is not chosen', () => {
    const given = { recompute: 'norms', moments: 'float32', microBatchSize: 2 } as const;
    const rows = rowsFor(150, given);
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject(given);
    expect(rowsFor(150, { recompute: 'layer' }).map(({ moments }) => moments)).toEqual([
      'float32',
      'bfloat16',
    ]);
  });

  test('every row that is marked as fitting does, and a micro-batch twice as large would not', () => {
    for (const { fits, memory, microBatchSize, recompute, moments } of rowsFor(150)) {
      expect(memory.total <= 150e9).toBe(fits);
      if (!fits) continue;
      const settings = trainSettings.parse({ recompute, moments });
      const twice = { ...settings, microBatchSize: 2 * microBatchSize };
      const device = absentGpu('a GPU', 150e9);
      expect(planMemory(llama2, twice, device).total).toBeGreaterThan(150e9);
    }
  });

  test('an error names the largest part, and what would fit or that nothing would', () => {
    const complete = { microBatchSize: 1, recompute: 'none', moments: 'float32' } as const;
    const settings = { ...trainSettings.parse({}), ...complete };
    const message = (gigabytes: number) => {
      try {
        checkMemory(llama2, settings, absentGpu('a GPU', gigabytes * 1e9));
      } catch (error) {
        return (error as Error).message;
      }
      return '';
    };
    expect(message(150)).toBe('');
    expect(message(84.9)).toMatch(
      /^the run needs 118\.4 GB of memory, a GPU has 84\.9 GB; the largest part are AdamW's moments with 53\.9 GB; --recompute layer\S* --moments bfloat16 --micro-batch-size \d+ would need 8\d\.\d GB$/,
    );
    expect(message(40)).toMatch(
      /; even --recompute layer --moments bfloat16 --micro-batch-size 1 would need 83\.5 GB; a shorter --sequence-length or a smaller model would take less$/,
    );
  });

  test('--auto runs with what is marked, and resumes with it', async () => {
    const options = await makeRun({ dtype: 'bfloat16', batchSize: 4 });
    const { microBatchSize: _, ...settings } = options.settings;
    const auto = { ...options, settings: { ...settings, auto: true } };
    let start: TrainStart | undefined;
    const onStart = (said: TrainStart) => {
      start = said;
    };
    await train({ ...auto, onStart });
    expect(start).toMatchObject({ recompute: 'none', moments: 'float32', microBatchSize: 4 });
    // So little that activations have to go, but not the moments' precision.
    const squeezed = { ...auto, output: `${auto.output}-squeezed` };
    constrain(2 * start!.memory.total - 1);
    await train({ ...squeezed, onStart });
    expect(start!.recompute).not.toBe('none');
    expect(start!.moments).toBe('float32');
    expect(2 * start!.memory.total).toBeLessThan(2 ** 40);
  });
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

    // Too little for the run, then enough, but a new one would choose smaller micro-batches.
    const onStart = vi.fn<(start: TrainStart) => void>();
    constrain(plan - 1);
    await expectError(
      () => train(options),
      'usage',
      'free memory, or begin anew in another --output',
    );
    constrain(2 * plan - 1);
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
