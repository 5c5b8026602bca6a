import { expect, test } from 'vitest';
import { runChild } from '../support/child.ts';

test('a rank that is told to stop when its work is done has not failed', async () => {
  const ended = await runChild('cli/children/told-again.ts');
  expect(ended).toEqual({ code: 0, signal: null, output: 'has ended well\n', errors: '' });
});
