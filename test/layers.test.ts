// The shape of the house: who may import whom.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '..');

/** What each folder of lib/ may import, beside itself; the rooms of lib/corpus are folders of their own. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  system: [],
  core: ['system'],
  tokenizer: ['core', 'system'],
  llama: ['core', 'system', 'tokenizer'],
  leia: ['core', 'llama', 'system', 'tokenizer'],
  'corpus/dump': ['core', 'system'],
  'corpus/wikitext': ['core', 'corpus/dump', 'system'],
  'corpus/names': ['core', 'corpus/dump', 'system'],
  'corpus/dataset': [
    ...['core', 'leia', 'system', 'tokenizer'],
    ...['corpus/dump', 'corpus/names', 'corpus/wikitext'],
  ],
  evaluate: ['core', 'leia', 'llama', 'system', 'tokenizer'],
  train: ['core', 'leia', 'llama', 'system', 'tokenizer'],
  report: ['core', 'evaluate', 'leia', 'system', 'train'],
  demo: [
    ...['core', 'evaluate', 'leia', 'llama', 'report', 'system', 'tokenizer', 'train'],
    'corpus/dataset',
  ],
  cli: [
    ...['core', 'demo', 'evaluate', 'leia', 'llama', 'report', 'system', 'tokenizer', 'train'],
    ...['corpus/dataset', 'corpus/dump', 'corpus/names', 'corpus/wikitext'],
  ],
};

function filesOf(folder: string, extensions: RegExp): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => extensions.test(name) && !name.startsWith('fixtures'))
    .map((name) => join(root, folder, name));
}

function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map(([, path]) =>
    resolve(file, '..', path!),
  );
}

/** The folder of lib/ that a file is in, and within lib/corpus the room. */
function layerOf(file: string): string {
  const [folder, room] = relative(join(root, 'lib'), file).split('/');
  return folder === 'corpus' ? `${folder}/${room}` : folder!;
}

test('every file of lib/ is in a folder that has its place', () => {
  const layers = new Set(filesOf('lib', /\.ts$/).map(layerOf));
  layers.delete('index.ts');
  expect([...layers].sort()).toEqual(Object.keys(allowed).sort());
});

test('dependencies point one way', () => {
  const wrong: string[] = [];
  for (const file of filesOf('lib', /\.ts$/)) {
    const layer = layerOf(file);
    if (layer === 'index.ts') continue;
    for (const target of importsOf(file)) {
      const other = layerOf(target);
      if (other === layer || allowed[layer]?.includes(other)) continue;
      wrong.push(`${relative(root, file)} imports ${relative(root, target)}`);
    }
  }
  expect(wrong).toEqual([]);
});

test('kernels know no JavaScript, and core knows no kernels', () => {
  const wrong = filesOf('native', /\.(cpp|h)$/).filter((file) => {
    const text = readFileSync(file, 'utf8');
    const path = relative(join(root, 'native'), file);
    if (path.startsWith('binding/')) return false;
    return /#include [<"](napi|node_api|binding\/)/.test(text);
  });
  expect(wrong).toEqual([]);
});
