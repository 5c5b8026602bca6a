import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { quoted } from '../../lib/cli/quoted.ts';

test('a shell reads quoted words as they were', () => {
  const words = [
    'runs/ja-1.5',
    'runs/日本',
    'my run',
    "it's",
    '$HOME',
    'a;b',
    '~',
    '*',
    '',
    '"',
    '\\\n',
  ];
  const script = `printf '%s\\0' ${words.map(quoted).join(' ')}`;
  const read = execFileSync('sh', ['-c', script], { encoding: 'utf8' });
  expect(read.split('\0').slice(0, -1)).toEqual(words);
  expect(quoted('runs/日本')).toBe('runs/日本');
});
