// `npm test`: the checks of the project, one after the other, all of them even if one fails; with --full (`npm run
// test:full`) the whole suite, every case on every device and build. The last line says how many passed; each check outside
// the test suite counts as one.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const results = join(root, 'build', 'test-results.json');
const bin = (name) => join(root, 'node_modules', '.bin', name);
const counts = { passed: 0, failed: 0, skipped: 0 };
const skipped = [];
if (process.argv.includes('--full')) process.env.LEIA_TEST_FULL = '1';
/** Other versions format differently. */
const clangFormatVersion = 14;

function check(title, command, args) {
  console.log(`\n— ${title}`);
  const passed = spawnSync(command, args, { cwd: root, stdio: 'inherit' }).status === 0;
  counts[passed ? 'passed' : 'failed']++;
}

function findClangFormat() {
  return [`clang-format-${clangFormatVersion}`, 'clang-format'].find((name) => {
    const { status, stdout } = spawnSync(name, ['--version'], { encoding: 'utf8' });
    return status === 0 && new RegExp(`version ${clangFormatVersion}\\.`).test(stdout);
  });
}

function checkNativeFormat() {
  const name = findClangFormat();
  if (name === undefined) {
    counts.skipped++;
    skipped.push(`format of the native code: clang-format ${clangFormatVersion} is not on PATH`);
    return;
  }
  const sources = ['native', 'test/native'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true })
      .filter((file) => /\.(cpp|h|cu|cuh)$/.test(file))
      .map((file) => join(folder, file)),
  );
  check('format of the native code', name, ['--dry-run', '--Werror', ...sources]);
}

/** Runs the suite and adds what its report says; a suite that reports nothing has failed. */
function runSuite() {
  console.log('\n— tests');
  mkdirSync(join(root, 'build'), { recursive: true });
  rmSync(results, { force: true });
  const args = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${results}`];
  const { status } = spawnSync(bin('vitest'), args, { cwd: root, stdio: 'inherit' });
  let report;
  try {
    report = JSON.parse(readFileSync(results, 'utf8'));
  } catch {
    counts.failed++;
    return;
  }
  counts.passed += report.numPassedTests;
  counts.failed += report.numFailedTests;
  for (const file of report.testResults) {
    for (const test of file.assertionResults) {
      if (test.status === 'passed' || test.status === 'failed') continue;
      counts.skipped++;
      skipped.push(test.fullName.trim());
    }
  }
  // A file that does not even load has no failed tests.
  if (status !== 0 && report.numFailedTests === 0) counts.failed++;
}

check('lint and format', bin('biome'), ['check', '--error-on-warnings', '.']);
checkNativeFormat();
check('types', bin('tsc'), ['-p', 'tsconfig.json']);
check('build of the native tests', 'cmake', [
  '-DBUILD=build/cmake',
  '-DTARGET=tests',
  '-P',
  'native/build.cmake',
]);
check('build', 'npm', ['run', '--silent', 'build:js']);
check('what the package says of itself', bin('publint'), ['--strict', '.']);
runSuite();

if (skipped.length > 0) console.log(`\nSkipped:\n${skipped.map((name) => `  ${name}`).join('\n')}`);
console.log(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exitCode = counts.failed === 0 ? 0 : 1;
