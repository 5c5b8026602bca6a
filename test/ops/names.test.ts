// One name per operation everywhere: the folder of its kernels, its entry in the binding, its face in
// TypeScript and its cases. Where operations share their kernels, folders and files have the name of their room.
import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { addon } from '../../lib/core/addon.ts';
import { ops } from '../../lib/ops.ts';
import { faces } from './faces.ts';
import { roomOf } from './rooms.ts';

function entries(folder: string): string[] {
  return readdirSync(new URL(`../../${folder}/`, import.meta.url));
}

function sorted(names: Iterable<string>): string[] {
  return [...new Set(names)].sort();
}

const operations = sorted(entries('native/ops').map((name) => name.replaceAll('_', '-')));

const natives = addon().operations;

test('the kernels are a known set', () => {
  expect(operations).toContain('rms-norm');
  expect(operations.length).toBeGreaterThanOrEqual(13);
});

test('each has its contract and its binding in its folder', () => {
  for (const operation of entries('native/ops')) {
    const files = entries(`native/ops/${operation}`);
    expect(files).toContain(`${operation}.h`);
    expect(files).toContain(`${operation}_binding.cpp`);
  }
});

test('each is an export of the addon', () => {
  expect(sorted(Object.keys(natives).map(roomOf))).toEqual(operations);
});

test('each has a file and a function in TypeScript, with the name of the native one', () => {
  const files = entries('lib/core/ops').filter((name) => name !== 'outputs.ts');
  expect(sorted(files.map((name) => name.replace('.ts', '')))).toEqual(operations);
  const functions = Object.entries(ops).flatMap(([name, value]) =>
    typeof value === 'function' ? [name] : [],
  );
  expect(sorted(functions)).toEqual(sorted(Object.keys(natives)));
});

test('each takes the arguments that its face has, by the same names', () => {
  for (const [name, { right }] of Object.entries(faces)) {
    const parameters = natives[name]!.parameters;
    expect(new Set(parameters).size).toBe(parameters.length);
    const unknown = Object.keys(right()).filter((argument) => !parameters.includes(argument));
    expect(unknown, name).toEqual([]);
  }
});

test('each has cases', () => {
  const files = entries('test/ops/cases').map((name) => name.replace('.ts', ''));
  expect(sorted(files)).toEqual(operations);
});
