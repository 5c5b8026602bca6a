// Lets one process at a time write a folder or a file. Before a process writes, it creates a lock: a small file that
// names process and host. A second process reads the lock. If the first one still runs, the second refuses. If the first
// one is dead, the second takes the lock over and says so. If that cannot be seen from here, a person has to decide.
//
// The operating system's own locks would end with their process. But Node.js does not offer them, and a network file
// system may keep them within one machine, so that processes on two machines would not see each other.
import { randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, resolve } from 'node:path';
import { z } from 'zod';
import { LeiaError } from './error.ts';
import { fileError, makeFolder, readIfPresent, stageFile } from './files.ts';

const ownerSchema = z.strictObject({
  /** Identifies this lock. It becomes part of a file's name, so only hexadecimal digits are accepted. */
  id: z.string().regex(/^[0-9a-f]{16}$/),
  process: z.int().positive(),
  /** When the process began, in the kernel's own unit; '' where the system does not tell. */
  started: z.string(),
  host: z.string(),
  /** Changes whenever the host restarts; '' where the system does not tell. */
  boot: z.string(),
  /** Process numbers mean the same only within one of these; containers have their own. */
  processNamespace: z.string(),
  /** ISO 8601, UTC. */
  since: z.string(),
});
type Owner = z.infer<typeof ownerSchema>;

export interface LockOptions {
  /** Hears that the lock of a dead process was taken over. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/** Name of the lock in a folder. */
const folderLock = '.leia.lock';

/** Whether a file in a locked folder is its lock, or what a killed process left beside it. */
export function isLock(name: string): boolean {
  return name.startsWith(folderLock);
}

/** The ids of the locks that this process holds, by path. */
const held = new Map<string, string>();

/** The right to write somewhere, until it is released. */
export class Lock implements AsyncDisposable {
  readonly #path: string;
  readonly #id: string;

  /** Made by {@link lockFolder} and {@link lockFile}. */
  constructor(path: string, id: string) {
    this.#path = path;
    this.#id = id;
    held.set(path, id);
  }

