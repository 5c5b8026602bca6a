// The package as its user gets it: prebuilt, packed, and installed where there is no compiler. All of it
// happens in a copy, so that what lies in this tree's build and prebuilds folders neither helps nor suffers.
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isFull } from '../support/extent.ts';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const sources = [
  'package.json',
  'package-lock.json',
  'binding.gyp',
  'CMakeLists.txt',
  'native',
  'lib',
  'examples',
  'tsconfig.json',
  'tsconfig.build.json',
  'README.md',
  'LICENSE',
];

let folder: string;
let copy: string;
let tarball: string;
let prebuilt: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'leia-package-'));
  copy = join(folder, 'copy');
  await mkdir(copy);
  for (const name of sources) {
    await cp(join(root, name), join(copy, name), { recursive: true }).catch((error) => {
      if (error.code !== 'ENOENT') throw error;
    });
  }
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'));
  await prebuild();
  await run('npm', ['run', 'build:js'], { cwd: copy });
  const { stdout } = await run('npm', ['pack', '--json'], { cwd: copy });
  tarball = join(copy, (JSON.parse(stdout) as [{ filename: string }])[0].filename);
  prebuilt = join(copy, 'prebuilds/linux-x64', 'leia.node');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** In a full run as for a release; otherwise of the addon that is built already, which is what prebuildify would make. */
async function prebuild(): Promise<void> {
  if (isFull) {
    // Through npm, whose settings tell node-gyp where Node's headers are.
    await run('npm', ['run', 'prebuildify'], { cwd: copy });
    return;
  }
  await mkdir(join(copy, 'prebuilds/linux-x64'), { recursive: true });
  const built = join(root, 'build/Release/leia.node');
  await run('strip', ['--strip-all', '-o', join(copy, 'prebuilds/linux-x64/leia.node'), built]);
}

async function filesIn(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
}

/** A PATH with Node, npm and a shell, and nothing that could compile. */
async function pathWithoutCompiler(): Promise<string> {
  const bin = join(folder, 'bin');
  await mkdir(bin, { recursive: true });
  const node = dirname(process.execPath);
  for (const [name, target] of [
    ['node', process.execPath],
    ['npm', join(node, 'npm')],
    ['npx', join(node, 'npx')],
    ['sh', '/bin/sh'],
  ] as const) {
    await symlink(target, join(bin, name)).catch((error) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
  return bin;
}

describe('the prebuilt addon', () => {
  test('is the only one', async () => {
    expect(await filesIn(join(copy, 'prebuilds'))).toEqual([prebuilt]);
  });

  test('shows nothing but its entry points, and stays loaded', async () => {
    const { stdout: symbols } = await run('nm', ['--dynamic', '--defined-only', prebuilt]);
    const names = symbols
      .trim()
      .split('\n')
      .map((line) => line.split(' ').at(-1));
    expect(names).toEqual(['napi_register_module_v1', 'node_api_module_get_api_version_v1']);
    const { stdout: dynamic } = await run('readelf', ['--dynamic', '--wide', prebuilt]);
    expect(dynamic).toMatch(/FLAGS_1.*NODELETE/);
  });

  test('needs only what every Linux of the last years has', async () => {
    const { stdout: dynamic } = await run('readelf', ['--dynamic', '--wide', prebuilt]);
    const needed = [...dynamic.matchAll(/\(NEEDED\).*\[(.+)\]/g)].map(([, name]) => name!);
    const everywhere =
      /^(libstdc\+\+\.so\.6|libm\.so\.6|libgcc_s\.so\.1|libc\.so\.6|libpthread\.so\.0|ld-linux-x86-64\.so\.2)$/;
    expect(needed.filter((name) => !everywhere.test(name))).toEqual([]);
    expect(needed).toContain('libc.so.6');
    expect(dynamic).not.toMatch(/R(UN)?PATH/);

    const { stdout: versions } = await run('readelf', ['--version-info', '--wide', prebuilt]);
    const highest = (family: string): string =>
      [...versions.matchAll(new RegExp(`Name: ${family}_([0-9.]+)`, 'g'))]
        .map(([, version]) => version!)
        .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
        .at(-1)!;
    const isAtMost = (version: string, most: string) =>
      version.localeCompare(most, 'en', { numeric: true }) <= 0;
    // Ubuntu 22.04, Debian 12, RHEL 9 and whatever is newer.
    expect(isAtMost(highest('GLIBC'), '2.34'), highest('GLIBC')).toBe(true);
    expect(isAtMost(highest('GLIBCXX'), '3.4.29'), highest('GLIBCXX')).toBe(true);
  });
});

describe.each([
  ['with', []],
  ['without', ['--ignore-scripts']],
] as const)('the package installed %s install scripts, without a compiler', (_, flags) => {
  let project: string;
  let env: NodeJS.ProcessEnv;
  beforeAll(async () => {
    project = await mkdtemp(join(folder, 'project-'));
    await writeFile(join(project, 'package.json'), '{ "private": true, "type": "module" }');
    env = { ...process.env, PATH: await pathWithoutCompiler() };
    const args = ['install', tarball, '--no-audit', '--no-fund', ...flags];
    await run('npm', args, { cwd: project, env });
  });

  test('computes', async () => {
    const script = join(project, 'program.js');
    await writeFile(
      script,
      `import { Tensor, ops } from 'leia';
       const a = Tensor.from([1, 2, 3, 4], [2, 2]);
       const { output } = ops.matmul({ a, b: a, transposeB: true });
       console.log([...(await output.read())].join());
       const loaded = process.report.getReport().sharedObjects;
       console.log(loaded.filter((name) => name.endsWith('leia.node')).join());`,
    );
    const { stdout } = await run('node', [script], { cwd: project, env });
    const installed = join(project, 'node_modules/leia');
    expect(stdout.trim().split('\n')).toEqual([
      '5,11,11,25',
      join(installed, 'prebuilds/linux-x64/leia.node'),
    ]);
    const addons = (await filesIn(installed)).filter((name) => name.endsWith('.node'));
    expect(addons).toHaveLength(1);
  });

  test('has the command', async () => {
    const { stdout } = await run('npx', ['--no-install', 'leia', '--version'], {
      cwd: project,
      env,
    });
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    const doctor = await run('npx', ['--no-install', 'leia', 'doctor'], { cwd: project, env });
    expect(doctor.stdout).toMatch(/native core +works: .*prebuilt/);
    expect(doctor.stdout).toMatch(/compiler +none of/);
  });

  test('holds the sources to build from and the sample, and no tests', async () => {
    const installed = join(project, 'node_modules/leia');
    const names = await readdir(installed);
    expect(names).toEqual(
      expect.arrayContaining(['dist', 'native', 'prebuilds', 'CMakeLists.txt']),
    );
    const demo = await readdir(join(installed, 'examples/demo'));
    expect(demo).toEqual(expect.arrayContaining(['ATTRIBUTION.md', 'titles.tsv', 'tokenizer']));
    for (const absent of ['test', 'lib', 'bench']) expect(names).not.toContain(absent);
  });
});

if (isFull) {
  test('cmake-js builds from the same description', async () => {
    // Configuring is enough to see that it does: the compilation is the one of above.
    const out = join(folder, 'cmake-js');
    const args = ['cmake-js', 'configure', '-O', out, '--CDLEIA_OUTPUT', join(out, 'Release')];
    const { stdout, stderr } = await run('npx', ['--no-install', ...args], { cwd: copy });
    expect(stdout + stderr).toContain(`Build files have been written to: ${out}`);
  });
}
