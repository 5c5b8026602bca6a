// What someone may give in place of a Hugging Face folder: the name of a model on the Hub, a single file, or a
// folder in another format. It is looked at only when a file is missing, and named, with the way to a folder
// that can be read.
import { readdir, stat } from 'node:fs/promises';
import { LeiaError } from '../system/error.ts';

interface Format {
  /** A file that only this format has. */
  readonly file: RegExp;
  readonly what: string;
  readonly todo: string;
}

const saveAgain = 'load the model with transformers and save it with safe_serialization=True';

const gguf: Format = {
  file: /\.gguf$/i,
  what: 'a GGUF file, the format of llama.cpp',
  todo: 'use the Hugging Face folder of the model that it was made from',
};

/** The first that fits counts. */
const formats: readonly Format[] = [
  {
    file: /^adapter_(config\.json|model\.(safetensors|bin))$/,
    what: 'a LoRA adapter, not a whole model',
    todo: 'merge it into its base model with PEFT (merge_and_unload, then save_pretrained)',
  },
  gguf,
  {
    file: /^(consolidated\..*(pth|safetensors)|params\.json)$/,
    what: "files in the format of the model's authors",
    todo: 'use the Hugging Face folder of the same model, or convert them with the scripts of transformers (convert_llama_weights_to_hf.py)',
  },
  {
    file: /^pytorch_model.*\.bin(\.index.*\.json)?$/,
    what: 'weights in the format of PyTorch, which may run any code when it is read',
    todo: saveAgain,
  },
  {
    file: /^model\.((?!index\.)[^.]+\.safetensors|safetensors\.index\.[^.]+\.json)$/,
    what: 'only a variant of the weights',
    todo: 'load the model with transformers and that variant, and save it without one',
  },
  {
    file: /^run\.json$/,
    what: 'a run of leia train that has not ended, and so no model yet',
    todo: 'wait for it, or run its command again to finish it',
  },
];

const sentencePiece: Format = {
  file: /^tokenizer\.model$/,
  what: "SentencePiece's tokenizer.model without a tokenizer.json",
  todo: 'load the tokenizer with AutoTokenizer of transformers and save it with save_pretrained, which writes tokenizer.json',
};

/**
 * The error for a model folder in which a file was not found; undefined if nothing better can be said than
 * which file it was.
 *
 * @param missing what was looked for.
 */
export async function foreignFolder(
  path: string,
  missing: 'model' | 'tokenizer',
): Promise<LeiaError | undefined> {
  const kind = await stat(path).catch(() => undefined);
  if (kind === undefined) return hubName(path);
  if (!kind.isDirectory()) return singleFile(path);
  const names = (await readdir(path).catch(() => [])).sort();
  for (const { file, what, todo } of candidates(names, missing)) {
    const name = names.find((item) => file.test(item));
    if (name === undefined) continue;
    return new LeiaError('unsupported', `${path} holds ${what} (${name}); ${todo}`);
  }
  return undefined;
}

function candidates(names: readonly string[], missing: 'model' | 'tokenizer'): readonly Format[] {
  if (missing === 'model') return formats;
  // Beside a config.json other formats are extras, and only the tokenizer is missing.
  return names.includes('config.json') ? [sentencePiece] : [...formats, sentencePiece];
}

/** `organisation/model`, as the Hub writes it. */
function hubName(path: string): LeiaError | undefined {
  const [, model] = /^[\w-][\w.-]*\/([\w-][\w.-]*)$/.exec(path) ?? [];
  if (model === undefined) return undefined;
  return new LeiaError(
    'io',
    `there is no folder ${path}; if it is a model on the Hugging Face Hub, download it (hf download ${path} --local-dir ${model}) and give that folder`,
  );
}

function singleFile(path: string): LeiaError {
  if (gguf.file.test(path))
    return new LeiaError('unsupported', `${path} is ${gguf.what}; ${gguf.todo}`);
  return new LeiaError('io', `${path} is a file; give the Hugging Face folder that holds it`);
}
