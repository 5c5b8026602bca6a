// `leia bench`: checks the operations of a device, times them, and says how near each comes to what the device can
// do; beside PyTorch if asked. See README.md in this folder. Numbers of a machine that has other work vary: compare only
// numbers of one run, measured in turns.

import type { BenchOptions, Sizes } from '../lib/cli/bench.ts';
import { Progress } from '../lib/cli/progress.ts';
import { addon } from '../lib/core/addon.ts';
import { observeOperations } from '../lib/core/operation.ts';
import { Device, LeiaError } from '../lib/index.ts';
import { largeCopy, largeProduct } from './ceiling.ts';
import {
  type Ceiling,
  describeEnvironment,
  type Results,
  type Row,
  writeResults,
} from './results.ts';
import { TorchRival } from './rival.ts';
import * as table from './table.ts';
import { type Contestant, onDevice, type Timing, timeInTurns } from './timer.ts';
import type { Float, Prepared, Workload } from './workload.ts';

interface Benchmark {
  workloads(sizes: Sizes): Workload[];
}

/** Loaded when they are asked for: each brings the reference that the operation's tests use. */
const operations: Readonly<Record<string, () => Promise<Benchmark>>> = {
  matmul: () => import('./operations/matmul.ts'),
  'flash-attention': () => import('./operations/flash-attention.ts'),
  adamw: () => import('./operations/adamw.ts'),
  'gradient-norm': () => import('./operations/gradient-norm.ts'),
  'rms-norm': () => import('./operations/rms-norm.ts'),
  'layer-norm': () => import('./operations/layer-norm.ts'),
  swiglu: () => import('./operations/swiglu.ts'),
  softmax: () => import('./operations/softmax.ts'),
  'log-softmax': () => import('./operations/log-softmax.ts'),
  activation: () => import('./operations/activation.ts'),
  dropout: () => import('./operations/dropout.ts'),
  binary: () => import('./operations/binary.ts'),
  compare: () => import('./operations/compare.ts'),
  where: () => import('./operations/where.ts'),
  'add-bias': () => import('./operations/add-bias.ts'),
  'residual-add': () => import('./operations/residual-add.ts'),
  rope: () => import('./operations/rope.ts'),
  sum: () => import('./operations/sum.ts'),
  mean: () => import('./operations/mean.ts'),
  max: () => import('./operations/max.ts'),
  argmax: () => import('./operations/argmax.ts'),
  'top-k': () => import('./operations/top-k.ts'),
  'sample-token': () => import('./operations/sample-token.ts'),
  'cross-entropy': () => import('./operations/cross-entropy.ts'),
  embedding: () => import('./operations/embedding.ts'),
  cast: () => import('./operations/cast.ts'),
  fill: () => import('./operations/fill.ts'),
  'random-normal': () => import('./operations/random-normal.ts'),
  permute: () => import('./operations/permute.ts'),
  slice: () => import('./operations/slice.ts'),
  'write-slice': () => import('./operations/write-slice.ts'),
  'write-rows': () => import('./operations/write-rows.ts'),
  concatenate: () => import('./operations/concatenate.ts'),
  layer: () => import('./operations/layer.ts'),
};
/** The name for the cost of a call, which is no operation. */
const host = 'host';
const howToGet = "it needs benchmark.js: 'npm install benchmark'";

/** Whose failure it is if PyTorch's process ends, rather than one of its variants. */
const rivalItself = 'torch';

interface Chosen {
  operation: string;
  workload: Workload;
}

class Run {
  readonly #options: BenchOptions;
  readonly #device: Device;
  readonly #print: (line: string) => void;
  readonly #progress = new Progress();
  readonly results: Results;
  #rival: TorchRival | undefined;

  constructor(options: BenchOptions, print: (line: string) => void) {
    this.#options = options;
    this.#print = print;
    this.#device = Device.open(options.device);
    const environment = describeEnvironment(options.device);
    this.results = { environment, ceilings: [], rows: [], host: [], failures: [] };
  }

  async all(workloads: readonly Chosen[]): Promise<Results> {
    const { operations: names, match } = this.#options;
    this.#say(table.environmentLine(this.results.environment));
    await this.#startRival();
    try {
      await this.#measureCeilings(workloads.map(({ workload }) => workload));
      if (workloads.length > 0) this.#say(`\n${table.header()}`);
      for (const { operation, workload } of workloads) await this.#measureRow(operation, workload);
      if (names.includes(host) || (names.length === 0 && match === undefined)) {
        await this.#measureHost();
      }
    } finally {
      this.#progress.clear();
      this.#rival?.close();
    }
    return this.results;
  }

