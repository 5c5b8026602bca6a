// What transformers reads from the folders that LEIA writes, as recorded with several of its versions: see
// ORIGIN.md beside the records.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts';
import { fixtures, temporaryFolder } from '../llama/fixtures.ts';
import { cases, contentHash, stages, writeCase } from './tokenizer-folders.ts';

interface Recorded {
  content: string;
  /** Null where this version does not open such folders. */
  read: {
    bos: number | null;
    eos: number | null;
    translate: [number | null, number | null];
    special: string[];
    marked: number[];
    text: number[];
  } | null;
}
type Records = Record<string, Record<(typeof stages)[number], Recorded>>;

const folder = join(fixtures, 'transformers');
const records = readdirSync(folder)
  .filter((name) => /^transformers-.*\.json$/.test(name))
  .map((name): [string, Records] => [name, JSON.parse(readFileSync(join(folder, name), 'utf8'))]);

it('was recorded with two versions, for all cases', () => {
  expect(records.map(([name]) => name)).toEqual([
    'transformers-4.57.6.json',
    'transformers-5.18.0.json',
  ]);
  for (const [, record] of records) expect(Object.keys(record)).toEqual(Object.keys(cases));
});

describe.each(Object.keys(cases))('a tokenizer, %s', (name) => {
  it('says the same to transformers and here: as it came, adapted and exported', async () => {
    const root = await temporaryFolder();
    await writeCase(name, root);
    const hashes = new Set<string>();
    for (const stage of stages) {
      const tokenizer = await Tokenizer.load(join(root, stage));
      hashes.add(tokenizer.hash);
      const translate = ['<translate>', '</translate>'].map((token) => tokenizer.tokenId(token));
      for (const [version, record] of records) {
        const where = `${version}: ${stage}`;
        const { content, read } = record[name]![stage];
        expect(await contentHash(join(root, stage)), `${where} is not what was recorded`).toBe(
          content,
        );
        if (read === null) continue;
        expect([read.bos, read.eos], where).toEqual([tokenizer.bosId, tokenizer.eosId]);
        expect(read.translate, where).toEqual(translate.map((id) => id ?? null));
        const { ids } = await tokenizer.encode('Tokyo is the capital of Japan. 東京');
        expect(read.text, where).toEqual([tokenizer.bosId, ...ids]);
        const marks = read.marked.filter((id) => translate.includes(id));
        const added = stage === 'adapted' ? ['</translate>', '<translate>'] : [];
        expect(marks, where).toEqual(stage === 'adapted' ? translate : []);
        expect(read.special, where).toEqual(['</s>', '<s>', '<unk>', ...added].sort());
      }
    }
    // A dataset made with one of the three fits the others.
    expect(hashes.size).toBe(1);
  });
});
