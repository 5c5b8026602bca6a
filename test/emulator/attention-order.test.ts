// The order in which attention's backward draws tickets and walks over queries (flash_attention_order.cuh): every block
// of keys has its turn, waits only for blocks that have started before it, and waits little. How little is computed with
// a model of the multiprocessors; docs/decisions/attention-backward.md shows its numbers.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { randomInteger, randomSource } from '../ops/case.ts';

interface Addon {
  ticketPlaces(
    heads: number,
    keyBlocks: number,
    bytesOfHead: number,
    multiprocessors: number,
    cacheBytes: number,
  ): Float32Array;
  backwardSteps(kvHead: number, group: number, firstTile: number, lastTile: number): Float32Array;
}

const build = resolve(import.meta.dirname, '../..', process.env.LEIA_BUILD ?? 'build');
const file = join(build, 'tests/emulator_tests.node');
if (!existsSync(file)) throw new Error(`${file} is missing: npm run build:tests`);
const addon = createRequire(import.meta.url)(file) as Addon;

interface Gpu {
  multiprocessors: number;
  cacheBytes: number;
}
interface Work {
  /** Key-value heads of all batch entries. */
  heads: number;
  keyBlocks: number;
  /** Query heads of a key-value head. */
  group: number;
  /** Tiles of queries that see the keys of a block: the first and the last. */
  seenBy(block: number): [number, number];
}
interface Step {
  head: number;
  tile: number;
}

const pairs = (numbers: Float32Array) =>
  Array.from({ length: numbers.length / 2 }, (_, i) => [numbers[2 * i]!, numbers[2 * i + 1]!]);

function tickets(work: Work, bytesOfHead: number, gpu: Gpu) {
  const { heads, keyBlocks } = work;
  const places = addon.ticketPlaces(
    heads,
    keyBlocks,
    bytesOfHead,
    gpu.multiprocessors,
    gpu.cacheBytes,
  );
  return pairs(places).map(([head, block]) => ({ head: head!, block: block! }));
}

function steps(work: Work, head: number, block: number): Step[] {
  const numbers = addon.backwardSteps(head, work.group, ...work.seenBy(block));
  return pairs(numbers).map(([head, tile]) => ({ head: head!, tile: tile! }));
}

/** With two tiles of queries to a block of keys, and as many queries as keys. */
const causal = (block: number, keyBlocks: number): [number, number] => [
  2 * block,
  2 * keyBlocks - 1,
];

const shapes = fc.record({
  heads: fc.integer({ min: 1, max: 40 }),
  keyBlocks: fc.integer({ min: 1, max: 20 }),
  group: fc.integer({ min: 1, max: 5 }),
  bytesOfHead: fc.integer({ min: 1, max: 1 << 20 }),
  gpu: fc.record({
    multiprocessors: fc.integer({ min: 1, max: 300 }),
    cacheBytes: fc.integer({ min: 0, max: 1 << 22 }),
  }),
});

test('tickets name every block of every head once, and each after the blocks it waits for', () => {
  fc.assert(
    fc.property(shapes, ({ heads, keyBlocks, group, bytesOfHead, gpu }) => {
      const work: Work = { heads, keyBlocks, group, seenBy: () => [0, 0] };
      const ticketOf = new Map(
        tickets(work, bytesOfHead, gpu).map(({ head, block }, ticket) => [
          `${head} ${block}`,
          ticket,
        ]),
      );
      expect(ticketOf.size).toBe(heads * keyBlocks);
      for (let head = 0; head < heads; head++) {
        for (let block = 0; block < keyBlocks; block++) {
          const ticket = ticketOf.get(`${head} ${block}`);
          expect(ticket).toBeDefined();
          if (block > 0) expect(ticketOf.get(`${head} ${block - 1}`)).toBeLessThan(ticket!);
        }
      }
    }),
  );
});

test('steps go from the last tile to the first, through all heads of the group', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 50 }),
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 0, max: 30 }),
      fc.integer({ min: -1, max: 30 }),
      (kvHead, group, firstTile, more) => {
        const expected: number[][] = [];
        for (let tile = firstTile + more; tile >= firstTile; tile--) {
          for (let q = 0; q < group; q++) expected.push([kvHead * group + q, tile]);
        }
        expect(pairs(addon.backwardSteps(kvHead, group, firstTile, firstTile + more))).toEqual(
          expected,
        );
      },
    ),
  );
});

/** Lets blocks run on so many places, one step of any block that need not wait at a time; whether all of them end. */
function finishes(work: Work, places: { head: number; block: number }[], width: number, seed = 1) {
  const random = randomSource(seed);
  const waiting = places.values();
  const next = new Map<string, number>();
  const start = () => {
    const { value } = waiting.next();
    return value && { ...value, left: steps(work, value.head, value.block) };
  };
  const running = Array.from({ length: width }, start).filter((block) => block !== undefined);
  while (running.length > 0) {
    // A block may add to a tile when all before it that see the tile have.
    const able = running.filter(({ block, left }) => {
      if (left.length === 0) return true;
      const { head, tile } = left[0]!;
      const before = Array.from({ length: block }, (_, b) => b).filter((b) => {
        const [first, last] = work.seenBy(b);
        return first <= tile && tile <= last;
      });
      return (next.get(`${head} ${tile}`) ?? 0) === before.length;
    });
    if (able.length === 0) return false;
    const block = able[randomInteger(random, 0, able.length - 1)]!;
    const step = block.left.shift();
    if (step !== undefined) {
      const turn = `${step.head} ${step.tile}`;
      next.set(turn, (next.get(turn) ?? 0) + 1);
      continue;
    }
    const following = start();
    running.splice(running.indexOf(block), 1, ...(following ? [following] : []));
  }
  return true;
}

