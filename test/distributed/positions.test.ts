import { expect, test } from 'vitest';
import {
  describeLoss,
  describeStall,
  listRanks,
  type Position,
  stallOf,
  waitOf,
} from '../../lib/distributed/positions.ts';

const what = "all_reduce of 3,200 float32 for 'gradient of lm_head.weight'";
const waits = (number: number, seconds: number, missing?: number[]): Position => ({
  begun: number + 1,
  inside: { number, what, seconds, ...(missing && { missing }) },
  quiet: seconds,
});
const computes = (begun: number, quiet: number): Position => ({ begun, quiet });
const of = (...positions: (Position | undefined)[]) =>
  new Map(positions.flatMap((one, rank) => (one === undefined ? [] : [[rank, one] as const])));

test('ranks are listed as one says them', () => {
  expect([[2], [0, 3], [0, 1, 3]].map(listRanks)).toEqual([
    'rank 2',
    'ranks 0 and 3',
    'ranks 0, 1 and 3',
  ]);
});

test.each([
  ['who heard of the others', [[2], [2], [2]]],
  ['how far each says that it is', [undefined, undefined, undefined]],
])('the rank that lets the others wait is named, by %s', (_, [zero, one, three]) => {
  const positions = of(
    waits(118, 30.2, zero),
    waits(118, 29, one),
    computes(118, 31),
    waits(118, 30, three),
  );
  expect(describeStall(stallOf(positions, 30)!, positions)).toBe(
    `rank 2 has not come to collective 118, ${what}, to which ranks 0, 1 and 3 came 30 s ago`,
  );
  expect(stallOf(positions, 31)).toBeUndefined();
});

test('ranks of two digits come after those of one', () => {
  const positions = of(...Array.from({ length: 12 }, () => computes(4, 40)), waits(4, 40));
  expect(describeStall(stallOf(positions, 30)!, positions)).toContain(
    '1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 11 have not',
  );
});

test('a rank that shows progress is waited for, however long it takes', () => {
  expect(stallOf(of(waits(118, 900), computes(118, 3)), 30)).toBeUndefined();
  expect(stallOf(of(waits(118, 900), computes(118, 31)), 30)).toBeDefined();
  expect(stallOf(of(computes(5, 900), computes(5, 900)), 30)).toBeUndefined();
});

test('ranks that wait in different collectives are told apart', () => {
  const positions = of(waits(7, 40, [1]), waits(5, 50, []), waits(7, 40, [1]));
  // The last to come does not start the time again; here it came 50 s ago, and what it waits for never arrives.
  expect(describeStall(stallOf(positions, 30)!, positions)).toBe(
    `rank 1 came to collective 5, ${what}, but it has not ended for 50 s: messages between them do not arrive, or a device hangs`,
  );
  const crossed = of(waits(5, 50, [1]), { ...waits(9, 50), begun: 5 });
  expect(describeStall(stallOf(crossed, 30)!, crossed)).toBe(
    `rank 1 has not come to collective 5, ${what}, to which rank 0 came 50 s ago; rank 1 waits in collective 9, ${what}`,
  );
});

test('a collective to which all came has the time-out for its messages', () => {
  const late = of(waits(5, 900, []), waits(5, 2, []));
  expect(stallOf(late, 30)).toBeUndefined();
  const stuck = of(waits(5, 900, []), waits(5, 31, []));
  expect(describeStall(stallOf(stuck, 30)!, stuck)).toBe(
    `ranks 0 and 1 came to collective 5, ${what}, but it has not ended for 31 s: messages between them do not arrive, or a device hangs`,
  );
});

test('what a lost rank leaves is said as far as it is known', () => {
  expect(describeLoss(2, waitOf(of(computes(4, 1), computes(4, 1))))).toBe('');
  // Nobody knows whether it had come.
  expect(describeLoss(2, waitOf(of(waits(4, 0.24), waits(4, 0.3))))).toBe(
    `; ranks 0 and 1 wait in collective 4, ${what}, for 0.3 s`,
  );
  expect(describeLoss(2, waitOf(of(waits(4, 0.2, [2]), waits(4, 0.3, []))))).toBe(
    `; it has not come to collective 4, ${what}, to which ranks 0 and 1 came 0.3 s ago`,
  );
});
