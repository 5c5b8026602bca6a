// Methods for the tests of tables.
import type { Method, Run } from '../../../lib/evaluate/tables/methods.ts';

/** A method whose runs have these scores of one task each. */
export function method(
  name: string,
  role: Method['role'],
  scores: Readonly<Record<string, readonly number[]>>,
): Method {
  const count = Math.max(...Object.values(scores).map((list) => list.length));
  const runs = Array.from({ length: count }, (_, i): Run => {
    const own = Object.entries(scores).flatMap(([task, list]): [string, number][] =>
      list[i] === undefined ? [] : [[task, list[i]]],
    );
    return { name: `${name} ${i + 1}`, scores: new Map(own) };
  });
  return { name, role, runs };
}

export const untuned = method('LLaMA', 'baseline', { xcodah_ja: [0.3], xcsqa_ja: [0.25] });
export const plain = method('plain', 'baseline', {
  xcodah_ja: [0.31, 0.32, 0.33, 0.31, 0.32],
  xcsqa_ja: [0.26, 0.27, 0.25, 0.26, 0.27],
});
export const leia = method('LEIA', 'candidate', {
  xcodah_ja: [0.4, 0.41, 0.42, 0.41, 0.4],
  xcsqa_ja: [0.27, 0.26, 0.26, 0.27, 0.25],
});
