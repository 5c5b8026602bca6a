import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { joinFloat32 } from '../../lib/core/bfloat16.ts';
import { adaptCheckpoint } from '../../lib/leia/adapt.ts';
import { SequenceSource } from '../../lib/leia/batches.ts';
import { Dataset } from '../../lib/leia/dataset.ts';
import { Checkpoint } from '../../lib/llama/checkpoint.ts';
import { LlamaModel } from '../../lib/llama/llama-model.ts';
import { SafetensorsFile } from '../../lib/llama/safetensors.ts';
import { LeiaError } from '../../lib/system/error.ts';
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts';
import { AdamW } from '../../lib/train/adamw.ts';
import { learningRateAt } from '../../lib/train/schedule.ts';
import { type TrainOptions, train } from '../../lib/train/train.ts';
import { relativeError } from '../llama/fixtures.ts';
import { digestOf, makeRun, metricsOf, resultOf, small, trained, weightsOf } from './runs.ts';

/** Aborts before the given micro-batch of a step. */
function interruptedAt(options: TrainOptions, step: number, sequences: number): TrainOptions {
  const controller = new AbortController();
  return {
    ...options,
    signal: controller.signal,
    onMicroBatch: (now, done) => {
      if (now === step && done === sequences) controller.abort();
    },
  };
}

const interrupted = { code: 'interrupted' };

