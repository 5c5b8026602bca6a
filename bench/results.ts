// Where and with what a benchmark ran, and its results as one JSON object: everything that someone needs to judge a
// number, or to make it again.
import { execFileSync, type StdioOptions } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { addon, packageRoot } from '../lib/core/addon.ts';
import { writeOutput } from '../lib/system/output.ts';
import type { HostCost } from './host-costs.ts';
import type { Timing } from './timer.ts';

export interface Environment {
  date: string;
  leia: { version: string; commit: string };
  device: { name: string; model: string } & Record<string, string | number | boolean>;
  node: string;
  system: { kernel: string; cpu: string; cores: number; memoryBytes: number; load: number };
}

export interface RivalResult {
  name: string;
  milliseconds: Timing;
  /** How many times as fast ours is: its median time over ours, below 1 where ours is slower. */
  leiaTimesAsFast: number;
}

export interface Row {
  /** As on the command line. */
  operation: string;
  name: string;
  /** The functions of `ops` that a run calls, each once. */
  calls: string[];
  unit: 'TFLOP/s' | 'GB/s';
  flops: number;
  bytes: number;
  milliseconds: Timing;
  /** At the median time. */
  rate: number;
  /** Share of the measured ceiling, 0 to 1; absent where no ceiling was measured. */
  ofCeiling?: number;
  /** ‖output − reference‖ / ‖reference‖ of the sample that was checked, the largest of all outputs. */
  error?: number;
  rivals: RivalResult[];
}

export interface Ceiling {
  name: string;
  unit: 'TFLOP/s' | 'GB/s';
  dtype: string;
  /** The best round of the best of these. */
  rate: number;
  by: Record<string, number>;
}

export interface Results {
  environment: Environment;
  /** What runs there, if there was one. */
  rival?: { name: string } & Record<string, string | number | null>;
  ceilings: Ceiling[];
  rows: Row[];
  host: HostCost[];
  /** What could not be measured, and why. */
  failures: { name: string; reason: string }[];
}

export function describeEnvironment(device: string): Environment {
  const manifest = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'));
  return {
    date: new Date().toISOString(),
    leia: { version: manifest.version, commit: commit() },
    device: describeDevice(device),
    node: process.version,
    system: {
      kernel: release(),
      cpu: cpuModel(),
      cores: cpus().length,
      memoryBytes: totalmem(),
      load: Math.round(loadavg()[0]! * 100) / 100,
    },
  };
}

/** The commit of the repository. An installed package is in no repository of its own, only in its user's. */
function commit(): string {
  if (!existsSync(join(packageRoot, '.git'))) return 'unknown';
  const hash = output('git', ['-C', packageRoot, 'rev-parse', 'HEAD']);
  if (hash === undefined) return 'unknown';
  const changed = output('git', ['-C', packageRoot, 'status', '--porcelain', '-uno']);
  return changed ? `${hash} with changes` : hash;
}

function output(command: string, args: readonly string[]): string | undefined {
  try {
    const stdio: StdioOptions = ['ignore', 'pipe', 'ignore'];
    return execFileSync(command, args, { encoding: 'utf8', stdio }).trim();
  } catch {
    return undefined;
  }
}

function cpuModel(): string {
  return cpus()[0]?.model.trim() ?? 'unknown CPU';
}

function describeDevice(name: string): Environment['device'] {
  if (name.startsWith('cuda')) return { name, ...describeGpu() };
  const { isa, bfloat16Dot, threads } = addon().cpuDescription();
  const model = name === 'emulated' ? `emulator on ${cpuModel()}` : cpuModel();
  return { name, model, isa, bfloat16Dot, threads };
}

function describeGpu() {
  const query = ['--query-gpu=name,driver_version,memory.total', '--format=csv,noheader,nounits'];
  const line = output('nvidia-smi', query)?.split('\n')[0];
  const [model = 'unknown GPU', driver = 'unknown', mebibytes = '0'] = line?.split(', ') ?? [];
  return { model, driver, memoryMiB: Number(mebibytes) };
}

/** `amd-epyc-avx512-2-threads`, `nvidia-h200`. */
export function deviceSlug({ device }: Environment): string {
  const parts = device.isa ? [device.model, device.isa, device.threads, 'threads'] : [device.model];
  return parts
    .join(' ')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
}

/** Writes the results to a file; in a folder, its name tells the device. Returns the file's path. */
export async function writeResults(results: Results, path: string): Promise<string> {
  const isFolder = path.endsWith('/') || (existsSync(path) && statSync(path).isDirectory());
  const file = isFolder ? join(path, `${deviceSlug(results.environment)}.json`) : path;
  await mkdir(dirname(file), { recursive: true });
  await writeOutput(file, [Buffer.from(`${JSON.stringify(results, null, 2)}\n`)]);
  return file;
}
