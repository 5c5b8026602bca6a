// What a person names as an output is written as what it is: a file, a link to one, a device, a pipe.
import { execFile, execFileSync, spawn } from 'node:child_process';
import { lstatSync } from 'node:fs';
import {
  link,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { inputBytes } from '../../lib/corpus/dump/input-bytes.ts';
import { checkOutput, isStandardOutput, writeOutput } from '../../lib/system/output.ts';
import { expectError, temporaryFolder } from '../llama/fixtures.ts';
import { plainEnvironment } from '../support/child.ts';

const pieces = ['one\n', 'two\n'].map((text) => Buffer.from(text));
const whole = 'one\ntwo\n';

test('a file appears whole, and replaces the one before', async () => {
  const folder = await temporaryFolder();
  const path = join(folder, 'a.txt');
  for (const _ of ['new', 'replaced']) {
    await checkOutput(path);
    await writeOutput(path, pieces);
    expect(await readFile(path, 'utf8')).toBe(whole);
    expect(await readdir(folder)).toEqual(['a.txt']);
    await writeFile(path, 'old');
  }
  const failing = async function* () {
    yield* pieces;
    throw new Error('no more');
  };
  await expect(writeOutput(path, failing())).rejects.toThrow('no more');
  expect(await readFile(path, 'utf8')).toBe('old');
  expect(await readdir(folder)).toEqual(['a.txt']);
});

test('behind links, the file is replaced and the links stay', async () => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'deep'));
  const target = join(folder, 'deep', 'target');
  const [near, far] = [join(folder, 'near'), join(folder, 'far')];
  await symlink('deep/target', near);
  await symlink('near', far);
  for (const _ of ['no file there yet', 'a file there']) {
    await checkOutput(far);
    await writeOutput(far, pieces);
    expect((await lstat(target)).isFile()).toBe(true);
    expect(await readFile(target, 'utf8')).toBe(whole);
    expect([await readlink(near), await readlink(far)]).toEqual(['deep/target', 'near']);
    expect((await readdir(folder)).sort()).toEqual(['deep', 'far', 'near']);
    expect(await readdir(join(folder, 'deep'))).toEqual(['target']);
    await writeFile(target, 'old');
  }
  const circle = join(folder, 'circle');
  await symlink('circle', circle);
  await expectError(() => writeOutput(circle, pieces), 'io', 'its links lead in a circle');
});

test('a device is written to, and stays what it is', async () => {
  const folder = await temporaryFolder();
  for (const path of ['/dev/null', join(folder, 'link')]) {
    if (path !== '/dev/null') await symlink('/dev/null', path);
    await checkOutput(path);
    await writeOutput(path, pieces);
    expect(lstatSync('/dev/null').isCharacterDevice()).toBe(true);
  }
  expect(await readdir(folder)).toEqual(['link']);
  await expectError(() => writeOutput('/dev/full', pieces), 'io', 'the disk is full');
});

test('a pipe is written to as soon as somebody reads it', async () => {
  const folder = await temporaryFolder();
  const path = join(folder, 'pipe');
  execFileSync('mkfifo', [path]);
  await checkOutput(path);
  const written = writeOutput(path, pieces);
  const { stdout } = await promisify(execFile)('cat', [path]);
  await written;
  expect(stdout).toBe(whole);
  expect((await lstat(path)).isFIFO()).toBe(true);
  expect(await readdir(folder)).toEqual(['pipe']);

  const endless = async function* () {
    for (;;) yield Buffer.alloc(1 << 16);
  };
  const broken = expectError(() => writeOutput(path, endless()), 'io', 'its reader has closed it');
  await promisify(execFile)('head', ['-c', '10', path]);
  await broken;
});

