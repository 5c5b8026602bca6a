// Bad input to a run: one clear line, and never a folder that looks finished.
import { appendFile, mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type TrainOptions, train } from '../../lib/train/train.ts';
import { expectError } from '../llama/fixtures.ts';
import { makeDataset, makeRun } from './runs.ts';

async function expectNothingDone(options: TrainOptions): Promise<void> {
  const files = await readdir(options.output).catch(() => []);
  expect(files.filter((name) => !['run.json', 'metrics.jsonl'].includes(name))).toEqual([]);
}

/** A run of three steps that stopped after the second. */
async function makeInterrupted(): Promise<TrainOptions> {
  const options = await makeRun({ maxSteps: 3 });
  const controller = new AbortController();
  const onStep = ({ step }: { step: number }) => {
    if (step === 2) controller.abort();
  };
  const stopped = train({ ...options, signal: controller.signal, onStep });
  await expect(stopped).rejects.toMatchObject({ code: 'interrupted' });
  return options;
}

describe('input', () => {
  test.each([
    [{ warmupSteps: 5 }, '5 warm-up steps are more than the 4 steps'],
    [{ microBatchSize: 3 }, 'a batch of 4 sequences cannot be cut into micro-batches of 3'],
    [{ sequenceLength: 4096 }, "longer than the model's max_position_embeddings"],
  ])('settings %j', async (settings, message) => {
    const options = await makeRun(settings);
    const code = 'sequenceLength' in settings ? 'argument' : 'usage';
    await expectError(() => train(options), code, message);
    await expectNothingDone(options);
  });

  test('a dataset of another tokenizer', async () => {
    const options = { ...(await makeRun()), data: await makeDataset(3, 'another') };
    await expectError(() => train(options), 'mismatch', 'prepared with another tokenizer');
    await expectNothingDone(options);
  });

  test('a dataset that is not there, not finished, empty, damaged', async () => {
    const options = await makeRun();
    const manifest = join(options.data, 'manifest.json');
    const text = await readFile(manifest, 'utf8');
    await truncate(join(options.data, 'articles-00000.bin'), 100);
    await expectError(() => train(options), 'format', 'has 100 bytes');
    await writeFile(manifest, text.replace(/"articles": \d+/, '"articles": 0'));
    await expectError(() => train(options), 'format', 'manifest.json');
    await rm(manifest);
    await writeFile(join(options.data, 'progress.json'), '{}');
    await expectError(() => train(options), 'io', 'is not finished');
    await rm(options.data, { recursive: true });
    await expectError(() => train(options), 'io', 'no such file or folder');
    await expectNothingDone(options);
  });

  test('a model without tokenizer, with fewer rows than it, truncated, with a NaN', async () => {
    const options = await makeRun();
    const tokenizer = join(options.model, 'tokenizer.json');
    const text = await readFile(tokenizer, 'utf8');
    const json = JSON.parse(text);
    json.model.vocab['€€'] = 600;
    await writeFile(tokenizer, JSON.stringify(json));
    await expectError(() => train(options), 'mismatch', 'ids up to 600');
    await rm(tokenizer);
    await expectError(() => train(options), 'io', 'tokenizer.json');
    await writeFile(tokenizer, text);

    const weights = join(options.model, 'model.safetensors');
    const bytes = await readFile(weights);
    bytes.writeUInt32LE(0x7fc00000, bytes.length - 400);
    await writeFile(weights, bytes);
    await expectError(() => train(options), 'format', 'NaN or infinity');
    await truncate(weights, bytes.length - 1);
    await expectError(() => train(options), 'format', 'model.safetensors');
    await expectNothingDone(options);
  });

  test('articles that are not there', async () => {
    const options = { ...(await makeRun()), articles: [500] };
    await expectError(() => train(options), 'argument', 'has no article 500');
    await expectError(() => train({ ...options, articles: [] }), 'usage', 'no articles');
  });

  test('a learning rate that makes the loss explode', async () => {
    const options = await makeRun({ learningRate: 1e30, maxSteps: 20 });
    await expectError(() => train(options), 'execution', 'a lower learning rate');
    await expectNothingDone(options);
  });
});

describe('the output folder', () => {
  test('holds something else', async () => {
    const options = await makeRun();
    await mkdir(options.output);
    await writeFile(join(options.output, 'thesis.tex'), 'x');
    await expectError(() => train(options), 'usage', 'is not empty and no output of leia train');
    expect(await readdir(options.output)).toEqual(['thesis.tex']);
  });

  test('is a file, or inside one', async () => {
    const options = await makeRun();
    await writeFile(options.output, 'x');
    await expectError(() => train(options), 'io', 'cannot create');
    const inside = { ...options, output: join(options.output, 'run') };
    await expectError(() => train(inside), 'io', 'a part of the path is not a folder');
  });

  test("holds another run's state", async () => {
    const options = await makeInterrupted();
    const settings = { ...options.settings, batchSize: 2 };
    const message = 'holds a run with batchSize 4, this one has 2';
    await expectError(() => train({ ...options, settings }), 'usage', message);
    const data = await makeDataset(5);
    await expectError(() => train({ ...options, data }), 'usage', 'holds a run with data');
    await train({ ...options, settings: { ...options.settings, saveMinutes: 7 } });
    await expectError(() => train({ ...options, settings }), 'usage', message);
  });

  test.each([
    ['state.json', '{"version": 1', 'is not JSON'],
    ['state.json', '{"version": 2, "step": 2, "source": {}}', 'no state of a run'],
    ['state.json', '{"version": 1, "step": 2, "source": {}}', 'state of the data'],
    ['state.safetensors', '', 'state.safetensors'],
  ])('holds a damaged %s: %j', async (file, content, message) => {
    const options = await makeInterrupted();
    await writeFile(join(options.output, 'resume/step-2', file), content);
    await expectError(() => train(options), 'format', message);
    expect(await readdir(options.output)).not.toContain('config.json');
  });

  test('holds a damaged run.json or metrics.jsonl', async () => {
    const options = await makeInterrupted();
    const metrics = join(options.output, 'metrics.jsonl');
    const lines = await readFile(metrics, 'utf8');
    await writeFile(metrics, `{"step": 1,\n${lines}`);
    await expectError(() => train(options), 'format', 'line 1 is not JSON');
    // A last line that a kill cut off is no damage.
    await writeFile(metrics, `${lines}{"st`);
    await appendFile(join(options.output, 'run.json'), '}');
    await expectError(() => train(options), 'format', 'run.json is damaged');
    await truncate(join(options.output, 'run.json'), 0);
    await expectError(() => train(options), 'format', 'run.json is damaged');
  });

  test('loses what a killed run was writing', async () => {
    const options = await makeInterrupted();
    await writeFile(join(options.output, '.model.safetensors.1-ab.tmp'), 'x');
    await mkdir(join(options.output, 'resume/.step-3.tmp'));
    await train(options);
    const files = await readdir(options.output);
    expect(files.filter((name) => name.startsWith('.') || name === 'resume')).toEqual([]);
    expect(files).toContain('config.json');
  });
});
