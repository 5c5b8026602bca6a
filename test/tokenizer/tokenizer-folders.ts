// Tokenizer folders as they come from others, each made from the tiny tokenizer by a small change, and what LEIA
// writes from them. test/fixtures/transformers/make.ts has transformers read the same.
import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { addSpecialTokens, removeSpecialTokens } from '../../lib/tokenizer/special-tokens.ts';

const tiny = join(import.meta.dirname, '../fixtures/tokenizer-tiny');
const tokens = ['<translate>', '</translate>'];

type Json = Record<string, unknown>;
interface TokenizerObject extends Json {
  added_tokens: { id: number; content: string }[];
  model: { vocab: Record<string, number>; merges: (string | [string, string])[] };
}
interface Folder {
  tokenizer: TokenizerObject;
  files: Record<string, Json | undefined>;
}

const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false };
const special = (content: string) => ({ ...flags, content, special: true });
const decoder = { 0: special('<unk>'), 1: special('<s>'), 2: special('</s>') };

/** Removes 20 pieces in the middle, which no other piece is made of, and the merges that make them. */
function leaveGap({ tokenizer: { model } }: Folder): void {
  const parts = (merge: string | [string, string]) =>
    typeof merge === 'string' ? merge.split(' ') : merge;
  const used = new Set(model.merges.flatMap(parts));
  const gone = Object.entries(model.vocab)
    .filter(([piece, id]) => id > 300 && piece.length > 1 && !used.has(piece))
    .slice(0, 20)
    .map(([piece]) => piece);
  for (const piece of gone) delete model.vocab[piece];
  model.merges = model.merges.filter((merge) => !gone.includes(parts(merge).join('')));
}

function edit(name: string, change: (json: Json) => Json) {
  return ({ files }: Folder) => {
    files[name] = change(files[name] ?? {});
  };
}
const config = (change: (json: Json) => Json) => edit('tokenizer_config.json', change);
const withoutNames = ({ bos_token, eos_token, unk_token, ...rest }: Json) => rest;
const remove = (name: string) => (folder: Folder) => {
  folder.files[name] = undefined;
};

/** By name, what makes the folder of the tiny tokenizer one of another kind. */
export const cases: Readonly<Record<string, readonly ((folder: Folder) => void)[]>> = {
  'as most are': [],
  'names in special_tokens_map.json only': [config(withoutNames)],
  'names in tokenizer_config.json only': [remove('special_tokens_map.json')],
  'no tokenizer_config.json': [remove('tokenizer_config.json')],
  'names as objects': [
    config(withoutNames),
    edit('special_tokens_map.json', () => ({
      bos_token: { content: '<s>', ...flags },
      eos_token: { content: '</s>', ...flags },
      unk_token: { content: '<unk>', ...flags },
    })),
  ],
  added_tokens_decoder: [config((json) => ({ ...json, added_tokens_decoder: decoder }))],
  'added_tokens.json': [edit('added_tokens.json', () => ({ '<s>': 1, '</s>': 2, '<unk>': 0 }))],
  LlamaTokenizer: [config((json) => ({ ...json, tokenizer_class: 'LlamaTokenizer' }))],
  'LlamaTokenizer, names in special_tokens_map.json only': [
    config((json) => ({ ...withoutNames(json), tokenizer_class: 'LlamaTokenizer' })),
  ],
  'as transformers 5 saves': [
    remove('special_tokens_map.json'),
    config((json) => ({
      ...json,
      backend: 'tokenizers',
      is_local: false,
      tokenizer_class: 'TokenizersBackend',
    })),
  ],
  extra_special_tokens: [
    remove('special_tokens_map.json'),
    config((json) => ({ ...json, extra_special_tokens: ['<unk>'] })),
  ],
  'extra_special_tokens by name': [
    config((json) => ({ ...json, extra_special_tokens: { image_token: '<unk>' } })),
  ],
  additional_special_tokens: [
    config((json) => ({ ...json, additional_special_tokens: ['<unk>'] })),
    edit('special_tokens_map.json', (json) => ({ ...json, additional_special_tokens: ['<unk>'] })),
  ],
  'a gap in the ids': [leaveGap],
  'a gap in the ids, LlamaTokenizer': [
    leaveGap,
    config((json) => ({ ...json, tokenizer_class: 'LlamaTokenizer' })),
  ],
  'a gap in the ids, added_tokens_decoder': [
    leaveGap,
    config((json) => ({ ...json, added_tokens_decoder: decoder })),
  ],
};

export const stages = ['base', 'adapted', 'exported'] as const;

/** Writes a case's folders into `root`, one for each stage. */
export async function writeCase(name: string, root: string): Promise<void> {
  const [base, adapted, exported] = stages.map((stage) => join(root, stage)) as [
    string,
    string,
    string,
  ];
  const read = async (file: string) => JSON.parse(await readFile(join(tiny, file), 'utf8'));
  const folder: Folder = { tokenizer: await read('tokenizer.json'), files: {} };
  for (const file of ['tokenizer_config.json', 'special_tokens_map.json']) {
    folder.files[file] = await read(file);
  }
  for (const change of cases[name]!) change(folder);
  await mkdir(base, { recursive: true });
  // The model's config also decides how transformers reads the tokenizer.
  const model = { model_type: 'llama', architectures: ['LlamaForCausalLM'] };
  const files = { ...folder.files, 'tokenizer.json': folder.tokenizer, 'config.json': model };
  for (const [file, json] of Object.entries(files)) {
    if (json !== undefined) await writeFile(join(base, file), JSON.stringify(json));
  }
  await convert(base, adapted, addSpecialTokens);
  await convert(adapted, exported, removeSpecialTokens);
}

/** A copy of a folder with the files that change. */
async function convert(from: string, to: string, change: typeof addSpecialTokens): Promise<void> {
  await cp(from, to, { recursive: true });
  const { files } = await change(from, tokens);
  for (const [file, text] of files) await writeFile(join(to, file), text);
}

/** SHA-256 of what a folder's JSON files say, however they are laid out. */
export async function contentHash(folder: string): Promise<string> {
  const hash = createHash('sha256');
  for (const name of (await readdir(folder)).sort()) {
    const json = JSON.parse(await readFile(join(folder, name), 'utf8'));
    hash.update(JSON.stringify([name, json]));
  }
  return hash.digest('hex');
}