test('an input is never the output, by whatever name', async () => {
  const folder = await temporaryFolder();
  const input = join(folder, 'input');
  await writeFile(input, 'precious');
  await symlink('input', join(folder, 'soft'));
  await link(input, join(folder, 'hard'));
  for (const name of ['input', 'soft', 'hard', '../input']) {
    const path = name.startsWith('.') ? join(folder, 'x', name) : join(folder, name);
    if (name.startsWith('.')) await mkdir(join(folder, 'x'));
    for (const work of [
      () => checkOutput(path, ['absent', input]),
      () => writeOutput(path, pieces, { inputs: ['absent', input] }),
    ]) {
      await expectError(work, 'usage', `${path} is read as input (${input})`);
    }
  }
  expect(await readFile(input, 'utf8')).toBe('precious');
  // A device may be both.
  await writeOutput('/dev/null', pieces, { inputs: ['/dev/null'] });
});

test('a folder is no output', async () => {
  const folder = await temporaryFolder();
  for (const path of [folder, `${join(folder, 'new')}/`]) {
    await expectError(() => checkOutput(path), 'io', 'it is a folder');
    await expectError(() => writeOutput(path, pieces), 'io', 'it is a folder');
  }
  expect(await readdir(folder)).toEqual([]);
});

test('.gz is gzip data, whose pieces other programs join', async () => {
  const folder = await temporaryFolder();
  const path = join(folder, 'a.gz');
  await writeOutput(path, pieces);
  expect(gunzipSync(await readFile(path)).toString()).toBe(whole);
  expect(execFileSync('gzip', ['-dc', path]).toString()).toBe(whole);
  await writeOutput(path, []);
  expect(execFileSync('gzip', ['-dc', path]).toString()).toBe('');
});

test('.zst is zstd data, of frames that unpack to all of them joined', async () => {
  const folder = await temporaryFolder();
  const path = join(folder, 'a.zst');
  const read = async () => {
    const parts: Uint8Array[] = [];
    for await (const part of inputBytes(path)) parts.push(Uint8Array.from(part));
    return Buffer.concat(parts).toString();
  };
  await writeOutput(path, pieces);
  expect(await read()).toBe(whole);
  // Memory that is used again for the next piece, and more than one frame of it.
  const memory = Buffer.alloc(700_000);
  const reused = function* () {
    for (const letter of 'abc') yield memory.fill(letter);
  };
  await writeOutput(path, reused());
  expect(await read()).toBe([...'abc'].map((letter) => letter.repeat(700_000)).join(''));
  await writeOutput(path, []);
  expect(await read()).toBe('');
  expect((await readFile(path)).length).toBeGreaterThan(0);
});

const module = JSON.stringify(new URL('../../lib/system/output.ts', import.meta.url).href);

/** Writes an output in a process of its own, whose standard output is what `stdout` says. */
async function inChild(path: string, stdout: number | 'pipe'): Promise<string> {
  const code = `import { isStandardOutput, writeOutput } from ${module};
    const pieces = ['one\\n', 'two\\n'].map((text) => Buffer.from(text));
    await writeOutput(${JSON.stringify(path)}, pieces);
    console.log(await isStandardOutput(${JSON.stringify(path)}));`;
  const args = ['--import', 'tsx', '--input-type=module', '--eval', code];
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', stdout, 'inherit'],
    env: plainEnvironment,
  });
  let text = '';
  child.stdout?.setEncoding('utf8').on('data', (part) => {
    text += part;
  });
  await new Promise((done) => child.on('close', done));
  return text;
}

test('standard output has several names, and none of them replaces what it is', async () => {
  expect(await isStandardOutput(join(await temporaryFolder(), 'x'))).toBe(false);
  for (const name of ['-', '/dev/stdout', '/dev/fd/1', '/proc/self/fd/1']) {
    expect(await inChild(name, 'pipe')).toBe(`${whole}true\n`);
    const file = join(await temporaryFolder(), 'out');
    const handle = await open(file, 'w');
    expect(await inChild(name, handle.fd)).toBe('');
    await handle.close();
    expect(await readFile(file, 'utf8')).toBe(`${whole}true\n`);
  }
});
