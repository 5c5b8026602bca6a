// Packs the package as for a release, in a copy, so that what lies in this tree's build and prebuilds folders neither
// helps nor suffers.
import { execFile } from 'node:child_process';
import { cp, mkdir, symlink } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { promisify } from 'node:util';

export const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const sources = [
  ...[
    'package.json',
    'package-lock.json',
    'binding.gyp',
    'CMakeLists.txt',
    'native',
    'lib',
    'bench',
    'scripts',
    'test/ops',
    'configs',
  ],
  ...['examples', 'docs', 'tsconfig.json', 'tsconfig.build.json'],
  ...['README.md', 'LICENSE', 'CHANGELOG.md', 'CONTRIBUTING.md'],
];

/**
 * Copies the sources to `copy`, builds them there and returns the tarball's path. The addon is made as for a release, or
 * taken from the build that is there, of which prebuildify would make the same.
 */
export async function pack(copy: string, addon: 'released' | 'built'): Promise<string> {
  await mkdir(copy);
  for (const name of sources) {
    const filter = (path: string) => basename(path) !== 'node_modules';
    await cp(join(root, name), join(copy, name), { recursive: true, filter }).catch((error) => {
      if (error.code !== 'ENOENT') throw error;
    });
  }
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'));
  // Through npm, whose settings tell node-gyp where Node's headers are.
  if (addon === 'released') await run('npm', ['run', 'prebuildify'], { cwd: copy });
  else await takeBuilt(copy);
  await run('npm', ['run', 'build:js'], { cwd: copy });
  const { stdout } = await run('npm', ['pack', '--json'], { cwd: copy });
  return join(copy, (JSON.parse(stdout) as [{ filename: string }])[0].filename);
}

async function takeBuilt(copy: string): Promise<void> {
  await mkdir(join(copy, 'prebuilds/linux-x64'), { recursive: true });
  const built = join(root, 'build/Release/leia.node');
  const prebuilt = join(copy, 'prebuilds/linux-x64/leia.glibc.node');
  await run('strip', ['--strip-all', '-o', prebuilt, built]);
}
