// Trains the demo's tokenizer: byte-pair encoding in the form of LLaMA's (`▁` for a blank, unknown characters
// as bytes, `<unk>`, `<s>`, `</s>`), learned from the text of a dump and from the English names of its links as
// often as they are linked. The same input gives the same files, on every machine.
//
//   npx tsx scripts/train-tokenizer.ts --dump F.xml.bz2 --titles F.tsv --vocab-size 4096 --output DIR
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openDump } from '../lib/corpus/dump/dump.ts';
import { normaliseTitle } from '../lib/corpus/dump/title.ts';
import { englishName } from '../lib/corpus/names/english-name.ts';
import { readTitleTable } from '../lib/corpus/names/title-table.ts';
import { ArticleExtractor } from '../lib/corpus/wikitext/extract.ts';
import { writeFileAtomically } from '../lib/system/files.ts';
import { followRedirects } from './follow-redirects.ts';

export interface BpeOptions {
  /** All ids: three control tokens, 256 bytes, merged pieces, single characters. */
  readonly vocabSize: number;
  /** A character less frequent than this is spelled in bytes. */
  readonly minCharacterCount: number;
  /** Longer pieces are not made. Characters, as SentencePiece counts them. */
  readonly maxPieceLength: number;
}

/** Runs of one script, as SentencePiece cuts text before it learns; digits and signs stand alone. */
const segment =
  /\p{Script=Han}+|\p{Script=Hiragana}+|[\p{Script=Katakana}ー]+|▁?(?:(?![\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}ー])[\p{L}\p{M}])+|./gsu;

/** How often each segment occurs in the texts. */
export function countSegments(texts: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const [piece] of `▁${text.replaceAll(' ', '▁')}`.matchAll(segment)) {
      counts.set(piece, (counts.get(piece) ?? 0) + 1);
    }
  }
  return counts;
}

interface Word {
  pieces: string[];
  readonly count: number;
}

/** Counts of neighbouring pieces, and where they occur. */
class Pairs {
  readonly #words = new Map<string, Set<Word>>();
  readonly #counts = new Map<string, number>();
  /** Pairs by their count: the most frequent are found without looking at all of them. */
  readonly #buckets: Set<string>[] = [];

  add(word: Word, sign: 1 | -1): void {
    for (let i = 1; i < word.pieces.length; i++) {
      const pair = `${word.pieces[i - 1]} ${word.pieces[i]}`;
      const before = this.#counts.get(pair) ?? 0;
      const after = before + sign * word.count;
      this.#buckets[before]?.delete(pair);
      this.#counts.set(pair, after);
      this.#buckets[after] ??= new Set();
      this.#buckets[after].add(pair);
      const words = this.#words.get(pair) ?? new Set();
      words.add(word);
      this.#words.set(pair, words);
    }
  }

  /** The most frequent pair that `allowed` lets through; of several, the first by code unit. */
  takeMostFrequent(allowed: (pair: string) => boolean): string | undefined {
    while (this.#buckets.length > 1) {
      const bucket = this.#buckets.at(-1);
      const pair = bucket && [...bucket].sort().find(allowed);
      if (pair !== undefined) return pair;
      this.#buckets.pop();
    }
    return undefined;
  }

