// One step among others: what an error on the device does to it, and to those that follow.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import * as ops from '../../lib/core/ops.ts';
import { elementCount, Tensor } from '../../lib/core/tensor.ts';
import type { Sequence } from '../../lib/leia/packing.ts';
import { parseLlamaConfig } from '../../lib/llama/config.ts';
import { LlamaModel } from '../../lib/llama/llama-model.ts';
import { AdamW } from '../../lib/train/adamw.ts';
import { trainSettings } from '../../lib/train/settings.ts';
import { TrainingStep } from '../../lib/train/training-step.ts';
import { fixtures } from '../llama/fixtures.ts';

const text = readFileSync(join(fixtures, 'tiny-llama/config.json'), 'utf8');
const config = parseLlamaConfig(JSON.parse(text), 'config.json');
const exact = { recompute: 'none', moments: 'float32' } as const;
const settings = { ...trainSettings.parse({}), microBatchSize: 1 };

const batch = [7, 8, 9, 10].map((id): Sequence => {
  const inputIds = Int32Array.of(1, id, 6, 7, 8, 9, 10, 11);
  return { inputIds, labels: inputIds, documentStarts: new Int32Array(8) };
});

/** Has an operation fail whose output is this float32 tensor. */
function spoil(tensor: Tensor): void {
  const count = elementCount(tensor.shape);
  using row = tensor.view([1, count]);
  using ids = Tensor.from(Int32Array.of(77), [1]);
  using weight = Tensor.zeros([1, count]);
  ops.embeddingForward({ ids, weight, output: row });
}

/** A step, after others that failed: in each, a parameter or its gradient is spoiled before a micro-batch. */
async function train(failing: readonly ['parameter' | 'gradient', number][]) {
  using model = LlamaModel.initialize(config, { dtype: 'float32', seed: 3 });
  using optimizer = new AdamW(model.trainableParameters());
  using step = new TrainingStep(model, optimizer, { ...settings, ...exact });
  const some = optimizer.parameters.find(({ name }) => name.includes('down_proj'))!;
  const values = await some.parameter.readFloats();
  for (const [what, when] of failing) {
    const result = step.run(batch, (sequences) => {
      if (sequences === when) spoil(some[what]);
    });
    await expect(result).rejects.toThrow('id 77 at position [0] is not a row of the table');
    expect(optimizer.stepCount).toBe(0);
    some.parameter.write(values);
  }
  const { loss, gradientNorm } = await step.run(batch, () => {});
  expect(optimizer.stepCount).toBe(1);
  const parameters = optimizer.parameters.map(({ parameter }) => parameter.readFloats());
  await model.device.synchronize();
  return { loss, gradientNorm, parameters: await Promise.all(parameters) };
}

test('what fails on the device fails its step, which moves nothing, and the next is what it would be', async () => {
  const expected = await train([]);
  expect(Number.isFinite(expected.loss)).toBe(true);
  // The losses of several micro-batches reject when the parameter is spoiled early: none is left unhandled.
  expect(
    await train([
      ['parameter', 0],
      ['parameter', 3],
      ['gradient', 0],
      ['gradient', 2],
    ]),
  ).toEqual(expected);
});
