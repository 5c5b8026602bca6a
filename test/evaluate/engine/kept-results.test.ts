import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { generateBatch } from '../../../lib/evaluate/engine/generate-batch.ts';
import { KeptResults, type ResultOrigin } from '../../../lib/evaluate/engine/kept-results.ts';
import { logLikelihoods } from '../../../lib/evaluate/engine/log-likelihoods.ts';
import { LlamaModel } from '../../../lib/llama/llama-model.ts';
import { Tokenizer } from '../../../lib/tokenizer/tokenizer.ts';
import { expectError, fixtures, temporaryFolder } from '../../llama/fixtures.ts';

const origin = { weights: 'abc', dtype: 'float32', protocol: 'paper' };
const requests = [5, 6, 7, 8].map((id) => ({ context: [1, id], continuation: [id, 9] }));

let model: LlamaModel;
let tokenizer: Tokenizer;

beforeAll(async () => {
  model = await LlamaModel.load(join(fixtures, 'tiny-llama'));
  tokenizer = await Tokenizer.load(join(fixtures, 'tokenizer-tiny'));
  return () => model.dispose();
});

/** How many of some requests are computed and not taken from the file, and their results. */
async function scored(path: string, asked = requests, from: ResultOrigin = origin) {
  await using keep = await KeptResults.open(path, from);
  let first: number | undefined;
  const results = await logLikelihoods(model, asked, {
    batchTokens: 1,
    keep,
    onProgress: (done) => {
      first ??= done;
    },
  });
  // A first call with more than one request done tells of those that were kept.
  const known = (await readFile(path, 'utf8')).split('\n').filter(Boolean).length;
  return { results, first, lines: known, damaged: keep.damagedLines };
}

test('what was computed is not computed again', async () => {
  const path = join(await temporaryFolder(), 'results.jsonl');
  const some = await scored(path, requests.slice(0, 3));
  expect(some.lines).toBe(3);
  const all = await scored(path);
  expect([all.first, all.lines, all.damaged]).toEqual([3, 4, 0]);
  expect(all.results.slice(0, 3)).toEqual(some.results);
  const again = await scored(path);
  expect(again.results).toEqual(all.results);
  expect([again.first, again.lines]).toEqual([4, 4]);
});

test('results of another version of the program are computed anew', async () => {
  const path = join(await temporaryFolder(), 'results.jsonl');
  await scored(path, requests, { ...origin, version: '0.0.1' });
  const other = await scored(path);
  expect([other.first, other.lines]).toEqual([1, 8]);
  const { version } = JSON.parse(await readFile(join(fixtures, '../../package.json'), 'utf8'));
  const same = await scored(path, requests, { ...origin, version });
  expect([same.first, same.lines]).toEqual([4, 8]);
});

test('generations are kept as well', async () => {
  const path = join(await temporaryFolder(), 'results.jsonl');
  const prompts = [1, 27].map((id) => ({ prompt: [1, id], maxNewTokens: 5, stops: ['x'] }));
  const run = async (asked: typeof prompts) => {
    await using keep = await KeptResults.open(path, origin);
    return await generateBatch(model, tokenizer, asked, { batchTokens: 'auto', keep });
  };
  const first = await run(prompts);
  const text = await readFile(path, 'utf8');
  expect(await run(prompts)).toEqual(first);
  expect(await readFile(path, 'utf8')).toBe(text);
  await run(prompts.map((each) => ({ ...each, stops: [] })));
  expect((await readFile(path, 'utf8')).split('\n').filter(Boolean).length).toBe(4);
});

test('another model, dtype or protocol has results of its own', async () => {
  const path = join(await temporaryFolder(), 'results.jsonl');
  await scored(path);
  const others = [{ weights: 'abd' }, { dtype: 'bfloat16' }, { protocol: 'lm-eval' }];
  for (const [i, other] of others.entries()) {
    const result = await scored(path, requests, { ...origin, ...other });
    expect(result.lines).toBe(4 * (i + 2));
  }
  expect((await scored(path)).lines).toBe(16);
});

test('a file that was cut anywhere gives what is whole in it, and goes on', async () => {
  const folder = await temporaryFolder();
  const whole = join(folder, 'whole.jsonl');
  const { results } = await scored(whole);
  const text = await readFile(whole);
  const path = join(folder, 'cut.jsonl');
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: text.length }), async (length) => {
      await writeFile(path, text.subarray(0, length));
      const first = await scored(path);
      expect(first.results).toEqual(results);
      // The torn line stays, and what follows it does not become a part of it.
      const second = await scored(path);
      expect([second.results, second.first]).toEqual([results, 4]);
      expect(second.damaged).toBe(first.damaged);
    }),
    { numRuns: 30 },
  );
});

test('a byte that changed anywhere never changes a result', async () => {
  const folder = await temporaryFolder();
  const whole = join(folder, 'whole.jsonl');
  const { results } = await scored(whole);
  const text = await readFile(whole);
  const path = join(folder, 'changed.jsonl');
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: text.length - 1 }),
      fc.integer({ min: 1, max: 255 }),
      async (at, difference) => {
        const changed = Buffer.from(text);
        changed[at] = (changed[at] as number) ^ difference;
        await writeFile(path, changed);
        expect((await scored(path)).results).toEqual(results);
      },
    ),
    { numRuns: 40 },
  );
});

test('lines that nobody here wrote are left out', async () => {
  const folder = await temporaryFolder();
  const path = join(folder, 'results.jsonl');
  const { results } = await scored(path);
  const hostile = [
    'null',
    '{}',
    '[]',
    '[1, 2, 3]',
    '["__proto__", {"logLikelihood": 0}, "0"]',
    '\0\u001b[2J',
    '['.repeat(100_000),
    '"x"'.repeat(1000),
  ];
  await appendFile(path, `${hostile.join('\n')}\n`);
  const after = await scored(path);
  expect([after.results, after.first, after.damaged]).toEqual([results, 4, hostile.length]);
});

test('a kept result of another form is computed again', async () => {
  const path = join(await temporaryFolder(), 'results.jsonl');
  const [request] = requests as [(typeof requests)[0]];
  const key = { logLikelihood: [request.context, request.continuation] };
  {
    await using keep = await KeptResults.open(path, origin);
    await keep.add([[key, { logLikelihood: 'high' }]]);
  }
  const { results } = await scored(path, [request]);
  expect(results[0]?.logLikelihood).toBeLessThan(0);
});

test('a file that cannot be read or written is one clear line', async () => {
  const folder = await temporaryFolder();
  const path = join(folder, 'absent', 'results.jsonl');
  await expectError(() => KeptResults.open(path, origin), 'io', `cannot write ${path}`);
  await mkdir(join(folder, 'folder'));
  await expectError(() => KeptResults.open(join(folder, 'folder'), origin), 'io', 'it is a folder');
});
