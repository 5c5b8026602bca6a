// The bzip2 decoder against files made by the original library (Python's bz2), and against damage:
// whatever is cut off or changed must be an error, never other bytes.
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addon } from '../../../lib/core/addon.ts';
import type { DumpAddon } from '../../../lib/corpus/dump/native.ts';
import { blockWithMagic, sizeOf, writeBzip2 } from './bzip2-writer.ts';

/** Contents by the beginning of their SHA-256, compressed by Python 3's bz2 module. */
const CASES = [
  { name: 'empty', size: 0, sha256: 'e3b0c44298fc1c14', data: 'QlpoORdyRThQkAAAAAA=' },
  {
    name: 'one byte',
    size: 1,
    sha256: 'ca978112ca1bbdca',
    data: 'QlpoOTFBWSZTWRmTm2sAAAABACAAIAAhGEaC7kinChIDMnNtYA==',
  },
  {
    name: 'text',
    size: 720,
    sha256: '79ce5fde81927a2d',
    data: 'QlpoOTFBWSZTWb2qBl4AAHeXgEABFAAIACYlFAAgAFCAaAApVDQ0NNCbiZE+EwKsCZE9E7EyJ8JoTAngmhNCfi7kinChIXtUDLw=',
  },
  {
    name: 'runs',
    size: 1528,
    sha256: 'f854a96cac2e6927',
    data: 'QlpoOTFBWSZTWRKTI/oAAAPBAeAAPgAAgAAIIAAxBkxBX6p6ZT0ibmFwkNqKY0IenCNHxdyRThQkBKTI/oA=',
  },
  {
    name: 'bytes',
    size: 768,
    sha256: 'f3a25aa93aa2fbba',
    data: 'QlpoOTFBWSZTWe3ga8wAAAF/////////////////////////////////////////////sAFgAS//9VVQJgJgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAACTAATAAEwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAASYACYAAmAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAH9QFAkDQRBX/IMg6EIShSFoY/9DUOQ9EERRJE0URVFkXRhGUaRtHEdR5H0gSFIkjSRJUmSdKEpSpK0sS1LkvTBMUyTNNE1TZN04TlOk7TxPU+T9QFBUJQ1EUVRlHUhSVKUtTFNU5T1QVFUlTVRVVWVdWFZVpW1cV1XlfWBYViWNZFlWZZ1oWlalrWxbVuW9cFxXJc10XVdl3XheV6XtfF9X5f2AYFgmDYRhWGYdiGJYpi2MY1jmPZBkWSZNlGVZZl2YZlmmbZxnWeZ9oGhaJo2kaVpmnahqWqatrGta5r2wbFsmzbRtW2bduG5bpu28b1vm/cBwXCcNxHFcZx3IclynLcxzXOc90HRdJ03UdV1nXdh2Xadt3Hdd533geF4njeR5Xmed6Hpep63se17nvfB8XyfN9H1fZ934fl+n7fx/X+F3JFOFCQ7eBrzAA==',
  },
  {
    name: 'noise',
    size: 3000,
    sha256: '3aa1730ddb0660f4',
    data: 'QlpoOTFBWSZTWZ8VxjEAAiVBAH/0MABQA73AA3T0AAlPRJNIU0GnlU/VANAk9UqagAESowACVPalHqaMm6h1VYQVIkUUUgAFIIP8V0VsWtrla9EhJCmTenUIUklhNiwiRDMGMJtCQeK4zRpEknnXEXncpC5xFMykiUoxReddZYhDKPTgUIQJJJNJCTCmEwhEQZpEkkShAwppiMjQEQm7t2UQQ87imElyuUGSQGhGIKDCmGYjCCUM1E9NyIZGZglGjCkERoyJUkqh7OcLMvZqnNmFTxzyWrlSCEhMLIO7AYkbXZYlXKsWOBlGAQiscTWHZDsj45C+SpP0wvSTw5ulmhRJIIR0cb8pG8t+ufU4nXgrm7Dz5yiWjaMISUg/dy66wIiEhPEGW4dtf0JrhpSEf9TW+SEkUDkqVwSuH8lT6k+OcouRjHx43jM5Cck7JWoVtrf3JXOcm9u6RxsNSnZNn79tXxie2ezS+uV/tObpZIqqK5HK1xHj9arv2Ws45JA+NVfkgvHIfUgqo6zFRxc+TktHsPKTZBXFPWvXN+SPqMyHIHE9c1AHkZykHKwUrnXK4prkXxi48i2QI1P8kRKwxd/S7JqWw721z4hPm39sVV9dswK4LGyL7MjsiiLj7ycS6d5uYF/no8kFFzqFc9YnJA5iZxzDtIY/8XckU4UJCfFcYxA=',
  },
  {
    name: 'zeros',
    size: 2000000,
    sha256: '13aea96040f21330',
    data: 'QlpoMTFBWSZTWYK4WkIAD1HgAMAAAACACCAAMMwJqmmKkhtVKSHi7kinChIQVwtIQA==',
  },
  {
    // One block that becomes more than is decoded ahead.
    name: 'more zeros',
    size: 8000000,
    sha256: '6506614505e113da',
    data: 'QlpoOTFBWSZTWSV+h+YAPUZAQMAAAEAACCAAMMwJqmmoqSG1IqSHi7kinChIEr9D8wA=',
  },
];

