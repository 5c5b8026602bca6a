// One name per operation everywhere: the folder of its kernels, its entry in the binding, its face in
// TypeScript and its cases.
import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { addon } from '../../lib/core/addon.ts';
import { ops } from '../../lib/index.ts';

function entries(folder: string): string[] {
  return readdirSync(new URL(`../../${folder}/`, import.meta.url));
}

/** rmsNormBackward -> rms-norm */
function operationOf(name: string): string {
  const base = name.replace(/(Forward|Backward)$/, '');
  return base.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function sorted(names: Iterable<string>): string[] {
  return [...new Set(names)].sort();
}

const operations = sorted(entries('native/ops').map((name) => name.replaceAll('_', '-')));

const others = [
  'setErrorClass',
  'cpuDescription',
  'cudaOperations',
  'cublasLtDescription',
  'mapFile',
  'passageLine',
  'scanPages',
  'decodeEntities',
  'releaseFreeMemory',
];
/** The addon's operations: not its classes, nor what it says of itself. */
const natives = Object.keys(addon()).filter(
  (name) => /^[a-z]/.test(name) && !others.includes(name),
);

test('the kernels are a known set', () => {
  expect(operations).toContain('rms-norm');
  expect(operations.length).toBeGreaterThanOrEqual(13);
});

test('each has a file in the binding', () => {
  const files = entries('native/binding').flatMap((name) => {
    const operation = /^operations_(\w+)\.cpp$/.exec(name)?.[1];
    return operation ? [operation.replaceAll('_', '-')] : [];
  });
  expect(sorted(files)).toEqual(operations);
});

test('each is an export of the addon', () => {
  expect(sorted(natives.map(operationOf))).toEqual(operations);
});

test('each has a file and a function in TypeScript, with the name of the native one', () => {
  const files = entries('lib/core/ops').filter((name) => name !== 'outputs.ts');
  expect(sorted(files.map((name) => name.replace('.ts', '')))).toEqual(operations);
  const functions = Object.entries(ops).flatMap(([name, value]) =>
    typeof value === 'function' ? [name] : [],
  );
  expect(sorted(functions)).toEqual(sorted(natives));
});

test('each has cases', () => {
  const files = entries('test/ops/cases').map((name) => name.replace('.ts', ''));
  expect(sorted(files)).toEqual(operations);
});
