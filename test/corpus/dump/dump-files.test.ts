// Which files are read for the dumps that a person names, and in which order.
import { mkdir, readdir, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openDump } from '../../../lib/corpus/dump/dump.ts';
import { dumpFiles } from '../../../lib/corpus/dump/dump-files.ts';
import { expectError, temporaryFolder } from '../../llama/fixtures.ts';

async function folderWith(names: readonly string[]): Promise<(name: string) => string> {
  const folder = await temporaryFolder();
  for (const name of names) await writeFile(join(folder, name), '');
  return (name) => join(folder, name);
}

const piece = (number: number, from: number) =>
  `xxwiki-20261120-pages-articles${number}.xml-p${from}p${from + 9}.bz2`;

test('pieces of a dump are read in the order of their numbers, other files as they are named', async () => {
  const names = [piece(10, 900), piece(1, 1), piece(2, 11), piece(2, 21), 'other.xml', '.piece1'];
  const at = await folderWith(names);
  const pieces = [piece(1, 1), piece(2, 11), piece(2, 21), piece(10, 900)].map(at);
  expect(await dumpFiles([at('xxwiki-*-pages-articles*.bz2')])).toEqual(pieces);
  expect(await dumpFiles([...pieces].reverse())).toEqual(pieces);
  expect(await dumpFiles([at('other.xml'), ...pieces.slice(2), '-'])).toEqual([
    at('other.xml'),
    ...pieces.slice(2),
    '-',
  ]);
  expect(await dumpFiles([at('b.xml'), at('a.xml')])).toEqual([at('b.xml'), at('a.xml')]);
  expect(await dumpFiles([at('?????.xml')])).toEqual([at('other.xml')]);
  expect(await dumpFiles([at('*piece1')]).catch(() => 'hidden')).toBe('hidden');
  expect(await dumpFiles([at('.piece*')])).toEqual([at('.piece1')]);
});

test('signs of patterns may stand in a name', async () => {
  const at = await folderWith(['what?.xml', 'what1.xml', 'a+b(c).xml', 'a+b(d).xml']);
  expect(await dumpFiles([at('what?.xml')])).toEqual([at('what?.xml')]);
  expect(await dumpFiles([at('a+b(?).xml')])).toEqual([at('a+b(c).xml'), at('a+b(d).xml')]);
});

test('a pattern of many stars takes no longer than others', async () => {
  const at = await folderWith(['a'.repeat(200), `${'a'.repeat(100)}b`]);
  expect(await dumpFiles([at(`${'*a'.repeat(60)}*b`)])).toEqual([at(`${'a'.repeat(100)}b`)]);
  expect(await dumpFiles([at('**a?a*')])).toHaveLength(2);
  await expectError(() => dumpFiles([at(`${'a*'.repeat(60)}c`)]), 'usage', 'no file fits');
});

test('a file whose head is wrong is closed', async () => {
  const at = await folderWith([]);
  for (let i = 0; i < 20; i++) {
    await writeFile(at(`${i}.xml`), `<mediawiki></x>${' '.repeat(10_000)}`); // the rest is not read
    await expectError(() => openDump(at(`${i}.xml`)), 'format', 'unexpected close tag');
  }
  const open = await Promise.all(
    (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
  );
  expect(open.filter((path) => path.startsWith(at('')))).toEqual([]);
});

test('what cannot be meant is told', async () => {
  const at = await folderWith(['a.xml']);
  await mkdir(at('folder'));
  await expectError(() => dumpFiles([at('*.bz2')]), 'usage', 'no file fits the pattern');
  await expectError(() => dumpFiles([at('none/*')]), 'io', 'no such file or folder');
  await expectError(() => dumpFiles([at('a.xml'), at('*.xml')]), 'usage', 'a.xml is given twice');
  // Whoever reads it says what is wrong.
  expect(await dumpFiles([at('none.xml')])).toEqual([at('none.xml')]);
});
