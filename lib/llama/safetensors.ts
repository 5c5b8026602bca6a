// Reader and writer of safetensors files. The reader checks the whole header first and then reads one tensor at a
// time. The writer writes one tensor at a time and renames the file at the end. So no model is held in memory
// twice, and no half-written file looks complete.
import { type FileHandle, open } from 'node:fs/promises';
import type { Device } from '../core/device.ts';
import { type DType, hostArrays, Tensor } from '../core/tensor.ts';
import { LeiaError } from '../system/error.ts';
import { fileError, type StagedFile, stageFile } from '../system/files.ts';
import { lfsPointer, pointerBytes } from '../system/git-lfs.ts';
import {
  byteLength,
  damaged,
  elementSizes,
  formatHeader,
  maxHeaderBytes,
  parseHeader,
  type SafetensorsDtype,
  type SafetensorsEntry,
  type SafetensorsHeader,
  type TensorDescription,
  truncated,
} from './safetensors-header.ts';
import { type StoredDtype, type StoredValues, toFloat32 } from './stored-values.ts';

export type { SafetensorsDtype, SafetensorsEntry } from './safetensors-header.ts';

/** How a safetensors file names the dtypes of weights. */
export const safetensorsDtypes = { float32: 'F32', bfloat16: 'BF16', float16: 'F16' } as const;

/** The dtype of weights for a file's name of it; undefined for all other dtypes. */
export function storedDtype(dtype: SafetensorsDtype): StoredDtype | undefined {
  const names = Object.keys(safetensorsDtypes) as StoredDtype[];
  return names.find((name) => safetensorsDtypes[name] === dtype);
}

/** The dtype of tensors for a file's name of it. */
const tensorDtypes: Readonly<Partial<Record<SafetensorsDtype, DType>>> = {
  F32: 'float32',
  BF16: 'bfloat16',
  F16: 'float16',
  I32: 'int32',
  I64: 'int64',
  U8: 'uint8',
};

/** Node reads at most 2 GiB at once. */
const maxReadBytes = 1 << 30;

/**
 * An open safetensors file: the checked header in memory, the tensors on the disk.
 *
 * @throws LeiaError see {@link SafetensorsFile.open} and the methods.
 * @example
 * const path = `${folder}/weights.safetensors`;
 * const bytes = new Uint8Array(Float32Array.of(1, 2).buffer);
 * await writeSafetensors(path, [{ name: 'bias', dtype: 'F32', shape: [2], read: () => bytes }]);
 * await using file = await SafetensorsFile.open(path);
 * file.entry('bias').shape; // 2
 * await file.readFloat32('bias'); // 1, 2
 * using bias = await file.readTensor('bias');
 * bias.dtype; // float32
 */
export class SafetensorsFile {
  readonly path: string;
  readonly tensors: ReadonlyMap<string, SafetensorsEntry>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly #handle: FileHandle;

  private constructor(path: string, handle: FileHandle, header: SafetensorsHeader) {
    this.path = path;
    this.#handle = handle;
    this.tensors = header.tensors;
    this.metadata = header.metadata;
  }

  /**
   * Opens a file and checks its header.
   *
   * @throws LeiaError `io` when it cannot be read, `format` when the header is not what the format demands.
   */
  static async open(path: string): Promise<SafetensorsFile> {
    let handle: FileHandle | undefined;
    try {
      handle = await open(path, 'r');
      const header = await readHeader(path, handle);
      return new SafetensorsFile(path, handle, header);
    } catch (error) {
      await handle?.close();
      throw fileError('read', path, error);
    }
  }

  /**
   * The entry of a tensor that must be there: its dtype, shape and place.
   *
   * @throws LeiaError `mismatch` if it is not.
   */
  entry(name: string): SafetensorsEntry {
    const entry = this.tensors.get(name);
    if (entry !== undefined) return entry;
    throw new LeiaError('mismatch', `${this.path}: there is no tensor "${name}"`);
  }

