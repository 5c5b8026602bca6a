// Locks of folders and files, with real processes: live ones, killed ones, and several at once.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import { holdsLock, isLock, lockFile, lockFolder } from '../../lib/system/lock.ts';
import { expectError, temporaryFolder } from '../llama/fixtures.ts';
import { plainEnvironment } from '../support/child.ts';

const program = join(import.meta.dirname, 'children/locks.ts');

interface Outcome {
  folder: string;
  got: boolean;
  messages: string[];
}

interface Contender {
  child: ChildProcessWithoutNullStreams;
  /** Lets it begin at a moment, and gives what came of each folder. */
  race(moment: number): Promise<Outcome[]>;
}

/** A process that will try to lock these folders; it ends with the test. */
async function contender(folders: readonly string[]): Promise<Contender> {
  const child = spawn(process.execPath, ['--import', 'tsx', program, ...folders], {
    env: plainEnvironment,
  });
  child.stderr.pipe(process.stderr);
  onTestFinished(() => kill(child));
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  expect((await lines.next()).value).toBe('ready');
  return {
    child,
    async race(moment) {
      child.stdin.write(`${moment}\n`);
      const outcomes: Outcome[] = [];
      for (;;) {
        const { value } = await lines.next();
        if (value === 'done') return outcomes;
        outcomes.push(JSON.parse(value) as Outcome);
      }
    },
  };
}

/** As `kill -9` does, and waits for its end. */
async function kill(child: ChildProcessWithoutNullStreams): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((done) => child.on('exit', done));
  child.kill('SIGKILL');
  await ended;
}

/** Makes a process lock these folders. */
async function lockedElsewhere(
  folders: readonly string[],
): Promise<ChildProcessWithoutNullStreams> {
  const { child, race } = await contender(folders);
  for (const { got } of await race(0)) expect(got).toBe(true);
  return child;
}

const lockOf = (folder: string) => join(folder, '.leia.lock');

/** Changes what the lock of a folder says of its owner. */
async function changeLock(folder: string, changes: Record<string, unknown>): Promise<void> {
  const lock = JSON.parse(await readFile(lockOf(folder), 'utf8'));
  await writeFile(lockOf(folder), JSON.stringify({ ...lock, ...changes }));
}

test('a lock is there while it is held, and nothing stays of it', async () => {
  const folder = join(await temporaryFolder(), 'made/for/it');
  {
    await using lock = await lockFolder(folder);
    expect(await readdir(folder)).toEqual(['.leia.lock']);
    expect(isLock('.leia.lock')).toBe(true);
    expect(holdsLock(folder)).toBe(true);
    await expectError(() => lockFolder(folder), 'usage', `by process ${process.pid} on`);
    await lock.release();
    expect(await readdir(folder)).toEqual([]);
    // Whoever has it now keeps it when the first gives it back once more.
    await lockFolder(folder);
  }
  expect(await readdir(folder)).toEqual(['.leia.lock']);
});

test('a file has a lock of its own', async () => {
  const folder = await temporaryFolder();
  await using _ = await lockFile(join(folder, 'a.jsonl'));
  await using __ = await lockFile(join(folder, 'b.jsonl'));
  expect(await readdir(folder)).toEqual(['.a.jsonl.lock', '.b.jsonl.lock']);
  await expectError(() => lockFile(join(folder, 'a.jsonl')), 'usage', 'a.jsonl is being written');
});

test('a live process is named, with its host and since when; killed, its lock is taken over', async () => {
  const folder = await temporaryFolder();
  const before = new Date(Date.now() - 1000).toISOString();
  const child = await lockedElsewhere([folder]);
  const message = await lockFolder(folder).catch((error) => error.message);
  const [, since] =
    new RegExp(
      `^${folder} is being written by process ${child.pid} on ${hostname()} since (\\S+); wait until it has ended, or write elsewhere$`,
    ).exec(message) ?? [];
  expect(Date.parse(since!)).toBeGreaterThanOrEqual(Date.parse(before));
  expect(Date.parse(since!)).toBeLessThanOrEqual(Date.now());

  await kill(child);
  const warnings: string[] = [];
  await using _ = await lockFolder(folder, { onWarning: (text) => warnings.push(text) });
  expect(warnings).toEqual([
    `${folder}: process ${child.pid} on ${hostname()}, which wrote here since ${since}, has died; its lock is taken over`,
  ]);
  expect(await readdir(folder)).toEqual(['.leia.lock']);
  await expectError(() => lockFolder(folder), 'usage', `by process ${process.pid} on`);
});

