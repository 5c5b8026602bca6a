import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '../..');

test('CONTRIBUTING says of every dependency why it is there', () => {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const text = readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8');
  const section = /## Dependencies.*?\n(.*?)\n## /s.exec(text)?.[1] ?? '';
  const lines = section.split('\n').filter((line) => line.startsWith('- '));
  const named = lines.flatMap((line) =>
    [...line.split(':')[0]!.matchAll(/`([^`]+)`/g)].map(([, name]) => name!),
  );
  const reference = JSON.parse(readFileSync(join(root, 'docs/api/package.json'), 'utf8'));
  const all = [manifest, reference].flatMap(({ dependencies, devDependencies }) =>
    Object.keys({ ...dependencies, ...devDependencies }),
  );
  expect(named.sort()).toEqual([...new Set(all)].sort());
});
