import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { fixtures, readJson, recordedScores, temporaryFolder } from '../llama/fixtures.ts';
import { leia } from './child.ts';
import { run } from './in-process.ts';

const tiny = join(fixtures, 'tiny-llama');

/** tiny-llama with a tokenizer of the same vocabulary. */
async function withTokenizer(name = 'tiny-llama'): Promise<string> {
  const folder = await temporaryFolder();
  for (const file of ['config.json', 'model.safetensors']) {
    await copyFile(join(fixtures, name, file), join(folder, file));
  }
  for (const file of ['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json']) {
    await copyFile(join(fixtures, 'tokenizer-tiny', file), join(folder, file));
  }
  return folder;
}

interface Scored {
  logLikelihood: number;
  isGreedy: boolean;
  tokens: number;
}

async function scoreLines(model: string, lines: string[]) {
  const folder = await temporaryFolder();
  const requests = join(folder, 'requests.jsonl');
  const output = join(folder, 'scores.jsonl');
  await writeFile(requests, lines.join('\n'));
  const result = await run('score', '--model', model, '--requests', requests, '--output', output);
  const text = result.code === 0 ? await readFile(output, 'utf8') : '';
  const scores = text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Scored);
  return { ...result, requests, scores };
}

test('generate continues ids greedily, as recorded', async () => {
  const { prompts } = (await readJson(join(fixtures, 'scoring', 'greedy.json'))) as unknown as {
    prompts: { prompt: number[]; generated: number[] }[];
  };
  const { prompt, generated } = prompts[1]!;
  const args = [
    '--model',
    tiny,
    '--prompt-ids',
    prompt.join(),
    '--max-new-tokens',
    '32',
    '--greedy',
  ];
  const json = await run('generate', ...args, '--json');
  expect(JSON.parse(json.output)).toEqual({ prompt, generated });
  expect(json.code).toBe(0);
  const plain = await run('generate', ...args);
  expect(plain.output).toBe(`${generated.join()}\n`);
});

test('generate continues a text, with BOS before it, and draws by seed', async () => {
  const model = await withTokenizer();
  const args = [
    'generate',
    '--model',
    model,
    '--prompt',
    'the city',
    '--max-new-tokens',
    '8',
    '--json',
  ];
  const greedy = JSON.parse((await run(...args, '--greedy')).output) as Record<string, unknown>;
  expect((greedy.prompt as number[])[0]).toBe(1);
  expect(greedy.generated).toHaveLength(8);
  expect(typeof greedy.text).toBe('string');
  const drawn = async (seed: string) => (await run(...args, '--seed', seed)).output;
  expect(await drawn('3')).toBe(await drawn('3'));
  expect(await drawn('3')).not.toBe(await drawn('4'));
});

test('generate ends before the end tokens, unless told not to', async () => {
  const { prompts } = (await readJson(join(fixtures, 'scoring', 'greedy.json'))) as unknown as {
    prompts: { prompt: number[]; generated: number[] }[];
  };
  const { prompt, generated } = prompts[1]!;
  const model = await withTokenizer();
  const end = generated[5]!;
  const before = generated.slice(0, generated.indexOf(end));
  expect(before.length).toBeGreaterThan(0);
  const generationConfig = join(model, 'generation_config.json');
  const edit = async (file: string, changes: Record<string, unknown>) =>
    writeFile(
      join(model, file),
      JSON.stringify({ ...(await readJson(join(model, file))), ...changes }),
    );
  const continued = async (...args: string[]) => {
    const ids = ['--prompt-ids', prompt.join(), '--max-new-tokens', '32'];
    const all = ['--model', model, ...ids, '--greedy', '--json', ...args];
    const { output, error } = await run('generate', ...all);
    expect(error).toBe('');
    return (JSON.parse(output) as { generated: number[] }).generated;
  };
  expect(await continued()).toEqual(generated);

  for (const eos of [end, [2, end]]) {
    await writeFile(generationConfig, JSON.stringify({ eos_token_id: eos }));
    expect(await continued()).toEqual(before);
    expect(await continued('--stop-at-eos')).toEqual(before);
    expect(await continued('--no-stop-at-eos')).toEqual(generated);
  }
  // It wins over config.json, which is asked where it says nothing; then the tokenizer is.
  await edit('config.json', { eos_token_id: [end] });
  await writeFile(generationConfig, '{"eos_token_id": 2}');
  expect(await continued()).toEqual(generated);
  await writeFile(generationConfig, '{}');
  expect(await continued()).toEqual(before);
  await edit('config.json', { eos_token_id: undefined });
  expect(await continued()).toEqual(generated);
  const vocabulary = await readJson(join(model, 'tokenizer.json'));
  const { vocab } = vocabulary.model as { vocab: Record<string, number> };
  const [spelled] = Object.entries(vocab).find(([, id]) => id === end)!;
  await edit('tokenizer_config.json', { eos_token: spelled });
  expect(await continued()).toEqual(before);

  await writeFile(generationConfig, '{"eos_token_id": "</s>"}');
  const { code, error } = await run('generate', '--model', model, '--prompt-ids', '1');
  expect([code, error]).toEqual([
    1,
    `leia: ${generationConfig}: eos_token_id: expected a token id or a list of them\n`,
  ]);
});

