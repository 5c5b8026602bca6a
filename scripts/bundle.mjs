// `npm run bundle [file]`: one archive for machines that have a GPU but neither Node nor a network. It holds
// Node itself, the addon, the built library, all that is tested on GPUs, the benchmarks, and a script `run` that
// starts them.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(fileURLToPath(import.meta.url), '../..');
const largest = 60e6;
const name = 'leia-bundle';
const target = resolve(process.argv[2] ?? join(root, `${name}.tar.xz`));

const { onEveryDevice, onEveryDeviceInFull, onGpus } = JSON.parse(
  readFileSync(join(root, 'test/device-tests.json'), 'utf8'),
);

/** Files and folders of the project that go along, as far as they exist. */
const parts = [
  'LICENSE',
  'package.json',
  'tsconfig.json',
  'vitest.config.ts',
  'lib',
  'dist',
  'bench',
  'build/Release/leia.node',
  'build/emulated/leia.node',
  'build/tests/emulator_tests.node',
  'test/device-tests.json',
  'test/bench',
  'test/core',
  'test/emulator/emulator.test.ts',
  'test/emulator/orders.test.ts',
  'test/emulator/small-gpu.test.ts',
  'test/emulator/wgmma.test.ts',
  'test/ops',
  'test/support',
  'test/system',
  ...withImports([...onEveryDevice, ...onEveryDeviceInFull, ...onGpus]),
  ...readdirSync(join(root, 'test/fixtures'))
    .filter((folder) => /^(attention|ops|scoring|tiny-.*|tokenizer-tiny)$/.test(folder))
    .map((folder) => join('test/fixtures', folder)),
];
/** Tests that look at the sources of the native code, which stay behind. */
const leftOut = ['test/ops/names.test.ts'];
/** For style sheets, which nothing here has. */
const unused = ['lightningcss'];
/** Development packages that tests and benchmarks need, besides those of the library. */
const tools = ['vitest', 'fast-check', 'tsx', 'benchmark'];

const runScript = `#!/bin/sh
# Starts what is in this folder with the Node that is in it.
here=$(CDPATH= cd -- "\${0%/*}" && pwd)
node="$here/node/bin/node"
case "$1" in
  test) shift; cd "$here" && exec "$node" node_modules/vitest/vitest.mjs run "$@" ;;
  bench:training) shift; cd "$here" && exec "$node" --import tsx bench/training-step.ts "$@" ;;
  '' | help | -h | --help)
    echo "usage: $0 doctor          what this machine has and lacks
       $0 test [filter]    the operations' tests, on the CPU, the emulator and a GPU if there is one;
                           with --project cuda on the GPU alone
       $0 bench [op ...]   the benchmarks (--help lists their options)
       $0 bench:training   whole optimiser steps of a LLaMA (--help lists their options)
       $0 <command> ...    any other command of leia: train, generate, score, ..." ;;
  *) exec "$node" "$here/dist/cli/main.js" "$@" ;;
esac
`;

function fail(message) {
  console.error(`bundle: ${message}`);
  process.exit(1);
}

function run(command, args, options = {}) {
  const { status, error, stderr } = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    ...options,
  });
  if (status === 0) return;
  fail(
    `${command} ${args.join(' ')}: ${error?.message ?? stderr?.trim() ?? `exit code ${status}`}`,
  );
}

/** These files, the files of tests that they import, and so on. */
function withImports(files) {
  const found = new Set();
  const visit = (file) => {
    if (found.has(file) || !file.startsWith('test/')) return;
    found.add(file);
    const imports = readFileSync(join(root, file), 'utf8').matchAll(/ from '(\.[^']*)'/g);
    for (const [, path] of imports) visit(join(dirname(file), path));
  };
  files.forEach(visit);
  return [...found];
}

/** The packages that these need, and so on, as npm laid them out: all in one folder, or within each other. */
function closure(names) {
  const found = new Set();
  const visit = (name, from) => {
    if (unused.includes(name)) return;
    for (let folder = from; ; folder = dirname(folder)) {
      const path = join(folder, 'node_modules', name);
      if (existsSync(join(path, 'package.json'))) {
        if (found.has(path)) return;
        found.add(path);
        const { dependencies = {}, optionalDependencies = {} } = JSON.parse(
          readFileSync(join(path, 'package.json'), 'utf8'),
        );
        for (const next of Object.keys({ ...dependencies, ...optionalDependencies }))
          visit(next, path);
        return;
      }
      if (folder === dirname(folder)) return; // an optional package for another platform
    }
  };
  for (const each of names) visit(each, root);
  return [...found];
}

/** Addons for other machines, source maps and declarations are for others too. */
function isNeeded(path) {
  if (path.endsWith('.node') && /darwin|win32|android|arm|musl|freebsd/.test(path)) return false;
  return !/\\.(map|d\\.[cm]?ts)$/.test(path);
}

function assemble(folder) {
  for (const part of parts) {
    const from = join(root, part);
    if (!existsSync(from)) continue;
    const filter = (path) => !leftOut.some((name) => path === join(root, name));
    cpSync(from, join(folder, part), { recursive: true, filter });
  }
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const modules = join(root, 'node_modules');
  for (const path of closure([...Object.keys(dependencies), ...tools])) {
    const to = join(folder, path.slice(root.length));
    cpSync(path, to, { recursive: true, dereference: true, filter: isNeeded });
  }
  if (!existsSync(join(folder, 'node_modules'))) fail(`no packages were found in ${modules}`);
  const node = join(folder, 'node/bin/node');
  mkdirSync(dirname(node), { recursive: true });
  copyFileSync(process.execPath, node);
  chmodSync(node, 0o755);
  for (const binary of [node, ...addonsIn(folder)]) run('strip', ['--strip-unneeded', binary]);
  writeFileSync(join(folder, 'run'), runScript, { mode: 0o755 });
}

function addonsIn(folder) {
  return readdirSync(join(folder, 'build'), { recursive: true })
    .filter((name) => name.endsWith('.node'))
    .map((name) => join(folder, 'build', name));
}

if (process.platform !== 'linux' || process.arch !== 'x64') {
  fail(
    `a bundle is for Linux on x86-64 and is made there; this is ${process.platform}-${process.arch}`,
  );
}
run('cmake', ['-DBUILD=build/cmake', '-P', 'native/build.cmake']);
run('cmake', ['-DBUILD=build/cmake', '-DTARGET=tests', '-P', 'native/build.cmake']);
run('npm', ['run', 'build:js']);
const work = mkdtempSync(join(tmpdir(), 'leia-bundle-'));
try {
  const folder = join(work, name);
  mkdirSync(folder);
  assemble(folder);
  const archive = join(work, 'archive');
  run('tar', ['--create', '--xz', '--file', archive, '--directory', work, name], {
    // Higher levels take twice the time for 3 % less.
    env: { ...process.env, XZ_OPT: '-4 -T0' },
  });
  const { size } = statSync(archive);
  if (size > largest) {
    fail(`the archive has ${(size / 1e6).toFixed(1)} MB, more than ${largest / 1e6} MB`);
  }
  copyFileSync(archive, `${target}.part`);
  renameSync(`${target}.part`, target);
  console.log(`${target}: ${(size / 1e6).toFixed(1)} MB

On the other machine:
  tar -xf ${name}.tar.xz
  ${name}/run doctor
  ${name}/run test
  ${name}/run bench --json`);
} finally {
  rmSync(work, { recursive: true, force: true });
}
