// The file system as it is, with a record of the calls that decide what a power cut would leave: which file was
// flushed before which was renamed or removed. For tests that put it in the place of `node:fs/promises`:
//
//   vi.mock('node:fs/promises', async (original) => {
//     const { recorded } = await import('../support/recorded-files.ts');
//     return recorded(await original());
//   });
import type * as files from 'node:fs';
import type * as promises from 'node:fs/promises';
import { relative } from 'node:path';

type FileSystem = typeof promises;

let root = '/';
let calls: string[] = [];

/** Begins a new record, of paths relative to a folder; the folder itself is `.`. */
export function record(folder: string): void {
  root = folder;
  calls = [];
}

/** Calls since `record`: `write`, `sync`, `rename`, `rm` and `mkdir`; `a~` is the temporary file of `a`. */
export function recordedCalls(): readonly string[] {
  return calls;
}

function note(call: string, ...paths: unknown[]): void {
  const names = paths.map((path) => {
    const name = relative(root, String(path)) || '.';
    return name.replace(/(^|\/)\.([^/]+)\.\d+-[0-9a-f]{8}\.tmp$/, '$1$2~');
  });
  if (names.some((name) => name.startsWith('../'))) return;
  const line = [call, ...names].join(' ');
  // A file written in many pieces is written once.
  if (call !== 'write' || calls.at(-1) !== line) calls.push(line);
}

/** The same for the one call of `node:fs` that matters here. */
export function recordedSync(real: typeof files): typeof files {
  return {
    ...real,
    fsyncSync(descriptor) {
      real.fsyncSync(descriptor);
      note('sync', real.readlinkSync(`/proc/self/fd/${descriptor}`));
    },
  };
}

export function recorded(real: FileSystem): FileSystem {
  return {
    ...real,
    async open(...[path, ...rest]: Parameters<FileSystem['open']>) {
      const handle = await real.open(path, ...rest);
      const { sync, writeFile } = handle;
      handle.sync = async () => {
        await sync.call(handle);
        note('sync', path);
      };
      handle.writeFile = async (...content) => {
        note('write', path);
        await writeFile.apply(handle, content);
      };
      return handle;
    },
    async rename(from, to) {
      await real.rename(from, to);
      note('rename', from, to);
    },
    async rm(path, options) {
      const there = await real.stat(path).then(
        () => true,
        () => false,
      );
      await real.rm(path, options);
      if (there) note('rm', path);
    },
    async mkdir(...[path, options]: Parameters<FileSystem['mkdir']>) {
      const made = await real.mkdir(path, options);
      note('mkdir', path);
      return made;
    },
  } as FileSystem;
}
