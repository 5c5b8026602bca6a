/**
 * What LEIA needs to know of a Hugging Face `tokenizer.json`, checked before the native tokenizer sees it,
 * and the changes LEIA makes to it. Unknown keys pass through untouched: the file is written back with
 * everything it came with.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { LeiaError } from '../system/error.ts';
import { parseChecked } from '../system/json.ts';

/** No tokenizer in use is near this; a larger id is damage, not a vocabulary. */
const maxId = 16_777_215;
const tokenId = z.int().min(0).max(maxId);

const addedToken = z.looseObject({ id: tokenId, content: z.string().min(1), special: z.boolean() });
export type AddedToken = z.infer<typeof addedToken>;

const schema = z.looseObject({
  added_tokens: z.array(addedToken).default([]),
  model: z.looseObject({
    type: z.string().optional(),
    vocab: z.union([
      z.record(z.string(), tokenId),
      // Unigram: piece and score; the id is the position.
      z.array(z.tuple([z.string(), z.number()])),
    ]),
    merges: z.array(z.union([z.string(), z.tuple([z.string(), z.string()])])).optional(),
  }),
});
export type TokenizerJson = z.infer<typeof schema>;

/**
 * Checks the text of a `tokenizer.json`; `where` names the file in messages.
 *
 * @throws LeiaError `format`
 */
export function parseTokenizerJson(text: string, where: string): TokenizerJson {
  const json = parseChecked(schema, text, where, 'a Hugging Face tokenizer.json');
  const names = new Map<number, string>();
  for (const [piece, id] of [...vocabulary(json), ...addedTokens(json)]) {
    const other = names.get(id);
    if (other !== undefined && other !== piece) {
      throw new LeiaError(
        'format',
        `${where}: id ${id} belongs to both ${JSON.stringify(other)} and ${JSON.stringify(piece)}`,
      );
    }
    names.set(id, piece);
  }
  if (names.size === 0) throw new LeiaError('format', `${where}: the vocabulary is empty`);
  checkNumbers(json, where);
  return json;
}

function vocabulary({ model: { vocab } }: TokenizerJson): [string, number][] {
  return Array.isArray(vocab) ? vocab.map(([piece], id) => [piece, id]) : Object.entries(vocab);
}

function addedTokens(json: TokenizerJson): [string, number][] {
  return json.added_tokens.map(({ content, id }) => [content, id]);
}

/**
 * The id that Hugging Face's libraries give to each added token. They use the id that the model's vocabulary has for
 * it; a token without one they number themselves, whatever `id` says: from the number of entries in the vocabulary.
 */
function numberedIds(json: TokenizerJson): Map<string, number> {
  const known = new Map(vocabulary(json));
  const ids = new Map<string, number>();
  let next = known.size;
  for (const { content } of json.added_tokens) {
    const id = ids.get(content) ?? known.get(content) ?? next;
    ids.set(content, id);
    next = Math.max(next, id + 1);
  }
  return ids;
}

function checkNumbers(json: TokenizerJson, where: string): void {
  const numbered = numberedIds(json);
  for (const { content, id } of json.added_tokens) {
    const read = numbered.get(content);
    if (read === id) continue;
    throw new LeiaError(
      'mismatch',
      `${where}: the added token ${JSON.stringify(content)} has id ${id}, but transformers reads it as ${read}; write its true id into model.vocab too, where every program finds it`,
    );
  }
}

/** Largest id plus one: how many rows an embedding matrix needs. */
export function idLimit(json: TokenizerJson): number {
  let limit = 0;
  for (const [, id] of vocabulary(json)) limit = Math.max(limit, id + 1);
  for (const [, id] of addedTokens(json)) limit = Math.max(limit, id + 1);
  return limit;
}

/** Every token's id, added ones included. */
export function tokenIds(json: TokenizerJson): Map<string, number> {
  return new Map([...vocabulary(json), ...addedTokens(json)]);
}

const flags = {
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
};

const template = z.looseObject({
  single: z.array(z.looseObject({ SpecialToken: z.looseObject({ id: z.string() }).optional() })),
});

