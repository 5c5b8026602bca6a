// Where a task's files are: in a folder of the user's, somewhere below it, by the names under which they are
// published; or in a dataset on the Hugging Face Hub.
import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { LeiaError } from '../../system/error.ts';
import { fileError } from '../../system/files.ts';
import type { TaskDefinition } from './definition.ts';

/** How far below a folder files are looked for, and among how many. */
const deepest = 5;
const mostFiles = 50_000;

/** Files that can be looked at by their paths. */
export interface FileSet {
  /** For messages. */
  readonly name: string;
  /** What stands before the paths. A pattern may match it too: users name folders further up or further down. */
  readonly root: string;
  /** Paths from the set's root, with `/`. */
  list(): Promise<readonly string[]>;
  /** Where a file is on this machine. */
  fetch(path: string): Promise<string>;
}

/** A folder, with everything below it. */
export function folderFiles(folder: string): FileSet {
  let listed: Promise<string[]> | undefined;
  return {
    name: folder,
    root: resolve(folder).replaceAll('\\', '/'),
    list: () => {
      listed ??= listFolder(folder);
      return listed;
    },
    fetch: (path) => Promise.resolve(join(folder, path)),
  };
}

async function listFolder(root: string): Promise<string[]> {
  const files: string[] = [];
  let folders = [''];
  for (let depth = 0; depth < deepest && folders.length > 0; depth++) {
    const below: string[] = [];
    for (const folder of folders) {
      for (const entry of await entriesOf(join(root, folder))) {
        const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
        (entry.isFolder ? below : files).push(path);
      }
      if (files.length > mostFiles) {
        throw new LeiaError(
          'usage',
          `${root} has more than ${mostFiles} files; name a folder with question sets only`,
        );
      }
    }
    folders = below;
  }
  return files.sort();
}

async function entriesOf(folder: string): Promise<{ name: string; isFolder: boolean }[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    const visible = entries.filter(({ name }) => !name.startsWith('.') && name !== 'node_modules');
    return await Promise.all(
      visible.map(async (entry) => ({
        name: entry.name,
        isFolder: entry.isSymbolicLink()
          ? ((await stat(join(folder, entry.name)).catch(() => undefined))?.isDirectory() ?? false)
          : entry.isDirectory(),
      })),
    );
  } catch (error) {
    throw fileError('read', folder, error);
  }
}

/**
 * The file of a set that the first pattern with a match names, where it is on this machine.
 *
 * @throws LeiaError `usage` if no pattern matches, with where the set is published, or if one matches several files.
 */
export async function findFile(
  { task, data }: TaskDefinition,
  patterns: readonly string[],
  files: FileSet,
): Promise<string> {
  const all = await files.list();
  for (const pattern of patterns) {
    const isLike = matcher(pattern);
    const matches = all.filter((path) => isLike(`${files.root}/${path}`));
    if (matches.length === 1) return await files.fetch(matches[0] as string);
    if (matches.length > 1) {
      throw new LeiaError(
        'usage',
        `${task}: ${files.name} has ${matches.length} files like ${pattern}: ${matches.slice(0, 3).join(', ')}; name a folder with one of them`,
      );
    }
  }
  const published =
    data.published === undefined ? '' : `; the set is published at ${data.published}`;
  throw new LeiaError(
    'usage',
    `${task}: ${files.name} has no file ${patterns.join(' or ')}${published}`,
  );
}

/** Whether the last parts of a path are like those of a pattern; `*` stands for any part of a name. */
function matcher(pattern: string): (path: string) => boolean {
  const escaped = pattern.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'));
  const expression = new RegExp(`(^|/)${escaped.join('[^/]*')}$`);
  return (path) => expression.test(path);
}
