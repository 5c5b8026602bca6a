// `npm run bench:training`: whole optimiser steps of a LLaMA with random weights, as `leia train` makes them: micro-batches,
// clipping, AdamW. Prints tokens and floating-point operations a second, and memory beside what was planned.
import { parseArgs } from 'node:util';
import { Device, LeiaError, LlamaModel, parseLlamaConfig } from '../lib/index.ts';
import type { Sequence } from '../lib/leia/packing.ts';
import { countParameters } from '../lib/llama/parameters.ts';
import { AdamW } from '../lib/train/adamw.ts';
import { planMemory } from '../lib/train/memory.ts';
import { trainSettings } from '../lib/train/settings.ts';
import { TrainingStep } from '../lib/train/training-step.ts';
import { randomSource } from '../test/ops/case.ts';

/** Hidden size, MLP, layers, heads, heads of keys, vocabulary. */
const shapes: Record<string, readonly number[]> = {
  'llama-2-7b': [4096, 11008, 32, 32, 32, 32000],
  'llama-3.2-1b': [2048, 8192, 16, 32, 8, 128256],
  '110m': [768, 2048, 12, 12, 12, 32000],
  tiny: [64, 172, 2, 2, 2, 500],
};

const text = (value: string) => ({ type: 'string', default: value }) as const;
const { values } = parseArgs({
  options: {
    shape: text('tiny'),
    device: text('cpu'),
    dtype: text('bfloat16'),
    'micro-batch': text('1'),
    'micro-batches': text('2'),
    sequence: text('2048'),
    steps: text('5'),
  },
});

const shape = shapes[values.shape];
if (shape === undefined) {
  console.error(`bench: no shape '${values.shape}', expected ${Object.keys(shapes).join(', ')}`);
  process.exit(2);
}
const [hidden, intermediate, layers, heads, keyValueHeads, vocabulary] = shape as [
  number,
  number,
  number,
  number,
  number,
  number,
];
const [micro, microBatches, sequence, steps] = [
  values['micro-batch'],
  values['micro-batches'],
  values.sequence,
  values.steps,
].map(Number) as [number, number, number, number];
const config = parseLlamaConfig(
  {
    model_type: 'llama',
    vocab_size: vocabulary,
    hidden_size: hidden,
    intermediate_size: intermediate,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: keyValueHeads,
    max_position_embeddings: sequence,
  },
  'config.json',
);
const settings = {
  ...trainSettings.parse({
    strategy: 'none',
    maxSteps: steps + 1,
    batchSize: micro * microBatches,
    microBatchSize: micro,
    sequenceLength: sequence,
    device: values.device,
    dtype: values.dtype,
  }),
  microBatchSize: micro,
  dtype: values.dtype as 'bfloat16' | 'float32',
};

/** Floating-point operations of a token, forward and backward: products, and the visible half of attention. */
function flopsPerToken(): number {
  const products = countParameters(config) - vocabulary * hidden; // the input table is looked up
  return 6 * products + 6 * layers * sequence * hidden;
}

try {
  const device = Device.open(values.device);
  console.log(`${device.properties.description}; ${values.shape}, ${values.dtype}`);
  const plan = planMemory(config, settings as Parameters<typeof planMemory>[1]);
  using model = LlamaModel.initialize(config, { ...settings, seed: 1 });
  model.reserve({ batch: micro, sequence });
  using optimizer = new AdamW(model.trainableParameters(), settings);
  using step = new TrainingStep(
    model,
    optimizer,
    settings as ConstructorParameters<typeof TrainingStep>[2],
  );
  await device.synchronize();
  console.log(
    `planned ${(plan.total / 1e9).toFixed(2)} GB, held ${(device.liveBytes / 1e9).toFixed(2)} GB`,
  );
  const random = randomSource(1);
  const batch: Sequence[] = Array.from({ length: micro * microBatches }, () => {
    const ids = Int32Array.from({ length: sequence }, () => Math.floor(random() * vocabulary));
    return { inputIds: ids, labels: ids, documentStarts: new Int32Array(sequence) };
  });
  const times: number[] = [];
  for (let i = 0; i <= steps; i++) {
    const began = performance.now();
    const { loss } = await step.run(batch, () => undefined);
    await device.synchronize();
    const seconds = (performance.now() - began) / 1000;
    if (i > 0) times.push(seconds); // the first chooses algorithms
    console.log(`step ${i + 1}: ${(1000 * seconds).toFixed(0)} ms, loss ${loss.toFixed(4)}`);
  }
  const median = times.sort((a, b) => a - b)[Math.floor(times.length / 2)]!;
  const rate = (batch.length * sequence) / median;
  console.log(
    `${Math.round(rate)} tokens/s, ${((rate * flopsPerToken()) / 1e12).toFixed(1)} TFLOP/s; held ${(device.liveBytes / 1e9).toFixed(2)} GB`,
  );
} catch (error) {
  if (!(error instanceof LeiaError)) throw error;
  console.error(`bench: ${error.message}`);
  process.exitCode = 1;
}