  /** Removes the lock; later calls do nothing. Throws `io`. */
  async release(): Promise<void> {
    if (held.get(this.#path) !== this.#id) return;
    held.delete(this.#path);
    // A person may have deleted the file, and another process may have created one since.
    if ((await readOwner(this.#path, this.#path))?.id === this.#id) await remove(this.#path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }
}

/**
 * Makes the folder, if need be, and takes the right to write in it. `-`, which elsewhere is standard output, is refused.
 *
 * @throws LeiaError `usage` if another process writes there, or may do so; `io`; `format` for a damaged lock.
 */
export async function lockFolder(folder: string, options: LockOptions = {}): Promise<Lock> {
  if (folder === '-') {
    throw new LeiaError(
      'usage',
      'expected a folder for the output, got - (standard output); a folder of that name is ./-',
    );
  }
  await makeFolder(folder);
  return await lock(resolve(folder, folderLock), folder, options);
}

/** The id of the lock in a folder, whoever holds it; undefined if there is none. Throws `io`; `format` if it is damaged. */
export async function lockIdOf(folder: string): Promise<string | undefined> {
  return (await readOwner(resolve(folder, folderLock), folder))?.id;
}

/** The same for a single file, whose folder must be there: the lock is `.NAME.lock` beside it. */
export async function lockFile(path: string, options: LockOptions = {}): Promise<Lock> {
  return await lock(resolve(dirname(path), `.${basename(path)}.lock`), path, options);
}

/** Whether this process holds the lock of a folder, so that a part of its work need not take it again. */
export function holdsLock(folder: string): boolean {
  return held.has(resolve(folder, folderLock));
}

async function lock(path: string, what: string, { onWarning }: LockOptions): Promise<Lock> {
  const { id, dead } = await take(path, what);
  if (dead !== undefined) {
    onWarning?.(
      `${what}: process ${dead.process} on ${dead.host}, which wrote here since ${dead.since}, has died; its lock is taken over`,
    );
  }
  return new Lock(path, id);
}

/** Makes the lock file. Gives its id, and the dead owner whose lock it has replaced. */
async function take(path: string, what: string): Promise<{ id: string; dead?: Owner }> {
  for (;;) {
    const owner = await readOwner(path, what);
    if (owner === undefined) {
      const id = await create(path);
      if (id !== undefined) return { id };
      continue;
    }
    if (stateOf(owner) !== 'dead') throw inUse(path, what, owner);
    const id = await replace(path, what, owner);
    if (id !== undefined) return { id, dead: owner };
  }
}

/** @returns the new lock's id, or undefined if another process was faster. */
async function create(path: string): Promise<string | undefined> {
  const owner = thisProcess();
  const staged = await stageFile(path, (file) => file.writeFile(`${JSON.stringify(owner)}\n`));
  return (await staged.commitNew()) ? owner.id : undefined;
}

/**
 * Replaces the lock of a dead process by one of this process. Several processes may try at once, and one of them may
 * have read the dead lock long ago. It must not replace the lock that another process has put there since. So the right
 * to replace the lock of this id is itself a lock. The process that holds it reads the lock again before it replaces it.
 *
 * @returns the new lock's id, or undefined if the dead one is gone.
 */
async function replace(path: string, what: string, dead: Owner): Promise<string | undefined> {
  const right = `${path}.${dead.id}`;
  const { id } = await take(right, what);
  if ((await readOwner(path, what))?.id !== dead.id) {
    await remove(right);
    return undefined;
  }
  try {
    await rename(right, path);
  } catch (error) {
    throw fileError('write', path, error);
  }
  return id;
}

async function readOwner(path: string, what: string): Promise<Owner | undefined> {
  const text = await readIfPresent(path);
  if (text === undefined) return undefined;
  try {
    return ownerSchema.parse(JSON.parse(text));
  } catch {
    throw new LeiaError(
      'format',
      `${path} is damaged, so it does not say who writes to ${what}; when no leia does, delete it`,
    );
  }
}

async function remove(path: string): Promise<void> {
  try {
    await rm(path, { force: true });
  } catch (error) {
    throw fileError('remove', path, error);
  }
}

function inUse(path: string, what: string, owner: Owner): LeiaError {
  const { process, host, since } = owner;
  const advice =
    stateOf(owner) === 'alive'
      ? 'wait until it has ended, or write elsewhere'
      : `whether it still runs cannot be seen from here; when it does not, delete ${path}`;
  return new LeiaError(
    'usage',
    `${what} is being written by process ${process} on ${host} since ${since}; ${advice}`,
  );
}

function thisProcess(): Owner {
  return {
    id: randomBytes(8).toString('hex'),
    process: process.pid,
    started: startOf(process.pid) ?? '',
    host: hostname(),
    boot: bootId(),
    processNamespace: processNamespace(),
    since: `${new Date().toISOString().slice(0, -5)}Z`,
  };
}

function stateOf({ process, started, host, boot, processNamespace: space }: Owner) {
  if (host !== hostname()) return 'unknown';
  // A process does not outlive its machine's restart.
  if (boot !== bootId()) return 'dead';
  if (space !== processNamespace()) return 'unknown';
  return isAlive(process, started) ? 'alive' : 'dead';
}

/** Numbers of processes are used again: it is the same one only if it began at the same time. */
function isAlive(pid: number, started: string): boolean {
  const now = startOf(pid);
  if (now !== undefined && started !== '') return now === started;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // A process of another user: it exists, but nothing more can be seen of it.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** When a process began, as Linux reports it; 'ended' if only its exit code is left; undefined if it cannot be seen. */
function startOf(pid: number): string | undefined {
  const stat = readSystem(() => readFileSync(`/proc/${pid}/stat`, 'latin1'));
  // proc(5): number, (name), state, …, and the start as field 22; the name may have blanks and parentheses in it.
  const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (state === 'Z' || state === 'X') return 'ended';
  return fields[18];
}

function bootId(): string {
  return readSystem(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim());
}

function processNamespace(): string {
  return readSystem(() => readlinkSync('/proc/self/ns/pid'));
}

/** '' where the system has no such file. */
function readSystem(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}
