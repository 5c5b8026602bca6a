// The command line of `npm run bench`.
import { parseArgs } from 'node:util';
import { LeiaError } from '../lib/index.ts';
import type { Sizes } from './workload.ts';

export interface Options {
  /** Operations to measure, as on the command line; all if empty. */
  operations: string[];
  device: string;
  /** Only workloads whose name contains this. */
  match: string | undefined;
  sizes: Sizes;
  against: 'torch' | undefined;
  python: string | undefined;
  json: boolean;
  output: string | undefined;
  rounds: number;
  roundMilliseconds: number;
  /** How long one contestant may take for all rounds of one workload. */
  limitMilliseconds: number;
}

export const help = `Usage: npm run bench -- [options] [operation ...]

Times operations after checking their results, as a share of what this device reaches in a large matrix product and
a large copy. Without operations: all of OPERATIONS.

  --device NAME     cpu (default), cuda, or emulated
  --sizes NAME      tiny, small or large; large on cuda, small on cpu, tiny on emulated unless given
  --match TEXT      only sizes whose name contains TEXT, such as 'causal' or 'x64'
  --against torch   PyTorch's equivalents in the same run, in turns, with the ratio of the times
  --python PATH     a Python with torch; otherwise LEIA_PYTHON, then python3 on PATH
  --rounds N        rounds of which best and median are taken (default 9)
  --round-ms N      how long a round should take, in milliseconds (default 100)
  --limit-s N       how long ours or a rival may take for one workload, in seconds (default 30): a slow one gets fewer
                    rounds, and one with a single run of a quarter of that is said to be too slow and left out
  --json            print the results as JSON instead of a table
  --output FILE     write them to a file, too; to a folder, under a name that tells the device
  --help            this text

Examples:
  npm run bench -- matmul
  npm run bench -- --device cuda --against torch --output bench/results/`;

export const sizesOf = (device: string): Sizes => {
  if (device.startsWith('cuda')) return 'large';
  return device === 'emulated' ? 'tiny' : 'small';
};

/** @throws LeiaError `usage` for what is not in the help. */
export function parseOptions(args: readonly string[], known: readonly string[]): Options | 'help' {
  const { values, positionals } = parse(args);
  if (values.help) return 'help';
  for (const name of positionals) {
    if (!known.includes(name)) {
      throw new LeiaError('usage', `no benchmark '${name}', expected any of ${known.join(', ')}`);
    }
  }
  const device = values.device ?? 'cpu';
  return {
    operations: positionals,
    device,
    match: values.match,
    sizes: choice('--sizes', values.sizes, ['tiny', 'small', 'large']) ?? sizesOf(device),
    against: choice('--against', values.against, ['torch']),
    python: values.python,
    json: values.json ?? false,
    output: values.output,
    rounds: wholeNumber('--rounds', values.rounds ?? '9'),
    roundMilliseconds: wholeNumber('--round-ms', values['round-ms'] ?? '100'),
    limitMilliseconds: 1000 * wholeNumber('--limit-s', values['limit-s'] ?? '30'),
  };
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        device: text,
        sizes: text,
        match: text,
        against: text,
        python: text,
        rounds: text,
        'round-ms': text,
        'limit-s': text,
        json: flag,
        output: text,
        help: flag,
      },
    });
  } catch (error) {
    const message = error instanceof Error ? error.message.split('. ')[0] : String(error);
    throw new LeiaError('usage', `${message}; see npm run bench -- --help`, { cause: error });
  }
}

function choice<Name extends string>(
  option: string,
  value: string | undefined,
  names: readonly Name[],
): Name | undefined {
  const found = names.find((name) => name === value);
  if (value === undefined || found !== undefined) return found;
  throw new LeiaError('usage', `${option} ${value}, expected ${names.join(', ')}`);
}

function wholeNumber(option: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new LeiaError('usage', `${option} ${text}, expected a whole number of 1 or more`);
}
