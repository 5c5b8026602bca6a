// `leia doctor`: what this machine has and lacks, and how to get what is missing. It looks at the real
// things: it loads the addon, runs an operation, and asks the system.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, freemem, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { addon, packageRoot } from '../core/addon.ts';
import { Device } from '../core/device.ts';
import * as ops from '../core/ops.ts';
import { Tensor } from '../core/tensor.ts';
import { LeiaError } from '../system/error.ts';
import { examineRanks } from './doctor-ranks.ts';
import { type Finding, findTool, messageOf } from './findings.ts';
import { formatBytes } from './progress.ts';
import { style } from './style.ts';

const marks = { good: style.green('✓'), missing: style.yellow('–'), broken: style.red('✗') };

export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .summary('what this machine has and lacks')
    .description(
      'What this machine has and lacks for leia. Fails if the native core does not work.',
    )
    .option('--json', 'print one JSON array instead: topic, status (good, missing, broken), text')
    .addHelpText('after', '\nExample:\n  leia doctor')
    .action(async ({ json = false }: { json?: boolean }) => {
      const findings = await examine();
      if (json) console.log(JSON.stringify(findings));
      else for (const finding of findings) console.log(format(finding));
      const broken = findings.find(({ status }) => status === 'broken');
      if (broken === undefined) return;
      throw new LeiaError('unavailable', `${broken.topic} does not work: ${broken.text}`);
    });
}

function format({ topic, status, text }: Finding): string {
  return `${marks[status]} ${topic.padEnd(14)} ${text}`;
}

async function examine(): Promise<Finding[]> {
  const device = await cudaDevice();
  return [
    {
      topic: 'node',
      status: 'good',
      text: `${process.version}, ${process.platform}-${process.arch}`,
    },
    { topic: 'memory', status: 'good', text: memory() },
    await nativeCore(),
    gpu(),
    device,
    await cublasLt(device.status === 'good'),
    ...examineRanks(),
    findTool(
      'compiler',
      ['c++', 'g++', 'clang++'],
      'needed only to build the native core from source',
    ),
    findTool('cmake', ['cmake'], 'needed only to build the native core from source'),
  ];
}

function memory(): string {
  return `${formatBytes(totalmem())}, of which ${formatBytes(freemem())} free`;
}

/** Loads the addon and lets it compute something. */
async function nativeCore(): Promise<Finding> {
  const topic = 'native core';
  try {
    const { isa, bfloat16Dot, threads } = addon().cpuDescription();
    using a = Tensor.from([1, 2, 3, 4], [2, 2]);
    using b = Tensor.from([5, 6, 7, 8], [2, 2]);
    using product = ops.matmul({ a, b }).output;
    const values = [...(await product.read())];
    if (values.join() !== '19,22,43,50') {
      return { topic, status: 'broken', text: `a product of matrices came out as ${values}` };
    }
    const dots = bfloat16Dot ? ' with bfloat16 products' : '';
    const text = `works: ${isa}${dots}, ${threads} threads of ${availableParallelism()}, ${builtOrPrebuilt()}`;
    return { topic, status: 'good', text };
  } catch (error) {
    return { topic, status: 'broken', text: messageOf(error) };
  }
}

/** As node-gyp-build decides: what was built here wins. */
function builtOrPrebuilt(): string {
  if (process.env.LEIA_ADDON !== undefined) return `from LEIA_ADDON=${process.env.LEIA_ADDON}`;
  return existsSync(join(packageRoot, 'build', 'Release', 'leia.node'))
    ? 'built on this machine'
    : 'prebuilt';
}

/** What the kernel says of NVIDIA GPUs; no library is needed for that. */
function gpu(): Finding {
  const topic = 'gpu';
  const folder = '/proc/driver/nvidia';
  if (!existsSync(folder)) return { topic, status: 'missing', text: 'no NVIDIA driver is loaded' };
  const version = /\d+\.\d+(\.\d+)?/.exec(readFileSync(join(folder, 'version'), 'utf8'))?.[0];
  const models = readdirSync(join(folder, 'gpus')).map((bus) => {
    const text = readFileSync(join(folder, 'gpus', bus, 'information'), 'utf8');
    return /^Model:\s*(.+)$/m.exec(text)?.[1] ?? bus;
  });
  const text = `${models.join(', ') || 'no GPU'}, driver ${version ?? 'of unknown version'}`;
  return { topic, status: models.length > 0 ? 'good' : 'missing', text };
}

/** Opens the first GPU and lets it compute something. */
async function cudaDevice(): Promise<Finding> {
  const topic = 'device cuda';
  try {
    const device = Device.open('cuda');
    const { description, freeBytes, totalBytes } = device.properties;
    using values = Tensor.from([1, 2, 3, 4], [2, 2], { device });
    using sum = ops.residualAdd({ a: values, b: values }).output;
    const read = [...(await sum.read())];
    if (read.join() !== '2,4,6,8') {
      return { topic, status: 'broken', text: `a sum came out as ${read}` };
    }
    const free = `${formatBytes(freeBytes)} of ${formatBytes(totalBytes)} free`;
    return { topic, status: 'good', text: `works: ${description}, ${free}` };
  } catch (error) {
    const missing = error instanceof LeiaError && error.code === 'unavailable';
    return { topic, status: missing ? 'missing' : 'broken', text: messageOf(error) };
  }
}

/** The library that matrix products on a GPU need; where there is a GPU, it multiplies there. */
async function cublasLt(hasGpu: boolean): Promise<Finding> {
  const topic = 'cuBLASLt';
  try {
    const { path, version } = addon().cublasLtDescription(hasGpu);
    const library = `${version} in ${path}`;
    if (!hasGpu) return { topic, status: 'good', text: `${library}, not tried without a GPU` };
    // The query's projection of LLaMA-2-7B, for 128 tokens.
    const wrong = await checkProduct(Device.open('cuda'), { m: 128, n: 4096, k: 4096 });
    if (wrong !== undefined) return { topic, status: 'broken', text: `${library}: ${wrong}` };
    return { topic, status: 'good', text: `works: ${library}` };
  } catch (error) {
    return { topic, status: hasGpu ? 'broken' : 'missing', text: messageOf(error) };
  }
}

/**
 * Multiplies bfloat16 matrices of small whole numbers to float32, where every sum is exact, and says what is wrong with
 * the product, if anything is.
 */
export async function checkProduct(
  device: Device,
  { m, n, k }: { m: number; n: number; k: number },
): Promise<string | undefined> {
  const left = (row: number, i: number) => ((row + 3 * i) % 7) - 3;
  const right = (column: number, i: number) => ((2 * column + i) % 5) - 2;
  const matrix = (rows: number, value: (row: number, i: number) => number) => {
    const values = Float32Array.from({ length: rows * k }, (_, at) =>
      value(Math.floor(at / k), at % k),
    );
    return Tensor.from(values, [rows, k], { dtype: 'bfloat16', device });
  };
  using a = matrix(m, left);
  using b = matrix(n, right);
  using output = Tensor.empty([m, n], { device });
  ops.matmul({ a, b, transposeB: true, output });
  const product = await output.readFloats();
  for (let at = 0; at < m * n; at += 4099) {
    const [row, column] = [Math.floor(at / n), at % n];
    let expected = 0;
    for (let i = 0; i < k; i++) expected += left(row, i) * right(column, i);
    if (product[at] === expected) continue;
    return `element (${row}, ${column}) of a product ${m}x${n}x${k} came out as ${product[at]}, expected ${expected}`;
  }
  return undefined;
}