test('all blocks end, however many run at once and whichever goes on first', () => {
  const runs = fc.record({
    shape: shapes,
    width: fc.integer({ min: 1, max: 12 }),
    seed: fc.integer(),
    // Where each block's tiles begin and end: both never decrease, as with a causal mask and documents.
    firsts: fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 6, maxLength: 6 }),
    lengths: fc.array(fc.integer({ min: -1, max: 4 }), { minLength: 6, maxLength: 6 }),
  });
  fc.assert(
    fc.property(runs, ({ shape, width, seed, firsts, lengths }) => {
      const first = firsts.toSorted((a, b) => a - b);
      const last = first.map((tile, i) => tile + lengths[i]!);
      for (let i = 1; i < last.length; i++) last[i] = Math.max(last[i]!, last[i - 1]!);
      const work: Work = {
        heads: Math.min(shape.heads, 7),
        keyBlocks: Math.min(shape.keyBlocks, 6),
        group: Math.min(shape.group, 3),
        seenBy: (block) => [first[block]!, last[block]!],
      };
      expect(finishes(work, tickets(work, shape.bytesOfHead, shape.gpu), width, seed)).toBe(true);
    }),
    { numRuns: 60 },
  );
});

test('with a block before the one it waits for, they would not', () => {
  const work: Work = {
    heads: 2,
    keyBlocks: 4,
    group: 2,
    seenBy: (block) => causal(block, 4),
  };
  const places = tickets(work, 1 << 20, { multiprocessors: 8, cacheBytes: 1 << 20 });
  expect(finishes(work, places, 2)).toBe(true);
  expect(finishes(work, places.toReversed(), 2)).toBe(false);
});

/**
 * A model of the multiprocessors, not a measurement: one block each; a step of a block takes 1, of which 0.4 are over
 * when its turn must have come; the next block sees a turn 0.25 after the step ended; a block takes 0.6 beside its
 * steps. What share of the multiprocessors' time is work.
 */
function shareAtWork(
  places: readonly { head: number; block: number }[],
  stepsOf: (head: number, block: number) => Step[],
  multiprocessors: number,
): number {
  const free = new Float64Array(multiprocessors);
  const passed = new Map<number, number>();
  let work = 0;
  for (const { head, block } of places) {
    let earliest = 0;
    for (let i = 1; i < free.length; i++) if (free[i]! < free[earliest]!) earliest = i;
    const own = stepsOf(head, block);
    let now = free[earliest]! + 0.3;
    for (const step of own) {
      const turn = step.head * 65536 + step.tile;
      now = Math.max(now + 0.4, passed.get(turn) ?? 0) + 0.6;
      passed.set(turn, now + 0.25);
    }
    work += own.length + 0.6;
    free[earliest] = now + 0.3;
  }
  return work / (free.length * Math.max(...free));
}

const a100: Gpu = { multiprocessors: 108, cacheBytes: 40 * 2 ** 20 };
const h100: Gpu = { multiprocessors: 132, cacheBytes: 50 * 2 ** 20 };

// Rows, tokens, key-value heads, group, and the shares: head by head, as tickets are drawn.
test.each([
  ['7B, A100', a100, 4, 2048, 32, 1, 0.75, 0.97],
  ['7B, H100', h100, 4, 2048, 32, 1, 0.74, 0.97],
  ['7B, A100', a100, 1, 2048, 32, 1, 0.67, 0.94],
  ['7B, A100', a100, 1, 4096, 32, 1, 0.75, 0.96],
  ['7B, A100', a100, 16, 512, 32, 1, 0.79, 0.98],
  ['7B, A100', a100, 64, 128, 32, 1, 1, 1],
  ['8B, A100', a100, 4, 2048, 8, 4, 0.54, 0.93],
  ['8B, A100', a100, 1, 8192, 8, 4, 0.62, 0.92],
  ['8B, A100', a100, 16, 512, 8, 4, 0.62, 0.96],
  ['70B, H100', h100, 2, 4096, 8, 8, 0.51, 0.99],
  ['70B, H100', h100, 8, 1024, 8, 8, 0.56, 0.96],
  ['7B, 288 multiprocessors', { ...h100, multiprocessors: 288 }, 4, 2048, 32, 1, 0.67, 0.94],
] as const)('%s: %o, %i x %i, %i heads of %i: multiprocessors work', (...row) => {
  const [, gpu, rows, tokens, kvHeads, group, before, share] = row;
  const keyBlocks = tokens / 128;
  const work: Work = {
    heads: rows * kvHeads,
    keyBlocks,
    group,
    seenBy: (block) => causal(block, keyBlocks),
  };
  const bytesOfHead = tokens * group * 128 * 8;
  const stepsOf = (head: number, block: number) => steps(work, head, block);
  const now = shareAtWork(tickets(work, bytesOfHead, gpu), stepsOf, gpu.multiprocessors);
  expect(now).toBeCloseTo(share, 2);
  const headByHead = Array.from({ length: work.heads * keyBlocks }, (_, i) => ({
    head: Math.floor(i / keyBlocks),
    block: i % keyBlocks,
  }));
  const byHeads = (head: number, block: number) =>
    stepsOf(head, block).toSorted((a, b) => a.head - b.head || b.tile - a.tile);
  expect(shareAtWork(headByHead, byHeads, gpu.multiprocessors)).toBeCloseTo(before, 2);
});
