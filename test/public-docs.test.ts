// Every operation, function and module that the package offers says how it fails and shows how it is called, and what the
// examples say that they give is what they give. That their types hold is asked in test/package.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import * as autograd from '../lib/autograd.ts';
import * as ops from '../lib/core/ops.ts';
import * as leia from '../lib/index.ts';
import * as nn from '../lib/nn.ts';
import { runChild } from './support/child.ts';
import { docComments, examplePrograms, examplesIn } from './support/doc-examples.ts';

const root = resolve(import.meta.dirname, '..');
const comments = docComments();

/** What is meant for programs that train or use a model in their own way. */
const { AdamW, Decoder, LlamaModel, learningRateAt, SafetensorsFile, writeSafetensors } = leia;
const parts = { AdamW, Decoder, LlamaModel, learningRateAt, SafetensorsFile, writeSafetensors };

/** The functions and classes of an entry, and the folders that they are declared in. */
const entries = [
  ['leia/ops', ops, /^core\/ops\//],
  ['leia/autograd', autograd, /^autograd\//],
  ['leia/nn', nn, /^(nn|train)\//],
  ['leia', parts, /^(llama|train)\//],
] as const;

const callable = entries.flatMap(([entry, names, folders]) =>
  Object.entries(names)
    .filter(([, value]) => typeof value === 'function')
    .map(([name]) => [entry, name, folders] as const),
);

test('the entries have what is looked for', () => {
  expect(callable.length).toBeGreaterThan(100);
});

test.each(callable)('%s: %s says how it fails, and shows one call', (_, name, folders) => {
  const declared = new RegExp(
    `^export (?:abstract )?(?:async )?(?:function\\*?|const|class) ${name}\\b`,
  );
  const own = comments.filter(
    ({ file, declaration }) => folders.test(file) && declared.test(declaration),
  );
  expect(own).toHaveLength(1);
  // What a class cannot do is said at its methods, if not at itself.
  const texts = comments.filter((comment) => {
    const isBehind = comment.file === own[0]!.file && comment.line >= own[0]!.line;
    return comment === own[0] || (isBehind && own[0]!.declaration.includes('class '));
  });
  expect(texts.map(({ text }) => text).join('\n')).toMatch(/^@throws (LeiaError |the error)/m);
  expect(examplesIn(own[0]!)).toHaveLength(1);
});

test('the examples give what they say', async () => {
  const folder = join(root, 'build/doc-examples');
  await mkdir(folder, { recursive: true });
  const programs = examplePrograms();
  for (const [name, text] of programs) {
    // The package by its sources, so that this does not need a build.
    const local = text.replaceAll(/from 'leia(?:\/(\w+))?'/g, (_, part = 'index') => {
      return `from '${join(root, 'lib', `${part}.ts`)}'`;
    });
    await writeFile(join(folder, name), local);
  }
  const all = [...programs.keys()].map((name) => `await import('./${name}');`).join('\n');
  await writeFile(join(folder, 'all.mts'), all);
  const { code, output, errors } = await runChild('../build/doc-examples/all.mts');
  expect([code, errors]).toEqual([0, '']);
  expect(
    output
      .trim()
      .split('\n')
      .flatMap((line) => JSON.parse(line)),
  ).toEqual([]);
  await rm(folder, { recursive: true });
});
