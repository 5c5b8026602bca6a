// The shape of the house: who may import whom.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '..');

/** What each folder of lib/ may import, beside itself; some rooms are folders of their own. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  system: [],
  core: ['system'],
  autograd: ['core', 'system'],
  tokenizer: ['core', 'system'],
  llama: ['core', 'system', 'tokenizer'],
  nn: ['autograd', 'core', 'llama', 'system'],
  leia: ['core', 'llama', 'system', 'tokenizer'],
  'corpus/dump': ['core', 'system'],
  'corpus/wikitext': ['core', 'corpus/dump', 'system'],
  'corpus/names': ['core', 'corpus/dump', 'system'],
  'corpus/dataset': [
    ...['core', 'leia', 'system', 'tokenizer'],
    ...['corpus/dump', 'corpus/names', 'corpus/wikitext'],
  ],
  evaluate: ['core', 'leia', 'llama', 'system', 'tokenizer'],
  distributed: ['core', 'system'],
  train: ['core', 'distributed', 'leia', 'llama', 'system', 'tokenizer'],
  'evaluate/replication': [
    ...['core', 'evaluate', 'leia', 'llama', 'system', 'tokenizer', 'train'],
  ],
  report: ['core', 'evaluate', 'leia', 'system', 'train'],
  demo: [
    ...['core', 'evaluate', 'leia', 'llama', 'report', 'system', 'tokenizer', 'train'],
    'corpus/dataset',
  ],
  cli: [
    ...[
      'core',
      'demo',
      'distributed',
      'evaluate',
      'leia',
      'llama',
      'report',
      'system',
      'tokenizer',
      'train',
    ],
    ...['corpus/dataset', 'corpus/dump', 'corpus/names', 'corpus/wikitext'],
    'evaluate/replication',
  ],
};

/** What the package exports: made of the folders, never imported by them. */
const entries: ReadonlySet<string> = new Set(
  ['autograd', 'corpus', 'evaluate', 'index', 'nn', 'ops'].map((name) => `${name}.ts`),
);

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

/** Rooms that other rooms of their folder may not import at will: those of lib/corpus, and what trains to evaluate. */
const isRoom = (folder: string, room: string) => folder === 'corpus' || room === 'replication';

/** The folder of lib/ that a file is in, and the room where that is a folder of its own. */
function layerOf(file: string): string {
  const [folder = '', room = ''] = relative(join(root, 'lib'), file).split('/');
  return isRoom(folder, room) ? `${folder}/${room}` : folder;
}

test('every file of lib/ is in a folder that has its place', () => {
  const layers = new Set(filesOf('lib', /\.ts$/).map(layerOf));
  for (const entry of entries) layers.delete(entry);
  expect([...layers].sort()).toEqual(Object.keys(allowed).sort());
});

test('dependencies point one way', () => {
  const wrong: string[] = [];
  for (const file of filesOf('lib', /\.ts$/)) {
    const layer = layerOf(file);
    if (entries.has(layer)) continue;
    for (const target of importsOf(file)) {
      const other = layerOf(target);
      if (other === layer || allowed[layer]?.includes(other)) continue;
      wrong.push(`${relative(root, file)} imports ${relative(root, target)}`);
    }
  }
  expect(wrong).toEqual([]);
});

/** What each folder of native/ may include, beside itself; whoever includes none of it has it from core. */
const allowedNative: Readonly<Record<string, readonly string[]>> = {
  core: [],
  cpu: ['core'],
  cuda: ['core', 'cpu', 'emulator', 'ops'],
  emulator: ['core', 'cpu', 'cuda'],
  ops: ['core', 'cpu', 'cuda'],
  corpus: ['core'],
  tokenizer: ['core'],
};

test('native dependencies point one way: core knows no kind of device, and kernels no JavaScript', () => {
  const wrong: string[] = [];
  for (const file of filesOf('native', /\.(cpp|h|cu|cuh)$/)) {
    const path = relative(join(root, 'native'), file);
    const layer = path.split('/')[0]!;
    if (layer === 'binding' || path.endsWith('_binding.cpp')) continue;
    const text = readFileSync(file, 'utf8');
    for (const [, included] of text.matchAll(/#include [<"]([\w./]+)[>"]/g)) {
      const other = included!.includes('/') ? included!.split('/')[0]! : included!;
      const foreign = ['napi.h', 'node_api.h', 'binding'].includes(other);
      const known = other in allowedNative && other !== layer;
      if (foreign || (known && layer in allowedNative && !allowedNative[layer]!.includes(other))) {
        wrong.push(`${path} includes ${included}`);
      }
    }
  }
  expect(wrong).toEqual([]);
});