  /**
   * The bytes of one tensor, little-endian, row-major, in a buffer of their own.
   *
   * @throws LeiaError `mismatch` if there is none of that name, `io` or `format` when it cannot be read.
   */
  async read(name: string): Promise<Uint8Array<ArrayBuffer>> {
    const { start, end } = this.entry(name);
    return await this.readPart(name, 0, end - start);
  }

  /** Of the bytes of one tensor those from `from` up to, but not including, `to`. */
  async readPart(name: string, from: number, to: number): Promise<Uint8Array<ArrayBuffer>> {
    const start = this.entry(name).start + from;
    const bytes = new Uint8Array(to - from);
    let offset = 0;
    try {
      while (offset < bytes.length) {
        const length = Math.min(maxReadBytes, bytes.length - offset);
        const { bytesRead } = await this.#handle.read(bytes, offset, length, start + offset);
        if (bytesRead === 0) throw truncated(this.path, `tensor "${name}" ends early`);
        offset += bytesRead;
      }
    } catch (error) {
      throw fileError('read', this.path, error);
    }
    return bytes;
  }

  /**
   * One tensor of F32, BF16, F16, I32, I64 or U8 on a device, the CPU unless given: of the same shape and dtype, bit for bit.
   *
   * @throws LeiaError `unsupported` for another dtype, `argument` for more dimensions than tensors have, and as {@link read}.
   */
  async readTensor(name: string, options: { device?: Device } = {}): Promise<Tensor> {
    const { dtype: stored, shape } = this.entry(name);
    const dtype = tensorDtypes[stored];
    if (dtype === undefined) {
      const known = Object.keys(tensorDtypes).join(', ');
      throw new LeiaError(
        'unsupported',
        `${this.path}: tensor "${name}" has dtype ${stored}, expected one of ${known}`,
      );
    }
    const { buffer } = await this.read(name);
    return Tensor.from(new hostArrays[dtype](buffer), shape, { ...options, dtype });
  }

  /**
   * One tensor of F32, BF16 or F16, as it is stored.
   *
   * @throws LeiaError `unsupported` for any other dtype.
   */
  async readFloats(name: string): Promise<StoredValues> {
    const { dtype } = this.entry(name);
    const stored = storedDtype(dtype);
    if (stored === undefined) {
      throw new LeiaError(
        'unsupported',
        `${this.path}: tensor "${name}" has dtype ${dtype}, expected F32, BF16 or F16`,
      );
    }
    const { buffer } = await this.read(name);
    return stored === 'float32'
      ? { dtype: stored, values: new Float32Array(buffer) }
      : { dtype: stored, values: new Uint16Array(buffer) };
  }

  /** The same as float32, converted without loss. */
  async readFloat32(name: string): Promise<Float32Array> {
    return await toFloat32(await this.readFloats(name));
  }

  /**
   * One tensor of whole numbers (I32, I64 and the smaller types) as int32.
   *
   * @throws LeiaError `unsupported` for another dtype, `format` for a value beyond int32.
   */
  async readInt32(name: string): Promise<Int32Array> {
    const { dtype } = this.entry(name);
    const { buffer } = await this.read(name);
    if (dtype === 'I32') return new Int32Array(buffer);
    if (dtype === 'I16') return Int32Array.from(new Int16Array(buffer));
    if (dtype === 'U16') return Int32Array.from(new Uint16Array(buffer));
    if (dtype === 'I8') return Int32Array.from(new Int8Array(buffer));
    if (dtype === 'U8' || dtype === 'BOOL') return Int32Array.from(new Uint8Array(buffer));
    if (dtype !== 'I64') {
      throw new LeiaError(
        'unsupported',
        `${this.path}: tensor "${name}" has dtype ${dtype}, expected I64 or a smaller whole number`,
      );
    }
    return Int32Array.from(new BigInt64Array(buffer), (value) => {
      if (value !== BigInt.asIntN(32, value)) {
        throw new LeiaError('format', `${this.path}: tensor "${name}" has ${value}, beyond int32`);
      }
      return Number(value);
    });
  }

