/**
 * The special tokens of a tokenizer folder: which are BOS and EOS, and how a folder gains or loses the tokens
 * that LEIA adds. The same information stands in up to four files (Hugging Face's history). Each file that lists
 * such tokens gets the new ones, and none gets a list that it did not have: where transformers finds an
 * `added_tokens_decoder`, it reads BOS and EOS from no other file.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { LeiaError } from '../system/error.ts';
import { fileError, readIfPresent } from '../system/files.ts';
import { parseChecked } from '../system/json.ts';
import { addTokens, parseTokenizerJson, removeTokens } from './tokenizer-json.ts';

/** A token as the config files spell it: its text, or an object with the text in `content`. */
const token = z.union([
  z.string().min(1),
  z.looseObject({ content: z.string().min(1) }).transform(({ content }) => content),
]);

const namesSchema = z.looseObject({
  bos_token: token.nullish(),
  eos_token: token.nullish(),
  add_bos_token: z.boolean().nullish(),
});

const configSchema = z.looseObject({
  added_tokens_decoder: z.record(z.string(), z.looseObject({ content: z.string() })).optional(),
  additional_special_tokens: z.array(z.unknown()).nullish(),
  // A list as transformers 5 writes it, or an object of tokens by role.
  extra_special_tokens: z.unknown().optional(),
});

const configFiles = ['tokenizer_config.json', 'special_tokens_map.json'] as const;

export interface SpecialTokens {
  readonly bos: string;
  readonly eos: string;
  /** Whether BOS comes before every text; undefined where the config leaves it to `tokenizer.json`. */
  readonly addBos: boolean | undefined;
}

/**
 * The spelling of BOS and EOS, as `tokenizer_config.json` or else `special_tokens_map.json` says.
 *
 * @throws LeiaError `unsupported` if neither says, `format`, `io`.
 */
export async function specialTokens(folder: string): Promise<SpecialTokens> {
  let bos: string | null | undefined;
  let eos: string | null | undefined;
  let addBos: boolean | undefined;
  for (const name of configFiles) {
    const json = await readOptional(folder, name, namesSchema);
    bos ??= json?.bos_token;
    eos ??= json?.eos_token;
    addBos ??= json?.add_bos_token ?? undefined;
  }
  if (bos && eos) return { bos, eos, addBos };
  throw new LeiaError(
    'unsupported',
    `${folder}: neither tokenizer_config.json nor special_tokens_map.json names ${bos ? 'eos_token' : 'bos_token'}, which LEIA needs`,
  );
}

/** Contents of the files of a tokenizer folder that change, by name. */
export type TokenizerFiles = Map<string, string>;

/**
 * The files of the tokenizer in `folder` with special tokens added; their ids follow the largest one.
 *
 * @throws LeiaError `mismatch` if the tokenizer already has one of the tokens, `format`, `io`.
 */
export async function addSpecialTokens(
  folder: string,
  tokens: readonly string[],
): Promise<{ files: TokenizerFiles; ids: number[] }> {
  const { files, json } = await readFolder(folder);
  const known = new Set(json.added_tokens.map(({ content }) => content));
  for (const content of tokens) {
    if (!known.has(content)) continue;
    throw new LeiaError('mismatch', `${folder}: the tokenizer already has ${content}`);
  }
  const added = addTokens(json, tokens);
  files.set('tokenizer.json', format(json));
  for (const name of configFiles) {
    const config = await readOptional(folder, name, configSchema);
    if (config === undefined) continue;
    for (const { id, ...rest } of config.added_tokens_decoder ? added : []) {
      config.added_tokens_decoder![id] = rest;
    }
    const key = Array.isArray(config.extra_special_tokens)
      ? 'extra_special_tokens'
      : 'additional_special_tokens';
    config[key] = [...((config[key] ?? []) as unknown[]), ...tokens];
    files.set(name, format(config));
  }
  const list = await readOptional(folder, 'added_tokens.json', z.record(z.string(), z.int()));
  if (list !== undefined) {
    const entries = added.map(({ content, id }) => [content, id] as const);
    files.set('added_tokens.json', format({ ...list, ...Object.fromEntries(entries) }));
  }
  return { files, ids: added.map(({ id }) => id) };
}

/**
 * The reverse of {@link addSpecialTokens}: the files of `folder` without those tokens.
 *
 * @throws LeiaError `mismatch` if a token is missing or not among the last ids, `format`, `io`.
 */
export async function removeSpecialTokens(
  folder: string,
  tokens: readonly string[],
): Promise<{ files: TokenizerFiles; ids: number[] }> {
  const { files, json } = await readFolder(folder);
  const ids = removeTokens(json, tokens, folder);
  const gone = (content: unknown) => tokens.includes(String(content));
  files.set('tokenizer.json', format(json));
  for (const name of configFiles) {
    const config = await readOptional(folder, name, configSchema);
    if (config === undefined) continue;
    for (const [id, { content }] of Object.entries(config.added_tokens_decoder ?? {})) {
      if (gone(content)) delete config.added_tokens_decoder?.[id];
    }
    for (const key of ['additional_special_tokens', 'extra_special_tokens'] as const) {
      const value = config[key];
      if (!Array.isArray(value)) continue;
      const rest = value.filter((item) => !gone(token.safeParse(item).data));
      if (rest.length === 0) delete config[key];
      else config[key] = rest;
    }
    files.set(name, format(config));
  }
  const list = await readOptional(folder, 'added_tokens.json', z.record(z.string(), z.int()));
  if (list !== undefined) {
    files.set(
      'added_tokens.json',
      format(Object.fromEntries(Object.entries(list).filter(([content]) => !gone(content)))),
    );
  }
  return { files, ids };
}

async function readFolder(folder: string) {
  const path = join(folder, 'tokenizer.json');
  const files: TokenizerFiles = new Map();
  try {
    return { files, json: parseTokenizerJson(await readFile(path, 'utf8'), path) };
  } catch (error) {
    throw fileError('read', path, error);
  }
}

async function readOptional<T extends z.ZodType>(
  folder: string,
  name: string,
  schema: T,
): Promise<z.output<T> | undefined> {
  const path = join(folder, name);
  const text = await readIfPresent(path);
  if (text === undefined) return undefined;
  return parseChecked(schema, text, path);
}

function format(json: unknown): string {
  return `${JSON.stringify(json, undefined, 2)}\n`;
}
