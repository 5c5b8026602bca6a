import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  mostShared,
  type PrefixNode,
  prefixTree,
  sharedLength,
} from '../../../lib/evaluate/engine/prefix-tree.ts';

interface Item {
  readonly fed: readonly number[];
}

/** Every way down the tree, as the sequence of its tokens, for each member that ends there. */
function walk(
  nodes: readonly PrefixNode<Item>[],
  above: readonly number[],
  found: Map<Item, number[]>,
) {
  for (const { depth, tokens, members, children } of nodes) {
    expect(depth).toBe(above.length);
    expect(tokens.length).toBeGreaterThan(0);
    const here = [...above, ...tokens];
    for (const member of members) {
      if (member.fed.length > here.length) continue;
      expect(found.has(member)).toBe(false);
      found.set(member, here);
    }
    walk(children, here, found);
  }
}

function depthOf(nodes: readonly PrefixNode<Item>[]): number {
  return Math.max(0, ...nodes.map(({ children }) => 1 + depthOf(children)));
}

function tokensOf(nodes: readonly PrefixNode<Item>[]): number {
  return nodes.reduce((sum, { tokens, children }) => sum + tokens.length + tokensOf(children), 0);
}

/** Sequences of two kinds of tokens, so that many begin alike. */
const sequences = fc.array(
  fc.array(fc.constantFrom(7, 7, 7, 7, 7, 8), { minLength: 1, maxLength: 70 }),
  { maxLength: 30 },
);

test('the tree has every sequence once, and not deeper than planned', () => {
  fc.assert(
    fc.property(sequences, fc.boolean(), (list, share) => {
      const items = list.map((fed) => ({ fed }));
      const tree = prefixTree(items, share);
      const found = new Map<Item, number[]>();
      walk(tree, [], found);
      expect(found.size).toBe(items.length);
      for (const [item, tokens] of found) expect(tokens).toEqual(item.fed);
      expect(depthOf(tree)).toBeLessThanOrEqual(mostShared + 1);
      const all = list.reduce((sum, { length }) => sum + length, 0);
      expect(tokensOf(tree)).toBeLessThanOrEqual(all);
      if (!share) expect(tokensOf(tree)).toBe(all);
    }),
  );
});

test('choices share their question, and questions their examples', () => {
  const shots = Array.from({ length: 40 }, (_, i) => i);
  const items = [50, 51].flatMap((question) =>
    [60, 61, 62].map((choice) => ({
      fed: [...shots, ...new Array<number>(10).fill(question), choice, choice],
    })),
  );
  const tree = prefixTree(items, true);
  expect(tree.map(({ tokens, children }) => [tokens.length, children.length])).toEqual([[40, 2]]);
  expect(tokensOf(tree)).toBe(40 + 2 * (10 + 3 * 2));
});

test('prompts share what all begin with, but for their last token', () => {
  const shots = Array.from({ length: 20 }, (_, i) => i);
  expect(
    sharedLength([
      [...shots, 1, 2],
      [...shots, 3],
    ]),
  ).toBe(20);
  expect(sharedLength([[...shots, 1], shots])).toBe(19);
  expect(sharedLength([shots, shots])).toBe(19);
  expect(sharedLength([shots])).toBe(0);
  expect(
    sharedLength([
      [1, 2, 3],
      [1, 2, 4],
    ]),
  ).toBe(0);
  expect(sharedLength([])).toBe(0);
});
