import { join } from 'node:path';
import { expect, test } from 'vitest';
import { PythonRandom } from '../../../lib/evaluate/tasks/python-random.ts';
import { expectError, fixtures, readJson } from '../../llama/fixtures.ts';

interface Recorded {
  cases: {
    seed: number;
    random: number[];
    below: [number, number][];
    shuffles: number[][];
    samples: [number, number, number[]][];
    last: number;
  }[];
  harness: { questions: number[]; draws: number[][] };
}

const recorded = (await readJson(
  join(fixtures, 'evaluation', 'python-random.json'),
)) as unknown as Recorded;

const range = (count: number) => Array.from({ length: count }, (_, i) => i);

test.each(recorded.cases)('draws as CPython does with seed $seed', (recording) => {
  const random = new PythonRandom(recording.seed);
  expect(recording.random.map(() => random.next())).toEqual(recording.random);
  for (const [count, drawn] of recording.below) expect(random.below(count)).toBe(drawn);
  for (const shuffled of recording.shuffles) {
    const list = range(shuffled.length);
    random.shuffle(list);
    expect(list).toEqual(shuffled);
  }
  for (const [length, count, drawn] of recording.samples) {
    expect(random.sample(range(length), count)).toEqual(drawn);
  }
  expect(random.next()).toBe(recording.last);
});

test('shuffles questions and draws examples as the harness does', () => {
  const random = new PythonRandom(42);
  const questions = range(1119);
  random.shuffle(questions);
  expect(questions.slice(0, 20)).toEqual(recorded.harness.questions);
  const pool = range(8939);
  expect(questions.slice(0, 20).map(() => random.sample(pool, 4))).toEqual(recorded.harness.draws);
});

test('refuses seeds and draws that Python would not take', async () => {
  for (const seed of [-1, 0.5, Number.NaN, 2 ** 53]) {
    await expectError(() => new PythonRandom(seed), 'argument', `got ${seed}`);
  }
  await expectError(() => new PythonRandom(1).sample([1, 2], 3), 'argument', 'draw 3 of 2');
});
