// `leia bench`: times the operations on this machine. The benchmarks are a part of their own, as each needs the reference
// that the operation's tests hold it against: `bench/` in the sources, one build of both in the package.
import { type Command, Option } from 'commander';
import { LeiaError } from '../system/error.ts';
import { parseNumber } from './options.ts';

/** `tiny` is for tests and the emulator, `small` for a CPU, `large` is past a GPU's caches. */
export type Sizes = 'tiny' | 'small' | 'large';

/** What the benchmarks are asked for. */
export interface BenchOptions {
  /** Operations to measure, as on the command line; all if empty. */
  operations: readonly string[];
  device: string;
  /** Only workloads whose name contains this. */
  match?: string;
  sizes: Sizes;
  against?: 'torch';
  python?: string;
  /** Prints the results as JSON, and all else on standard error. */
  json: boolean;
  output?: string;
  rounds: number;
  roundMilliseconds: number;
  /** How long one contestant may take for all rounds of one workload. */
  limitMilliseconds: number;
}

type Given = Pick<BenchOptions, 'device' | 'match' | 'against' | 'python' | 'output' | 'rounds'> & {
  sizes?: Sizes;
  roundMs: number;
  limitS: number;
  json?: boolean;
};

const wholeNumber = (flag: string) => (text: string) => {
  const value = parseNumber(flag, text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new LeiaError('usage', `${flag}: expected a whole number above 0, got ${text}`);
};

/** From this file's folder: as it is in the sources, and as it is built. */
const benchmarks = import.meta.url.endsWith('.ts') ? '../../bench/run.ts' : '../bench/run.js';

export function registerBench(program: Command): void {
  program
    .command('bench')
    .summary('time the operations on this machine, beside PyTorch if asked')
    .description(
      'Time operations after checking their results, as a share of what this device reaches in a large matrix product and a large copy.',
    )
    .argument('[operation...]', 'such as matmul or rms-norm; all unless given. `host` is a call')
    .option('--device <name>', 'cpu or cuda', 'cpu')
    .addOption(
      new Option(
        '--sizes <choice>',
        'large on cuda and small on cpu unless given; tiny only shows that it works',
      ).choices(['tiny', 'small', 'large']),
    )
    .option('--match <text>', "only workloads whose name contains this, such as 'causal' or 'x64'")
    .addOption(
      new Option(
        '--against <choice>',
        "PyTorch's equivalents in the same run, in turns, and how many times as fast leia is",
      ).choices(['torch']),
    )
    .option('--python <path>', 'a Python with torch; LEIA_PYTHON or python3 unless given')
    .option(
      '--rounds <n>',
      'how many times each is measured; the best and the median are printed',
      wholeNumber('--rounds'),
      9,
    )
    .option('--round-ms <n>', 'how long a round should take', wholeNumber('--round-ms'), 100)
    .option(
      '--limit-s <n>',
      'how long ours or a rival may take for one workload, in seconds: a slow one gets fewer rounds, and one with a single run of a quarter of that is said to be too slow and left out',
      wholeNumber('--limit-s'),
      30,
    )
    .option('--json', 'print the results as JSON, and nothing else on standard output')
    .option('--output <file>', 'write them to a file, too; to a folder, named by the device')
    .addHelpText(
      'after',
      `
Example:
  leia bench matmul flash-attention --match causal
  leia bench --device cuda --against torch --output results/`,
    )
    .action(async (operations: readonly string[], given: Given) => {
      const { roundMs, limitS, sizes, json = false, ...rest } = given;
      const module: { bench(options: BenchOptions): Promise<void> } = await import(
        new URL(benchmarks, import.meta.url).href
      );
      await module.bench({
        ...rest,
        operations,
        json,
        sizes: sizes ?? sizesFor(given.device),
        roundMilliseconds: roundMs,
        limitMilliseconds: 1000 * limitS,
      });
    });
}

function sizesFor(device: string): Sizes {
  if (device.startsWith('cuda')) return 'large';
  return device === 'emulated' ? 'tiny' : 'small';
}