const compressed = (name: string): Buffer =>
  Buffer.from(CASES.find((one) => one.name === name)!.data, 'base64');

/** Decodes in pieces of `step` input bytes. */
async function decode(
  bytes: Uint8Array,
  step = bytes.length || 1,
  { threads = 1, room = 1000 } = {},
): Promise<Buffer> {
  const decoder = new (addon<DumpAddon>().NativeBzip2Decoder)(threads);
  const pieces: Uint8Array[] = [];
  for (let from = 0; from === 0 || from < bytes.length; from += step) {
    const last = from + step >= bytes.length;
    let input = bytes.subarray(from, from + step);
    for (let more = true; more; ) {
      const output = new Uint8Array(room);
      const length = await decoder.decode(input, last, output);
      pieces.push(output.subarray(0, length));
      more = length === room;
      input = new Uint8Array(0);
    }
  }
  return Buffer.concat(pieces);
}

test.each(CASES)('$name', async ({ size, sha256, data }) => {
  const bytes = Buffer.from(data, 'base64');
  for (const [step, threads] of [
    [bytes.length, 1],
    [bytes.length, 3],
    [7, 1],
    [7, 2],
  ] as const) {
    const content = await decode(bytes, step, { threads });
    expect(content.length).toBe(size);
    expect(createHash('sha256').update(content).digest('hex').slice(0, 16)).toBe(sha256);
  }
});

test('streams that follow each other are one file', async () => {
  const [text, runs, empty] = [compressed('text'), compressed('runs'), compressed('empty')];
  const content = await decode(Buffer.concat([text, empty, runs, runs, empty]), 11);
  const alone = await decode(runs);
  expect(content).toEqual(Buffer.concat([await decode(text), alone, alone]));
});

/** Any blocks of a stream: any symbols, few of them or some thousand. */
const blocks = fc.array(
  fc
    .tuple(
      fc.uniqueArray(fc.nat(255), { minLength: 2, maxLength: 256 }),
      fc.array(fc.nat(255), { minLength: 1, maxLength: 60 }),
      fc.nat(40),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
    )
    .map(([used, pattern, repeat, origin]) => {
      const alphabet = used.sort((a, b) => a - b);
      // Runs of up to five digits in a row, so that no block becomes too long.
      const symbols = Array.from({ length: repeat + 1 }, () => pattern)
        .flat()
        .map((symbol, i) => (i % 6 === 5 ? 2 : symbol) % (alphabet.length + 1));
      const block = { alphabet, symbols, origin: 0 };
      return { ...block, origin: Math.floor(origin * sizeOf(block)) };
    }),
  { maxLength: 6 },
);

describe('blocks decoded side by side', () => {
  test('give what one after the other gives, at whatever bit they begin', async () => {
    const files = fc.array(blocks, { minLength: 1, maxLength: 3 });
    const threads = fc.constantFrom(1, 2, 3, 5);
    await fc.assert(
      fc.asyncProperty(files, threads, fc.integer({ min: 50 }), async (streams, count, step) => {
        const written = streams.map((stream) => writeBzip2(stream));
        const bytes = Buffer.concat(written.map(([stream]) => stream));
        const content = Buffer.concat(written.map(([, text]) => text));
        expect(await decode(bytes, step, { threads: count })).toEqual(content);
      }),
      { numRuns: 60 },
    );
  });

  test('what only looks like the beginning of a block is none', async () => {
    for (let shift = 0; shift < 7; shift++) {
      const [bytes, content] = writeBzip2([0, 1, 60, 3].map((n) => blockWithMagic(shift, n)));
      const bits = Array.from(bytes, (byte) => byte.toString(2).padStart(8, '0')).join('');
      const magic = 0x314159265359n.toString(2).padStart(48, '0');
      expect(bits.split(magic)).toHaveLength(9);
      for (const threads of [1, 3]) {
        expect(await decode(bytes, bytes.length, { threads })).toEqual(Buffer.from(content));
      }
    }
  });

  test('a block may not be longer than its stream allows, even if it is decoded before', async () => {
    const block = { alphabet: [7, 8], symbols: Array.from({ length: 16 }, () => 1), origin: 0 };
    expect(sizeOf(block)).toBe(131_070);
    const [fits, content] = writeBzip2([block, block], 2);
    const [tooLong] = writeBzip2([block, block], 1);
    for (const threads of [1, 4]) {
      expect((await decode(fits, fits.length, { threads })).equals(content)).toBe(true);
      const result = decode(tooLong, tooLong.length, { threads });
      await expect(result).rejects.toThrow(/byte \d+: a block is longer than its stream allows/);
    }
  });

  test('a real dump, in one stream and in many', async () => {
    const folder = resolve(import.meta.dirname, '../../../examples/demo');
    const name = (await readdir(folder)).find((file) => file.endsWith('.xml.bz2'))!;
    const dump = await readFile(join(folder, name));
    const hash = async (threads: number) => {
      const content = await decode(dump, 1 << 20, { threads, room: 1 << 20 });
      return [content.length, createHash('sha256').update(content).digest('hex')];
    };
    const serial = await hash(1);
    expect(await hash(2)).toEqual(serial);
    expect(await hash(5)).toEqual(serial);
    // Stopped in the middle, the threads end too.
    const decoder = new (addon<DumpAddon>().NativeBzip2Decoder)(3);
    await decoder.decode(dump, true, new Uint8Array(1));
  });
});