test('generate says how far it is when that takes long, and what takes the likeliest token', async () => {
  let time = 0;
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => (time += 400));
  const generate = ['generate', '--model', tiny, '--prompt-ids', '1,5', '--max-new-tokens'];
  const long = await run(...generate, '40', '--no-stop-at-eos').finally(() => clock.mockRestore());
  expect(long.code).toBe(0);
  expect(long.error).toMatch(/^1\d of at most 40 tokens, [\d.]+\/s\n/);
  expect(await run(...generate, '2', '--temperature', '0')).toMatchObject({
    code: 2,
    error:
      'leia: --temperature: expected more than 0 (--greedy always takes the likeliest token), got 0\n',
  });
});

test('score writes to standard output, but never over its requests', async () => {
  const line = '{"context": [1], "continuation": [5]}';
  const { requests, scores } = await scoreLines(tiny, [line]);
  const score = ['score', '--model', tiny, '--requests', requests, '--output'];
  const piped = await leia([...score, '-']);
  expect(
    piped.stdout
      .trimEnd()
      .split('\n')
      .map((text) => JSON.parse(text)),
  ).toEqual(scores);
  const refused = await leia([...score, requests]);
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('is read as input') });
  expect(await readFile(requests, 'utf8')).toBe(line);
});

test('score needs to know what begins a text', async () => {
  const model = await withTokenizer();
  const path = join(model, 'config.json');
  const { bos_token_id, eos_token_id, ...config } = await readJson(path);
  const text = '{"context": "", "continuation": "the river"}';
  const [known] = (await scoreLines(model, [text])).scores;
  await writeFile(path, JSON.stringify({ ...config, bos_token_id: null, eos_token_id: null }));
  expect((await scoreLines(model, [text])).scores).toEqual([known]);
  await writeFile(path, JSON.stringify(config));
  expect((await scoreLines(model, [text])).scores).toEqual([known]);
  const ids = await scoreLines(model, ['{"context": [], "continuation": [5]}']);
  expect([ids.code, ids.error]).toEqual([
    1,
    expect.stringContaining('the context is empty and the model has neither BOS nor EOS'),
  ]);
  await writeFile(path, JSON.stringify({ ...config, eos_token_id: [7, 8] }));
  const [after] = (await scoreLines(model, ['{"context": [], "continuation": [5]}'])).scores;
  const [seven] = (await scoreLines(model, ['{"context": [7], "continuation": [5]}'])).scores;
  expect(after).toEqual(seven);
});

test('score gives log-likelihoods of ids in the order of the requests', async () => {
  const requests = await recordedScores();
  const lines = requests.map(({ context, continuation }) =>
    JSON.stringify({ context, continuation }),
  );
  const { code, scores } = await scoreLines(tiny, lines);
  expect(code).toBe(0);
  expect(scores).toHaveLength(20);
  for (const [i, { logLikelihood, isGreedy, tokens }] of scores.entries()) {
    const { log_likelihood, is_greedy, continuation } = requests[i]!;
    expect(Math.abs(logLikelihood / log_likelihood - 1)).toBeLessThan(1e-5);
    expect([isGreedy, tokens]).toEqual([is_greedy, continuation.length]);
  }
});

