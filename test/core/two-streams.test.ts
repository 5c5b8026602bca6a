// Collectives run on a second stream of a device, beside kernels. On the emulator, where a collective can be held up
// (test/native/two_streams.h): what must wait for it waits, nothing else does, and memory that it uses is not given away.
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';

interface TwoStreams {
  besideACollective(scenario: string): Float32Array;
}

const build = resolve(import.meta.dirname, '../..', process.env.LEIA_BUILD ?? 'build');
const addon = createRequire(import.meta.url)(
  join(build, 'tests/emulator_tests.node'),
) as TwoStreams;

test.each([
  ['a kernel that uses other memory runs while a collective waits', 'beside', [1, 1, 1]],
  ['a kernel that reads what a collective writes comes after it', 'after', [1]],
  ['a collective that reads what a kernel writes comes after it', 'before', [5]],
  ['a kernel that writes what a collective reads comes after it', 'over', [1, 9]],
  ['all kernels after a barrier come after it', 'barrier', [1, 0]],
  ['memory that a collective reads is not given away when it is freed', 'freed', [1, 0, 0]],
  ['it is when the first stream is past the collective', 'passed', [1, 1, 0]],
])('%s', (_, scenario, expected) => {
  expect([...addon.besideACollective(scenario)]).toEqual(expected);
});
