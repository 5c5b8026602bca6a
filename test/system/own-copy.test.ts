// A copy is the same text, and lets go of what it was cut from.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ownCopy } from '../../lib/system/own-copy.ts';

test('the same text, whatever it is', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
      expect(ownCopy(text)).toBe(text);
    }),
  );
  expect(ownCopy(`a long text with half a pair \ud800`)).toBe(
    `a long text with half a pair \ud800`,
  );
});

test('two hundred titles keep less than the lines they come from', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const kept: string[] = [];
  collect();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < 200; i++) {
    const line = `${i}${'x'.repeat(1000)}`.repeat(1000).split('\n').join('');
    kept.push(ownCopy(line.slice(100, 140)));
  }
  collect();
  expect(kept).toHaveLength(200);
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(50e6);
});