describe('a run', () => {
  test('computes what the parts compute one by one', async () => {
    const options = await makeRun({ dtype: 'float32', microBatchSize: 4, lossOnNames: false });
    const metrics = await trained(options);

    await using checkpoint = await Checkpoint.open(options.model);
    const view = await adaptCheckpoint(checkpoint);
    using dataset = await Dataset.open(options.data);
    const source = new SequenceSource(dataset, {
      ...view,
      strategy: 'right',
      pSkip: 0.5,
      sequenceLength: small.sequenceLength,
      lossOnNames: false,
      seed: small.seed,
    });
    using model = await LlamaModel.load(view, { dtype: 'float32' });
    using optimizer = new AdamW(model.trainableParameters());
    for (let step = 0; step < small.maxSteps; step++) {
      const rows = Array.from({ length: small.batchSize }, () => source.next());
      model.zeroGradients();
      const { loss } = model.forward(
        rows.map(({ inputIds }) => inputIds),
        rows.map(({ labels }) => labels),
      );
      model.backward();
      let squares = 0;
      for (const { gradient } of optimizer.parameters) {
        for (const value of await gradient.readFloats()) squares += value * value;
      }
      const norm = Math.sqrt(squares);
      expect(metrics[step]?.loss).toBeCloseTo((await loss.readFloats())[0]!, 5);
      expect(metrics[step]!.gradientNorm / norm).toBeCloseTo(1, 5);
      // Clipped by hand: to the norm 1.
      for (const { gradient } of optimizer.parameters) {
        const values = await gradient.readFloats();
        gradient.write(values.map((value) => value * Math.min(1, 1 / (norm + 1e-6))));
      }
      const learningRate = learningRateAt(step, options.settings);
      expect(metrics[step]?.learningRate).toBe(learningRate);
      optimizer.step({ learningRate });
    }
    for (const [name, after] of await weightsOf(options.output)) {
      const expected = await model.parameter(name).readFloats();
      expect(relativeError(after, expected)).toBeLessThan(1e-5);
    }
  });

  test('learns', async () => {
    const options = await makeRun({ maxSteps: 40, learningRate: 3e-3, pSkip: 0 });
    const metrics = await trained(options);
    expect(metrics.map(({ step }) => step)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
    for (const { tokensPerSecond } of metrics) expect(tokensPerSecond).toBeGreaterThan(0);
    expect(metrics[39]!.loss).toBeLessThan(metrics[0]!.loss - 1);
  });

  test('gives the same bits twice, others with another seed', async () => {
    const options = await makeRun();
    await train(options);
    const again = { ...options, output: `${options.output}-2` };
    await train(again);
    expect(await resultOf(again.output)).toEqual(await resultOf(options.output));
    const other = { ...options, output: `${options.output}-3`, settings: { ...options.settings } };
    other.settings.seed = 4;
    expect((await trained(other))[0]!.loss).not.toBe((await metricsOf(options.output))[0]!.loss);
  });

  test.each([1, 2])('does not depend on the micro-batch (%i of 4)', async (microBatchSize) => {
    const whole = await makeRun({ dtype: 'float32', microBatchSize: 4 });
    const expected = await trained(whole);
    const parts = {
      ...whole,
      output: `${whole.output}-parts`,
      settings: { ...whole.settings, microBatchSize },
    };
    for (const [index, { loss, gradientNorm }] of (await trained(parts)).entries()) {
      expect(loss / expected[index]!.loss).toBeCloseTo(1, 5);
      expect(gradientNorm / expected[index]!.gradientNorm).toBeCloseTo(1, 4);
    }
    const weights = await weightsOf(whole.output);
    for (const [name, values] of await weightsOf(parts.output)) {
      expect(relativeError(values, weights.get(name)!)).toBeLessThan(1e-4);
    }
  });

  test('may take the mean of the means of micro-batches', async () => {
    const tokens = await makeRun({
      dtype: 'float32',
      strategy: 'right',
      pSkip: 0,
      microBatchSize: 1,
      maxSteps: 1,
      lossOnNames: false,
    });
    const means = {
      ...tokens,
      output: `${tokens.output}-means`,
      settings: { ...tokens.settings, lossAverage: 'micro-batches' as const },
    };
    const [byTokens] = await trained(tokens);
    const [byMeans] = await trained(means);

    // The rows once more: their losses one by one, weighted in both ways.
    await using checkpoint = await Checkpoint.open(tokens.model);
    const view = await adaptCheckpoint(checkpoint);
    using dataset = await Dataset.open(tokens.data);
    const source = new SequenceSource(dataset, {
      ...view,
      strategy: 'right',
      pSkip: 0,
      sequenceLength: small.sequenceLength,
      lossOnNames: false,
      seed: small.seed,
    });
    using model = await LlamaModel.load(view, { dtype: 'float32' });
    let [sum, weighted, count] = [0, 0, 0];
    for (let row = 0; row < small.batchSize; row++) {
      const { inputIds, labels } = source.next();
      const [loss] = await model.forward([inputIds], [labels]).loss.readFloats();
      const tokens = labels.subarray(1).filter((label) => label !== -100).length;
      sum += loss!;
      weighted += loss! * tokens;
      count += tokens;
    }
    expect(byMeans!.loss).toBeCloseTo(sum / small.batchSize, 5);
    expect(byTokens!.loss).toBeCloseTo(weighted / count, 5);
    expect(byMeans!.loss).not.toBe(byTokens!.loss);
  });

  test('keeps attention within documents when asked', async () => {
    const options = await makeRun({ dtype: 'float32', maxSteps: 1 });
    const masked = {
      ...options,
      output: `${options.output}-masked`,
      settings: { ...options.settings, documentMask: true },
    };
    const [plain] = await trained(options);
    const [within] = await trained(masked);
    expect(Math.abs(within!.loss - plain!.loss)).toBeGreaterThan(1e-6);
  });

  test('writes a checkpoint with the two tokens, or without them for plain text', async () => {
    const options = await makeRun({ maxSteps: 1 });
    await train(options);
    expect((await readdir(options.output)).sort()).toEqual([
      'config.json',
      'metrics.jsonl',
      'model.safetensors',
      'run.json',
      'special_tokens_map.json',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
    const tokenizer = await Tokenizer.load(options.output);
    expect(tokenizer.tokenId('<translate>')).toBe(512);
    using model = await LlamaModel.load(options.output);
    expect([model.config.vocabSize, model.dtype]).toEqual([514, 'float32']);

    const plain = await makeRun({ maxSteps: 1, strategy: 'none', saveDtype: 'bfloat16' });
    await train(plain);
    using base = await LlamaModel.load(plain.output);
    expect([base.config.vocabSize, base.dtype]).toEqual([512, 'bfloat16']);
    expect((await Tokenizer.load(plain.output)).tokenId('<translate>')).toBeUndefined();
  });

  test('begins in bfloat16 from all the bits of a float32 checkpoint', async () => {
    const options = await makeRun({ maxSteps: 1, dtype: 'bfloat16', learningRate: 1e-30 });
    const before = await weightsOf(options.model);
    let checked = 0;
    // The rate is too small to change anything, so the master is still what was read.
    await expect(
      train({
        ...options,
        onStep: async (_, model) => {
          const name = 'model.layers.0.mlp.up_proj.weight';
          const values = await model.parameter(name).readFloats();
          const expected = before.get(name)!;
          for (const [i, value] of values.entries()) {
            expect(Math.abs(value - expected[i]!)).toBeLessThanOrEqual(
              Math.abs(expected[i]!) / 256,
            );
            checked++;
          }
          throw new LeiaError('interrupted', 'enough');
        },
      }),
    ).rejects.toMatchObject(interrupted);
    expect(checked).toBeGreaterThan(0);
    const path = join(options.output, 'resume/step-1/state.safetensors');
    await using state = await SafetensorsFile.open(path);
    const bits = async (name: string) => new Uint16Array((await state.read(name)).buffer);
    const name = 'model.layers.0.mlp.up_proj.weight';
    const master = joinFloat32(await bits(`parameter.${name}`), await bits(`remainder.${name}`));
    expect(master).toEqual(before.get(name));
  });

  test('trains on chosen articles only', async () => {
    const options = await makeRun({ maxSteps: 1 });
    const [all] = await trained(options);
    const chosen = { ...options, output: `${options.output}-chosen`, articles: [0, 5] };
    const onStart = vi.fn();
    await train({ ...chosen, onStart });
    expect(onStart).toHaveBeenCalledWith(expect.objectContaining({ articles: 2 }));
    expect((await metricsOf(chosen.output))[0]!.loss).not.toBe(all!.loss);
  });
});

describe('an interrupted run', () => {
  test.each([
    ['float32', 3, 0],
    ['bfloat16', 3, 2],
    ['bfloat16', 2, 0],
  ] as const)('goes on with the same bits (%s, step %i, sequence %i)', async (dtype, step, at) => {
    const whole = await makeRun({ dtype });
    await train(whole);
    const options = { ...whole, output: `${whole.output}-interrupted` };
    await expect(train(interruptedAt(options, step, at))).rejects.toMatchObject({
      code: 'interrupted',
      message: `interrupted after ${step - 1} of 4 steps; run the same command again to resume`,
    });
    expect((await readdir(options.output)).sort()).toEqual(['metrics.jsonl', 'resume', 'run.json']);
    const onStart = vi.fn();
    await train({ ...options, onStart });
    expect(onStart).toHaveBeenCalledWith(expect.objectContaining({ stepsDone: step - 1 }));
    expect(await resultOf(options.output)).toEqual(await resultOf(whole.output));
    expect(await readdir(options.output)).not.toContain('resume');
  });

  test('goes on from the last state that was saved, and drops later metrics', async () => {
    const whole = await makeRun();
    await train(whole);
    const options = {
      ...whole,
      output: `${whole.output}-failed`,
      settings: { ...whole.settings, saveMinutes: 1e-9 },
    };
    const failing: TrainOptions = {
      ...options,
      onStep: ({ step }) => {
        if (step === 3) throw new Error('the power went');
      },
    };
    await expect(train(failing)).rejects.toThrow('the power went');
    expect(await metricsOf(options.output)).toHaveLength(3);
    expect(await readdir(join(options.output, 'resume'))).toEqual(['step-1', 'step-2']);
    await train({ ...options, settings: whole.settings });
    expect(await resultOf(options.output)).toEqual(await resultOf(whole.output));
  });

  test('begins again when it had saved nothing, also with other settings', async () => {
    const options = await makeRun();
    await expect(train(interruptedAt(options, 1, 2))).rejects.toMatchObject(interrupted);
    expect((await readdir(options.output)).sort()).toEqual(['metrics.jsonl', 'run.json']);
    const other = { ...options, settings: { ...options.settings, maxSteps: 2 } };
    expect(await trained(other)).toHaveLength(2);
  });

  test('is done when it is done', async () => {
    const options = await makeRun({ maxSteps: 1 });
    expect(await train(options)).toEqual({ trained: true, skippedBatches: 0 });
    const before = await digestOf(join(options.output, 'model.safetensors'));
    expect(await train(options)).toEqual({ trained: false, skippedBatches: 0 });
    expect(await digestOf(join(options.output, 'model.safetensors'))).toBe(before);
  });

  test('is done when it was killed before it could clear up', async () => {
    const options = await makeRun({ maxSteps: 1 });
    await train(options);
    const { output } = options;
    await mkdir(join(output, 'resume/step-1'), { recursive: true });
    await writeFile(join(output, '.model.safetensors.1-0123abcd.tmp'), 'x');
    const lock = join(output, '.leia.lock');
    const owner = { id: '0123456789abcdef', process: 1, started: '', host: 'elsewhere' };
    const place = { boot: '', processNamespace: '', since: '2026-01-01T00:00:00Z' };
    await writeFile(lock, JSON.stringify({ ...owner, ...place }));
    const onWarning = vi.fn();
    expect(await train({ ...options, onWarning })).toMatchObject({ trained: false });
    expect(onWarning).toHaveBeenCalledWith(
      expect.stringMatching(/no longer needs stays: .* written by process 1 on elsewhere/),
    );
    await rm(lock);
    expect(await train(options)).toMatchObject({ trained: false });
    const left = await readdir(output);
    expect(left.filter((name) => name.startsWith('.') || name === 'resume')).toEqual([]);
  });
});
