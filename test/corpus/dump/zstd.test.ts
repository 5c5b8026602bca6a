// Reading zstd, against files made by the zstd program (1.5.4) and frames made by hand, and against damage: whatever is
// cut off or changed must be an error that names the place.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { inputBytes } from '../../../lib/corpus/dump/input-bytes.ts';
import { readLines } from '../../../lib/corpus/dump/lines.ts';
import { writeOutput } from '../../../lib/system/output.ts';
import { expectError, temporaryFolder } from '../../llama/fixtures.ts';
import { isFull } from '../../support/extent.ts';

/** By `zstd -19`, with checksums; contents by size and the beginning of their SHA-256. */
const CASES = [
  {
    name: 'text',
    size: 1320,
    sha256: '4b5bb603a0e1ef6c',
    data: 'KLUv/WQoBFUBABQCTGlzYm9hIMOpIGEgY2FwaXRhbCBkZSBQb3J0dWdhbC4gAQAhiPzqCaL9KDY=',
  },
  {
    name: 'two blocks of runs',
    size: 200003,
    sha256: 'dcc71082a5f6c273',
    data: 'KLUv/aRDDQMATAAACGEBAPz/ORACXQAAGGJiYgEAPQ05AAI1E8Sa',
  },
];
const [text, runs] = CASES.map(({ data }) => Buffer.from(data, 'base64')) as [Buffer, Buffer];

/** A frame that holds no data, as pzstd and seekable files have them. */
const skippable = Buffer.from('5f2a4d18050000000102030405', 'hex');

/** A frame of blocks that are not compressed, without a checksum. */
function rawFrame(blocks: readonly Uint8Array[], { window = 0x58, descriptor = 0 } = {}): Buffer {
  const parts = blocks.map((block, i) => {
    const header = Buffer.alloc(3);
    header.writeUIntLE((block.length << 3) | Number(i === blocks.length - 1), 0, 3);
    return Buffer.concat([header, block]);
  });
  return Buffer.concat([Buffer.from('28b52ffd', 'hex'), Buffer.of(descriptor, window), ...parts]);
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'leia-zstd-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function decode(bytes: Uint8Array): Promise<Buffer> {
  const path = join(folder, 'a.zst');
  await writeFile(path, bytes);
  const pieces: Uint8Array[] = [];
  for await (const piece of inputBytes(path)) pieces.push(Uint8Array.from(piece));
  return Buffer.concat(pieces);
}

test.each(CASES)('$name', async ({ size, sha256, data }) => {
  const content = await decode(Buffer.from(data, 'base64'));
  expect(content.length).toBe(size);
  expect(createHash('sha256').update(content).digest('hex').slice(0, 16)).toBe(sha256);
});

test('frames follow each other, those that hold no data are passed over', async () => {
  const raw = rawFrame([Buffer.from('one '), Buffer.alloc(0), Buffer.from('two')]);
  const one = await decode(text);
  const file = [skippable, text, skippable, raw, rawFrame([Buffer.alloc(0)]), text, skippable];
  const whole = Buffer.concat([one, Buffer.from('one two'), one]);
  expect(await decode(Buffer.concat(file))).toEqual(whole);
  expect(await decode(skippable)).toEqual(Buffer.alloc(0));
});

test('cut off anywhere, it is said where', async () => {
  const whole = Buffer.concat([text, skippable, runs]);
  const ends = [text.length, text.length + skippable.length, whole.length];
  for (let length = 4; length < whole.length; length += isFull ? 1 : 3) {
    if (ends.includes(length)) continue;
    await expectError(
      () => decode(whole.subarray(0, length)),
      'format',
      `a.zst: the zstd data is cut off at byte ${length}; download it again`,
    );
  }
});

test('a changed byte is an error, and so is what follows a frame', async () => {
  for (const file of [text, runs]) {
    for (let at = 4; at < file.length; at += isFull ? 1 : 3) {
      const changed = Buffer.from(file);
      changed[at]! ^= 0x41;
      await expectError(() => decode(changed), 'format', 'a.zst: ');
    }
  }
  const changed = Buffer.concat([text, runs]);
  changed[changed.length - 1]! ^= 1; // in the checksum, the last part of all
  const where = `damaged zstd data at byte ${changed.length - 4} or a little later`;
  await expectError(() => decode(changed), 'format', where);
  const more = Buffer.concat([text, Buffer.from('more')]);
  const next = `expected a zstd frame at byte ${text.length}, got other data`;
  await expectError(() => decode(more), 'format', next);
});