test('a stopped process is alive; a killed one that nobody has waited for is dead', async () => {
  const folder = await temporaryFolder();
  const child = await lockedElsewhere([folder]);
  child.kill('SIGSTOP');
  await expectError(() => lockFolder(folder), 'usage', `by process ${child.pid} on`);
  await kill(child);
  // A shell that starts a process and then becomes one that never waits for it.
  const parent = spawn('bash', ['-c', 'sleep 1000 & echo $!; exec sleep 1000']);
  onTestFinished(() => kill(parent));
  const pid = Number(await new Promise((done) => parent.stdout.once('data', done)));
  const stat = (of: number) => readFile(`/proc/${of}/stat`, 'latin1');
  while (!(await stat(parent.pid!)).includes('(sleep)')) await new Promise(setImmediate);
  const started = (await stat(pid)).split(' ')[21];
  process.kill(pid, 'SIGKILL');
  while (!(await stat(pid)).includes(') Z ')) await new Promise(setImmediate);
  await changeLock(folder, { process: pid, started });
  await using _ = await lockFolder(folder);
});

test('another process with the number of a dead one is not its owner, nor is one of before a restart', async () => {
  const folder = await temporaryFolder();
  const lock = await lockFolder(folder);
  for (const changes of [{ started: '1' }, { boot: 'another' }]) {
    await changeLock(folder, changes);
    const warnings: string[] = [];
    await lockFolder(folder, { onWarning: (text) => warnings.push(text) });
    expect(warnings.join()).toContain(`process ${process.pid} on ${hostname()}, which wrote here`);
  }
  // It is no longer the first one's to remove.
  await lock.release();
  expect(await readdir(folder)).toEqual(['.leia.lock']);
});

test.each([
  [{ host: 'gpu7' }, 'on gpu7 since'],
  [{ processNamespace: 'pid:[1]' }, `on ${hostname()} since`],
])('a process that cannot be seen from here is not taken for dead: %j', async (changes, text) => {
  const folder = await temporaryFolder();
  await lockFolder(folder);
  await changeLock(folder, { process: 2 ** 22 + 1, ...changes });
  await expectError(() => lockFolder(folder), 'usage', text);
  const advice = `whether it still runs cannot be seen from here; when it does not, delete ${lockOf(folder)}`;
  await expectError(() => lockFolder(folder), 'usage', advice);
  await rm(lockOf(folder));
  await using _ = await lockFolder(folder);
});

test.each(['', '{"id"', '{}', '{"id":"../../../x"}'])('a damaged lock: %j', async (content) => {
  const folder = await temporaryFolder();
  await writeFile(lockOf(folder), content);
  await expectError(() => lockFolder(folder), 'format', `${lockOf(folder)} is damaged`);
});

test('a folder that cannot be written is named', async () => {
  await expectError(() => lockFolder('/proc/self'), 'io', 'cannot write /proc/self/.leia.lock');
});

test('of several processes that find a dead lock, or none, one gets it', async () => {
  const base = await temporaryFolder();
  const dead = Array.from({ length: 40 }, (_, i) => join(base, `dead-${i}`));
  const free = Array.from({ length: 10 }, (_, i) => join(base, `free-${i}`));
  // In these somebody had died while it took over the lock of another that was dead.
  const twice = dead.slice(0, 10);
  await kill(await lockedElsewhere(dead));
  for (const folder of twice) {
    const lock = JSON.parse(await readFile(lockOf(folder), 'utf8'));
    const right = { ...lock, id: '0123456789abcdef' };
    await writeFile(`${lockOf(folder)}.${lock.id}`, JSON.stringify(right));
  }
  const contenders = await Promise.all([1, 2, 3, 4].map(() => contender([...dead, ...free])));
  const moment = Date.now() + 100;
  const outcomes = (await Promise.all(contenders.map(({ race }) => race(moment)))).flat();
  for (const folder of [...dead, ...free]) {
    const here = outcomes.filter((outcome) => outcome.folder === folder);
    const winners = here.filter(({ got }) => got);
    expect(winners.map(({ messages }) => messages.length)).toEqual([dead.includes(folder) ? 1 : 0]);
    for (const { messages } of here.filter(({ got }) => !got)) {
      expect(messages[0]).toMatch(/is being written by process \d+ on/);
    }
    expect(await readdir(folder)).toEqual(['.leia.lock']);
  }
});
