import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { LeiaError } from '../../lib/system/error.ts';
import {
  fileError,
  makeFolder,
  removeTemporaries,
  stageFile,
  writeFileAtomically,
} from '../../lib/system/files.ts';
import { expectError, temporaryFolder } from '../llama/fixtures.ts';

test('a file appears whole, replacing the one before', async () => {
  const folder = await temporaryFolder();
  const path = join(folder, 'a.txt');
  await writeFileAtomically(path, 'one');
  await writeFileAtomically(path, async (handle) => {
    await handle.write('tw');
    expect(await readFile(path, 'utf8')).toBe('one');
    await handle.write('o');
  });
  expect(await readFile(path, 'utf8')).toBe('two');
  expect(await readdir(folder)).toEqual(['a.txt']);
});

test('a failure leaves the old file and no temporary one', async () => {
  const folder = await temporaryFolder();
  const path = join(folder, 'a.txt');
  await writeFile(path, 'old');
  const broken = writeFileAtomically(path, async (handle) => {
    await handle.write('half');
    throw Object.assign(new Error('ENOSPC: no space'), { code: 'ENOSPC' });
  });
  await expectError(() => broken, 'io', `cannot write ${path}: the disk is full`);
  expect(await readFile(path, 'utf8')).toBe('old');
  expect(await readdir(folder)).toEqual(['a.txt']);
});

test('a staged file can be discarded, a committed one stays', async () => {
  const folder = await temporaryFolder();
  const first = await stageFile(join(folder, 'a'), (handle) => handle.writeFile('1'));
  const second = await stageFile(join(folder, 'b'), (handle) => handle.writeFile('2'));
  await first.discard();
  await second.commit();
  await second.discard();
  expect(await readdir(folder)).toEqual(['b']);
});

test('a temporary file that somebody removed is named as such', async () => {
  const folder = await temporaryFolder();
  const staged = await stageFile(join(folder, 'a'), (handle) => handle.writeFile('1'));
  for (const name of await readdir(folder)) await rm(join(folder, name));
  await expectError(() => staged.commit(), 'io', 'its temporary file was removed');
  await staged.discard();
  expect(await readdir(folder)).toEqual([]);
});

test('places that cannot be written are named', async () => {
  const folder = await temporaryFolder();
  const absent = join(folder, 'absent', 'a');
  await expectError(() => writeFileAtomically(absent, ''), 'io', 'no such file or folder');
  const taken = join(folder, 'taken');
  await mkdir(taken);
  await expectError(() => writeFileAtomically(taken, ''), 'io', 'it is a folder');
  expect(await readdir(folder)).toEqual(['taken']);
  expect(fileError('read', 'x', new LeiaError('format', 'kept')).message).toBe('kept');
});

test('folders are made with those above them, or refused in one line', async () => {
  const folder = await temporaryFolder();
  const deep = join(folder, 'a/b/c');
  await Promise.all([makeFolder(deep), makeFolder(deep)]);
  await makeFolder(deep);
  expect(await readdir(deep)).toEqual([]);
  const file = join(folder, 'file');
  await writeFile(file, '');
  await expectError(() => makeFolder(file), 'io', 'a file of that name is there');
  await expectError(() => makeFolder(join(file, 'a')), 'io', 'a part of the path is not a folder');
  // Where Node's recursive mkdir would not return.
  await expectError(() => makeFolder('/proc/leia/a'), 'io', 'cannot create /proc/leia/a');
});

test('a new file never replaces one that is there', async () => {
  const folder = await temporaryFolder();
  const first = await stageFile(join(folder, 'a'), (handle) => handle.writeFile('1'));
  const second = await stageFile(join(folder, 'a'), (handle) => handle.writeFile('2'));
  expect(await second.commitNew()).toBe(true);
  expect(await first.commitNew()).toBe(false);
  expect(await readdir(folder)).toEqual(['a']);
  expect(await readFile(join(folder, 'a'), 'utf8')).toBe('2');
});

test("only a killed process's files of the given names are removed", async () => {
  const folder = await temporaryFolder();
  await stageFile(join(folder, 'a'), async () => {});
  await stageFile(join(folder, 'b'), async () => {});
  for (const name of ['a', '.a.tmp', 'a.1-0123abcd.tmp']) await writeFile(join(folder, name), '');
  expect((await readdir(folder)).length).toBe(5);
  await removeTemporaries(folder, (name) => name === 'a');
  const [other, ...left] = (await readdir(folder)).sort((one, two) => two.length - one.length);
  expect(other).toMatch(/^\.b\..*\.tmp$/);
  expect(left).toEqual(['a.1-0123abcd.tmp', '.a.tmp', 'a']);
  await expectError(() => removeTemporaries(join(folder, 'c'), () => true), 'io', 'cannot clear');
});
