/**
 * Insertion and packing against what the authors' code recorded, with its own draws: every augmented
 * sequence and every row is the same, but for the differences listed here.
 */
import { describe, expect, it } from 'vitest';
import { ignoredLabel } from '../../lib/index.ts';
import { insertNames, type strategies, tokenKind } from '../../lib/leia/insert.ts';
import { packOnce } from '../../lib/leia/packing.ts';
import { articleOf } from './articles.ts';
import { readReference } from './reference.ts';

const translateId = 32000;
const endTranslateId = 32001;
const eosId = 2;

const dataset = readReference('dataset');
const augmented = readReference('augmented');
const packed = readReference('packed');

const articles = augmented.map(({ index }) => {
  const { input_ids, ...entities } = dataset[index]!;
  return articleOf(
    input_ids,
    ...entities.entity_start_positions.map((start, i): [number, number, number[]] => [
      start,
      entities.entity_end_positions[i]!,
      entities.alternative_entity_input_ids[i]!,
    ]),
  );
});

/** The original inserts where draw <= 0.5; a draw of ours is mirrored, so p_skip 0.5 means the same. */
function insert(index: number, strategy: (typeof strategies)[number]) {
  let entity = 0;
  const options = { strategy, pSkip: 0.5, translateId, endTranslateId };
  const { draws } = augmented[index]!;
  return insertNames(articles[index]!, options, () => 1 - draws[entity++]!);
}

/** The original inserts "<translate></translate>" for a name of which nothing is left; we insert nothing. */
function withoutEmptyPairs(ids: readonly number[]): number[] {
  return ids.filter(
    (id, i) =>
      !(id === translateId && ids[i + 1] === endTranslateId) &&
      !(id === endTranslateId && ids[i - 1] === translateId),
  );
}

describe('the authors’ sequences', () => {
  it.each(['left', 'right', 'none'] as const)('%s: the same but for empty pairs', (strategy) => {
    let pairs = 0;
    augmented.forEach((theirs, index) => {
      const expected = withoutEmptyPairs(theirs[strategy]);
      pairs += (theirs[strategy].length - expected.length) / 2;
      expect([...insert(index, strategy).ids]).toEqual(expected);
    });
    expect(pairs).toBe(strategy === 'none' ? 0 : 17);
  });

  it('replace: the same but for empty pairs, where the entity stays', () => {
    let pairs = 0;
    augmented.forEach((theirs, index) => {
      const expected: number[] = [];
      const { inputIds, entities } = articles[index]!;
      let at = 0;
      for (const [i, { start, end, nameIds }] of entities.entries()) {
        expected.push(...inputIds.subarray(at, start));
        at = start;
        if (!theirs.inserted[i]) continue;
        if (nameIds.length === 0) pairs += 1;
        else {
          expected.push(translateId, ...nameIds, endTranslateId);
          at = end;
        }
      }
      expected.push(...inputIds.subarray(at));
      expect([...insert(index, 'replace').ids]).toEqual(expected);
      if (!entities.some(({ nameIds }, i) => theirs.inserted[i] && nameIds.length === 0)) {
        expect(expected).toEqual(theirs.replace);
      }
    });
    expect(pairs).toBe(17);
  });
});

describe('the authors’ rows', () => {
  it.each(['right', 'replace'] as const)('%s: the same, with the same labels', (strategy) => {
    const theirs = packed.filter((row) => row.strategy === strategy);
    expect(theirs).toHaveLength(40);
    // Their own augmented ids, so that an empty pair does not shift all that follows.
    const tokens = augmented.map((row) => {
      const ids = Int32Array.from(row[strategy]);
      let inside = false;
      const kinds = Uint8Array.from(ids, (id) => {
        if (id === translateId || id === endTranslateId) {
          inside = id === translateId;
          return tokenKind.special;
        }
        return inside ? tokenKind.name : tokenKind.text;
      });
      return { ids, kinds };
    });
    const rows = [...packOnce(tokens, 128, { lossOnNames: true })];
    const nameless = [...packOnce(tokens, 128, { lossOnNames: false })];
    let cutNames = 0;
    let tailTokens = 0;
    theirs.forEach((row, i) => {
      expect([...rows[i]!.inputIds]).toEqual(row.input_ids);
      // EOS is their padding, so they ignore it; it does not occur.
      expect(row.input_ids).not.toContain(eosId);
      expect([...rows[i]!.labels]).toEqual(row.labels);

      // They do not see that a row begins inside a name, and train on its rest.
      const labels = [...nameless[i]!.labels];
      const expected = [...row.labels_without_entity_names];
      const tail = labels.findIndex((label, k) => label !== expected[k]) === 0;
      if (tail) {
        cutNames += 1;
        for (let k = 0; row.input_ids[k] !== endTranslateId; k++) {
          expected[k] = ignoredLabel;
          tailTokens += 1;
        }
      }
      expect(labels).toEqual(expected);
    });
    const counts = {
      right: { cutNames: 3, tailTokens: 8 },
      replace: { cutNames: 2, tailTokens: 3 },
    };
    expect({ cutNames, tailTokens }).toEqual(counts[strategy]);
  });
});
