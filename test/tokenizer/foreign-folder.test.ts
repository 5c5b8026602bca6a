// What is given in place of a Hugging Face folder is named, with what to do, by whoever opens it first.
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Checkpoint } from '../../lib/llama/checkpoint.ts';
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts';
import { leia } from '../cli/child.ts';
import { expectError, fixtures, temporaryFolder } from '../llama/fixtures.ts';
import { makeModel } from '../train/runs.ts';

/** A folder with these files, empty. */
async function folderOf(...names: string[]): Promise<string> {
  const folder = await temporaryFolder();
  for (const name of names) await writeFile(join(folder, name), '');
  return folder;
}

const lora = 'holds a LoRA adapter, not a whole model (adapter_config.json); merge it';
const authors = "holds files in the format of the model's authors";
const pytorch = 'weights in the format of PyTorch, which may run any code when it is read';
const saveAgain = 'save it with safe_serialization=True';

describe.each<[string, string[], string[]]>([
  [
    'a LoRA adapter',
    ['adapter_config.json', 'adapter_model.safetensors', 'tokenizer.json'],
    [lora],
  ],
  ['GGUF', ['README.md', 'llama-2-7b.Q4_K_M.gguf'], ['a GGUF file, the format of llama.cpp']],
  [
    "Meta's files",
    [
      'checklist.chk',
      'consolidated.00.pth',
      'consolidated.01.pth',
      'params.json',
      'tokenizer.model',
    ],
    [authors, '(consolidated.00.pth)', 'convert_llama_weights_to_hf.py'],
  ],
  [
    'a run that has not ended',
    ['metrics.jsonl', 'run.json'],
    ['that has not ended, and so no model yet'],
  ],
  ["Mistral's files", ['consolidated.safetensors', 'params.json'], [authors]],
])('%s', (_, files, messages) => {
  test.each([
    ['a model', Checkpoint],
    ['a tokenizer', Tokenizer],
  ] as const)('in place of %s', async (what, reader) => {
    const folder = await folderOf(
      ...files.filter((name) => what === 'a model' || name !== 'tokenizer.json'),
    );
    const open = 'open' in reader ? () => reader.open(folder) : () => reader.load(folder);
    for (const message of [folder, ...messages]) await expectError(open, 'unsupported', message);
  });
});

describe('beside a config.json', () => {
  async function modelWith(...names: string[]): Promise<string> {
    const folder = await folderOf(...names);
    await cp(join(fixtures, 'tiny-llama/config.json'), join(folder, 'config.json'));
    return folder;
  }

  test.each([
    [['pytorch_model.bin'], [pytorch, '(pytorch_model.bin)', saveAgain]],
    [
      ['pytorch_model-00001-of-00002.bin', 'pytorch_model.bin.index.json'],
      [pytorch, '(pytorch_model-00001-of-00002.bin)', saveAgain],
    ],
    [['pytorch_model.fp16.bin'], [pytorch, saveAgain]],
    [['model.fp16.safetensors'], ['only a variant of the weights (model.fp16.safetensors)']],
    [
      ['model-00001-of-00002.bf16.safetensors', 'model.safetensors.index.bf16.json'],
      ['only a variant of the weights (model.safetensors.index.bf16.json)', 'without one'],
    ],
    [['model.gguf'], ['GGUF']],
    [['adapter_model.bin'], ['LoRA']],
  ])('%j are no weights', async (files, messages) => {
    const folder = await modelWith(...files);
    for (const message of messages) {
      await expectError(() => Checkpoint.open(folder), 'unsupported', message);
    }
  });

  test('nothing is said of a folder that nothing is known of', async () => {
    const folder = await modelWith('README.md', 'model-00001-of-00002.safetensors');
    await expectError(() => Checkpoint.open(folder), 'io', 'neither model.safetensors nor');
    await expectError(() => Tokenizer.load(folder), 'io', 'tokenizer.json: no such file');
  });

  test.each([[[]], [['consolidated.00.pth']]])(
    'tokenizer.model alone is named (and %j)',
    async (more) => {
      const folder = await modelWith('tokenizer.model', ...more);
      const message =
        "SentencePiece's tokenizer.model without a tokenizer.json (tokenizer.model); load";
      await expectError(() => Tokenizer.load(folder), 'unsupported', message);
    },
  );

  test('other formats do no harm to a folder that has all its files', async () => {
    const folder = await makeModel();
    for (const name of [
      'adapter_config.json',
      'consolidated.00.pth',
      'tokenizer.model',
      'a.gguf',
    ]) {
      await writeFile(join(folder, name), '');
    }
    await (await Checkpoint.open(folder)).close();
    expect((await Tokenizer.load(folder)).vocabSize).toBe(512);
  });
});

describe('no folder', () => {
  test('but perhaps a model on the Hub', async () => {
    const name = 'meta-llama/Llama-2-7b-hf';
    const message = `there is no folder ${name}; if it is a model on the Hugging Face Hub, download it (hf download ${name} --local-dir Llama-2-7b-hf) and give that folder`;
    await expectError(() => Checkpoint.open(name), 'io', message);
    await expectError(() => Tokenizer.load(name), 'io', message);
    for (const path of ['/no/where', './no/where', '../nowhere', 'a/b/c', 'nowhere']) {
      await expectError(() => Checkpoint.open(path), 'io', 'config.json: no such file or folder');
    }
    const generate = ['generate', '--prompt', 'x', '--max-new-tokens', '1', '--model', name];
    const run = await leia(generate);
    expect(run).toMatchObject({ code: 1, stderr: `leia: ${message}\n` });
  });

  test('but a file', async () => {
    const folder = await temporaryFolder();
    const [gguf, weights] = [join(folder, 'model.GGUF'), join(folder, 'model.safetensors')];
    for (const path of [gguf, weights]) await writeFile(path, '');
    await expectError(() => Checkpoint.open(gguf), 'unsupported', 'GGUF');
    const message = 'is a file; give the Hugging Face folder that holds it';
    await expectError(() => Checkpoint.open(weights), 'io', message);
    await expectError(() => Tokenizer.load(weights), 'io', message);
  });
});