/** Whether the post-processor of a `tokenizer.json` puts this token before every text. */
export function templateBegins({ post_processor }: TokenizerJson, token: string): boolean {
  const sequence = z.looseObject({ processors: z.array(z.unknown()) }).safeParse(post_processor);
  const processors = sequence.success ? sequence.data.processors : [post_processor];
  return processors.some((processor) => {
    const { data } = template.safeParse(processor);
    return data?.single[0]?.SpecialToken?.id === token;
  });
}

/** Adds special tokens; their ids follow the largest one. Returns them. */
export function addTokens(json: TokenizerJson, tokens: readonly string[]): AddedToken[] {
  const first = idLimit(json);
  const added = tokens.map((content, i) => ({ id: first + i, content, ...flags }));
  json.added_tokens.push(...added);
  // Where ids are left out, libraries would give them other ids; see `numberedIds`.
  const { vocab } = json.model;
  if (numberedIds(json).get(tokens[0]!) !== first && !Array.isArray(vocab)) {
    for (const { content, id } of added) vocab[content] = id;
  }
  return added;
}

/**
 * The reverse of {@link addTokens}; `where` names the tokenizer in messages. Returns the ids.
 *
 * @throws LeiaError `mismatch` if a token is missing or not among the last ids.
 */
export function removeTokens(
  json: TokenizerJson,
  tokens: readonly string[],
  where: string,
): number[] {
  const limit = idLimit(json);
  const ids = tokens.map((content) => {
    const id = json.added_tokens.find((added) => added.content === content)?.id;
    if (id !== undefined && id >= limit - tokens.length) return id;
    throw new LeiaError(
      'mismatch',
      id === undefined
        ? `${where}: the tokenizer has no ${content}; was it adapted by leia?`
        : `${where}: ${content} has id ${id}, expected one of the last ${tokens.length}`,
    );
  });
  json.added_tokens = json.added_tokens.filter(({ content }) => !tokens.includes(content));
  const { vocab } = json.model;
  if (!Array.isArray(vocab)) for (const content of tokens) delete vocab[content];
  return ids;
}

/**
 * The tokenizer that sees nothing but text: the same normaliser, pre-tokeniser and vocabulary, but a literal
 * `<s>` or `<translate>` in an article is spelled out in ordinary pieces, as SentencePiece does it, instead
 * of becoming a control token. It has no template, truncation or padding either: those are the caller's.
 */
export function textOnly(json: TokenizerJson): TokenizerJson {
  const kept = json.added_tokens.filter((token) => !token.special);
  const model = { ...json.model };
  if (!Array.isArray(model.vocab)) {
    // The library numbers added tokens itself unless the model already knows them: keep their ids.
    const named = Object.fromEntries(kept.map(({ content, id }) => [content, id]));
    model.vocab = { ...withoutNumbered(json, model.vocab), ...named };
  }
  return {
    ...json,
    added_tokens: kept,
    post_processor: null,
    truncation: null,
    padding: null,
    model,
  };
}

/** The vocabulary without the special tokens that {@link addTokens} puts into it to fix their ids. */
function withoutNumbered(
  { added_tokens }: TokenizerJson,
  vocab: Readonly<Record<string, number>>,
): Record<string, number> {
  const entries = Object.entries(vocab);
  const limitOf = (list: typeof entries) =>
    list.reduce((limit, [, id]) => Math.max(limit, id + 1), 0);
  if (limitOf(entries) === entries.length) return vocab;
  const special = new Set(added_tokens.filter((token) => token.special).map((t) => t.content));
  const limit = limitOf(entries.filter(([piece]) => !special.has(piece)));
  return Object.fromEntries(entries.filter(([piece, id]) => !special.has(piece) || id < limit));
}

/**
 * SHA-256, hexadecimal, of what decides how text becomes ids. It does not change with special tokens, with
 * the template or with the layout of the file, so a dataset made with a base model's tokenizer fits the adapted
 * model's too, and the other way round.
 */
export function textHash(json: TokenizerJson): string {
  const { added_tokens, normalizer, pre_tokenizer, model } = textOnly(json);
  // Newer versions write a merge as a pair, older ones as one string.
  const merges = model.merges?.map((merge) =>
    typeof merge === 'string' ? merge : merge.join(' '),
  );
  const text = JSON.stringify(
    sortKeys({ added_tokens, normalizer, pre_tokenizer, model: { ...model, merges } }),
  );
  return createHash('sha256').update(text).digest('hex');
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [key, sortKeys(item)]));
}
