// What a plan says of a device's memory is what the device gave at the most, scratch memory of operations and pages
// included. In a file of its own, as a process's peak is that of all its tests.
import { expect, test } from 'vitest';
import { parseLlamaConfig } from '../../lib/llama/config.ts';
import { LlamaModel } from '../../lib/llama/llama-model.ts';
import { AdamW } from '../../lib/train/adamw.ts';
import { planMemory } from '../../lib/train/memory.ts';
import { trainSettings } from '../../lib/train/settings.ts';
import { TrainingStep } from '../../lib/train/training-step.ts';
import { deviceName } from '../ops/case.ts';

// A small step leaves most threads of a large machine without work, and so without memory of their own.
process.env.LEIA_NUM_THREADS = '2';

const kind = deviceName === 'cpu' ? 'cpu' : 'gpu';
// The emulator takes its time; its memory is mostly parameters, where a CPU's is activations as well.
const [vocabulary, batch, sequence] = kind === 'cpu' ? [20_001, 8, 200] : [8_001, 2, 130];
const config = parseLlamaConfig(
  {
    model_type: 'llama',
    vocab_size: vocabulary,
    hidden_size: 128,
    intermediate_size: 300,
    num_hidden_layers: kind === 'cpu' ? 3 : 1,
    num_attention_heads: 2,
    num_key_value_heads: 1,
  },
  'config.json',
);

test('the peak of two training steps is within 2 % of the plan', async () => {
  const choice = { microBatchSize: batch, recompute: 'norms', moments: 'bfloat16' } as const;
  const parsed = trainSettings.parse({
    batchSize: 2 * batch,
    sequenceLength: sequence,
    dtype: 'bfloat16',
    device: deviceName,
  });
  const settings = { ...parsed, ...choice };
  const plan = planMemory(config, settings, { kind, margin: 0 });
  using model = LlamaModel.initialize(config, { ...settings, seed: 1 });
  model.reserve({ batch, sequence });
  using optimizer = new AdamW(model.trainableParameters(), settings);
  using step = new TrainingStep(model, optimizer, settings);
  const row = Int32Array.from({ length: sequence }, (_, i) => (i * 131) % vocabulary);
  const rows = Array.from({ length: 2 * batch }, () => ({
    inputIds: row,
    labels: row,
    documentStarts: new Int32Array(sequence),
  }));
  for (let i = 0; i < 2; i++) await step.run(rows, () => undefined);
  await model.device.synchronize();
  expect(model.device.liveBytes).toBe(plan.tensors);
  const { peakBytes } = model.device;
  expect(Math.abs(peakBytes / plan.total - 1)).toBeLessThan(0.02);
  // Without what operations take beside tensors the plan would be off by more.
  expect(peakBytes / plan.tensors - 1).toBeGreaterThan(0.04);
});