test('what needs more than it may have is refused', async () => {
  const block = [Buffer.from('a')];
  expect(await decode(rawFrame(block, { window: 17 << 3 }))).toEqual(block[0]);
  for (const [window, mebibytes] of [
    [(17 << 3) | 1, 144],
    [21 << 3, 2048],
    [0xff, 3932160],
  ] as const) {
    const memory = `the zstd frame at byte 0 needs ${mebibytes} MiB of memory to unpack, more than the 128`;
    await expectError(() => decode(rawFrame(block, { window })), 'format', memory);
  }
  const dictionary = rawFrame([Buffer.of(9, 0, 0)], { descriptor: 1 });
  dictionary[6] = 7; // the place of its number, with the block's header
  await expectError(() => decode(dictionary), 'format', 'at byte 0 needs dictionary 7');
  const long = rawFrame([Buffer.alloc((1 << 17) + 1)]);
  await expectError(() => decode(long), 'format', 'damaged zstd block at byte 6');
});

test('a reader may stop early, and others go on', async () => {
  const path = join(await temporaryFolder(), 'a.zst');
  await writeFile(path, rawFrame([Buffer.from('one\ntwo\n'), Buffer.from('three\n')]));
  const lines: string[] = [];
  for await (const line of readLines(path)) {
    for await (const first of readLines(path)) {
      lines.push(`${line.text} ${first.text}`);
      break;
    }
  }
  expect(lines).toEqual(['one one', 'two one', 'three one']);
});

test('a large file, which a thread decodes, is the same, and so are its errors', async () => {
  const blocks = Array.from({ length: 50 }, (_, i) => Buffer.alloc(1 << 17, i));
  const large = Buffer.concat([rawFrame(blocks), text, skippable, rawFrame(blocks.slice(7, 9))]);
  const content = Buffer.concat([...blocks, await decode(text), ...blocks.slice(7, 9)]);
  expect((await decode(large)).equals(content)).toBe(true);
  // Whoever stops early ends the thread, too.
  const path = join(folder, 'b.zst');
  await writeFile(path, large);
  for await (const piece of inputBytes(path)) {
    expect(piece[0]).toBe(0);
    break;
  }
  if (!isFull) return;
  const cut = large.subarray(0, -1);
  await expectError(() => decode(cut), 'format', `is cut off at byte ${cut.length}`);
  const damaged = Buffer.from(large);
  const checksum = rawFrame(blocks).length + text.length - 1;
  damaged[checksum]! ^= 1;
  await expectError(() => decode(damaged), 'format', 'damaged zstd data at byte');
});

function hasZstd(): boolean {
  try {
    execFileSync('zstd', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

test.skipIf(!hasZstd())('the zstd program reads what is written, and the other way', async () => {
  const folder = await temporaryFolder();
  const [plain, ours] = [join(folder, 'plain'), join(folder, 'a.jsonl.zst')];
  // Text and noise: blocks of all kinds, some of them larger than what is read at a time.
  const line = (i: number) => `${i} ${'é'.repeat(i % 90)} ${Math.imul(i, 0x9e3779b1)}\n`;
  const content = Buffer.concat([
    Buffer.from(Array.from({ length: 20_000 }, (_, i) => line(i)).join('')),
    Buffer.from(Uint32Array.from({ length: 40_000 }, (_, i) => Math.imul(i ** 2, i)).buffer),
    Buffer.alloc(500_000, 'a'),
  ]);
  await writeFile(plain, content);
  await writeOutput(ours, [content.subarray(0, 9), content.subarray(9)]);
  expect(execFileSync('zstd', ['-dc', ours], { maxBuffer: 1e8 }).equals(content)).toBe(true);
  expect((await decode(await readFile(ours))).equals(content)).toBe(true);
  for (const options of [
    ['-1'],
    ['-7', '--long=27'],
    ['--no-check', '-B1000'],
    ['-T2', '-B600KB'],
  ]) {
    const packed = execFileSync('zstd', ['-qc', ...options, plain], { maxBuffer: 1e8 });
    expect((await decode(packed)).equals(content)).toBe(true);
  }
});
