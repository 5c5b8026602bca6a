import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { adaptCheckpoint } from '../../lib/leia/adapt.ts';
import { exportCheckpoint, writeConverted } from '../../lib/leia/export.ts';
import { Checkpoint } from '../../lib/llama/checkpoint.ts';
import { LlamaModel } from '../../lib/llama/llama-model.ts';
import { saveCheckpoint } from '../../lib/llama/save-checkpoint.ts';
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts';

const fixtures = join(import.meta.dirname, '../fixtures');
const tokenizerFolder = join(fixtures, 'tokenizer-tiny');

let root: string;
let base: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'leia-adapt-'));
  base = join(root, 'base');
});
afterEach(() => rm(root, { recursive: true }));

/** A tiny LLaMA of 512 rows with the tiny tokenizer of 512 ids. */
async function makeBase(model = 'tiny-llama') {
  await cp(join(fixtures, model), base, { recursive: true });
  for (const name of ['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json']) {
    await cp(join(tokenizerFolder, name), join(base, name));
  }
}

async function adapt(from = base, into = join(root, 'adapted')) {
  await using checkpoint = await Checkpoint.open(from);
  await writeConverted(into, await adaptCheckpoint(checkpoint));
  return into;
}

async function exported(from: string, into = join(root, 'exported')) {
  await using checkpoint = await Checkpoint.open(from);
  await writeConverted(into, await exportCheckpoint(checkpoint));
  return into;
}

async function weights(folder: string) {
  await using checkpoint = await Checkpoint.open(folder);
  const entries: [string, Float32Array][] = [];
  for (const { name } of checkpoint.parameters) {
    entries.push([name, await checkpoint.readFloat32(name)]);
  }
  return new Map(entries);
}

describe.each(['tiny-llama', 'tiny-llama-tied'])('adapting %s', (model) => {
  beforeEach(() => makeBase(model));

  it('adds two rows that are the mean of the others, input and output', async () => {
    const before = await weights(base);
    const adapted = await adapt();
    const after = await weights(adapted);
    expect([...after.keys()]).toEqual([...before.keys()]);
    expect(after.has('lm_head.weight')).toBe(model === 'tiny-llama');
    for (const [name, values] of before) {
      const now = after.get(name)!;
      if (!/embed_tokens|lm_head/.test(name)) {
        expect(now).toEqual(values);
        continue;
      }
      const hidden = values.length / 512;
      expect(now).toHaveLength(514 * hidden);
      expect(now.subarray(0, values.length)).toEqual(values);
      for (let column = 0; column < hidden; column++) {
        let sum = 0;
        for (let row = 0; row < 512; row++) sum += values[row * hidden + column]!;
        expect(now[512 * hidden + column]).toBe(Math.fround(sum / 512));
        expect(now[513 * hidden + column]).toBe(Math.fround(sum / 512));
      }
    }
  });

  it('is undone by the export', async () => {
    const restored = await exported(await adapt());
    expect(await weights(restored)).toEqual(await weights(base));
    const read = async (folder: string, name: string) =>
      JSON.parse(await readFile(join(folder, name), 'utf8'));
    for (const name of ['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json']) {
      expect(await read(restored, name)).toEqual(await read(base, name));
    }
    const [now, then] = [await read(restored, 'config.json'), await read(base, 'config.json')];
    expect({ ...now, dtype: 0, torch_dtype: 0 }).toEqual({ ...then, dtype: 0, torch_dtype: 0 });
  });
});

