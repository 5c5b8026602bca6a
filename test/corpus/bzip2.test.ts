// The bzip2 decoder against files made by the original library (Python's bz2), and against damage:
// whatever is cut off or changed must be an error, never other bytes.
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addon } from '../../lib/core/addon.ts';

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
];

const compressed = (name: string): Buffer =>
  Buffer.from(CASES.find((one) => one.name === name)!.data, 'base64');

/** Decodes in pieces of `step` input bytes. */
async function decode(bytes: Uint8Array, step = bytes.length || 1, enough = 1000): Promise<Buffer> {
  const decoder = new (addon().NativeBzip2Decoder)();
  const pieces: Uint8Array[] = [];
  for (let from = 0; from === 0 || from < bytes.length; from += step) {
    const last = from + step >= bytes.length;
    let result = await decoder.decode(bytes.subarray(from, from + step), last, enough);
    pieces.push(result.bytes);
    while (result.more) {
      result = await decoder.decode(new Uint8Array(0), last, enough);
      pieces.push(result.bytes);
    }
  }
  return Buffer.concat(pieces);
}

test.each(CASES)('$name', async ({ size, sha256, data }) => {
  const bytes = Buffer.from(data, 'base64');
  for (const step of [bytes.length, 7]) {
    const content = await decode(bytes, step);
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
        const result = await decode(bytes).catch((error: unknown) => error);
        if (result instanceof Error) expect(result).toMatchObject({ code: 'format' });
        else expect(result).toEqual(await decode(compressed(name)));
      }),
      { numRuns: 2000 },
    );
  });

  test('a failed decoder stays failed, and one call at a time is allowed', async () => {
    const decoder = new (addon().NativeBzip2Decoder)();
    await expect(decoder.decode(Buffer.from('BZh9nonsense'), true, 1)).rejects.toThrow(/corrupt/);
    await expect(decoder.decode(compressed('text'), true, 1)).rejects.toThrow(/corrupt before/);
    const busy = new (addon().NativeBzip2Decoder)();
    const first = busy.decode(compressed('zeros'), true, 1);
    expect(() => busy.decode(new Uint8Array(0), true, 1)).toThrow(/before the last call was done/);
    await first;
    expect(() => busy.decode([1] as unknown as Uint8Array, true, 1)).toThrow(/Uint8Array/);
  });
});
