import { basename, resolve } from 'node:path';

/** What tells folders apart, in a table or as names of files: `ja`, and `ja-2` for another folder `ja`. */
export function folderNames(folders: readonly string[]): string[] {
  const names = new Set<string>();
  for (const folder of folders) {
    const own = basename(resolve(folder));
    let name = own;
    for (let i = 2; names.has(name); i++) name = `${own}-${i}`;
    names.add(name);
  }
  return [...names];
}