describe('damage', () => {
  test('a file cut anywhere', async () => {
    const bytes = compressed('runs');
    for (let length = 0; length < bytes.length; length++) {
      const cut = decode(bytes.subarray(0, length));
      await expect(cut).rejects.toThrow(
        length === 0 ? 'got an empty file' : length < 4 ? /byte/ : `ends at byte ${length} `,
      );
      await expect(cut).rejects.toMatchObject({ name: 'LeiaError', code: 'format' });
    }
  });

  test('a second stream cut, and other data after the first', async () => {
    const text = compressed('text');
    const two = Buffer.concat([text, text.subarray(0, 30)]);
    await expect(decode(two)).rejects.toThrow(`ends at byte ${text.length + 30} `);
    const other = Buffer.concat([text, Buffer.from('<html>not found</html>')]);
    await expect(decode(other)).rejects.toThrow(
      `expected a bzip2 stream at byte ${text.length}, got other data`,
    );
  });

  test('damage is said the same way however many threads look at it', async () => {
    const [bytes] = writeBzip2([0, 9, 70].map((n) => blockWithMagic(1, n)));
    const outcome = (edited: Uint8Array, threads: number) =>
      decode(edited, edited.length, { threads }).catch((error: Error) => error.message);
    await fc.assert(
      fc.asyncProperty(fc.nat(8 * bytes.length - 1), fc.nat(bytes.length), async (bit, cut) => {
        const flipped = Buffer.from(bytes);
        flipped[bit >> 3]! ^= 1 << (bit & 7);
        expect(await outcome(flipped, 3)).toEqual(await outcome(flipped, 1));
        const short = bytes.subarray(0, cut);
        expect(await outcome(short, 3)).toEqual(await outcome(short, 1));
      }),
      { numRuns: 50 },
    );
  });

  test('any change of bytes is noticed', async () => {
    const names = fc.constantFrom('text', 'runs', 'bytes', 'noise');
    const changes = fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(255)), {
      minLength: 1,
      maxLength: 4,
    });
    await fc.assert(
      fc.asyncProperty(names, changes, async (name, edits) => {
        const bytes = Buffer.from(compressed(name));
        for (const [at, value] of edits) bytes[Math.floor(at * (bytes.length - 1))] = value;
        const result = await decode(bytes, bytes.length, { threads: 1 + (edits.length % 2) }).catch(
          (error: unknown) => error,
        );
        if (result instanceof Error) expect(result).toMatchObject({ code: 'format' });
        else expect(result).toEqual(await decode(compressed(name)));
      }),
      { numRuns: 2000 },
    );
  });

  test('a failed decoder stays failed, and one call at a time is allowed', async () => {
    const decoder = new (addon<DumpAddon>().NativeBzip2Decoder)(2);
    const room = new Uint8Array(1);
    const nonsense = decoder.decode(Buffer.from('BZh9nonsense'), true, room);
    await expect(nonsense).rejects.toThrow(/corrupt/);
    await expect(decoder.decode(compressed('text'), true, room)).rejects.toThrow(/corrupt before/);
    const busy = new (addon<DumpAddon>().NativeBzip2Decoder)(2);
    const first = busy.decode(compressed('zeros'), true, room);
    expect(() => busy.decode(new Uint8Array(0), true, room)).toThrow(
      /before the last call was done/,
    );
    await first;
    expect(() => new (addon<DumpAddon>().NativeBzip2Decoder)(0)).toThrow(
      /expected 1 to 1024 threads, got 0/,
    );
    expect(() => busy.decode([1] as unknown as Uint8Array, true, room)).toThrow(/Uint8Array/);
    expect(() => busy.decode(room, true, new Uint8Array(0))).toThrow(/room for output/);
  });
});
