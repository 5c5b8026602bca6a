// In which dtype a trained model is saved, that it comes from the exact masters, and what is said of the rounding.
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { bfloat16ToFloat32, float32ToBfloat16, joinFloat32 } from '../../lib/core/bfloat16.ts';
import { adaptCheckpoint } from '../../lib/leia/adapt.ts';
import { Checkpoint } from '../../lib/llama/checkpoint.ts';
import { float16ToFloat32, float32ToFloat16 } from '../../lib/llama/float16.ts';
import { LlamaModel } from '../../lib/llama/llama-model.ts';
import { SafetensorsFile } from '../../lib/llama/safetensors.ts';
import { saveCheckpoint } from '../../lib/llama/save-checkpoint.ts';
import { type StoredValues, toFloat32 } from '../../lib/llama/stored-values.ts';
import type { TrainSettingsInput } from '../../lib/train/settings.ts';
import { type TrainOptions, train } from '../../lib/train/train.ts';
import { expectError, temporaryFolder } from '../llama/fixtures.ts';
import { makeRun, storeAs } from './runs.ts';

type Stored = Map<string, StoredValues>;

async function weightsOf(folder: string): Promise<Stored> {
  await using checkpoint = await Checkpoint.open(folder);
  const weights: Stored = new Map();
  for (const { name } of checkpoint.parameters) weights.set(name, await checkpoint.read(name));
  return weights;
}

/** The same run, saved elsewhere with other settings of saving. */
function savedAs(options: TrainOptions, saveDtype: TrainSettingsInput['saveDtype']): TrainOptions {
  const settings = { ...options.settings, saveDtype: saveDtype ?? 'base' };
  return { ...options, output: `${options.output}-${saveDtype}`, settings };
}

/** The steps of the paper: most weights move by less than a bfloat16 can show. */
const small = { learningRate: 5e-6, maxSteps: 3, dtype: 'bfloat16' } as const;

