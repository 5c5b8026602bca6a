// `npm run bench`: checks the operations of a device, times them, and says how near each comes to what the device can
// do; beside PyTorch if asked. See README.md in this folder. Numbers of a machine that has other work vary: compare only
// numbers of one run, measured in turns.

import { Progress } from '../lib/cli/progress.ts';
import { addon } from '../lib/core/addon.ts';
import { Device, LeiaError } from '../lib/index.ts';
import { largeCopy, largeProduct } from './ceiling.ts';
import { measureHostCosts } from './host-costs.ts';
import * as activation from './operations/activation.ts';
import * as adamw from './operations/adamw.ts';
import * as addBias from './operations/add-bias.ts';
import * as argmax from './operations/argmax.ts';
import * as binary from './operations/binary.ts';
import * as concatenate from './operations/concatenate.ts';
import * as crossEntropy from './operations/cross-entropy.ts';
import * as dropout from './operations/dropout.ts';
import * as flashAttention from './operations/flash-attention.ts';
import * as layer from './operations/layer.ts';
import * as layerNorm from './operations/layer-norm.ts';
import * as logSoftmax from './operations/log-softmax.ts';
import * as matmul from './operations/matmul.ts';
import * as max from './operations/max.ts';
import * as mean from './operations/mean.ts';
import * as permute from './operations/permute.ts';
import * as rmsNorm from './operations/rms-norm.ts';
import * as softmax from './operations/softmax.ts';
import * as sum from './operations/sum.ts';
import * as swiglu from './operations/swiglu.ts';
import * as topK from './operations/top-k.ts';
import { help, type Options, parseOptions } from './options.ts';
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
import type { Float, Prepared, Sizes, Workload } from './workload.ts';

const operations: Record<string, { workloads(sizes: Sizes): Workload[] }> = {
  matmul,
  'flash-attention': flashAttention,
  adamw,
  'rms-norm': rmsNorm,
  'layer-norm': layerNorm,
  swiglu,
  softmax,
  'log-softmax': logSoftmax,
  activation,
  dropout,
  binary,
  'add-bias': addBias,
  sum,
  mean,
  max,
  argmax,
  'top-k': topK,
  'cross-entropy': crossEntropy,
  permute,
  concatenate,
  layer,
};
/** The name for the cost of a call, which is no operation. */
const host = 'host';

class Run {
  readonly #options: Options;
  readonly #device: Device;
  readonly #print: (line: string) => void;
  readonly #progress = new Progress();
  readonly results: Results;
  #rival: TorchRival | undefined;

  constructor(options: Options, print: (line: string) => void) {
    this.#options = options;
    this.#print = print;
    this.#device = Device.open(options.device);
    const environment = describeEnvironment(options.device);
    this.results = { environment, ceilings: [], rows: [], host: [], failures: [] };
  }

  async all(): Promise<Results> {
    const { operations: names, match = '', sizes } = this.#options;
    const chosen = names.length > 0 ? names : [...Object.keys(operations), host];
    const workloads = chosen.flatMap((operation) =>
      (operations[operation]?.workloads(sizes) ?? [])
        .filter(({ name }) => name.includes(match))
        .map((workload) => ({ operation, workload })),
    );
    this.#say(table.environmentLine(this.results.environment));
    await this.#startRival();
    try {
      await this.#measureCeilings(workloads.map(({ workload }) => workload));
      if (workloads.length > 0) this.#say(`\n${table.header()}`);
      for (const { operation, workload } of workloads) await this.#measureRow(operation, workload);
      if (chosen.includes(host)) await this.#measureHost();
    } finally {
      this.#progress.clear();
      this.#rival?.close();
    }
    return this.results;
  }

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
      this.results.rival = this.#rival.description;
      const { torch, cuda, cudnn, python: version } = this.#rival.description;
      const parts = [cuda && `CUDA ${cuda}`, cudnn && `cuDNN ${cudnn}`, `Python ${version}`];
      this.#say(`against torch ${torch}, ${parts.filter(Boolean).join(', ')}`);
    } catch (error) {
      this.results.rival = { name: 'torch', missing: this.#fail('torch', error) };
    }
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
          ratio: milliseconds.median / own.median,
        })),
    };
    this.results.rows.push(row);
    for (const line of table.rowLines(row)) this.#say(line);
  }

  /** Undefined when it could not be measured, which has been said. */
  async #time(
    workload: Workload,
  ): Promise<{ all: Map<string, Timing>; error: number | undefined } | undefined> {
    const { name } = workload;
    const onProgress = (what: string) => this.#progress.update(`${name}: ${what}`);
    let prepared: Prepared | undefined;
    try {
      onProgress('checking');
      prepared = workload.prepare(this.#device);
      const error = await prepared.check();
      const contestants = [onDevice(this.#device, prepared.run), ...(await this.#rivals(workload))];
      const options = { ...this.#options, onProgress };
      const { timings, left } = await timeInTurns(contestants, options);
      for (const [who, reason] of left) {
        if (who === 'leia') throw new Error(reason);
        this.#fail(`${who}, ${name}`, reason);
      }
      return { all: timings, error };
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
      this.#fail('torch', error);
      this.#rival.close();
      this.#rival = undefined;
      return [];
    }
  }

  async #measureHost(): Promise<void> {
    try {
      this.results.host = await measureHostCosts(
        this.#device,
        this.#options.roundMilliseconds / 50,
      );
      this.#say('');
      for (const line of table.hostLines(this.results.host)) this.#say(line);
    } catch (error) {
      this.#fail(host, error);
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
    console.error(`bench: ${name}: ${reason}`);
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

async function main(): Promise<void> {
  const known = [...Object.keys(operations), host];
  const options = parseOptions(process.argv.slice(2), known);
  if (options === 'help') {
    console.log(help.replace('OPERATIONS', known.join(', ')));
    return;
  }
  // With --json, standard output is for that alone.
  const print = options.json ? console.error : console.log;
  const results = await new Run(options, print).all();
  if (options.json) console.log(JSON.stringify(results, null, 2));
  if (options.output !== undefined) print(`\nwrote ${await writeResults(results, options.output)}`);
  // A rival that is missing or fails is no failure of ours.
  if (results.failures.some(({ name }) => !name.startsWith('torch'))) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  if (!(error instanceof LeiaError)) throw error;
  console.error(`bench: ${error.message}`);
  process.exitCode = error.code === 'usage' ? 2 : 1;
}
