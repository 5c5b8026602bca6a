// `npm run test:sanitize`: builds the native core with AddressSanitizer and UndefinedBehaviorSanitizer in a
// folder of its own and runs the tests that reach into it. What a sanitizer reports fails the run, also where
// it happened in a child process whose end the test expects to be bad.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const folder = join(root, 'build', 'sanitize');
const output = join(folder, 'Release');
const reports = join(folder, 'reports');
const tests = [
  'test/core',
  'test/ops',
  'test/corpus/dump/bzip2.test.ts',
  'test/corpus/dump/dump.test.ts',
  'test/corpus/fuzz.test.ts',
  'test/corpus/wikitext',
  'test/leia/passage-line.test.ts',
  'test/tokenizer',
  'test/emulator/emulator.test.ts',
  'test/emulator/wgmma.test.ts',
];

/** Ends the run unless the command succeeds. */
function run(command, args, env = process.env) {
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env });
  if (status !== 0) process.exit(1);
}

/** The sanitizers' libraries: Node itself is built without them, so they must be loaded first. */
function runtimes() {
  return ['libasan.so', 'libubsan.so'].map((name) => {
    const compiler = process.env.CXX ?? 'c++';
    const path = execFileSync(compiler, [`-print-file-name=${name}`], { encoding: 'utf8' }).trim();
    if (path === name) {
      console.error(`test:sanitize: ${compiler} has no ${name}; set CXX to a GCC that does`);
      process.exit(1);
    }
    return path;
  });
}

function foundReports() {
  const texts = readdirSync(reports).map((name) => readFileSync(join(reports, name), 'utf8'));
  return texts.filter((text) => /ERROR: AddressSanitizer|runtime error:/.test(text));
}

const build = join(folder, 'cmake');
const options = [
  '-DCMAKE_BUILD_TYPE=Release',
  '-DLEIA_SANITIZE=ON',
  '-DLEIA_CUDA=OFF',
  `-DLEIA_OUTPUT=${output}`,
];
run('cmake', ['-S', root, '-B', build, ...options]);
// Without a number make starts one compiler for each file, at once.
const jobs = String(availableParallelism());
run('cmake', ['--build', build, '--parallel', jobs]);
run('cmake', ['--build', build, '--target', 'tests', '--parallel', jobs]);

rmSync(reports, { recursive: true, force: true });
mkdirSync(reports, { recursive: true });
const log = `log_path=${join(reports, 'report')}`;
const { status } = spawnSync(join(root, 'node_modules', '.bin', 'vitest'), ['run', ...tests], {
  cwd: root,
  stdio: 'inherit',
  env: {
    ...process.env,
    LEIA_ADDON: join(output, 'leia.node'),
    LEIA_BUILD: folder,
    LEIA_TEST_FULL: '1',
    LD_PRELOAD: runtimes().join(' '),
    // Leaks: Node frees much of its own memory only by ending. A test asks for more memory than there is.
    ASAN_OPTIONS: `detect_leaks=0:allocator_may_return_null=1:${log}`,
    UBSAN_OPTIONS: `print_stacktrace=1:${log}`,
  },
});
const found = foundReports();
for (const text of found) console.error(`\n${text}`);
console.log(`\nsanitizers: ${found.length} reports; tests ${status === 0 ? 'passed' : 'failed'}`);
process.exitCode = status === 0 && found.length === 0 ? 0 : 1;
