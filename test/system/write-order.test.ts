// What would be left if the power went at any moment: no test can cut it, but each can look at the order of the calls
// that decide it. A file is flushed before it gets its name; a folder is flushed before what depends on its names.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { DatasetWriter } from '../../lib/leia/dataset-writer.ts';
import { Checkpoint } from '../../lib/llama/checkpoint.ts';
import { saveCheckpoint } from '../../lib/llama/save-checkpoint.ts';
import { makeFolder, writeFileAtomically } from '../../lib/system/files.ts';
import { train } from '../../lib/train/train.ts';
import { fixtures, temporaryFolder } from '../llama/fixtures.ts';
import { record, recordedCalls } from '../support/recorded-files.ts';
import { makeRun } from '../train/runs.ts';

vi.mock('node:fs/promises', async (original) => {
  const { recorded } = await import('../support/recorded-files.ts');
  return recorded(await original());
});
vi.mock('node:fs', async (original) => {
  const { recordedSync } = await import('../support/recorded-files.ts');
  return recordedSync(await original());
});

/** What of the record matches. */
function callsOf(pattern: RegExp): string[] {
  return recordedCalls().filter((call) => pattern.test(call));
}

test('a file is flushed, then renamed, then its folder is flushed', async () => {
  const folder = await temporaryFolder();
  record(folder);
  await writeFileAtomically(join(folder, 'a'), 'text');
  expect(recordedCalls()).toEqual(['write a~', 'sync a~', 'rename a~ a', 'sync .']);
});

test('a new folder is flushed into the one above', async () => {
  const folder = await temporaryFolder();
  record(folder);
  await makeFolder(join(folder, 'a/b'));
  expect(recordedCalls()).toEqual(['mkdir a', 'sync .', 'mkdir a/b', 'sync a']);
});

test('a checkpoint loses its config before its weights are replaced, and gets it last', async () => {
  const folder = await temporaryFolder();
  await using checkpoint = await Checkpoint.open(join(fixtures, 'tiny-llama'));
  const { config } = checkpoint;
  const save = (maxShardBytes?: number) =>
    saveCheckpoint(folder, {
      ...{ config, dtype: 'float32', read: (name) => checkpoint.read(name) },
      files: new Map([['tokenizer.json', '{}']]),
      ...(maxShardBytes && { maxShardBytes }),
    });
  await save();
  record(folder);
  await save(150_000);
  const shards = callsOf(/^sync model-/).map((call) => call.slice('sync '.length, -1));
  expect(shards.length).toBeGreaterThan(2);
  const index = 'model.safetensors.index.json';
  const staged = [...shards, index, 'tokenizer.json', 'config.json'];
  expect(callsOf(/^(?!.*lock)/)).toEqual([
    ...staged.flatMap((name) => [`write ${name}~`, `sync ${name}~`]),
    'rm config.json',
    'sync .',
    'rm model.safetensors',
    ...staged.slice(0, -1).map((name) => `rename ${name}~ ${name}`),
    'sync .',
    'rename config.json~ config.json',
    'sync .',
  ]);
});

test.each([1, 2])('a state is whole before it gets its name; %i are kept', async (keepStates) => {
  const options = await makeRun({ maxSteps: 4, saveSteps: 1, keepStates });
  record(options.output);
  await train(options);
  const state = (step: number) => {
    const folder = `resume/.step-${step}.tmp`;
    return [
      `mkdir ${folder}`,
      'sync resume',
      ...['state.safetensors', 'state.json'].flatMap((name) =>
        ['write', 'sync', 'rename'].map(
          (call) => `${call} ${folder}/${name}~${call === 'rename' ? ` ${folder}/${name}` : ''}`,
        ),
      ),
      `sync ${folder}`,
      `rename ${folder} resume/step-${step}`,
      'sync resume',
    ];
  };
  expect(callsOf(/resume|sync metrics.jsonl$/)).toEqual([
    'sync metrics.jsonl',
    'mkdir resume',
    ...state(1),
    'sync metrics.jsonl',
    ...(keepStates === 1 ? [...state(2), 'rm resume/step-1'] : state(2)),
    'sync metrics.jsonl',
    // With two kept there is one while the next is written, so that there is never room needed for three.
    ...(keepStates === 1 ? [...state(3), 'rm resume/step-2'] : ['rm resume/step-1', ...state(3)]),
    'sync metrics.jsonl',
    // The model needs the room of the state before the last.
    ...(keepStates === 1 ? [] : ['rm resume/step-2']),
    'rm resume',
  ]);
  // The last state goes when the model is there for good.
  expect(recordedCalls().slice(-4)).toEqual([
    'rename config.json~ config.json',
    'sync .',
    'rm resume',
    'rm .leia.lock',
  ]);
});

test('a dataset says that a shard is complete when its files are, and that it is finished last', async () => {
  const folder = join(await temporaryFolder(), 'data');
  await mkdir(folder);
  record(folder);
  const tokenizer = { hash: 'x', vocabSize: 512, bosId: 1 };
  const meta = { language: 'xx', tokenizer, source: {} };
  const writer = await DatasetWriter.create(folder, meta);
  const inputIds = Int32Array.of(1, 5, 7);
  await writer.append({ title: 'A', text: 'a', anchors: [], entities: [], inputIds });
  await writer.finish();
  const files = ['articles-00000.bin', 'passages-00000.jsonl', 'index-00000.bin'];
  const [progress, manifest] = ['progress.json', 'manifest.json'].map((name) => [
    `write ${name}~`,
    `sync ${name}~`,
    `rename ${name}~ ${name}`,
    'sync .',
  ]) as [string[], string[]];
  expect(callsOf(/^(?!.*lock)/)).toEqual([
    ...progress,
    ...files.flatMap((name) => [`write ${name}~`, `sync ${name}~`]),
    ...files.map((name) => `rename ${name}~ ${name}`),
    'sync .',
    ...progress,
    ...manifest,
    'rm progress.json',
  ]);
});