describe('an adapted checkpoint', () => {
  beforeEach(() => makeBase());

  it('has a tokenizer with the two tokens, which reads text as before', async () => {
    const adapted = await adapt();
    const [before, after] = await Promise.all([base, adapted].map((f) => Tokenizer.load(f)));
    expect(after!.vocabSize).toBe(514);
    expect(after!.hash).toBe(before!.hash);
    expect([after!.tokenId('<translate>'), after!.tokenId('</translate>')]).toEqual([512, 513]);
    const text = 'The river <translate> 東京</translate>';
    expect(await after!.encode(text)).toEqual(await before!.encode(text));
    expect(await after!.decode([512, 513])).toContain('<translate>');
    expect(await after!.decode([512, 513], { skipSpecialTokens: true })).toBe('');
  });

  it('tells Hugging Face of the tokens in every file it looks at', async () => {
    await writeFile(join(base, 'added_tokens.json'), '{"<s>": 1}');
    const decoder = { 1: { content: '<s>', special: true } };
    await writeFile(
      join(base, 'tokenizer_config.json'),
      JSON.stringify({ bos_token: '<s>', eos_token: '</s>', added_tokens_decoder: decoder }),
    );
    const adapted = await adapt();
    const read = async (name: string) => JSON.parse(await readFile(join(adapted, name), 'utf8'));
    const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false };
    expect((await read('tokenizer.json')).added_tokens.slice(-2)).toEqual([
      { id: 512, content: '<translate>', ...flags, special: true },
      { id: 513, content: '</translate>', ...flags, special: true },
    ]);
    const config = await read('tokenizer_config.json');
    expect(config.added_tokens_decoder).toEqual({
      ...decoder,
      512: { ...flags, content: '<translate>', special: true },
      513: { ...flags, content: '</translate>', special: true },
    });
    expect(config.additional_special_tokens).toEqual(['<translate>', '</translate>']);
    expect((await read('special_tokens_map.json')).additional_special_tokens).toHaveLength(2);
    expect(await read('added_tokens.json')).toEqual({
      '<s>': 1,
      '<translate>': 512,
      '</translate>': 513,
    });
    expect((await read('config.json')).vocab_size).toBe(514);
    expect(
      JSON.parse(await readFile(join(await exported(adapted), 'added_tokens.json'), 'utf8')),
    ).toEqual({ '<s>': 1 });
  });

  it('is not adapted twice', async () => {
    const adapted = await adapt();
    await using checkpoint = await Checkpoint.open(adapted);
    const again = await adaptCheckpoint(checkpoint);
    expect([again.translateId, again.endTranslateId]).toEqual([512, 513]);
    expect(again.config).toBe(checkpoint.config);
    expect(again.tokenizerFiles.size).toBe(0);
    const name = 'model.embed_tokens.weight';
    expect(await again.read(name)).toEqual(await checkpoint.read(name));
  });

  it('keeps bfloat16 bit for bit and rounds the mean', async () => {
    await using checkpoint = await Checkpoint.open(base);
    const half = join(root, 'half');
    const read = async (name: string) => {
      const values = await checkpoint.readFloat32(name);
      const bits = Uint16Array.from(new Uint32Array(values.buffer), (w) => w >>> 16);
      return { dtype: 'bfloat16', values: bits } as const;
    };
    await saveCheckpoint(half, {
      config: checkpoint.config,
      dtype: 'bfloat16',
      companions: base,
      read,
    });
    const adapted = await adapt(half);
    await using opened = await Checkpoint.open(adapted);
    const after = await opened.read('lm_head.weight');
    expect(after.dtype).toBe('bfloat16');
    const before = await read('lm_head.weight');
    expect(after.values.subarray(0, before.values.length)).toEqual(before.values);
    expect(opened.config.dtype).toBe('bfloat16');
    expect(await weights(await exported(adapted))).toEqual(await weights(half));
  });

  it('is trained without a copy on disk, and saved with its tokenizer', async () => {
    await using checkpoint = await Checkpoint.open(base);
    const view = await adaptCheckpoint(checkpoint);
    using model = await LlamaModel.load(view, { dtype: 'float32' });
    expect(model.parameter('model.embed_tokens.weight').shape).toEqual([514, 64]);
    const { loss } = model.forward([[1, 300, 512, 400, 513]], [[1, 300, -100, 400, -100]]);
    model.backward();
    const [value] = await loss.read();
    expect(value).toBeGreaterThan(0);
    const saved = join(root, 'saved');
    await model.save(saved, { files: view.tokenizerFiles });
    expect(await weights(saved)).toEqual(await weights(await adapt()));
    expect((await Tokenizer.load(saved)).tokenId('</translate>')).toBe(513);
    expect(await weights(await exported(saved))).toEqual(await weights(base));
  });

  it('uses the rows a model has to spare', async () => {
    // 512 rows, but a tokenizer of 500 ids.
    await editTokenizer((json) => {
      const kept = Object.entries(json.model.vocab).filter(([, id]) => id < 500);
      json.model.vocab = Object.fromEntries(kept);
      json.model.merges = [];
    });
    const before = await weights(base);
    const adapted = await adapt();
    const after = await weights(adapted);
    const name = 'model.embed_tokens.weight';
    const [old, now] = [before.get(name)!, after.get(name)!];
    expect(now).toHaveLength(old.length);
    const hidden = old.length / 512;
    expect(now.subarray(0, 500 * hidden)).toEqual(old.subarray(0, 500 * hidden));
    expect(now.subarray(502 * hidden)).toEqual(old.subarray(502 * hidden));
    let sum = 0;
    for (let row = 0; row < 500; row++) sum += old[row * hidden]!;
    expect(now[500 * hidden]).toBe(Math.fround(sum / 500));
    await using checkpoint = await Checkpoint.open(await exported(adapted));
    expect(checkpoint.config.vocabSize).toBe(512);
  });

  it('needs a tokenizer that fits', async () => {
    await editTokenizer((json) => Object.assign(json.model.vocab, { '€€': 512 }));
    await expect(adapt()).rejects.toMatchObject({
      code: 'mismatch',
      message: expect.stringContaining('ids up to 512'),
    });
  });

  it('needs both tokens or none', async () => {
    await editTokenizer((json) => {
      delete json.model.vocab['<0xFF>'];
      Object.assign(json.model.vocab, { '<translate>': 258 });
    });
    await expect(adapt()).rejects.toMatchObject({
      code: 'mismatch',
      message: expect.stringContaining('only one of <translate> and </translate>'),
    });
  });

  it('needs a tokenizer at all', async () => {
    await rm(join(base, 'tokenizer.json'));
    await expect(adapt()).rejects.toMatchObject({ code: 'io' });
  });

  async function editTokenizer(
    edit: (json: { model: { vocab: Record<string, number>; merges: unknown[] } }) => unknown,
  ) {
    const path = join(base, 'tokenizer.json');
    const json = JSON.parse(await readFile(path, 'utf8'));
    edit(json);
    await writeFile(path, JSON.stringify(json));
  }
});

