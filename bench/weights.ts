// `npm run bench:weights -- [--layers N] [--runs N]`: how fast a checkpoint becomes a model's weights, and the
// weights a checkpoint, for each dtype on the disk and in the run. A model of LLaMA's vocabulary and few layers is
// written into a temporary folder; the files lie in the page cache when they are read, so the disk adds to these
// times. `CPU` is the processor time of all threads of the process, which other work on the machine changes less
// than the time on the clock. `blocked` is the longest time that the event loop did not turn. The time of LLaMA-7B
// is computed from the processor time, not measured.
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { Tensor } from '../lib/core/tensor.ts';
import { Checkpoint } from '../lib/llama/checkpoint.ts';
import { parseLlamaConfig } from '../lib/llama/config.ts';
import { LlamaModel } from '../lib/llama/llama-model.ts';
import { loadWeights } from '../lib/llama/load-weights.ts';
import { countParameters } from '../lib/llama/parameters.ts';
import { safetensorsDtypes } from '../lib/llama/safetensors.ts';
import { elementSizes } from '../lib/llama/safetensors-header.ts';
import type { StoredDtype } from '../lib/llama/stored-values.ts';

const { values: options } = parseArgs({
  options: {
    layers: { type: 'string', default: '1' },
    runs: { type: 'string', default: '3' },
  },
});
const runs = Number(options.runs);
const llama7b = parseLlamaConfig({ model_type: 'llama' });
const config = parseLlamaConfig({
  ...llama7b.source,
  hidden_size: 2048,
  intermediate_size: 5504,
  num_attention_heads: 16,
  num_hidden_layers: Number(options.layers),
  tie_word_embeddings: true,
});
const parameters = countParameters(config);

interface Measured {
  seconds: number;
  cpuSeconds: number;
  blocked: number;
}

/** The best of the runs. */
async function measure(action: () => Promise<unknown>): Promise<Measured> {
  const results: Measured[] = [];
  for (let run = 0; run < runs; run++) {
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    const began = performance.now();
    const cpuBegan = process.cpuUsage();
    await action();
    const seconds = (performance.now() - began) / 1000;
    const { user, system } = process.cpuUsage(cpuBegan);
    delay.disable();
    results.push({ seconds, cpuSeconds: (user + system) / 1e6, blocked: delay.max / 1e9 });
  }
  return results.sort((a, b) => a.seconds - b.seconds)[0]!;
}

function report(what: string, dtype: StoredDtype, measured: Measured): void {
  const { seconds, cpuSeconds, blocked } = measured;
  const bytes = parameters * elementSizes[safetensorsDtypes[dtype]];
  const whole = (cpuSeconds * countParameters(llama7b)) / parameters;
  const cells = [
    what.padEnd(51),
    `${(bytes / seconds / 1e6).toFixed(0)} MB/s of ${dtype}`.padEnd(21),
    `CPU ${(bytes / cpuSeconds / 1e6).toFixed(0)} MB/s, ${((1e9 * cpuSeconds) / parameters).toFixed(1)} ns/weight`.padEnd(
      29,
    ),
    `blocked ${(1000 * blocked).toFixed(0)} ms`.padEnd(15),
    `7B: ${whole.toFixed(0)} s (computed)`,
  ];
  console.log(cells.join('  '));
}

const root = mkdtempSync(join(tmpdir(), 'leia-bench-weights-'));
try {
  console.log(
    `${cpus()[0]?.model.trim()}, ${cpus().length} cores, load ${loadavg()[0]!.toFixed(1)}; ${(parameters / 1e6).toFixed(0)} M weights; best of ${runs}`,
  );
  using model = LlamaModel.initialize(config, { seed: 1, dtype: 'bfloat16' });
  await model.device.synchronize();
  const masters = async (name: string) => await model.parameter(name).readFloats();
  for (const dtype of ['float16', 'bfloat16', 'float32'] as const) {
    const folder = join(root, dtype);
    const saved = await measure(() => model.save(folder, { dtype, masters }));
    await using checkpoint = await Checkpoint.open(folder);
    for (const into of ['bfloat16', 'float32'] as const) {
      using loaded = LlamaModel.allocate(checkpoint, { dtype: into });
      const lowBits = new Map(
        [...loaded.weights.entries()].map(([name, { dtype, shape }]) => [
          name,
          dtype === 'bfloat16' ? Tensor.empty(shape, { dtype }) : undefined,
        ]),
      );
      const load = () =>
        loadWeights(checkpoint, loaded.weights.entries(), (name) => lowBits.get(name));
      const what = into === 'bfloat16' ? 'bfloat16 with low bits of masters' : into;
      report(`load ${dtype} into ${what}`, dtype, await measure(load));
      for (const tensor of lowBits.values()) tensor?.dispose();
    }
    report(`save ${dtype} from masters, measuring its loss`, dtype, saved);
    rmSync(folder, { recursive: true });
  }
} finally {
  rmSync(root, { recursive: true, force: true });
}
