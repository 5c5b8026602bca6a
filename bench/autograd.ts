// `npm run bench:autograd`: a step of a LLaMA with 15 million parameters, forward and backward, by the explicit trainer and on
// the tape, in turns, so that what else the machine does meets both. Prints the times, and of the CPU the processor's, which
// other programs change less.
import { parseArgs } from 'node:util';
import { formatBytes } from '../lib/cli/progress.ts';
import { Device, LlamaModel, parseLlamaConfig } from '../lib/index.ts';
import { tapeLlama } from '../test/autograd/llama.ts';
import { randomSource } from '../test/ops/case.ts';

const help = `Usage: npm run bench:autograd -- [options]

  --device NAME      cpu (default) or cuda
  --dtype NAME       float32 (default) or bfloat16
  --batch N          sequences of a step (default 2)
  --sequence N       tokens of a sequence (default 256)
  --steps N          steps of each that are timed, after two that are not (default 9)
  --recompute        a checkpoint for each layer of the tape`;

const text = (value: string) => ({ type: 'string', default: value }) as const;
const { values } = parseArgs({
  options: {
    device: text('cpu'),
    dtype: text('float32'),
    batch: text('2'),
    sequence: text('256'),
    steps: text('9'),
    recompute: { type: 'boolean', default: false },
    help: { type: 'boolean' },
  },
});
if (values.help) {
  console.log(help);
  process.exit(0);
}
const [batch, sequence, steps] = [values.batch, values.sequence, values.steps].map(Number) as [
  number,
  number,
  number,
];

const config = parseLlamaConfig(
  {
    ...{ model_type: 'llama', vocab_size: 32_000, hidden_size: 288, intermediate_size: 768 },
    ...{ num_hidden_layers: 6, num_attention_heads: 6, max_position_embeddings: sequence },
    tie_word_embeddings: true,
  },
  'config.json',
);
const device = Device.open(values.device);
const dtype = values.dtype === 'bfloat16' ? 'bfloat16' : 'float32';
using model = LlamaModel.initialize(config, { device, dtype, seed: 1 });
const { parameters, loss } = tapeLlama(model, { recompute: values.recompute });
const random = randomSource(1);
const ids = Array.from({ length: batch }, () =>
  Int32Array.from({ length: sequence }, () => Math.floor(random() * config.vocabSize)),
);

/** Milliseconds of each step. */
type Took = { readonly wall: number[]; readonly processor: number[] };

const contestants = {
  'explicit trainer': () => {
    model.zeroGradients();
    return model.forwardBackward(ids, ids).loss.item();
  },
  tape: () => {
    for (const parameter of parameters.values()) parameter.zeroGradient();
    using mean = loss(ids, ids);
    mean.backward();
    return mean.item();
  },
};
const took = new Map(
  Object.keys(contestants).map((name) => [name, { wall: [], processor: [] } as Took]),
);
for (let step = 0; step < steps + 2; step++) {
  for (const [name, run] of Object.entries(contestants)) {
    const began = { wall: performance.now(), processor: process.cpuUsage() };
    await run();
    await device.synchronize();
    if (step < 2) continue;
    const { user, system } = process.cpuUsage(began.processor);
    took.get(name)!.wall.push(performance.now() - began.wall);
    took.get(name)!.processor.push((user + system) / 1000);
  }
}
console.log(`${device.properties.description}; ${batch} x ${sequence} tokens, ${dtype}; medians`);
for (const kind of values.device === 'cpu'
  ? (['processor', 'wall'] as const)
  : (['wall'] as const)) {
  const [explicit, tape] = [...took.values()].map((times) => median(times[kind])) as [
    number,
    number,
  ];
  const more = (100 * (tape / explicit - 1)).toFixed(1);
  const times = `explicit trainer ${explicit.toFixed(0)} ms, tape ${tape.toFixed(0)} ms`;
  console.log(`${kind} time: ${times}: ${more} % more`);
}
console.log(`peak of both together: ${formatBytes(device.peakBytes)}`);

function median(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] as number;
}
