// Output files that are either whole or absent. Content goes to a temporary name beside the target, is
// flushed to the disk and only then renamed, so a crash, a full disk or Ctrl-C never leaves a file that
// looks complete but is not. Errors of the file system become one clear line.
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import {
  copyFile,
  type FileHandle,
  link,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
} from 'node:fs/promises';
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
  EPIPE: 'its reader has closed it',
  ENXIO: 'it is no file, and nothing takes what is written to it',
  ELOOP: 'its links lead in a circle',
};

/** What people give for a file, as they would to a browser. */
const address = /^[a-z][a-z0-9+.-]*:\/\//i;

/** The {@link LeiaError} (code `io`) for a failed file operation; a `LeiaError` passes unchanged. */
export function fileError(action: string, path: string, error: unknown): LeiaError {
  if (error instanceof LeiaError) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const message = error instanceof Error ? error.message : String(error);
  const reason =
    code === 'ENOENT' && address.test(path)
      ? 'it is an address; download it, and give the file'
      : (reasons[code] ?? message);
  return new LeiaError('io', `cannot ${action} ${path}: ${reason}`, { cause: error });
}

/** A file's text, or undefined if there is no such file. Throws `io` for any other failure. */
export async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw fileError('read', path, error);
  }
}

/** A file that is written under a temporary name in its target's folder until it is whole. */
export class StagedFile {
  /** Where the file will be. */
  readonly path: string;
  readonly handle: FileHandle;
  readonly #temporary: string;
  #committed = false;

  private constructor(path: string, temporary: string, handle: FileHandle) {
    this.path = path;
    this.handle = handle;
    this.#temporary = temporary;
  }

  /** @throws LeiaError `io` */
  static async create(path: string): Promise<StagedFile> {
    const random = randomBytes(4).toString('hex');
    const temporary = join(dirname(path), `.${basename(path)}.${process.pid}-${random}.tmp`);
    try {
      return new StagedFile(path, temporary, await open(temporary, 'wx'));
    } catch (error) {
      throw fileError('write', path, error);
    }
  }

  /** Appends to the file. After an error only {@link discard} is left. Throws `io`. */
  async append(bytes: Uint8Array): Promise<void> {
    try {
      await this.handle.writeFile(bytes);
    } catch (error) {
      throw fileError('write', this.path, error);
    }
  }

  /** Flushes it to the disk and closes it. Throws `io`. */
  async flush(): Promise<void> {
    try {
      await this.handle.sync();
      await this.handle.close();
    } catch (error) {
      throw fileError('write', this.path, error);
    }
  }

  /** Renames it to its final name, replacing what is there. Throws `io`. */
  async commit(path = this.path): Promise<void> {
    try {
      await rename(this.#temporary, path);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
        const message = `cannot write ${path}: its temporary file was removed; does another leia write to the same place?`;
        throw new LeiaError('io', message, { cause: error });
      }
      throw fileError('write', path, error);
    }
    this.#committed = true;
  }

  /**
   * Gives it its final name unless a file has that name already, and says whether it did. Of several processes that
   * try, one succeeds. The others may find their temporary files removed by it. Throws `io`.
   */
  async commitNew(): Promise<boolean> {
    try {
      await linkOrCopy(this.#temporary, this.path);
    } catch (error) {
      await this.discard();
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code === 'EEXIST' || code === 'ENOENT') return false;
      throw fileError('write', this.path, error);
    }
    await this.discard();
    this.#committed = true;
    return true;
  }

  /** Closes and deletes it. Does nothing after `commit()`. */
  async discard(): Promise<void> {
    if (this.#committed) return;
    await this.handle.close().catch(() => {});
    await rm(this.#temporary, { force: true });
  }
}

/** A hard link is there with its whole content at once; some file systems have none. */
async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(code)) throw error;
    await copyFile(from, to, constants.COPYFILE_EXCL);
  }
}

/** The name that {@link StagedFile} gives to a file until it is whole. */
const temporaryName = /^\.(.+)\.\d+-[0-9a-f]{8}\.tmp$/;

/** The name of the file that would have become of a temporary one; undefined for any other file. */
export function targetOfTemporary(name: string): string | undefined {
  return temporaryName.exec(name)?.[1];
}

/**
 * Removes what a killed process left half-written in a folder: the temporary files of those targets that
 * `isOurs` accepts. The caller must hold the lock of the targets, because a live process still writes to its own.
 *
 * @throws LeiaError `io`
 */
export async function removeTemporaries(
  folder: string,
  isOurs: (target: string) => boolean,
): Promise<void> {
  try {
    for (const name of await readdir(folder)) {
      const target = targetOfTemporary(name);
      if (target !== undefined && isOurs(target)) await rm(join(folder, name), { force: true });
    }
  } catch (error) {
    throw fileError('clear', folder, error);
  }
}

/**
 * Writes a file under a temporary name in the target's folder and flushes it to the disk; to be committed
 * or discarded. When `write` fails, nothing is left.
 */
export async function stageFile(
  path: string,
  write: (handle: FileHandle) => Promise<void>,
): Promise<StagedFile> {
  const staged = await StagedFile.create(path);
  try {
    await write(staged.handle);
    await staged.flush();
    return staged;
  } catch (error) {
    await staged.discard();
    throw fileError('write', path, error);
  }
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
    // A power cut could lose the new folder's name. Some folders may be written to but not read: they cannot be flushed.
    await syncFolder(above).catch(() => {});
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