  /** Closes the file. */
  async close(): Promise<void> {
    await this.#handle.close();
  }

  /** At the end of a block of `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

async function readHeader(path: string, handle: FileHandle): Promise<SafetensorsHeader> {
  const { size: fileSize } = await handle.stat();
  if (fileSize < 8) throw truncated(path, `${fileSize} bytes, shorter than the header's length`);
  const prefix = new Uint8Array(8);
  await handle.read(prefix, 0, 8, 0);
  const length = new DataView(prefix.buffer).getBigUint64(0, true);
  if (length > BigInt(maxHeaderBytes)) {
    const start = new Uint8Array(pointerBytes);
    await handle.read(start, 0, pointerBytes, 0);
    const pointer = lfsPointer(path, start);
    if (pointer !== undefined) throw pointer;
    throw damaged(
      path,
      `it claims a header of ${length} bytes, at most ${maxHeaderBytes} are allowed`,
    );
  }
  const dataStart = 8 + Number(length);
  if (dataStart > fileSize) {
    throw truncated(path, `it claims a header of ${length} bytes, the file has ${fileSize}`);
  }
  const bytes = new Uint8Array(Number(length));
  const { bytesRead } = await handle.read(bytes, 0, bytes.length, 8);
  if (bytesRead !== bytes.length) throw truncated(path, 'the header ends early');
  return parseHeader(path, bytes, dataStart, fileSize);
}

/** A tensor to write. `read` is called once, when its turn comes. */
export interface SafetensorsSource extends TensorDescription {
  /** The bytes, little-endian, row-major. */
  read(): Uint8Array | Promise<Uint8Array>;
}

/**
 * Writes a file under a temporary name and leaves the renaming to the caller. Tensors are ordered by
 * element size, widest first, then by name, and the data starts at a multiple of 8, so that every tensor
 * is aligned to its element.
 */
export async function stageSafetensors(
  path: string,
  sources: readonly SafetensorsSource[],
  metadata: Readonly<Record<string, string>> = { format: 'pt' },
): Promise<StagedFile> {
  const ordered = [...sources].sort(
    (a, b) => elementSizes[b.dtype] - elementSizes[a.dtype] || (a.name < b.name ? -1 : 1),
  );
  const prefix = formatHeader(ordered, metadata);
  return await stageFile(path, async (handle) => {
    await handle.writeFile(prefix);
    for (const source of ordered) {
      const bytes = await source.read();
      if (bytes.length !== byteLength(source.dtype, source.shape)) {
        throw new LeiaError(
          'argument',
          `tensor "${source.name}" has ${bytes.length} bytes, ${source.dtype} of shape [${source.shape.join(', ')}] takes ${byteLength(source.dtype, source.shape)}`,
        );
      }
      await handle.writeFile(bytes);
    }
  });
}

/**
 * Writes a whole file, one tensor after the other, under a temporary name until it is complete. Tensors are ordered by the
 * size of their elements, widest first, then by name.
 *
 * @param metadata strings for the header; `{ format: 'pt' }` unless given, as readers of PyTorch's files ask for.
 * @throws LeiaError `io`, and then what was there before is there still; `argument` for a name that is there twice, or bytes
 *   that do not fit a shape.
 * @example
 * const bytes = new Uint8Array(Int32Array.of(1, 2, 3).buffer);
 * const source = { name: 'ids', dtype: 'I32', shape: [3], read: () => bytes } as const;
 * await writeSafetensors(`${folder}/ids.safetensors`, [source], { made_by: 'an example' });
 */
export async function writeSafetensors(
  path: string,
  sources: readonly SafetensorsSource[],
  metadata?: Readonly<Record<string, string>>,
): Promise<void> {
  const staged = await stageSafetensors(path, sources, metadata);
  try {
    await staged.commit();
  } catch (error) {
    await staged.discard();
    throw error;
  }
}
