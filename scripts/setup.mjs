// Gets a fresh clone ready: tools of the system, packages of npm, the native core. Everything that is there
// already is left as it is, so that running it again costs a second. It needs nothing but Node itself.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(fileURLToPath(import.meta.url), '../..');
const log = join(root, 'build', 'setup.log');
const leastNode = [20, 17];
const leastCMake = [3, 22];

/** What must be on PATH (any one of the names), and the packages that bring it. */
const tools = [
  { names: ['c++', 'g++', 'clang++'], apt: ['g++'], dnf: ['gcc-c++'], apk: ['g++'] },
  { names: ['make', 'ninja'], apt: ['make'], dnf: ['make'], apk: ['make'] },
  { names: ['cmake'], apt: ['cmake'], dnf: ['cmake'], apk: ['cmake'] },
];
const managers = {
  'apt-get': {
    key: 'apt',
    install: 'apt-get install -y --no-install-recommends',
    before: 'apt-get update',
  },
  dnf: { key: 'dnf', install: 'dnf install -y' },
  apk: { key: 'apk', install: 'apk add' },
};

function fail(message) {
  console.error(`setup: ${message}`);
  process.exit(1);
}

function onPath(name) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, name)));
}

/** Runs a command with its output in the log; shows the end of it if it fails. */
function run(what, command, args) {
  process.stdout.write(`setup: ${what} … `);
  const began = performance.now();
  mkdirSync(join(root, 'build'), { recursive: true });
  const output = openSync(log, 'w');
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', output, output],
  });
  if (status !== 0) {
    const lines = readFileSync(log, 'utf8').trimEnd().split('\n');
    console.log(`failed\n${lines.slice(-30).join('\n')}`);
    fail(`${what} failed${error ? `: ${error.message}` : ''}; the whole output is in ${log}`);
  }
  console.log(`${((performance.now() - began) / 1000).toFixed(0)} s`);
}

function isOlder(version, least) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major < least[0] || (major === least[0] && minor < least[1]);
}

function checkNode() {
  if (!isOlder(process.versions.node, leastNode)) return;
  fail(
    `Node ${leastNode.join('.')} or newer is needed, this is ${process.versions.node}; get it from https://nodejs.org`,
  );
}

function checkTools() {
  const missing = tools.filter(({ names }) => !names.some(onPath));
  if (missing.length > 0) installTools(missing);
  const version = /\d+\.\d+/.exec(execFileSync('cmake', ['--version'], { encoding: 'utf8' }))[0];
  if (isOlder(version, leastCMake)) {
    fail(
      `CMake ${leastCMake.join('.')} or newer is needed, this is ${version}; 'pip install cmake' brings one`,
    );
  }
}

/** C++20 as the native core uses it. */
function checkCompiler() {
  const compiler = process.env.CXX ?? tools[0].names.find(onPath);
  const ask = (flag) => execFileSync(compiler, [flag], { encoding: 'utf8' });
  const [name, least] = /clang/.test(ask('--version')) ? ['Clang', 14] : ['GCC', 11];
  const version = ask('-dumpversion').trim();
  if (!isOlder(version, [least, 0])) return;
  fail(`${name} ${least} or newer is needed, ${compiler} is ${version}; set CXX to a newer one`);
}

function installTools(missing) {
  const names = missing.map(({ names }) => names[0]).join(', ');
  const found = Object.keys(managers).find(onPath);
  if (found === undefined)
    fail(`${names} missing: install a C++ compiler, make and CMake, then run this again`);
  const { key, install, before } = managers[found];
  const command = `${install} ${missing.flatMap((tool) => tool[key]).join(' ')}`;
  if (process.getuid?.() !== 0) fail(`${names} missing; install with: sudo ${command}`);
  if (before) run(before, 'sh', ['-c', before]);
  run(command, 'sh', ['-c', command]);
}

/** npm's packages, unless those of this very package.json and lock file are there. */
function installPackages() {
  const stamp = join(root, 'node_modules', '.leia-setup');
  const hash = createHash('sha256');
  for (const file of ['package.json', 'package-lock.json'])
    hash.update(readFileSync(join(root, file)));
  const wanted = hash.digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  // Its install script would build the native core, which comes next, with a log.
  const args = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--no-save'];
  run('installing npm packages', 'npm', args);
  writeFileSync(stamp, wanted);
}

function buildCore() {
  run('building the native core', 'cmake', ['-DBUILD=build/cmake', '-P', 'native/build.cmake']);
}

checkNode();
checkTools();
checkCompiler();
installPackages();
buildCore();
