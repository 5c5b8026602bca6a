import { type DType, ops } from '../../../lib/ops.ts';
import {
  dtypes,
  elements,
  isWhole,
  type OperationCase,
  type Random,
  randomInteger,
  randomShape,
  randomSource,
  randomValues,
  rounded,
  size,
} from '../case.ts';

/** Numbers that every whole-number dtype holds when they are rounded toward zero, but those of `from` and `to` alone. */
function castCase(shape: readonly number[], from: DType, to: DType): OperationCase {
  const random = randomSource(elements(shape) + 9);
  const isSmall = from === 'uint8' || to === 'uint8';
  const { data } = randomValues(shape, 'float32', random, 1000);
  const numbers = isSmall ? data.map((value) => Math.abs(value) % 256) : data;
  const exact = isWhole(from) ? numbers.map(Math.trunc) : numbers;
  const whole = rounded({ shape, dtype: from, data: exact });
  // Rounding may have made 256 of what was less.
  const input = {
    ...whole,
    data: whole.data.map((value) => (isSmall && value > 255 ? 255 : value)),
  };
  return {
    name: `cast ${shape.join('x')} ${from} to ${to}`,
    inputs: { input },
    run: ({ input }, output) => ops.cast({ input: input!, output: output(shape, to) }),
    reference: ({ input }) => {
      const values = isWhole(to) ? input!.data.map(Math.trunc) : input!.data;
      return { output: rounded({ shape, dtype: to, data: values }).data };
    },
    tolerance: { output: 0 },
    bytes: elements(shape) * (size(from) + size(to)),
    flops: 0,
  };
}

const pairs = dtypes.flatMap((from) => dtypes.map((to) => [from, to] as const));
/** Those that most code uses, at all shapes; the others at some. */
const shapes = [[], [0, 3], [5], [3, 7, 11], [70001]];

export const cases: OperationCase[] = [
  ...shapes.flatMap((shape) =>
    (['float32', 'bfloat16'] as const).flatMap((from) =>
      (['float32', 'bfloat16'] as const).map((to) => castCase(shape, from, to)),
    ),
  ),
  ...pairs.flatMap(([from, to]) => [castCase([3, 7, 11], from, to), castCase([0], from, to)]),
  castCase([70001], 'float16', 'float32'),
  castCase([70001], 'float32', 'float16'),
  castCase([70001], 'int64', 'int32'),
];

export function randomCase(seed: number): OperationCase {
  const random: Random = randomSource(seed);
  const [from, to] = pairs[randomInteger(random, 0, pairs.length - 1)]!;
  return castCase(randomShape(random, 5, 0), from, to);
}