  /** @throws LeiaError `unavailable` if it is asked for and cannot be started. */
  async #startRival(): Promise<void> {
    const { against, python, device, limitMilliseconds } = this.#options;
    if (against === undefined) return;
    const { threads } = addon().cpuDescription();
    this.#progress.update('starting PyTorch');
    try {
      // PyTorch has no emulator: there the CPU stands for it.
      const rivalDevice = device === 'emulated' ? 'cpu' : device;
      const options = { python, device: rivalDevice, threads, limitMilliseconds };
      this.#rival = await TorchRival.start(options);
    } finally {
      this.#progress.clear();
    }
    this.results.rival = this.#rival.description;
    const { torch, cuda, cudnn, python: version } = this.#rival.description;
    const parts = [cuda && `CUDA ${cuda}`, cudnn && `cuDNN ${cudnn}`, `Python ${version}`];
    this.#say(`against torch ${torch}, ${parts.filter(Boolean).join(', ')}`);
  }

  async #measureCeilings(workloads: readonly Workload[]): Promise<void> {
    const { sizes } = this.#options;
    const bounds = new Set(
      workloads.map(({ bound, dtype }) => (bound === 'memory' ? bound : dtype)),
    );
    for (const bound of bounds) {
      const workload = bound === 'memory' ? largeCopy(sizes) : largeProduct(sizes, bound as Float);
      const timings = await this.#time(workload);
      if (timings === undefined) continue;
      const by: Record<string, number> = {};
      for (const [name, { best }] of timings.all) by[name] = rateOf(workload, best);
      const rate = Math.max(...Object.values(by));
      const ceiling: Ceiling = { name: workload.name, ...about(workload), rate, by };
      this.results.ceilings.push(ceiling);
    }
    for (const line of table.ceilingLines(this.results)) this.#say(line);
  }

  async #measureRow(operation: string, workload: Workload): Promise<void> {
    const timings = await this.#time(workload);
    const own = timings?.all.get('leia');
    if (timings === undefined || own === undefined) return;
    const rate = rateOf(workload, own.median);
    const { unit, dtype } = about(workload);
    const ceiling = this.results.ceilings.find(
      (item) => item.unit === unit && (unit === 'GB/s' || item.dtype === dtype),
    );
    const row: Row = {
      operation,
      name: workload.name,
      calls: timings.calls,
      unit,
      flops: workload.flops,
      bytes: workload.bytes,
      milliseconds: own,
      rate,
      ...(ceiling && { ofCeiling: rate / ceiling.rate }),
      ...(timings.error !== undefined && { error: timings.error }),
      rivals: [...timings.all]
        .filter(([name]) => name !== 'leia')
        .map(([name, milliseconds]) => ({
          name,
          milliseconds,
          leiaTimesAsFast: milliseconds.median / own.median,
        })),
    };
    this.results.rows.push(row);
    for (const line of table.rowLines(row)) this.#say(line);
  }

  /** Undefined when it could not be measured, which has been said. */
  async #time(
    workload: Workload,
  ): Promise<{ all: Map<string, Timing>; error: number | undefined; calls: string[] } | undefined> {
    const { name } = workload;
    const onProgress = (what: string) => this.#progress.update(`${name}: ${what}`);
    let prepared: Prepared | undefined;
    try {
      onProgress('checking');
      prepared = workload.prepare(this.#device);
      const error = await prepared.check();
      const calls = callsOf(prepared.run);
      const contestants = [onDevice(this.#device, prepared.run), ...(await this.#rivals(workload))];
      const options = { ...this.#options, onProgress };
      const { timings, left } = await timeInTurns(contestants, options);
      for (const [who, reason] of left) {
        if (who === 'leia') throw new Error(reason);
        this.#fail(`${who}, ${name}`, reason);
      }
      return { all: timings, error, calls };
    } catch (error) {
      this.#fail(name, error);
      // The error stays with the device until someone has asked.
      await this.#device.synchronize().catch(() => undefined);
      return undefined;
    } finally {
      prepared?.dispose();
    }
  }

  /** PyTorch's ways of doing the same. If its process ends, it is out for the rest of the run. */
  async #rivals({ name, rival }: Workload): Promise<Contestant[]> {
    if (this.#rival === undefined) return [];
    try {
      this.#progress.update(`${name}: torch, first run`);
      const { contestants, failures } = await this.#rival.prepare(rival);
      for (const [variant, reason] of Object.entries(failures)) {
        this.#fail(`torch ${variant}, ${name}`, reason);
      }
      return contestants;
    } catch (error) {
      this.#fail(rivalItself, error);
      this.#rival.close();
      this.#rival = undefined;
      return [];
    }
  }

  async #measureHost(): Promise<void> {
    const { operations: names, roundMilliseconds } = this.#options;
    try {
      const { measureHostCosts } = await import('./host-costs.ts');
      this.results.host = await measureHostCosts(this.#device, roundMilliseconds / 50);
      this.#say('');
      for (const line of table.hostLines(this.results.host)) this.#say(line);
    } catch (error) {
      if (!isMissingPackage(error)) this.#fail(host, error);
      // The package does not bring what only this needs.
      else if (!names.includes(host)) this.#say(`\nhost: left out, ${howToGet}`);
      else this.#fail(host, howToGet);
    }
  }

  #say(line: string): void {
    this.#progress.clear();
    this.#print(line);
  }

  #fail(name: string, error: unknown): string {
    const text = error instanceof Error ? error.message : String(error);
    const reason = text.split('\n')[0] ?? '';
    this.results.failures.push({ name, reason });
    this.#progress.clear();
    console.error(`leia: ${name}: ${reason}`);
    return reason;
  }
}

function about({ bound, dtype }: Workload): { unit: 'TFLOP/s' | 'GB/s'; dtype: Float } {
  return { unit: bound === 'memory' ? 'GB/s' : 'TFLOP/s', dtype };
}

/** TFLOP/s or GB/s at so many milliseconds. */
function rateOf({ bound, flops, bytes }: Workload, milliseconds: number): number {
  return bound === 'memory' ? bytes / milliseconds / 1e6 : flops / milliseconds / 1e9;
}

/** The names of the operations that a run calls, as functions of `ops`, each once. */
function callsOf(run: () => void): string[] {
  const calls = new Set<string>();
  observeOperations((name, call) => {
    calls.add(name);
    call();
  });
  try {
    run();
  } finally {
    observeOperations(undefined);
  }
  return [...calls];
}

function isMissingPackage(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND';
}

/** @throws LeiaError `usage` for an operation that there is none of, or a filter that fits nothing. */
async function chooseWorkloads({
  operations: names,
  match,
  sizes,
}: BenchOptions): Promise<Chosen[]> {
  const known = [...Object.keys(operations), host];
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new LeiaError('usage', `no benchmark '${unknown}', expected any of ${known.join(', ')}`);
  }
  const chosen = names.length > 0 ? names : known;
  const all: Chosen[] = [];
  for (const operation of chosen) {
    const benchmark = await operations[operation]?.();
    for (const workload of benchmark?.workloads(sizes) ?? []) all.push({ operation, workload });
  }
  if (match === undefined) return all;
  const fitting = all.filter(({ workload }) => workload.name.includes(match));
  if (fitting.length > 0) return fitting;
  const example = all[0] && `, such as '${all[0].workload.name}'`;
  throw new LeiaError(
    'usage',
    `--match: no workload's name contains '${match}'; there are ${all.length}${example ?? ''}`,
  );
}

/**
 * Measures what the options say, and prints it. Sets the process's exit code to 1 if something could not be measured.
 *
 * @throws LeiaError `usage` (an operation that there is none of, a filter that fits nothing), `unavailable` (no such
 *   device; a rival that cannot be started).
 */
export async function bench(options: BenchOptions): Promise<void> {
  // With --json, standard output is for that alone.
  const print = options.json ? console.error : console.log;
  const workloads = await chooseWorkloads(options);
  const results = await new Run(options, print).all(workloads);
  if (options.json) console.log(JSON.stringify(results, null, 2));
  if (options.output !== undefined) print(`\nwrote ${await writeResults(results, options.output)}`);
  // One of PyTorch's ways that fails or is too slow is no failure of ours.
  const failed = results.failures.some(
    ({ name }) => name === rivalItself || !name.startsWith(`${rivalItself} `),
  );
  if (failed) process.exitCode = 1;
}
