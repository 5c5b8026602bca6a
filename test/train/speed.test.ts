// What the metrics say of a step's speed.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Device } from '../../lib/core/device.ts';
import { parseLlamaConfig } from '../../lib/llama/config.ts';
import { countParameters } from '../../lib/llama/parameters.ts';
import { SafetensorsFile } from '../../lib/llama/safetensors.ts';
import type { StepMetrics } from '../../lib/train/metrics.ts';
import { flopsCeiling, stepSpeed } from '../../lib/train/speed.ts';
import { train } from '../../lib/train/train.ts';
import { countModelOperations } from '../../lib/train/work.ts';
import { makeRun, trained } from './runs.ts';

const llama2 = parseLlamaConfig(
  {
    ...{ model_type: 'llama', vocab_size: 32000, hidden_size: 4096, intermediate_size: 11008 },
    ...{ num_hidden_layers: 32, num_attention_heads: 32, max_position_embeddings: 4096 },
  },
  'config.json',
);

test("a model's operations are six for each number of a matrix, and those of attention", () => {
  const matrices = countParameters(llama2) - 32000 * 4096 - 65 * 4096;
  // 32 layers; queries times keys and weights times values, of each the causal half, forward and backward.
  const attention = 32 * 6 * 4096 * 2048;
  expect(countModelOperations(llama2, 2048)).toBe(6 * matrices + attention);
});

test('utilisation is measured against what the device can do, where that is known', () => {
  const h200 = 'NVIDIA H200, compute capability 9.0';
  expect(flopsCeiling(h200, { dtype: 'bfloat16' })).toBe(989e12);
  expect(flopsCeiling(h200, { dtype: 'float32' })).toBeUndefined();
  expect(flopsCeiling(h200, { dtype: 'float32', peakTflops: 60 })).toBe(60e12);
  expect(flopsCeiling('NVIDIA A100-SXM4-40GB, compute capability 8.0', { dtype: 'bfloat16' })).toBe(
    312e12,
  );
  expect(flopsCeiling(Device.open().properties.description, { dtype: 'bfloat16' })).toBeUndefined();
  const times = { total: 2, data: 0.25, compute: 0.75, communication: 0.5, evaluation: 0.5 };
  const saving = { seconds: 0.5, bytes: 7 };
  const speed = stepSpeed(
    llama2,
    { batchSize: 4, sequenceLength: 2048 },
    { ...times, saving },
    989e12,
  );
  const flops = 8192 * countModelOperations(llama2, 2048);
  expect(speed).toEqual({
    ...{ tokensPerSecond: 8192, flopsPerSecond: flops, flopsUtilization: flops / 989e12 },
    ...{ flopsCeiling: 989e12, seconds: 2, computeShare: 0.375, dataShare: 0.125 },
    ...{ savingShare: 0.25, evaluationShare: 0.25, savedBytes: 7 },
  });
  // Four ranks on as many devices can do four times as much.
  const settings = { batchSize: 4, sequenceLength: 2048 };
  expect(stepSpeed(llama2, settings, { ...times, saving }, 989e12, 4)).toEqual({
    ...speed,
    ...{ ranks: 4, communicationShare: 0.25 },
    ...{ flopsUtilization: flops / 989e12 / 4, flopsCeiling: 4 * 989e12 },
  });
});

test('the parts of a step are no more than the whole, and saving counts in the step after', async () => {
  const options = await makeRun({ saveSteps: 2, keepEvery: 1 });
  let parameters = 0;
  const lines: StepMetrics[] = [];
  await train({
    ...options,
    measure: async (step) => (step === 3 ? { heldOutLoss: 1.5, tasks: { a: 0.5 } } : undefined),
    onStart: ({ memory }) => {
      parameters = memory.parameters;
    },
    onStep: (line) => void lines.push(line),
  });
  for (const { computeShare, dataShare, savingShare, evaluationShare = 0, ...line } of lines) {
    const shares = [computeShare, dataShare, savingShare, evaluationShare];
    for (const share of shares) expect(share).toBeGreaterThanOrEqual(0);
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeLessThanOrEqual(1);
    expect(line.perplexity).toBe(Math.exp(line.loss));
    expect(line.memoryBytes).toBeGreaterThan(parameters);
  }
  await using state = await SafetensorsFile.open(
    join(options.output, 'resume/step-2/state.safetensors'),
  );
  const bytes = [...state.tensors.values()].reduce((sum, { start, end }) => sum + end - start, 0);
  const saved = lines.map(({ savedBytes }) => savedBytes);
  expect(saved).toEqual([undefined, undefined, bytes, undefined]);
  expect(lines.map(({ heldOutLoss }) => heldOutLoss)).toEqual([
    undefined,
    undefined,
    1.5,
    undefined,
  ]);
  expect(lines[2]!.tasks).toEqual({ a: 0.5 });
});

test('a sink hears where the run goes on, and each step; one that cannot begin ends the run', async () => {
  const options = await makeRun({ maxSteps: 2 });
  const calls: string[] = [];
  const sink = {
    begin: (stepsDone: number) => void calls.push(`begin ${stepsDone}`),
    append: ({ step }: StepMetrics) => void calls.push(`append ${step}`),
    flush: () => {},
    close: () => void calls.push('close'),
  };
  const failing = {
    ...sink,
    begin: () => {
      throw new Error('no');
    },
  };
  await expect(train({ ...options, sinks: [sink, failing] })).rejects.toThrow('no');
  expect(calls).toEqual(['begin 0', 'close']);
  await trained({ ...options, sinks: [sink] });
  expect(calls.slice(2)).toEqual(['begin 0', 'append 1', 'append 2', 'close']);
});
