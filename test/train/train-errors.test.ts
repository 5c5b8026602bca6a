// Bad input to a run: one clear line, and never a folder that looks finished.
import { readdirSync } from 'node:fs';
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
    [
      { learningRate: 1e-4, minLearningRate: 2e-4 },
      'the minLearningRate 0.0002 is above the learningRate 0.0001',
    ],
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
    const more = { ...options, data, settings: { ...settings, seed: 4 } };
    const all = `${message}; with seed 3, this one has 4; with another dataset; repeat`;
    await expectError(() => train(more), 'usage', all);
    const another = 'holds a run with another dataset';
    await expectError(() => train({ ...options, data }), 'usage', another);
    const articles = { ...options, articles: [0, 1] };
    const chosen = 'holds a run with another choice of articles';
    await expectError(() => train(articles), 'usage', chosen);
    await train({ ...options, settings: { ...options.settings, saveMinutes: 7 } });
    await expectError(() => train({ ...options, settings }), 'usage', message);
  });

  test("holds another base model's run, interrupted or finished", async () => {
    const options = await makeInterrupted();
    const weights = join(options.model, 'model.safetensors');
    const config = join(options.model, 'config.json');
    const original = { weights: await readFile(weights), config: await readFile(config, 'utf8') };
    const others = async () => {
      // The last of its values is another; the config is the same.
      const changed = Buffer.from(original.weights);
      changed.writeFloatLE(0.125, changed.length - 4);
      await writeFile(weights, changed);
      const message = `${options.output} holds a run with a base model of other weights`;
      await expectError(() => train(options), 'usage', message);
      await writeFile(weights, original.weights);
      await writeFile(
        config,
        original.config.replace('"rms_norm_eps": 1e-05', '"rms_norm_eps": 1e-06'),
      );
      const another = 'holds a run with a base model of another config.json';
      await expectError(() => train(options), 'usage', another);
      await writeFile(config, original.config);
    };
    await others();
    expect(await train(options)).toMatchObject({ trained: true });
    await others();
    expect(await train(options)).toMatchObject({ trained: false });
    const articles = { ...options, articles: [0, 1] };
    await expectError(() => train(articles), 'usage', 'another choice of articles');
  });

  test.each([
    ['state.json', '{"version": 1', 'is not JSON'],
    ['state.json', '{"version": 3, "step": 2, "source": {}}', 'expected the state of a run'],
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
    await writeFile(join(options.output, '.model.safetensors.1-0123abcd.tmp'), 'x');
    const resume = join(options.output, 'resume');
    for (const name of ['.step-1.tmp', '.step-3.tmp']) {
      await mkdir(join(resume, name));
      await writeFile(join(resume, name, 'state.safetensors'), 'x');
    }
    let onStart: string[] = [];
    await train({
      ...options,
      onStart: () => {
        onStart = [...readdirSync(options.output), ...readdirSync(resume)];
      },
    });
    expect(onStart.sort()).toEqual(['.leia.lock', 'metrics.jsonl', 'resume', 'run.json', 'step-2']);
    const files = await readdir(options.output);
    expect(files.filter((name) => name.startsWith('.') || name === 'resume')).toEqual([]);
    expect(files).toContain('config.json');
  });

  test('loses a state that was never complete, and may then become another run', async () => {
    const options = await makeRun();
    await mkdir(join(options.output, 'resume/.step-1.tmp'), { recursive: true });
    await writeFile(join(options.output, 'run.json'), '{"batchSize": 7}');
    expect(await train(options)).toMatchObject({ trained: true });
    expect(await readdir(options.output)).not.toContain('resume');
  });

  test('is refused while another run is in it, whatever that one has written so far', async () => {
    const options = await makeRun();
    const settings = { ...options.settings, maxSteps: 2 };
    const message = `${options.output} is being written by process ${process.pid} on`;
    const refused: unknown[] = [];
    const refuse = () => expectError(() => train({ ...options, settings }), 'usage', message);
    await train({
      ...options,
      onMicroBatch: (step) => void refused.push(step === 1 ? refuse() : 0),
    });
    await Promise.all(refused);
    expect(refused.length).toBeGreaterThan(1);
    expect(JSON.parse(await readFile(join(options.output, 'run.json'), 'utf8')).maxSteps).toBe(4);
    await expectError(() => train({ ...options, settings }), 'usage', 'maxSteps 4');
  });
});
