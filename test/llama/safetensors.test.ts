import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  SafetensorsFile,
  type SafetensorsSource,
  writeSafetensors,
} from '../../lib/llama/safetensors.ts';
import { LeiaError } from '../../lib/system/error.ts';
import { expectError, fixtures, temporaryFolder } from './fixtures.ts';

/** A file with this header (text or JSON) and so many bytes of data. */
function fileOf(header: unknown, data: number, headerLength?: bigint): Uint8Array {
  const text = typeof header === 'string' ? header : JSON.stringify(header);
  const json = new TextEncoder().encode(text);
  const bytes = new Uint8Array(8 + json.length + data);
  new DataView(bytes.buffer).setBigUint64(0, headerLength ?? BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

const f32 = (shape: number[], start: number, end: number) => ({
  dtype: 'F32',
  shape,
  data_offsets: [start, end],
});

const small: SafetensorsSource[] = [
  { name: 'half', dtype: 'BF16', shape: [3], read: () => new Uint8Array([0, 63, 128, 63, 0, 192]) },
  {
    name: 'matrix',
    dtype: 'F32',
    shape: [2, 2],
    read: () => new Uint8Array(Float32Array.of(1, -2, 3.5, 1e-20).buffer),
  },
  {
    name: 'ids',
    dtype: 'I64',
    shape: [2],
    read: async () => new Uint8Array(BigInt64Array.of(-100n, 7n).buffer),
  },
  { name: 'ünï "quoted"', dtype: 'U8', shape: [], read: () => new Uint8Array([9]) },
  { name: 'empty', dtype: 'F16', shape: [4, 0], read: () => new Uint8Array(0) },
];

describe('SafetensorsFile', () => {
  test('reads a file of the reference implementation', async () => {
    await using file = await SafetensorsFile.open(`${fixtures}tiny-llama/model.safetensors`);
    expect(file.metadata).toEqual({ format: 'pt' });
    expect(file.entry('lm_head.weight')).toMatchObject({ dtype: 'F32', shape: [512, 64] });
    const norm = await file.readFloat32('model.norm.weight');
    expect(norm.length).toBe(64);
    expect(norm.every((value) => value > 0.2 && value < 3)).toBe(true);
    await expectError(() => file.read('nothing'), 'mismatch', 'no tensor "nothing"');
  });

  test('gives tensors of every dtype that tensors have, bit for bit', async () => {
    const path = join(await temporaryFolder(), 'tensors.safetensors');
    const bytes = Uint8Array.from({ length: 48 }, (_, i) => i * 5);
    const dtypes = [
      ['F32', 'float32', 4],
      ['BF16', 'bfloat16', 2],
      ['F16', 'float16', 2],
      ['I32', 'int32', 4],
      ['I64', 'int64', 8],
      ['U8', 'uint8', 1],
    ] as const;
    const sources = dtypes.map(([dtype, name, size]): SafetensorsSource => {
      return { name, dtype, shape: [2, 24 / size], read: () => bytes };
    });
    const none: SafetensorsSource = {
      name: 'F8',
      dtype: 'F8_E4M3',
      shape: [48],
      read: () => bytes,
    };
    await writeSafetensors(path, [...sources, none]);
    await using file = await SafetensorsFile.open(path);
    for (const [, dtype, size] of dtypes) {
      using tensor = await file.readTensor(dtype);
      expect([tensor.dtype, tensor.shape]).toEqual([dtype, [2, 24 / size]]);
      const { buffer } = await tensor.readBits();
      expect(new Uint8Array(buffer)).toEqual(bytes);
    }
    await expectError(() => file.readTensor('F8'), 'unsupported', 'expected one of F32, BF16, F16');
    await expectError(() => file.readTensor('none'), 'mismatch', 'there is no tensor "none"');
  });

  test('reads back what was written, as the numbers they are', async () => {
    const path = join(await temporaryFolder(), 'a.safetensors');
    await writeSafetensors(path, small, { format: 'pt', note: 'ü' });
    await using file = await SafetensorsFile.open(path);
    expect(file.metadata).toEqual({ format: 'pt', note: 'ü' });
    expect([...file.tensors.keys()].sort()).toEqual(small.map(({ name }) => name).sort());
    expect([...(await file.readFloat32('half'))]).toEqual([0.5, 1, -2]);
    expect([...(await file.readFloat32('matrix'))]).toEqual([1, -2, 3.5, Math.fround(1e-20)]);
    expect([...(await file.readInt32('ids'))]).toEqual([-100, 7]);
    expect([...(await file.readInt32('ünï "quoted"'))]).toEqual([9]);
    expect(await file.readFloat32('empty')).toHaveLength(0);
    expect((await file.readTensor('empty')).shape).toEqual([4, 0]);
    expect(await (await file.readTensor('ünï "quoted"')).item()).toBe(9);
    await expectError(() => file.readFloat32('ids'), 'unsupported', 'has dtype I64');
    await expectError(() => file.readInt32('matrix'), 'unsupported', 'has dtype F32');
  });

  test('reads whole numbers only into int32', async () => {
    const path = join(await temporaryFolder(), 'a.safetensors');
    const read = () => new Uint8Array(BigInt64Array.of(1n << 31n).buffer);
    await writeSafetensors(path, [{ name: 'ids', dtype: 'I64', shape: [1], read }]);
    await using file = await SafetensorsFile.open(path);
    await expectError(() => file.readInt32('ids'), 'format', '2147483648, beyond int32');
  });

  test.each<[string, Uint8Array, string]>([
    ['an empty file', new Uint8Array(0), '0 bytes'],
    ['a cut length', new Uint8Array(7), '7 bytes'],
    ['a header longer than the file', fileOf({}, 0, 1000n), 'claims a header of 1000 bytes'],
    ['a huge header', fileOf({}, 0, 1n << 63n), 'at most 100000000'],
    [
      'a pointer of Git LFS',
      Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n'),
      'is a pointer of Git LFS in place of the file; install git-lfs',
    ],
    ['no JSON', fileOf('{"a":', 0), 'not JSON'],
    ['no object', fileOf('[]', 0), 'does not begin with "{"'],
    ['a zip file', new Uint8Array([80, 75, 3, 4, 0, 0, 0, 0, 0, 0]), 'truncated'],
    ['an unknown dtype', fileOf({ a: { ...f32([1], 0, 4), dtype: 'F31' } }, 4), 'dtype "F31"'],
    [
      'a dtype of the prototype',
      fileOf({ a: { ...f32([1], 0, 4), dtype: 'toString' } }, 4),
      'dtype',
    ],
    ['a negative size', fileOf({ a: f32([-1, -1], 0, 4) }, 4), 'no list of sizes'],
    ['a fractional size', fileOf({ a: f32([0.5, 2], 0, 4) }, 4), 'no list of sizes'],
    ['a size beyond the integers', fileOf({ a: f32([1e300], 0, 4) }, 4), 'no list of sizes'],
    ['an overflowing shape', fileOf({ a: f32([2 ** 52, 2 ** 52], 0, 4) }, 4), 'takes'],
    ['a shape that lies', fileOf({ a: f32([2], 0, 4) }, 4), 'F32 of shape [2] takes 8'],
    ['offsets in reverse', fileOf({ a: f32([1], 4, 0) }, 4), 'before its start'],
    ['one offset', fileOf({ a: { ...f32([1], 0, 4), data_offsets: [4] } }, 4), 'no pair'],
    ['a missing shape', fileOf({ a: { dtype: 'F32', data_offsets: [0, 4] } }, 4), 'shape'],
    ['a description that is none', fileOf({ a: 7 }, 4), 'no description'],
    ['data cut off', fileOf({ a: f32([2], 0, 8) }, 7), 'truncated'],
    ['data too long', fileOf({ a: f32([2], 0, 8) }, 9), '1 bytes follow'],
    ['an overlap', fileOf({ a: f32([2], 0, 8), b: f32([1], 4, 8) }, 8), 'overlaps'],
    ['the same range twice', fileOf({ a: f32([1], 0, 4), b: f32([1], 0, 4) }, 4), 'overlaps'],
    ['a gap', fileOf({ a: f32([1], 0, 4), b: f32([1], 8, 12) }, 12), 'unused bytes'],
    ['a gap at the start', fileOf({ a: f32([1], 4, 8) }, 8), 'unused bytes'],
    [
      'a repeated name',
      fileOf(
        `{"a":${JSON.stringify(f32([1], 0, 4))},"\\u0061":${JSON.stringify(f32([1], 0, 4))}}`,
        4,
      ),
      'lists "a" twice',
    ],
    ['metadata that are no strings', fileOf({ __metadata__: { a: 1 } }, 0), 'map of strings'],
  ])('refuses %s', async (_, bytes, text) => {
    const path = join(await temporaryFolder(), 'a.safetensors');
    await writeFile(path, bytes);
    await expectError(() => SafetensorsFile.open(path), 'format', text);
  });

  test.each([{ __metadata__: null }, {}])('reads %j as no metadata', async (metadata) => {
    const path = join(await temporaryFolder(), 'a.safetensors');
    await writeFile(path, fileOf({ ...metadata, a: f32([1], 0, 4) }, 4));
    await using file = await SafetensorsFile.open(path);
    expect(file.metadata).toEqual({});
    expect([...file.tensors.keys()]).toEqual(['a']);
  });

  test('refuses a header that is not UTF-8', async () => {
    const path = join(await temporaryFolder(), 'a.safetensors');
    const bytes = fileOf({ __metadata__: { a: 'xx' } }, 0);
    bytes[bytes.indexOf(0x78)] = 0xff;
    await writeFile(path, bytes);
    await expectError(() => SafetensorsFile.open(path), 'format', 'not JSON in UTF-8');
  });

  test('names a file that is not there, and a folder', async () => {
    const folder = await temporaryFolder();
    const absent = join(folder, 'absent.safetensors');
    await expectError(() => SafetensorsFile.open(absent), 'io', 'no such file');
    await expectError(() => SafetensorsFile.open(folder), 'io', 'it is a folder');
  });

  test('any damage to the header is found or harmless, and never anything but a LeiaError', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'a.safetensors');
    await writeSafetensors(path, small);
    const whole = await readFile(path);
    const headerEnd = 8 + Number(whole.readBigUInt64LE(0));
    const damage = fc.record({
      position: fc.nat(headerEnd - 1),
      byte: fc.nat(255),
      length: fc.option(fc.nat(whole.length), { freq: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(damage, async ({ position, byte, length }) => {
        const bytes = Uint8Array.from(whole);
        bytes[position] = byte;
        await writeFile(path, bytes.subarray(0, length ?? bytes.length));
        try {
          await using file = await SafetensorsFile.open(path);
          for (const [name, { dtype, shape, start, end }] of file.tensors) {
            const read = await file.read(name);
            expect(read.length).toBe(end - start);
            expect(end).toBeLessThanOrEqual(length ?? whole.length);
            if (dtype === 'F32') expect(shape.reduce((a, b) => a * b, 4)).toBe(read.length);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(LeiaError);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('writeSafetensors', () => {
  test('aligns the data, orders by width and name, and describes every byte', async () => {
    const path = join(await temporaryFolder(), 'a.safetensors');
    await writeSafetensors(path, small);
    const bytes = await readFile(path);
    const length = Number(bytes.readBigUInt64LE(0));
    expect(length % 8).toBe(0);
    const header = JSON.parse(bytes.subarray(8, 8 + length).toString('utf8')) as Record<
      string,
      { data_offsets: number[] }
    >;
    expect(Object.keys(header)).toEqual([
      '__metadata__',
      'ids',
      'matrix',
      'empty',
      'half',
      'ünï "quoted"',
    ]);
    expect(header['ünï "quoted"']?.data_offsets).toEqual([38, 39]);
    expect(bytes.length).toBe(8 + length + 39);
  });

  test('refuses wrong sizes and repeated names, and leaves nothing behind', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'a.safetensors');
    const bad = { ...small[0]!, read: () => new Uint8Array(5) };
    await expectError(() => writeSafetensors(path, [bad]), 'argument', 'has 5 bytes');
    const twice = [small[0]!, small[0]!];
    await expectError(() => writeSafetensors(path, twice), 'argument', 'two tensors named "half"');
    const failing = { ...small[0]!, read: () => Promise.reject(new LeiaError('execution', 'no')) };
    await expectError(() => writeSafetensors(path, [failing]), 'execution', 'no');
    expect(await readdir(folder)).toEqual([]);
  });

  test('random tensors come back bit for bit', async () => {
    const path = join(await temporaryFolder(), 'a.safetensors');
    const tensor = fc.record({
      name: fc.string({ minLength: 1, unit: 'grapheme' }).filter((name) => name !== '__metadata__'),
      bytes: fc.uint8Array({ maxLength: 40 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(tensor, { selector: ({ name }) => name, maxLength: 6 }),
        async (tensors) => {
          const sources = tensors.map(
            ({ name, bytes }): SafetensorsSource => ({
              name,
              dtype: 'U8',
              shape: [bytes.length],
              read: () => bytes,
            }),
          );
          await writeSafetensors(path, sources);
          await using file = await SafetensorsFile.open(path);
          expect(file.tensors.size).toBe(tensors.length);
          for (const { name, bytes } of tensors) expect(await file.read(name)).toEqual(bytes);
        },
      ),
      { numRuns: 50 },
    );
  });
});
