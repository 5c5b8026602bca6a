// Output files that are either whole or absent. Content goes to a temporary name beside the target, is
// flushed to the disk and only then renamed, so a crash, a full disk or Ctrl-C never leaves a file that
// looks complete but is not. Errors of the file system become one clear line.
import { randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { LeiaError } from './error.ts';

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EROFS: 'the file system is read-only',
  EISDIR: 'it is a folder',
  EEXIST: 'a file of that name is there',
  ENOTDIR: 'a part of the path is not a folder',
  EMFILE: 'too many open files',
  EFBIG: 'the file would be larger than allowed',
  EIO: 'the device reported an error',
};

/** The {@link LeiaError} (code `io`) for a failed file operation; a `LeiaError` passes unchanged. */
export function fileError(action: string, path: string, error: unknown): LeiaError {
  if (error instanceof LeiaError) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const message = error instanceof Error ? error.message : String(error);
  return new LeiaError('io', `cannot ${action} ${path}: ${reasons[code] ?? message}`, {
    cause: error,
  });
}

/** A file written and flushed under a temporary name, waiting for {@link StagedFile.commit}. */
export interface StagedFile {
  /** Where the file will be. */
  readonly path: string;
  /** Renames it to its final name, replacing what is there. */
  commit(): Promise<void>;
  /** Deletes it. Does nothing after `commit()`. */
  discard(): Promise<void>;
}

/**
 * Writes a file under a temporary name in the target's folder and flushes it to the disk.
 * When `write` fails, nothing is left.
 */
export async function stageFile(
  path: string,
  write: (handle: FileHandle) => Promise<void>,
): Promise<StagedFile> {
  const random = randomBytes(4).toString('hex');
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}-${random}.tmp`);
  try {
    const handle = await open(temporary, 'wx');
    try {
      await write(handle);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    await rm(temporary, { force: true });
    throw fileError('write', path, error);
  }
  let committed = false;
  return {
    path,
    async commit() {
      try {
        await rename(temporary, path);
      } catch (error) {
        throw fileError('write', path, error);
      }
      committed = true;
    },
    async discard() {
      if (!committed) await rm(temporary, { force: true });
    },
  };
}

/** Writes a whole file so that a reader sees the old content or the new, never a part. */
export async function writeFileAtomically(
  path: string,
  content: string | Uint8Array | ((handle: FileHandle) => Promise<void>),
): Promise<void> {
  const staged = await stageFile(path, async (handle) => {
    if (typeof content === 'function') await content(handle);
    else await handle.writeFile(content);
  });
  try {
    await staged.commit();
  } catch (error) {
    await staged.discard();
    throw error;
  }
  await syncFolder(dirname(path));
}

/**
 * Makes a folder and those above it, unless they are there. (Node's own recursive mkdir never returns where
 * the system says of a new folder in an existing one that there is no such place, as Linux does in /proc.)
 *
 * @throws LeiaError `io`
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    await makeFolders(resolve(path));
  } catch (error) {
    throw fileError('create', path, error);
  }
}

async function makeFolders(path: string): Promise<void> {
  const there = await stat(path).catch(() => undefined);
  if (there?.isDirectory()) return;
  const above = dirname(path);
  if (above !== path && (await stat(above).catch(() => undefined)) === undefined) {
    await makeFolders(above);
  }
  try {
    await mkdir(path);
  } catch (error) {
    // Another process may have been faster; a file of that name stays an error.
    const made = await stat(path).catch(() => undefined);
    if (!made?.isDirectory()) throw error;
  }
}

/**
 * Checks that a file could be written at this path, for work that takes long before it writes.
 *
 * @throws LeiaError `io`
 */
export async function checkWritable(path: string): Promise<void> {
  const staged = await stageFile(path, async () => {});
  await staged.discard();
}

/** Flushes a folder's own entries, so that renames in it survive a power cut. */
export async function syncFolder(path: string): Promise<void> {
  try {
    const handle = await open(path, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw fileError('flush', path, error);
  }
}