  /** Words that have, or had, the pair. */
  wordsWith(pair: string): Word[] {
    return [...(this.#words.get(pair) ?? [])];
  }
}

/** Learns a vocabulary from segments with their counts; pieces in the order of their ids. */
export function trainBpe(
  segments: ReadonlyMap<string, number>,
  { vocabSize, minCharacterCount, maxPieceLength }: BpeOptions,
): { pieces: string[]; merges: [string, string][] } {
  const control = ['<unk>', '<s>', '</s>'];
  const bytes = Array.from(
    { length: 256 },
    (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
  );
  const characters = frequentCharacters(segments, minCharacterCount);
  const wanted = vocabSize - control.length - bytes.length - characters.length;
  if (wanted < 0) throw new Error(`${characters.length} characters do not fit into ${vocabSize}`);
  const known = new Set(characters);
  const pairs = new Pairs();
  for (const [text, count] of segments) {
    // A rare character ends a word: nothing is merged across it.
    for (const pieces of splitAt(Array.from(text), (character) => !known.has(character))) {
      pairs.add({ pieces, count }, 1);
    }
  }
  const merges: [string, string][] = [];
  const merged = new Set<string>();
  const short = (pair: string) => Array.from(pair).length - 1 <= maxPieceLength;
  while (merged.size < wanted) {
    const pair = pairs.takeMostFrequent(short);
    if (pair === undefined) break;
    const [left, right] = pair.split(' ') as [string, string];
    merges.push([left, right]);
    merged.add(left + right);
    for (const word of pairs.wordsWith(pair)) {
      pairs.add(word, -1);
      word.pieces = merge(word.pieces, left, right);
      pairs.add(word, 1);
    }
  }
  return { pieces: [...control, ...bytes, ...merged, ...characters], merges };
}

function frequentCharacters(segments: ReadonlyMap<string, number>, least: number): string[] {
  const counts = new Map<string, number>();
  for (const [text, count] of segments) {
    for (const character of text) counts.set(character, (counts.get(character) ?? 0) + count);
  }
  // A line break is a byte, as in LLaMA.
  return [...counts]
    .filter(([character, count]) => count >= least && character >= ' ')
    .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    .map(([character]) => character);
}

function splitAt(pieces: readonly string[], isEnd: (piece: string) => boolean): string[][] {
  const runs: string[][] = [[]];
  for (const piece of pieces) {
    if (isEnd(piece)) runs.push([]);
    else runs.at(-1)?.push(piece);
  }
  return runs.filter((run) => run.length > 1);
}

function merge(pieces: readonly string[], left: string, right: string): string[] {
  const result: string[] = [];
  for (let i = 0; i < pieces.length; i++) {
    const both = pieces[i] === left && pieces[i + 1] === right;
    result.push(both ? left + right : (pieces[i] as string));
    if (both) i++;
  }
  return result;
}

/** The files of a tokenizer folder by name. */
export function tokenizerFiles({
  pieces,
  merges,
}: {
  pieces: readonly string[];
  merges: readonly [string, string][];
}): Map<string, string> {
  const special = ['<unk>', '<s>', '</s>'].map((content, id) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }));
  const sequence = (id: 'A' | 'B') => ({ Sequence: { id, type_id: id === 'A' ? 0 : 1 } });
  const bos = (type: number) => ({ SpecialToken: { id: '<s>', type_id: type } });
  const tokenizer = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: special,
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'Prepend', prepend: '▁' },
        { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
      ],
    },
    pre_tokenizer: null,
    post_processor: {
      type: 'TemplateProcessing',
      single: [bos(0), sequence('A')],
      pair: [bos(0), sequence('A'), bos(1), sequence('B')],
      special_tokens: { '<s>': { id: '<s>', ids: [1], tokens: ['<s>'] } },
    },
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        { type: 'Strip', content: ' ', start: 1, stop: 0 },
      ],
    },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: '<unk>',
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: true,
      ignore_merges: false,
      vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])),
      merges,
    },
  };
  const config = {
    add_bos_token: true,
    add_eos_token: false,
    bos_token: '<s>',
    eos_token: '</s>',
    unk_token: '<unk>',
    clean_up_tokenization_spaces: false,
    tokenizer_class: 'PreTrainedTokenizerFast',
  };
  const format = (value: unknown) => `${JSON.stringify(value, undefined, 1)}\n`;
  return new Map([
    ['tokenizer.json', format(tokenizer)],
    ['tokenizer_config.json', format(config)],
  ]);
}

/** The articles' texts, and the English name of every link that has one. */
async function readTexts(path: string, titles: string): Promise<string[]> {
  const redirects = new Map<string, string>();
  const names = await openDump(path);
  for await (const { title, redirect } of names.pages()) {
    if (redirect === undefined) continue;
    redirects.set(normaliseTitle(title, names.siteinfo), normaliseTitle(redirect, names.siteinfo));
  }
  const english = await readTitleTable(titles, names.siteinfo);
  const dump = await openDump(path);
  const extractor = new ArticleExtractor(dump.siteinfo);
  const texts: string[] = [];
  for await (const page of dump.pages()) {
    if (page.namespace !== 0 || page.redirect !== undefined) continue;
    const { text, anchors } = extractor.extract(page);
    texts.push(text);
    for (const { target } of anchors) {
      const title = english.get(followRedirects(target, redirects));
      const name = title === undefined ? null : englishName(title);
      if (name !== null) texts.push(name);
    }
  }
  return texts;
}

/** Trains the tokenizer of a dump and a table of English titles and writes its folder. */
export async function trainTokenizer(options: {
  readonly dump: string;
  readonly titles: string;
  readonly vocabSize: number;
  readonly output: string;
}): Promise<void> {
  const { dump, titles, vocabSize, output } = options;
  const segments = countSegments(await readTexts(dump, titles));
  const bpe = trainBpe(segments, { vocabSize, minCharacterCount: 20, maxPieceLength: 16 });
  await mkdir(output, { recursive: true });
  for (const [name, content] of tokenizerFiles(bpe)) {
    await writeFileAtomically(join(output, name), content);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      dump: { type: 'string' },
      titles: { type: 'string' },
      output: { type: 'string' },
      'vocab-size': { type: 'string', default: '4096' },
    },
  });
  const { dump, titles, output } = values;
  if (dump === undefined || titles === undefined || output === undefined) {
    throw new Error('expected --dump, --titles and --output');
  }
  await trainTokenizer({ dump, titles, vocabSize: Number(values['vocab-size']), output });
}