test('score takes texts: spaces at the end of the context go to the continuation', async () => {
  const model = await withTokenizer();
  const { code, scores } = await scoreLines(model, [
    '{"context": "the city", "continuation": " of the river"}',
    '{"context": "the city ", "continuation": "of the river"}',
    '{"context": "", "continuation": "the river"}',
    '{"context": [1], "continuation": "the river"}',
  ]);
  expect(code).toBe(0);
  expect(scores[0]).toEqual(scores[1]);
  expect(scores[2]).toEqual(scores[3]);
  expect(scores[0]!.logLikelihood).toBeLessThan(0);
});

test('a tokenizer with more ids than the model has is refused', async () => {
  const folder = await withTokenizer('tiny-llama-rope-llama3');
  const prompt = await run('generate', '--model', folder, '--prompt', 'the city');
  expect([prompt.code, prompt.error]).toEqual([1, expect.stringContaining('a vocabulary of 256')]);
  const score = await scoreLines(folder, ['{"context": "a", "continuation": "b"}']);
  expect([score.code, score.error]).toEqual([1, expect.stringContaining('a vocabulary of 256')]);
});

test.each<[string[], number, string]>([
  [['--prompt-ids', '1'], 2, '--model'],
  [['--model', tiny], 2, 'expected one of --prompt and --prompt-ids'],
  [['--model', tiny, '--prompt', 'a', '--prompt-ids', '1'], 2, 'expected one of'],
  [['--model', tiny, '--prompt-ids', '1,x'], 2, "got '1,x'"],
  [['--model', tiny, '--prompt-ids', '1', '--greedy', '--top-k', '3'], 2, '--greedy draws nothing'],
  [['--model', tiny, '--prompt-ids', '1', '--max-new-tokens', '0'], 2, '--max-new-tokens'],
  [['--model', tiny, '--prompt-ids', '512'], 1, 'outside the vocabulary'],
  [['--model', tiny, '--prompt', 'a'], 1, 'tokenizer.json: no such file'],
  [['--model', join(tiny, 'absent'), '--prompt-ids', '1'], 1, 'config.json: no such file'],
  [['--model', tiny, '--prompt-ids', '1', '--device', 'abacus'], 2, 'abacus'],
])('generate %j ends with code %d', async (args, code, text) => {
  const result = await run('generate', ...args);
  expect(result.error).toContain(text);
  expect(result.error.trim().split('\n')).toHaveLength(1);
  expect(result.code).toBe(code);
});

test.each<[string, string]>([
  ['{"context": [1]', 'requests.jsonl:2 is not JSON'],
  ['{"context": [1]}', 'requests.jsonl:2: continuation: expected a text or an array of token ids'],
  ['{"context": [1], "continuation": [1.5]}', 'requests.jsonl:2: continuation'],
  ['{"context": [1], "continuation": []}', 'request 2: the continuation is empty'],
  ['{"context": [1], "continuation": [999]}', 'request 2: token id 999 is outside'],
])('score refuses the line %s', async (line, text) => {
  const { code, error } = await scoreLines(tiny, ['{"context": [1], "continuation": [2]}', line]);
  expect(error).toContain(text);
  expect(code).toBe(1);
});

test('score refuses files that are empty, absent or cannot be written', async () => {
  const empty = await scoreLines(tiny, []);
  expect([empty.code, empty.error]).toEqual([1, expect.stringContaining('has no requests')]);
  const absent = await run('score', '--model', tiny, '--requests', '/absent', '--output', 'x');
  expect(absent.error).toContain('cannot read /absent: no such file');
  const folder = await temporaryFolder();
  const requests = join(folder, 'requests.jsonl');
  await writeFile(requests, '{"context": [1], "continuation": [2]}');
  const output = join(folder, 'absent', 'scores.jsonl');
  const unwritable = await run(
    'score',
    '--model',
    tiny,
    '--requests',
    requests,
    '--output',
    output,
  );
  expect(unwritable.error).toContain('cannot write');
  expect(unwritable.code).toBe(1);
});

test('score finds out that it cannot write before it computes', async () => {
  const requests = join(await temporaryFolder(), 'requests.jsonl');
  await writeFile(requests, '{"context": [1], "continuation": [5]}\n');
  const output = '/proc/leia/scores.jsonl';
  const { code, error } = await run(
    ...['score', '--model', tiny, '--requests', requests, '--output', output],
  );
  expect(code).toBe(1);
  expect(error).toBe(`leia: cannot write ${output}: no such file or folder\n`);
});
