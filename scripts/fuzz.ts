// Feeds a reader of foreign input with damaged real input, for as long as asked:
//
//     npm run fuzz -- READER [--minutes 10] [--seed 1] [--case 17]
//
// A case may not crash, hang, take memory without end or give an unsound result. The cases run in a process of
// their own, so that a crash and a hang are seen from outside; one that fails is written to `fuzz-found`, whose
// files belong into test/fixtures/fuzz once the fault is mended.
import { type ChildProcess, fork } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Dice } from './fuzz/mutate.ts';
import { readers } from './fuzz/readers.ts';

/** Longest time for one case, of at most 400,000 units: generous, since machines are busy. */
const hangMilliseconds = 60_000;
const memoryBytes = 1.5 * 2 ** 30;
const found = 'fuzz-found';

interface Report {
  case: number;
  failure?: string;
}

/** The child: one case after the other, each announced before it begins. */
async function work(name: string, seed: number, from: number, until: number): Promise<void> {
  const reader = await readers[name]!();
  for (let number = from; Date.now() < until; number++) {
    const report: Report = { case: number };
    // Without waiting for it to be sent, a crash would come before its case is known.
    await new Promise<void>((sent) => process.send!(report, () => sent()));
    try {
      await reader.check(reader.make(new Dice(seed, number)));
      const { rss } = process.memoryUsage();
      if (rss > memoryBytes) throw new Error(`${Math.round(rss / 2 ** 20)} MiB of memory`);
    } catch (error) {
      process.send!({ ...report, failure: String(error instanceof Error ? error.stack : error) });
      break;
    }
  }
}

/** Runs cases until the time is over; what was found. */
async function supervise(name: string, seed: number, minutes: number): Promise<number> {
  const until = Date.now() + minutes * 60_000;
  let failures = 0;
  let cases = 0;
  for (let next = 0; Date.now() < until; ) {
    const { last, failure } = await runChild(name, seed, next, until);
    cases += last - next + 1;
    next = last + 1;
    if (failure === undefined) continue;
    failures++;
    await keep(name, seed, last, failure);
  }
  console.log(`${name}: ${cases} cases with seed ${seed}, ${failures} failures`);
  return failures;
}

async function runChild(
  name: string,
  seed: number,
  from: number,
  until: number,
): Promise<{ last: number; failure: string | undefined }> {
  const child: ChildProcess = fork(
    fileURLToPath(import.meta.url),
    [name, '--seed', String(seed), '--case', String(from), '--until', String(until)],
    { execArgv: [...process.execArgv, '--max-old-space-size=1024'] },
  );
  let last = from;
  let failure: string | undefined;
  let watch: NodeJS.Timeout | undefined;
  const hang = (): void => {
    failure = `a hang: ${hangMilliseconds / 1000} s were not enough`;
    child.kill('SIGKILL');
  };
  child.on('message', (report: Report) => {
    last = report.case;
    failure ??= report.failure;
    clearTimeout(watch);
    watch = setTimeout(hang, hangMilliseconds);
  });
  const end = await new Promise<string>((resolve) => {
    child.on('exit', (code, signal) =>
      resolve(code === 0 ? '' : `it ended with ${signal ?? code}`),
    );
  });
  clearTimeout(watch);
  return { last, failure: failure ?? (end === '' ? undefined : end) };
}

async function keep(name: string, seed: number, number: number, failure: string): Promise<void> {
  const reader = await readers[name]!();
  mkdirSync(found, { recursive: true });
  const path = join(found, `${name}-${seed}-${number}`);
  writeFileSync(path, reader.make(new Dice(seed, number)));
  console.error(`${path}: ${failure}`);
}

async function main(): Promise<void> {
  const text = { type: 'string' } as const;
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { minutes: text, seed: text, case: text, until: text },
  });
  const [name] = positionals;
  const seed = Number(values.seed ?? 1);
  const minutes = Number(values.minutes ?? 10);
  if (name === undefined || !(name in readers) || !Number.isSafeInteger(seed) || !(minutes > 0)) {
    console.error(
      `usage: npm run fuzz -- ${Object.keys(readers).join('|')} [--minutes 10] [--seed 1] [--case 17]`,
    );
    process.exitCode = 2;
  } else if (values.until !== undefined) {
    await work(name, seed, Number(values.case), Number(values.until));
    process.disconnect();
  } else if (values.case !== undefined) {
    const reader = await readers[name]!();
    await reader.check(reader.make(new Dice(seed, Number(values.case))));
    console.log('this case passes');
  } else {
    process.exitCode = (await supervise(name, seed, minutes)) > 0 ? 1 : 0;
  }
}

await main();
