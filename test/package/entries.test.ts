// What each entry of the package loads: operations need no tokenizer and no schema, readers of dumps no tokenizer.
import { readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** What a file imports when it is loaded: types are left out by the compiler, what `import()` names comes later. */
function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  const statements = text.matchAll(
    /^(?:import|export)\s+(?!type\b)(?:[^;']*?\sfrom\s+)?'([^']+)';/gm,
  );
  return [...statements].map(([, path]) => path!);
}

/** The packages that an entry loads, by way of however many files. */
function packagesOf(entry: string): string[] {
  const packages = new Set<string>();
  const seen = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const path of importsOf(file)) {
      if (path.startsWith('.')) visit(resolve(file, '..', path));
      else if (!path.startsWith('node:')) packages.add(path);
    }
  };
  visit(join(root, 'lib', entry));
  return [...packages].filter((name) => !builtinModules.includes(name)).sort();
}

/** By entry: the packages that are loaded with it. The addon, and the package that finds it, are loaded on first use. */
const loaded: Readonly<Record<string, readonly string[]>> = {
  ops: [],
  autograd: [],
  nn: [],
  corpus: ['saxes', 'zod'],
  evaluate: ['saxes', 'yaml', 'zod'],
  index: ['saxes', 'tokenizers', 'yaml', 'zod'],
};

test('every entry of the package is looked at', () => {
  const entries = Object.keys(manifest.exports)
    .filter((name) => !name.endsWith('.json'))
    .map((name) => (name === '.' ? 'index' : name.replace('./', '')));
  expect(entries.sort()).toEqual(Object.keys(loaded).sort());
});

test.each(Object.keys(loaded))('leia/%s loads what it needs', (entry) => {
  expect(packagesOf(`${entry}.ts`)).toEqual(loaded[entry]);
});
