import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitHeldOut } from '../../lib/evaluate/held-out-split.ts';
import { expectError } from '../llama/fixtures.ts';

const titles = Array.from({ length: 100 }, (_, i) => `Title ${i}`);

describe('splitHeldOut', () => {
  it('parts the articles, as many as asked for', () => {
    const { training, heldOut } = splitHeldOut(titles, { fraction: 0.07, seed: 1 });
    expect(heldOut.length).toBe(7);
    expect([...training, ...heldOut].sort((a, b) => a - b)).toEqual(titles.map((_, i) => i));
  });

  it('depends on titles and seed, not on the order of the articles', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(titles, { minLength: 100 }), fc.nat(), (order, seed) => {
        const chosen = (list: string[]) =>
          splitHeldOut(list, { fraction: 0.2, seed })
            .heldOut.map((i) => list[i])
            .sort();
        expect(chosen(order)).toEqual(chosen(titles));
      }),
    );
    const choices = [1, 2, 3].map((seed) => splitHeldOut(titles, { fraction: 0.1, seed }).heldOut);
    expect(new Set(choices.map(String)).size).toBe(3);
  });

  it('keeps an article held out when others are added that come after it', () => {
    const before = splitHeldOut(titles, { fraction: 0.2, seed: 5 }).heldOut;
    const more = [...titles, ...titles.map((title) => `${title} b`)];
    const after = splitHeldOut(more, { fraction: 0.1, seed: 5 }).heldOut.filter((i) => i < 100);
    expect(before).toEqual(expect.arrayContaining(after));
  });

  it('holds out at least one', () => {
    expect(splitHeldOut(['a', 'b'], { fraction: 0, seed: 0 }).heldOut.length).toBe(1);
  });

  it.each([
    [['a'], 0.5],
    [titles, 1],
    [titles, -1],
    [titles, Number.NaN],
  ])('refuses what leaves nothing to train on, or is no fraction (%#)', async (list, fraction) => {
    await expectError(() => splitHeldOut(list, { fraction, seed: 0 }), 'usage', 'cannot hold out');
  });
});