describe('exporting', () => {
  beforeEach(() => makeBase());

  it('refuses a model that has not been adapted', async () => {
    await expect(exported(base)).rejects.toMatchObject({
      code: 'mismatch',
      message: expect.stringContaining('no <translate>; was it adapted by leia?'),
    });
    expect(await readdir(root)).toEqual(['base']);
  });

  it('keeps the tokens and rows of a base model that had them', async () => {
    // 512 rows; the two tokens are among the first ids, or the last.
    for (const ids of [
      [257, 258],
      [510, 511],
    ]) {
      const path = join(base, 'tokenizer.json');
      const json = JSON.parse(await readFile(join(tokenizerFolder, 'tokenizer.json'), 'utf8'));
      for (const [i, content] of ['<translate>', '</translate>'].entries()) {
        const [piece] = Object.entries(json.model.vocab).find(([, id]) => id === ids[i])!;
        delete json.model.vocab[piece];
        json.model.merges = [];
        json.model.vocab[content] = ids[i];
        json.added_tokens.push({ ...json.added_tokens[0], content, id: ids[i] });
      }
      await writeFile(path, JSON.stringify(json));
      const adapted = await adapt(base, join(root, `adapted-${ids[0]}`));
      const restored = await exported(adapted, join(root, `exported-${ids[0]}`));
      expect(await weights(restored)).toEqual(await weights(base));
      const tokenizer = await Tokenizer.load(restored);
      expect(tokenizer.tokenId('</translate>')).toBe(ids[1]);
      expect(await readFile(join(restored, 'tokenizer.json'))).toEqual(await readFile(path));
    }
  });

  it('refuses to overwrite a checkpoint', async () => {
    const adapted = await adapt();
    await expect(exported(adapted, base)).rejects.toMatchObject({ code: 'usage' });
    await using kept = await Checkpoint.open(base);
    expect(kept.config.vocabSize).toBe(512);
  });

  it.each([511, 515, 'x'])('refuses a base vocabulary of %j', async (value) => {
    const adapted = await adapt();
    const path = join(adapted, 'config.json');
    const config = JSON.parse(await readFile(path, 'utf8'));
    await writeFile(path, JSON.stringify({ ...config, leia_base_vocab_size: value }));
    await expect(exported(adapted)).rejects.toMatchObject({ code: 'mismatch' });
  });
});
