// `npm run bench -- [--json] [operation ...]`: times operations on the CPU device, after checking that what
// is timed is right. Best and median over the samples that benchmark.js takes; with --json, the table also goes to
// bench/results, in a file named by the device. Numbers of a shared machine vary: compare alternately.
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import Benchmark from 'benchmark';
import { addon } from '../lib/core/addon.ts';
import { Device, Tensor } from '../lib/index.ts';
import { type OutputAllocator, relativeError } from '../test/ops/case.ts';
import type { BenchCase } from './bench-case.ts';

interface Row {
  name: string;
  unit: string;
  best: number;
  median: number;
  bestMilliseconds: number;
  medianMilliseconds: number;
  /** ‖output - reference‖ / ‖reference‖, the largest of all outputs. */
  error: number;
}

const device = Device.open('cpu');
const folder = new URL('./', import.meta.url);

function operationNames(): string[] {
  const own = ['run.ts', 'bench-case.ts'];
  const files = readdirSync(folder).filter((name) => name.endsWith('.ts') && !own.includes(name));
  return files.map((name) => name.replace('.ts', '')).sort();
}

/** Allocates at the first run, and gives the same tensors in the same order in all others. */
function outputsOf(): { allocate: OutputAllocator; restart(): void; dispose(): void } {
  const tensors: Tensor[] = [];
  let next = 0;
  return {
    allocate: (shape, dtype = 'float32') => {
      tensors[next] ??= Tensor.empty(shape, { dtype, device });
      return tensors[next++]!;
    },
    restart: () => {
      next = 0;
    },
    dispose: () => {
      for (const tensor of tensors) tensor.dispose();
    },
  };
}

/** The largest error of a result; throws if one is above the case's tolerance. */
async function check({ operation, part }: BenchCase, outputs: Record<string, Tensor>) {
  const values = new Map<string, ArrayLike<number>>();
  for (const [name, tensor] of Object.entries(outputs)) values.set(name, await tensor.read());
  const parts = part
    ? part(operation.inputs, values)
    : Object.fromEntries(
        Object.entries(operation.reference(operation.inputs)).map(([name, expected]) => [
          name,
          { actual: values.get(name)!, expected },
        ]),
      );
  let worst = 0;
  for (const [name, { actual, expected }] of Object.entries(parts)) {
    const error = relativeError(actual, expected);
    const tolerance = operation.tolerance[name] ?? 0;
    if (!(error <= tolerance)) {
      throw new Error(`${operation.name}: ${name} is off by ${error}, expected ${tolerance}`);
    }
    worst = Math.max(worst, error);
  }
  return worst;
}

/** Seconds of each sample. */
function time(run: () => void): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const benchmark = new Benchmark({
      defer: true,
      minSamples: 9,
      maxTime: 1,
      fn: (deferred: Benchmark.Deferred) => {
        run();
        device.synchronize().then(() => deferred.resolve(), reject);
      },
      onComplete: () => resolve(benchmark.stats.sample),
      onError: () => reject(benchmark.error),
    });
    benchmark.run({ async: true });
  });
}

async function measure(item: BenchCase): Promise<Row> {
  const { operation, unit } = item;
  const inputs = Object.fromEntries(
    Object.entries(operation.inputs).map(([name, { data, shape, dtype }]) => [
      name,
      Tensor.from(Float32Array.from(data), shape, { dtype, device }),
    ]),
  );
  const outputs = outputsOf();
  const run = () => {
    outputs.restart();
    return operation.run(inputs, outputs.allocate);
  };
  const error = await check(item, run());
  const seconds = (await time(run)).sort((a, b) => a - b);
  outputs.dispose();
  for (const tensor of Object.values(inputs)) tensor.dispose();
  const best = seconds[0]!;
  const median = seconds[Math.floor(seconds.length / 2)]!;
  const work = (unit === 'GB/s' ? operation.bytes : operation.flops) / 1e9;
  return {
    name: operation.name,
    unit,
    best: work / best,
    median: work / median,
    bestMilliseconds: best * 1e3,
    medianMilliseconds: median * 1e3,
    error,
  };
}

function describeDevice() {
  const { isa, bfloat16Dot, threads } = addon().cpuDescription();
  return { model: cpus()[0]?.model.trim() ?? 'unknown CPU', isa, bfloat16Dot, threads };
}

function line(name: string, cells: readonly string[]): string {
  return name.padEnd(82) + cells.map((cell) => cell.padStart(10)).join('');
}

const { values, positionals } = parseArgs({
  options: { json: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const known = operationNames();
const unknown = positionals.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  console.error(
    `bench: no benchmark '${unknown.join("', '")}', expected any of ${known.join(', ')}`,
  );
  process.exit(2);
}

const about = describeDevice();
console.log(
  `${about.model}, ${about.isa}${about.bfloat16Dot ? ' with bfloat16 products' : ''}, ${about.threads} threads\n`,
);
console.log(line('', ['best', 'median', '', 'ms', 'error']));
const rows: Row[] = [];
for (const name of positionals.length > 0 ? positionals : known) {
  const { cases } = (await import(new URL(`${name}.ts`, folder).href)) as { cases: BenchCase[] };
  for (const item of cases) {
    const row = await measure(item);
    rows.push(row);
    const rates = [row.best.toFixed(1), row.median.toFixed(1), row.unit];
    const rest = [row.medianMilliseconds.toFixed(2), row.error.toExponential(1)];
    console.log(line(row.name, [...rates, ...rest]));
  }
}
if (values.json) {
  const slug = `${about.model} ${about.isa} ${about.threads}`.toLowerCase();
  const results = new URL('results/', folder);
  mkdirSync(results, { recursive: true });
  const file = new URL(`${slug.replace(/[^a-z0-9]+/g, '-')}.json`, results);
  writeFileSync(file, `${JSON.stringify({ device: about, rows }, null, 2)}\n`);
  console.log(`\nwrote ${file.pathname}`);
}