describe('a trained model', () => {
  test.each(['float32', 'bfloat16', 'float16'] as const)(
    'is saved in the dtype of its base, %s',
    async (dtype) => {
      const options = await makeRun(small);
      await storeAs(options.model, dtype);
      const onStart = vi.fn();
      await train({ ...options, onStart });
      expect(onStart).toHaveBeenCalledWith(expect.objectContaining({ saveDtype: dtype }));
      const saved = await weightsOf(options.output);
      for (const values of saved.values()) expect(values.dtype).toBe(dtype);
      await using checkpoint = await Checkpoint.open(options.output);
      expect(checkpoint.config.dtype).toBe(dtype);
    },
  );

  test('comes from the exact masters, in each dtype', async () => {
    const options = await makeRun(small);
    const exact = savedAs(options, 'float32');
    const blocked = join(exact.output, 'model.safetensors');
    await train({ ...exact, onStep: ({ step }) => void (step === 3 && mkdir(blocked)) }).then(
      () => expect.unreachable('the folder in its place'),
      (error) => expect(error.code).toBe('io'),
    );
    // What could not be saved is not lost: the state holds the parameters and the rest of their masters.
    const masters = new Map<string, Float32Array>();
    const state = join(exact.output, 'resume/step-3/state.safetensors');
    await using file = await SafetensorsFile.open(state);
    const bits = async (key: string) => new Uint16Array((await file.read(key)).buffer);
    for (const key of file.tensors.keys()) {
      if (file.entry(key).dtype !== 'U16') continue;
      const name = key.slice(key.indexOf('.') + 1);
      masters.set(name, joinFloat32(await bits(`parameter.${name}`), await bits(key)));
    }
    await rm(blocked, { recursive: true });
    const onMicroBatch = vi.fn();
    expect(await train({ ...exact, onMicroBatch })).toEqual({
      trained: true,
      rounding: undefined,
      skippedBatches: 0,
    });
    expect(onMicroBatch).not.toHaveBeenCalled();
    expect(await readdir(exact.output)).not.toContain('resume');

    const [single, half, narrow] = [
      exact,
      savedAs(options, 'bfloat16'),
      savedAs(options, 'float16'),
    ];
    await train(half);
    await train(narrow);
    const [singles, halves, narrows] = await Promise.all(
      [single, half, narrow].map(({ output }) => weightsOf(output)),
    );
    for (const [name, master] of masters) {
      expect(singles!.get(name)!.values).toEqual(master);
      expect(halves!.get(name)!.values).toEqual(await bits(`parameter.${name}`));
      expect(narrows!.get(name)!.values).toEqual(float32ToFloat16(master));
    }
    expect(masters.size).toBe(singles!.size);
  });

  test.each([
    ['bfloat16', 'bfloat16', float32ToBfloat16, bfloat16ToFloat32],
    ['float16', 'float16', float32ToFloat16, float16ToFloat32],
    ['float32', 'bfloat16', float32ToBfloat16, bfloat16ToFloat32],
  ] as const)(
    'from %s says what rounding to %s takes from the update',
    async (base, dtype, narrow, widen) => {
      const options = await makeRun(small);
      await storeAs(options.model, base);
      const exact = savedAs(options, 'float32');
      const rounded = savedAs(options, dtype);
      await train(exact);
      const { rounding } = await train(rounded);

      await using checkpoint = await Checkpoint.open(options.model);
      const before = await adaptCheckpoint(checkpoint);
      const masters = await weightsOf(exact.output);
      const saved = await weightsOf(rounded.output);
      let [lost, weights, update, moved, unmoved] = [0, 0, 0, 0, 0];
      for (const [name, { values }] of masters) {
        const was = await toFloat32(await before.read(name));
        const wasRounded = widen(narrow(was));
        const now = await toFloat32(saved.get(name)!);
        for (const [i, value] of values.entries()) {
          lost += (now[i]! - value) ** 2;
          weights += value ** 2;
          update += (value - was[i]!) ** 2;
          if (value === was[i]) continue;
          moved++;
          if (now[i] === wasRounded[i]) unmoved++;
        }
      }
      expect(rounding?.dtype).toBe(dtype);
      expect(rounding!.ofWeights / Math.sqrt(lost / weights)).toBeCloseTo(1, 9);
      expect(rounding!.ofUpdate! / Math.sqrt(lost / update)).toBeCloseTo(1, 9);
      expect(rounding!.unmoved).toBeCloseTo(unmoved / moved, 9);
      // At such a rate it is most of the update.
      expect(rounding!.unmoved).toBeGreaterThan(0.5);
    },
  );

  test('that float16 cannot hold is refused, saved in no dtype, and kept for another', async () => {
    const still = { ...small, learningRate: 1e-30, strategy: 'none' } as const;
    const options = await makeRun({ ...still, saveDtype: 'float16' });
    await using checkpoint = await Checkpoint.open(options.model);
    const embedding = 'model.embed_tokens.weight';
    const weights = await weightsOf(options.model);
    // The row of a token that no article has.
    weights.get(embedding)!.values[5] = 70000;
    const { config } = checkpoint;
    await saveCheckpoint(options.model, {
      config,
      dtype: 'float32',
      read: (name) => weights.get(name)!,
    });
    const refused = train(options);
    await expectError(
      () => refused,
      'usage',
      `"${embedding}" has 70000 (element 5), float16 holds numbers up to 65504`,
    );
    expect(await readdir(options.output)).not.toContain('config.json');
    expect(await readdir(options.output)).not.toContain('model.safetensors');

    const onMicroBatch = vi.fn();
    const other = { ...options, settings: { ...options.settings, saveDtype: 'bfloat16' as const } };
    expect(await train({ ...other, onMicroBatch })).toMatchObject({ trained: true });
    expect(onMicroBatch).not.toHaveBeenCalled();
  });

  test('that is finished is not taken for one of another dtype', async () => {
    const options = await makeRun({ ...small, maxSteps: 1, saveDtype: 'bfloat16' });
    await train(options);
    expect(await train(options)).toEqual({ trained: false, skippedBatches: 0 });
    for (const saveDtype of ['float32', 'base'] as const) {
      const other = { ...options, settings: { ...options.settings, saveDtype } };
      await expectError(() => train(other), 'usage', 'saved as bfloat16 and not float32');
    }
  });
});

describe('LlamaModel.save', () => {
  test('writes the dtype of the checkpoint unless told otherwise, and says what rounding took', async () => {
    const { model: folder } = await makeRun();
    await storeAs(folder, 'float16');
    using model = await LlamaModel.load(folder);
    expect([model.dtype, model.storedDtype]).toEqual(['float32', 'float16']);
    const [same, half] = [await temporaryFolder(), await temporaryFolder()];
    expect(await model.save(same)).toMatchObject({ dtype: 'float16', ofWeights: 0 });
    expect(await weightsOf(same)).toEqual(await weightsOf(folder));
    const loss = await model.save(half, { dtype: 'bfloat16' });
    expect(loss).toMatchObject({ dtype: 'bfloat16', ofUpdate: undefined, unmoved: undefined });
    expect(loss!.ofWeights).toBeGreaterThan(1e-4);
    expect(loss!.ofWeights).toBeLessThan(2 ** -8);
    expect(await model.save(half, { dtype: 'float32' })).toBeUndefined();
  });
});
