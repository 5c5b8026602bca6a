// The API reference is made of the types: everything exported has a description, and every link in one leads somewhere. In a
// full run only, as it takes a quarter of a minute.
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '../..');

test('npm run docs makes a page for each entry, without a warning', async () => {
  const { stdout, stderr } = await promisify(execFile)('npm', ['run', 'docs'], { cwd: root });
  expect(stdout + stderr).not.toMatch(/\[(warning|error)\]/);
  const pages = await readdir(join(root, 'build/api/modules'));
  const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  for (const entry of Object.keys(manifest.exports).filter((name) => !name.endsWith('.json'))) {
    expect(pages).toContain(`${entry === '.' ? 'index' : entry.replace('./', '')}.html`);
  }
});
