// Writes a Hugging Face checkpoint folder that transformers opens unchanged: weights in one safetensors file
// or, above 5 GB, in shards with an index; config.json; the tokenizer's files copied along. All files are
// first written and flushed under temporary names; `config.json` goes away before the first file is replaced
// and comes last, so a folder that was interrupted half-way has no config and never looks complete.
import { readdir, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { LeiaError } from '../system/error.ts';
import {
  fileError,
  removeTemporaries,
  type StagedFile,
  stageFile,
  syncFolder,
} from '../system/files.ts';
import { holdsLock, isLock, lockFolder } from '../system/lock.ts';
import { configFile, indexFile, singleFile } from './checkpoint.ts';
import { changeLlamaConfig, formatLlamaConfig, type LlamaConfig } from './config.ts';
import { maxFloat16 } from './float16.ts';
import { llamaParameters } from './parameters.ts';
import { type SafetensorsSource, safetensorsDtypes, stageSafetensors } from './safetensors.ts';
import { byteLength, elementSizes } from './safetensors-header.ts';
import {
  bytesOf,
  convertValues,
  firstNonFinite,
  type StoredDtype,
  type StoredValues,
  widen,
} from './stored-values.ts';

/** The limit at which transformers starts another shard. */
const defaultShardBytes = 5e9;

/** Files that belong to a model beside its weights and its config. */
const companionFiles = [
  'generation_config.json',
  'tokenizer.json',
  'tokenizer.model',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.json',
  'merges.txt',
  'chat_template.jinja',
  'chat_template.json',
];

const weightFile = /^model(-\d{5}-of-\d{5})?\.safetensors$/;

export interface SaveCheckpointOptions {
  readonly config: LlamaConfig;
  /** How the weights are written; also written into the config. */
  readonly dtype: StoredDtype;
  /** Called once for each parameter, in the order of the file; values of another dtype are converted. */
  readonly read: (name: string) => StoredValues | Promise<StoredValues>;
  /** Called for each parameter with what was read and with what is written. */
  readonly onWrite?: (name: string, read: StoredValues, written: StoredValues) => Promise<void>;
  /** A folder whose tokenizer and generation files are copied. */
  readonly companions?: string | undefined;
  /** Further files, name and content; they replace companions of the same name. */
  readonly files?: ReadonlyMap<string, string>;
  readonly maxShardBytes?: number;
  /** Hears that the lock of a dead process was taken over. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/**
 * Writes or replaces the checkpoint in `folder`; other files there stay. The folder is locked meanwhile, unless the
 * caller has locked it.
 *
 * @throws LeiaError `usage` when another process writes there; `io` when something cannot be written; the
 *   old checkpoint is then still there, unless renaming itself failed.
 */
export async function saveCheckpoint(
  folder: string,
  options: SaveCheckpointOptions,
): Promise<void> {
  const { dtype } = options;
  const config = changeLlamaConfig(options.config, { dtype });
  const sources = llamaParameters(config).map(
    ({ name, shape }): SafetensorsSource => ({
      name,
      dtype: safetensorsDtypes[dtype],
      shape,
      read: async () => {
        const values = await options.read(name);
        const written = await toDtype(name, values, dtype);
        await options.onWrite?.(name, values, written);
        return bytesOf(written);
      },
    }),
  );
  await using _ = holdsLock(folder) ? undefined : await lockFolder(folder, options);
  const extra = [...(options.files?.keys() ?? [])];
  await removeTemporaries(folder, (name) => isPart(name) || extra.includes(name) || isLock(name));
  const staged: StagedFile[] = [];
  try {
    await stageWeights(folder, sources, options.maxShardBytes ?? defaultShardBytes, staged);
    await stageCompanions(folder, options, staged);
    for (const [name, text] of options.files ?? []) {
      staged.push(await stageFile(join(folder, name), (file) => file.writeFile(text)));
    }
    const text = formatLlamaConfig(config);
    staged.push(await stageFile(join(folder, configFile), (file) => file.writeFile(text)));
    await replace(folder, staged);
  } finally {
    await Promise.all(staged.map((file) => file.discard()));
  }
}

/** Whether a file of this name belongs to a checkpoint. */
function isPart(name: string): boolean {
  return (
    weightFile.test(name) ||
    name === indexFile ||
    name === configFile ||
    companionFiles.includes(name)
  );
}

/** @throws LeiaError `usage` for values that float16 has no finite number for. */
async function toDtype(
  name: string,
  values: StoredValues,
  dtype: StoredDtype,
): Promise<StoredValues> {
  const converted = await convertValues(values, dtype);
  if (dtype !== 'float16' || converted === values) return converted;
  const index = await firstNonFinite(converted);
  if (index < 0) return converted;
  throw new LeiaError(
    'usage',
    `tensor "${name}" has ${widen(values, index, index + 1)[0]} (element ${index}), float16 holds numbers up to ${maxFloat16}; save as bfloat16 or float32`,
  );
}

async function stageWeights(
  folder: string,
  sources: readonly SafetensorsSource[],
  maxShardBytes: number,
  staged: StagedFile[],
): Promise<void> {
  const shards = splitIntoShards(sources, maxShardBytes);
  if (shards.length === 1) {
    staged.push(await stageSafetensors(join(folder, singleFile), sources));
    return;
  }
  const weightMap: [string, string][] = [];
  for (const [index, shard] of shards.entries()) {
    const name = `model-${digits(index + 1)}-of-${digits(shards.length)}.safetensors`;
    staged.push(await stageSafetensors(join(folder, name), shard));
    for (const source of shard) weightMap.push([source.name, name]);
  }
  weightMap.sort(([a], [b]) => (a < b ? -1 : 1));
  const bytes = sources.reduce((sum, { dtype, shape }) => sum + byteLength(dtype, shape), 0);
  const parameters = sources.reduce(
    (sum, { dtype, shape }) => sum + byteLength(dtype, shape) / elementSizes[dtype],
    0,
  );
  const index = {
    metadata: { total_parameters: parameters, total_size: bytes },
    weight_map: Object.fromEntries(weightMap),
  };
  const text = `${JSON.stringify(index, undefined, 2)}\n`;
  staged.push(await stageFile(join(folder, indexFile), (file) => file.writeFile(text)));
}

/** Fills one shard after the other, in the order of the tensors; a larger tensor gets a shard of its own. */
function splitIntoShards(
  sources: readonly SafetensorsSource[],
  maxShardBytes: number,
): SafetensorsSource[][] {
  const shards: SafetensorsSource[][] = [];
  let room = 0;
  for (const source of sources) {
    const bytes = byteLength(source.dtype, source.shape);
    if (bytes > room || shards.length === 0) {
      shards.push([]);
      room = maxShardBytes;
    }
    shards.at(-1)?.push(source);
    room -= bytes;
  }
  return shards;
}

function digits(value: number): string {
  return String(value).padStart(5, '0');
}

async function stageCompanions(
  folder: string,
  options: SaveCheckpointOptions,
  staged: StagedFile[],
): Promise<void> {
  const { companions, files } = options;
  if (companions === undefined || resolve(companions) === resolve(folder)) return;
  const present = new Set(await list(companions));
  for (const name of companionFiles) {
    if (!present.has(name) || files?.has(name)) continue;
    let content: Uint8Array;
    try {
      content = await readFile(join(companions, name));
    } catch (error) {
      throw fileError('read', join(companions, name), error);
    }
    staged.push(await stageFile(join(folder, name), (file) => file.writeFile(content)));
  }
}

/** Removes the old weights and renames the staged files, the config last (it is the last of them). */
async function replace(folder: string, staged: readonly StagedFile[]): Promise<void> {
  try {
    await rm(join(folder, configFile), { force: true });
    await syncFolder(folder);
    const kept = new Set(staged.map((file) => file.path));
    for (const name of await list(folder)) {
      const path = join(folder, name);
      if ((weightFile.test(name) || name === indexFile) && !kept.has(path)) await rm(path);
    }
  } catch (error) {
    throw fileError('replace the checkpoint in', folder, error);
  }
  for (const file of staged.slice(0, -1)) await file.commit();
  await syncFolder(folder);
  await staged.at(-1)?.commit();
  await syncFolder(folder);
}

async function list(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    throw fileError('read', folder, error);
  }
}
