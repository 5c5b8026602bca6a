// `npm run bench:training`: whole optimiser steps of a LLaMA with random weights, as `leia train` makes them: micro-batches,
// clipping, AdamW. Prints tokens and floating-point operations a second, and memory beside what was planned.
import { parseArgs } from 'node:util';
import { formatBytes } from '../lib/cli/progress.ts';
import { Device, LeiaError, LlamaModel, parseLlamaConfig } from '../lib/index.ts';
import type { Sequence } from '../lib/leia/packing.ts';
import { recomputations } from '../lib/llama/activations.ts';
import { countParameters } from '../lib/llama/parameters.ts';
import { AdamW, momentDtypes } from '../lib/train/adamw.ts';
import { planMemory } from '../lib/train/memory.ts';
import { trainSettings } from '../lib/train/settings.ts';
import { TrainingStep } from '../lib/train/training-step.ts';
import { randomSource } from '../test/ops/case.ts';

/** As in config.json. */
const shapes: Record<string, Record<string, number>> = {
  // With LEIA's two tokens.
  'llama-2-7b': {
    vocab_size: 32002,
    hidden_size: 4096,
    intermediate_size: 11008,
    num_hidden_layers: 32,
    num_attention_heads: 32,
  },
  '110m': {
    vocab_size: 32000,
    hidden_size: 768,
    intermediate_size: 2048,
    num_hidden_layers: 12,
    num_attention_heads: 12,
  },
  tiny: {
    vocab_size: 500,
    hidden_size: 64,
    intermediate_size: 172,
    num_hidden_layers: 2,
    num_attention_heads: 2,
  },
};

const help = `Usage: npm run bench:training -- [options]

  --shape NAME        ${Object.keys(shapes).join(', ')} (default: tiny)
  --device NAME       cpu (default), cuda, or emulated
  --dtype NAME        bfloat16 (default) or float32
  --recompute NAME    ${recomputations.join(', ')} (default: none)
  --moments NAME      ${momentDtypes.join(', ')} (default: float32)
  --micro-batch N     sequences computed at once (default 1)
  --micro-batches N   of them in a step (default 2)
  --sequence N        tokens of a sequence (default 2048)
  --steps N           steps that are timed, after one that is not (default 5)`;

const text = (value: string) => ({ type: 'string', default: value }) as const;

function readOptions() {
  try {
    return parseArgs({
      options: {
        shape: text('tiny'),
        device: text('cpu'),
        dtype: text('bfloat16'),
        recompute: text('none'),
        moments: text('float32'),
        'micro-batch': text('1'),
        'micro-batches': text('2'),
        sequence: text('2048'),
        steps: text('5'),
        help: { type: 'boolean' },
      },
    }).values;
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}

function refuse(reason: string): never {
  console.error(`bench: ${reason}; see npm run bench:training -- --help`);
  process.exit(2);
}

function wholeNumber(name: 'micro-batch' | 'micro-batches' | 'sequence' | 'steps'): number {
  const value = Number(values[name]);
  if (Number.isInteger(value) && value > 0) return value;
  return refuse(`--${name} ${values[name]}, expected a whole number of 1 or more`);
}

function oneOf<Choice extends string>(
  name: 'dtype' | 'recompute' | 'moments',
  choices: readonly Choice[],
): Choice {
  const found = choices.find((choice) => choice === values[name]);
  return found ?? refuse(`--${name} ${values[name]}, expected ${choices.join(' or ')}`);
}

const values = readOptions();
if (values.help) {
  console.log(help);
  process.exit(0);
}
const shape = shapes[values.shape];
if (shape === undefined) {
  refuse(`--shape ${values.shape}, expected ${Object.keys(shapes).join(', ')}`);
}
const dtype = oneOf('dtype', ['bfloat16', 'float32']);
const recompute = oneOf('recompute', recomputations);
const moments = oneOf('moments', momentDtypes);
const micro = wholeNumber('micro-batch');
const microBatches = wholeNumber('micro-batches');
const sequence = wholeNumber('sequence');
const steps = wholeNumber('steps');
const config = parseLlamaConfig(
  { model_type: 'llama', ...shape, max_position_embeddings: sequence },
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
    dtype,
  }),
  microBatchSize: micro,
  recompute,
  moments,
};

/** Floating-point operations of a token, forward and backward: products, and the visible half of attention. */
function flopsPerToken(): number {
  const products = countParameters(config) - config.vocabSize * config.hiddenSize; // the input table is looked up
  return 6 * products + 6 * config.numHiddenLayers * sequence * config.hiddenSize;
}

try {
  const device = Device.open(values.device);
  console.log(`${device.properties.description}; ${values.shape}, ${values.dtype}`);
  const plan = planMemory(config, settings);
  using model = LlamaModel.initialize(config, { ...settings, seed: 1 });
  model.reserve({ batch: micro, sequence });
  using optimizer = new AdamW(model.trainableParameters(), settings);
  using step = new TrainingStep(model, optimizer, settings);
  await device.synchronize();
  console.log(`planned ${formatBytes(plan.tensors)}, held ${formatBytes(device.liveBytes)}`);
  const random = randomSource(1);
  const batch: Sequence[] = Array.from({ length: micro * microBatches }, () => {
    const ids = Int32Array.from({ length: sequence }, () =>
      Math.floor(random() * config.vocabSize),
    );
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
    `${Math.round(rate)} tokens/s, ${((rate * flopsPerToken()) / 1e12).toFixed(1)} TFLOP/s; held ${formatBytes(device.liveBytes)}`,
  );
} catch (error) {
  if (!(error instanceof LeiaError)) throw error;
  console.error(`bench: ${error.message}`);
  process.exitCode = 1;
}
