// The files of a saved state that hold tensors: one with all of them whole; or, where ranks share them, one for each rank
// with its flat slices, and a list of these beside it. Whoever reads asks for a tensor or any slice of it, and gets it from
// whatever slices are there: so any number of ranks can go on from a state.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { bytesPerElement, elementCount } from '../core/tensor.ts';
import { SafetensorsFile, writeSafetensors } from '../llama/safetensors.ts';
import { checksum, checksumOfText } from '../system/checksum.ts';
import { LeiaError } from '../system/error.ts';
import { fileError, writeFileAtomically } from '../system/files.ts';
import { parseChecked } from '../system/json.ts';
import {
  type StateTensor,
  type StateTensors,
  type StateValues,
  storedDtype,
  writeBytes,
} from './state-values.ts';

type Checksums = Readonly<Record<string, string>>;

/** What says that a state's tensors are what was written: of one file each tensor's, or of each rank's list its own. */
export type StateChecksums =
  | { readonly tensors: Checksums | undefined }
  | { readonly shards: readonly string[] };

const wholeFile = 'state.safetensors';
const shardFile = (rank: number) => `shard-${rank}.safetensors`;
const shardList = (rank: number) => `shard-${rank}.json`;
/** Files that hold tensors. */
export const isTensorFile = (name: string) =>
  name === wholeFile || /^shard-\d+\.safetensors$/.test(name);

const shardSchema = z.strictObject({
  /** Of each tensor: the first element of the slice in it, and the checksum of the slice's bytes. */
  slices: z.record(z.string(), z.strictObject({ first: z.int().min(0), checksum: z.string() })),
});

/** Writes tensors whole. Returns the checksums of their bytes. */
export async function writeWhole(folder: string, values: StateValues): Promise<Checksums> {
  return await writeTensors(join(folder, wholeFile), values);
}

/** Writes one rank's slices. Returns the checksum of their list. */
export async function writeShard(
  folder: string,
  rank: number,
  values: StateValues,
): Promise<string> {
  const checksums = await writeTensors(join(folder, shardFile(rank)), values);
  const slices = values.map(({ name, first }) => [name, { first, checksum: checksums[name] }]);
  const text = `${JSON.stringify({ slices: Object.fromEntries(slices) })}\n`;
  await writeFileAtomically(join(folder, shardList(rank)), text);
  return checksumOfText(text);
}

async function writeTensors(path: string, values: StateValues): Promise<Checksums> {
  const checksums: Record<string, string> = {};
  await writeSafetensors(
    path,
    values.map((value) => ({
      ...value,
      async read() {
        const bytes = await value.read();
        checksums[value.name] = await checksum(bytes);
        return bytes;
      },
    })),
  );
  return checksums;
}

/** A slice of a tensor in a file, or the whole of it. */
interface Piece {
  readonly file: SafetensorsFile;
  readonly first: number;
  readonly count: number;
  readonly checksum: string | undefined;
}

/**
 * Reads a state's tensors, or the slices of them that are asked for.
 *
 * @throws LeiaError `mismatch` unless names, dtypes and shapes are those of the run; `format` unless all bytes that are
 *   read are those that were written; `io`.
 */
export async function loadTensors(
  folder: string,
  checksums: StateChecksums,
  tensors: StateTensors,
): Promise<void> {
  const files: SafetensorsFile[] = [];
  const open = async (name: string) => {
    const file = await SafetensorsFile.open(join(folder, name));
    files.push(file);
    return file;
  };
  try {
    const pieces =
      'shards' in checksums
        ? await piecesOfShards(folder, checksums.shards, open)
        : piecesOfWhole(await open(wholeFile), checksums.tensors);
    for (const [name, wanted] of tensors) await loadTensor(folder, name, wanted, pieces(name));
  } finally {
    for (const file of files) await file[Symbol.asyncDispose]();
  }
}

/** Each name's pieces in their order. */
type PiecesByName = (name: string) => readonly Piece[];

function piecesOfWhole(file: SafetensorsFile, checksums: Checksums | undefined): PiecesByName {
  return (name) => {
    const shape = file.tensors.get(name)?.shape;
    if (shape === undefined) return [];
    // Before there were checksums there is nothing to compare with.
    const checksum = checksums && (checksums[name] ?? '');
    return [{ file, first: 0, count: elementCount(shape), checksum }];
  };
}

async function piecesOfShards(
  folder: string,
  lists: readonly string[],
  open: (name: string) => Promise<SafetensorsFile>,
): Promise<PiecesByName> {
  const byName = new Map<string, Piece[]>();
  for (const [rank, stated] of lists.entries()) {
    const slices = readList(join(folder, shardList(rank)), stated);
    const file = await open(shardFile(rank));
    for (const [name, { first, checksum }] of Object.entries(slices)) {
      const count = elementCount(file.entry(name).shape);
      const pieces = byName.get(name) ?? [];
      pieces.push({ file, first, count, checksum });
      byName.set(name, pieces);
    }
  }
  return (name) => byName.get(name) ?? [];
}

function readList(path: string, stated: string) {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw fileError('read', path, error);
  }
  if (checksumOfText(text) !== stated) throw damage(path);
  return parseChecked(shardSchema, text, path, "a rank's part of a state").slices;
}

async function loadTensor(
  folder: string,
  name: string,
  wanted: StateTensor,
  pieces: readonly Piece[],
): Promise<void> {
  checkPieces(folder, name, wanted, pieces);
  const { tensor, first } = wanted;
  const size = bytesPerElement(tensor.dtype);
  const end = first + elementCount(tensor.shape);
  const needed = pieces.filter((piece) => piece.first < end && piece.first + piece.count > first);
  const [only] = needed;
  if (only !== undefined && only.first === first && only.first + only.count === end) {
    return writeBytes(tensor, await readPiece(name, only));
  }
  const whole = new Uint8Array((end - first) * size);
  for (const piece of needed) {
    const bytes = await readPiece(name, piece);
    const from = Math.max(0, first - piece.first);
    const to = Math.min(piece.count, end - piece.first);
    whole.set(bytes.subarray(from * size, to * size), (piece.first + from - first) * size);
  }
  writeBytes(tensor, whole);
}

/** All pieces of a tensor, one after the other, must be the whole of it. */
function checkPieces(
  folder: string,
  name: string,
  { tensor, shape }: StateTensor,
  pieces: readonly Piece[],
): void {
  const expected = storedDtype(name, tensor);
  let next = 0;
  const fit = pieces.every(({ file, first, count }) => {
    const entry = file.entry(name);
    const isWhole = entry.shape.join() === shape.join() || entry.shape.length === 1;
    const follows = first === next && entry.dtype === expected && isWhole;
    next += count;
    return follows;
  });
  if (fit && pieces.length > 0 && next === elementCount(shape)) return;
  throw new LeiaError(
    'mismatch',
    `${folder}: tensor "${name}" is missing or not ${expected} [${shape.join(', ')}]`,
  );
}

async function readPiece(name: string, { file, checksum: stated }: Piece) {
  const bytes = await file.read(name);
  if (stated !== undefined && (await checksum(bytes)) !== stated) {
    throw damage(file.path, `tensor "${name}"`);
  }
  return bytes;
}

export function damage(path: string, what = 'it'): LeiaError {
  return new LeiaError('format', `${path} is damaged: ${what} is not what was written`);
}
