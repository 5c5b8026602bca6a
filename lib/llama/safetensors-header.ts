// The header of a safetensors file: JSON with name, dtype, shape and byte range of every tensor. Reading
// trusts nothing: ranges must lie in the file, cover it without gaps or overlaps, and fit their shapes.
//
// Source: https://github.com/huggingface/safetensors (README "Format", and the checks of its Rust reader).
import { LeiaError } from '../system/error.ts';

/** Bytes per element of the formats that are whole bytes wide. */
export const elementSizes = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  I64: 8,
  U64: 8,
  F64: 8,
  C64: 8,
} as const;

/** What the elements of a tensor are, as the format names it. */
export type SafetensorsDtype = keyof typeof elementSizes;

/** Where a tensor lies in a file, and what it is. */
export interface SafetensorsEntry {
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  /** Byte range in the file, `[start, end)`. */
  readonly start: number;
  readonly end: number;
}

/** The Rust reader's own limit on the header. */
export const maxHeaderBytes = 100_000_000;
/** What the header says of a tensor, before its place is known. */
export interface TensorDescription {
  readonly name: string;
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
}

/** A checked header. */
export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, SafetensorsEntry>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Checks the JSON bytes of a header. `dataStart` is where the tensors begin in the file. */
export function parseHeader(
  path: string,
  bytes: Uint8Array,
  dataStart: number,
  fileSize: number,
): SafetensorsHeader {
  if (bytes[0] !== 0x7b) throw damaged(path, 'the header does not begin with "{"');
  let json: unknown;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    json = JSON.parse(text);
    const twice = repeatedKey(text);
    if (twice !== undefined) throw damaged(path, `the header lists ${twice} twice`);
  } catch (error) {
    if (error instanceof LeiaError) throw error;
    throw damaged(path, `the header is not JSON in UTF-8 (${(error as Error).message})`);
  }
  const tensors = new Map<string, SafetensorsEntry>();
  let metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(json as object)) {
    if (name === '__metadata__') metadata = parseMetadata(path, value);
    else tensors.set(name, parseEntry(path, name, value, dataStart));
  }
  checkLayout(path, tensors, dataStart, fileSize);
  return { tensors, metadata };
}

function parseMetadata(path: string, value: unknown): Record<string, string> {
  // Python's None, which the reference reads as no metadata.
  if (value === null) return {};
  const valid =
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((item) => typeof item === 'string');
  if (!valid) throw damaged(path, 'the header\'s "__metadata__" is not a map of strings');
  return value as Record<string, string>;
}

function parseEntry(
  path: string,
  name: string,
  value: unknown,
  dataStart: number,
): SafetensorsEntry {
  const wrong = (what: string) => damaged(path, `tensor "${name}" ${what}`);
  if (typeof value !== 'object' || value === null) throw wrong('has no description');
  const { dtype, shape, data_offsets: offsets } = value as Record<string, unknown>;
  if (typeof dtype !== 'string' || !Object.hasOwn(elementSizes, dtype)) {
    throw wrong(`has an unknown dtype ${JSON.stringify(dtype)}`);
  }
  if (!isSizes(shape))
    throw wrong(`has a shape that is no list of sizes: ${JSON.stringify(shape)}`);
  if (!isSizes(offsets) || offsets.length !== 2) {
    throw wrong(`has data_offsets that are no pair of offsets: ${JSON.stringify(offsets)}`);
  }
  const [start, end] = offsets as [number, number];
  if (end < start) throw wrong(`ends at ${end}, before its start ${start}`);
  const expected = byteLength(dtype as SafetensorsDtype, shape);
  if (end - start !== expected) {
    throw wrong(
      `takes ${end - start} bytes, but ${dtype} of shape [${shape.join(', ')}] takes ${expected}`,
    );
  }
  return {
    dtype: dtype as SafetensorsDtype,
    shape,
    start: dataStart + start,
    end: dataStart + end,
  };
}

/** Tensors must follow each other from the header's end to the file's end: no gap, no overlap. */
function checkLayout(
  path: string,
  tensors: ReadonlyMap<string, SafetensorsEntry>,
  dataStart: number,
  fileSize: number,
): void {
  const inOrder = [...tensors].sort(([, a], [, b]) => a.start - b.start || a.end - b.end);
  let position = dataStart;
  for (const [name, { start, end }] of inOrder) {
    if (start < position) throw damaged(path, `tensor "${name}" overlaps the one before it`);
    if (start > position) throw damaged(path, `there are unused bytes before tensor "${name}"`);
    position = end;
  }
  if (position > fileSize) {
    throw truncated(path, `its tensors need ${position} bytes, the file has ${fileSize}`);
  }
  if (position < fileSize) {
    throw damaged(path, `${fileSize - position} bytes follow the last tensor`);
  }
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

/** Bytes that a tensor takes. Beyond the safe integers it is inexact, but then no range in a file equals it. */
export function byteLength(dtype: SafetensorsDtype, shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, elementSizes[dtype]);
}

/**
 * The first key that an object of valid JSON has twice, at the top level or one below; `JSON.parse` alone
 * would keep the last and hide it. The format forbids duplicates.
 */
function repeatedKey(json: string): string | undefined {
  const open: { keys: Set<string> | undefined }[] = [];
  const token = /"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?|[{}[\]]/g;
  for (const [text, colon] of json.matchAll(token)) {
    if (text === '{' || text === '[') open.push({ keys: text === '{' ? new Set() : undefined });
    else if (text === '}' || text === ']') open.pop();
    else if (colon !== undefined) {
      const key = JSON.parse(text.slice(0, -colon.length)) as string;
      const keys = open.at(-1)?.keys;
      if (keys?.has(key)) return JSON.stringify(key);
      keys?.add(key);
    }
  }
  return undefined;
}

/** The error for a file that breaks the format. */
export function damaged(path: string, what: string): LeiaError {
  return new LeiaError('format', `${path} is not a valid safetensors file: ${what}`);
}

/** The error for a file that ends too early. */
export function truncated(path: string, what: string): LeiaError {
  return new LeiaError('format', `${path} is truncated: ${what}; copy or download it again`);
}

/** The bytes before the data: length, JSON, spaces up to a multiple of 8. Offsets follow the given order. */
export function formatHeader(
  tensors: readonly TensorDescription[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const entries: [string, unknown][] = [['__metadata__', metadata]];
  const names = new Set(['__metadata__']);
  let offset = 0;
  for (const tensor of tensors) {
    const { name, dtype, shape } = tensor;
    if (names.has(name))
      throw new LeiaError('argument', `cannot write two tensors named "${name}"`);
    names.add(name);
    const end = offset + byteLength(dtype, shape);
    entries.push([name, { dtype, shape, data_offsets: [offset, end] }]);
    offset = end;
  }
  const body = entries.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
  const json = new TextEncoder().encode(`{${body.join(',')}}`);
  const padded = Math.ceil(json.length / 8) * 8;
  if (padded > maxHeaderBytes) throw new LeiaError('argument', 'too many tensors for one file');
  const bytes = new Uint8Array(8 + padded).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(padded), true);
  bytes.set(json, 8);
  return bytes;
}
