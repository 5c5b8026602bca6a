// A Hugging Face checkpoint folder, opened for reading: config.json and one or several safetensors files.
// Opening checks that the tensors are exactly those the config asks for, with their shapes; the weights
// themselves are read one at a time, when asked for.
import { readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { LeiaError } from '../system/error.ts';
import { fileError } from '../system/files.ts';
import { parseJson } from '../system/json.ts';
import { foreignFolder } from '../tokenizer/foreign-folder.ts';
import { type LlamaConfig, parseLlamaConfig } from './config.ts';
import { type LlamaParameter, llamaParameters } from './parameters.ts';
import { SafetensorsFile, storedDtype } from './safetensors.ts';
import { bytesOf, type StoredDtype, type StoredValues, toFloat32 } from './stored-values.ts';
import { hashWeights } from './weights-hash.ts';

export const configFile = 'config.json';
export const singleFile = 'model.safetensors';
export const indexFile = 'model.safetensors.index.json';

/** Buffers that older versions of transformers saved beside the parameters; recomputed, never read. */
const ignoredBuffer = /\.rotary_emb\.(inv_freq|cos_cached|sin_cached)$/;

/** What a model can be loaded from: a {@link Checkpoint}, or one that is changed while it is read. */
export type CheckpointView = Pick<Checkpoint, 'folder' | 'config' | 'dtype' | 'read'>;

/** A Hugging Face folder with the weights of a LLaMA, read tensor by tensor. */
export class Checkpoint {
  readonly folder: string;
  readonly config: LlamaConfig;
  readonly parameters: readonly LlamaParameter[];
  /** Of the weights, as the headers of their files say: float32 if not all are of one dtype. */
  readonly dtype: StoredDtype;
  readonly #files: readonly SafetensorsFile[];
  readonly #fileOf: ReadonlyMap<string, SafetensorsFile>;

  private constructor(
    folder: string,
    config: LlamaConfig,
    files: readonly SafetensorsFile[],
    fileOf: ReadonlyMap<string, SafetensorsFile>,
  ) {
    this.folder = folder;
    this.config = config;
    this.parameters = llamaParameters(config);
    this.#files = files;
    this.#fileOf = fileOf;
    this.dtype = this.#checkTensors();
  }

  /**
   * Opens and checks a folder.
   *
   * @throws LeiaError `io` (a file is missing or unreadable), `format` (a file is damaged), `unsupported`
   *   (another architecture, dtype or format of files), `mismatch` (tensors missing, too many, or of another shape).
   */
  static async open(folder: string): Promise<Checkpoint> {
    const config = await readConfig(folder);
    const files: SafetensorsFile[] = [];
    try {
      const fileOf = await openWeights(folder, files);
      const checkpoint = new Checkpoint(folder, config, files, fileOf);
      await checkpoint.#checkOtherTensors();
      return checkpoint;
    } catch (error) {
      await Promise.all(files.map((file) => file.close()));
      throw error;
    }
  }

  /** One parameter as its file stores it, row-major. */
  async read(name: string): Promise<StoredValues> {
    return await this.#file(name).readFloats(name);
  }

  /** One parameter as float32, row-major. */
  async readFloat32(name: string): Promise<Float32Array> {
    return await toFloat32(await this.read(name));
  }

  /** Tells these weights from others, by a sample of them; see `hashWeights`. */
  async hashWeights(): Promise<string> {
    return await hashWeights(this.parameters.map(({ name }) => [name, this.#file(name)] as const));
  }

  /** Closes its files. */
  async close(): Promise<void> {
    await Promise.all(this.#files.map((file) => file.close()));
  }

  /** At the end of a block of `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #file(name: string): SafetensorsFile {
    const file = this.#fileOf.get(name);
    if (file !== undefined) return file;
    throw new LeiaError('mismatch', `${this.folder}: there is no tensor "${name}"`);
  }

  /** Checks that every parameter is there as config.json describes it; returns their common dtype. */
  #checkTensors(): StoredDtype {
    const dtypes = new Set<StoredDtype>();
    for (const { name, shape } of this.parameters) {
      const entry = this.#fileOf.get(name)?.entry(name);
      if (entry === undefined) {
        throw new LeiaError('mismatch', `${this.folder}: tensor "${name}" is missing`);
      }
      if (entry.shape.join() !== shape.join()) {
        throw new LeiaError(
          'mismatch',
          `${this.folder}: tensor "${name}" has shape [${entry.shape.join(', ')}], config.json asks for [${shape.join(', ')}]`,
        );
      }
      const dtype = storedDtype(entry.dtype);
      if (dtype === undefined) {
        throw new LeiaError(
          'unsupported',
          `${this.folder}: tensor "${name}" has dtype ${entry.dtype}, expected F32, BF16 or F16`,
        );
      }
      dtypes.add(dtype);
    }
    const [first = 'float32', second] = dtypes;
    return second === undefined ? first : 'float32';
  }

  /** Refuses tensors that config.json does not describe: without them it would be another model. */
  async #checkOtherTensors(): Promise<void> {
    const expected = new Set(this.parameters.map(({ name }) => name));
    for (const name of this.#fileOf.keys()) {
      if (expected.has(name) || ignoredBuffer.test(name)) continue;
      if (name === 'lm_head.weight') await this.#checkTiedHead();
      else {
        throw new LeiaError(
          'mismatch',
          `${this.folder}: tensor "${name}" is not part of the model config.json describes`,
        );
      }
    }
  }

  /** Some tools save the output matrix of tied embeddings too: harmless as long as it is the same. */
  async #checkTiedHead(): Promise<void> {
    const head = await this.read('lm_head.weight');
    const embedding = await this.read('model.embed_tokens.weight');
    const same = Buffer.compare(bytesOf(head), bytesOf(embedding)) === 0;
    if (head.dtype !== embedding.dtype || !same) {
      throw new LeiaError(
        'mismatch',
        `${this.folder}: config.json says tie_word_embeddings, but lm_head.weight differs from model.embed_tokens.weight`,
      );
    }
  }
}

/** Reads and checks the `config.json` of a checkpoint folder. */
export async function readConfig(folder: string): Promise<LlamaConfig> {
  const path = join(folder, configFile);
  if (!(await exists(path))) {
    const foreign = await foreignFolder(folder, 'model');
    if (foreign !== undefined) throw foreign;
  }
  return parseLlamaConfig(await readJson(path), path);
}

/** Opens the single file or all shards, adding each to `files`; returns which file has which tensor. */
async function openWeights(
  folder: string,
  files: SafetensorsFile[],
): Promise<Map<string, SafetensorsFile>> {
  if (await exists(join(folder, singleFile))) {
    const file = await SafetensorsFile.open(join(folder, singleFile));
    files.push(file);
    return new Map([...file.tensors.keys()].map((name) => [name, file]));
  }
  if (await exists(join(folder, indexFile))) return await openShards(folder, files);
  const foreign = await foreignFolder(folder, 'model');
  throw foreign ?? new LeiaError('io', `${folder} has neither ${singleFile} nor ${indexFile}`);
}

async function openShards(
  folder: string,
  files: SafetensorsFile[],
): Promise<Map<string, SafetensorsFile>> {
  const path = join(folder, indexFile);
  const weightMap = parseWeightMap(await readJson(path), path);
  const shards = new Map<string, SafetensorsFile>();
  for (const name of new Set(weightMap.values())) {
    if (!(await exists(join(folder, name)))) {
      throw new LeiaError('io', `${folder}: shard ${name} is missing, ${indexFile} lists it`);
    }
    const shard = await SafetensorsFile.open(join(folder, name));
    files.push(shard);
    shards.set(name, shard);
  }
  const fileOf = new Map<string, SafetensorsFile>();
  for (const [tensor, name] of weightMap) {
    const shard = shards.get(name);
    if (!shard?.tensors.has(tensor)) {
      throw new LeiaError(
        'mismatch',
        `${path} says that ${name} has tensor "${tensor}", it does not`,
      );
    }
    fileOf.set(tensor, shard);
  }
  for (const [name, shard] of shards) {
    for (const tensor of shard.tensors.keys()) {
      if (fileOf.get(tensor) !== shard) {
        throw new LeiaError('mismatch', `${path} does not list tensor "${tensor}" of ${name}`);
      }
    }
  }
  return fileOf;
}

function parseWeightMap(json: unknown, path: string): Map<string, string> {
  const map = (json as { weight_map?: unknown } | null)?.weight_map;
  if (typeof map !== 'object' || map === null || Array.isArray(map)) {
    throw new LeiaError('format', `${path}: "weight_map" is missing or no object`);
  }
  const entries = Object.entries(map);
  for (const [tensor, file] of entries) {
    // Only plain names: an index must not lead out of its folder.
    if (typeof file !== 'string' || file !== basename(file) || !file.endsWith('.safetensors')) {
      throw new LeiaError(
        'format',
        `${path}: tensor "${tensor}" lies in ${JSON.stringify(file)}, expected the name of a .safetensors file in the same folder`,
      );
    }
  }
  return new Map(entries);
}

async function readJson(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw fileError('read', path, error);
  }
  return parseJson(text, path);
}

/** Whether there is such a file; anything but "no such file or folder" is an error. */
async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    if (code === 'ENOENT' || code === 'ENOTDIR') return false;
    throw fileError('read', path, error);
  }
}
