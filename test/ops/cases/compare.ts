import { type DType, ops } from '../../../lib/ops.ts';
import {
  elements,
  type OperationCase,
  type Random,
  randomInteger,
  randomSource,
  randomValues,
  rounded,
  size,
  type Values,
} from '../case.ts';
import { broadcast, sourceIndices } from './binary.ts';

export const comparisons = {
  equal: (a: number, b: number) => a === b,
  notEqual: (a: number, b: number) => a !== b,
  less: (a: number, b: number) => a < b,
  lessEqual: (a: number, b: number) => a <= b,
  greater: (a: number, b: number) => a > b,
  greaterEqual: (a: number, b: number) => a >= b,
};
type Name = keyof typeof comparisons;
export const names = Object.keys(comparisons) as Name[];

/** The shape of a tensor, or a number. */
type Operand = readonly number[] | number;

/** Few different values, some of them NaN, so that many are equal. */
export function fewValues(shape: readonly number[], dtype: DType, random: Random): Values {
  const data = randomValues(shape, 'float32', random, 1.2).data.map(Math.round);
  if (dtype === 'int32') return { shape, dtype, data };
  return { shape, dtype, data: data.map((value) => (random() < 0.1 ? Number.NaN : value + 0.1)) };
}

function compareCase(name: Name, a: Operand, b: Operand, dtype: DType): OperationCase {
  const shapes = [a, b].map((operand) => (typeof operand === 'number' ? [] : operand));
  const whole = broadcast(shapes[0]!, shapes[1]!);
  const random = randomSource(elements(whole) + 37);
  const inputs: Record<string, Values> = {};
  for (const [key, operand] of Object.entries({ a, b })) {
    if (typeof operand === 'number') continue;
    const values = fewValues(operand, dtype, random);
    inputs[key] = dtype === 'int32' ? values : rounded(values);
  }
  const sourceOf = (operand: Operand, values: Values | undefined): Values => {
    if (values) return values;
    const number = { shape: [], dtype, data: Float64Array.of(operand as number) };
    return dtype === 'int32' ? number : rounded(number);
  };
  const written = [a, b].map((one) => (typeof one === 'number' ? one : `[${one.join('x')}]`));
  return {
    name: `${name} ${written.join(' ')} ${dtype}`,
    inputs,
    run: (tensors, output) =>
      ops[name]({
        a: typeof a === 'number' ? a : tensors.a!,
        b: typeof b === 'number' ? b : tensors.b!,
        output: output(whole, 'int32'),
      }),
    reference: (values) => {
      const [left, right] = [sourceOf(a, values.a), sourceOf(b, values.b)];
      const [ia, ib] = [sourceIndices(left.shape, whole), sourceIndices(right.shape, whole)];
      const holds = comparisons[name];
      return {
        output: Float64Array.from(ia, (at, i) =>
          holds(left.data[at]!, right.data[ib[i]!]!) ? 1 : 0,
        ),
      };
    },
    tolerance: { output: 0 },
    bytes: elements(whole) * (2 * size(dtype) + 4),
    flops: elements(whole),
  };
}

const dtypes = ['float32', 'bfloat16', 'int32'] as const;
const pairs: readonly (readonly [Operand, Operand])[] = [
  [
    [3, 5, 7],
    [3, 5, 7],
  ],
  [[], []],
  [[2, 0], [1]],
  [
    [5, 1, 7],
    [6, 1],
  ],
  [[17, 3], 1.1],
  [-1, [4, 6]],
];

export const cases: OperationCase[] = names.flatMap((name, n) =>
  pairs.map(([a, b], i) => compareCase(name, a, b, dtypes[(n + i) % 3]!)),
);

export function randomCase(seed: number): OperationCase {
  const random = randomSource(seed);
  const whole = Array.from({ length: randomInteger(random, 0, 4) }, () =>
    randomInteger(random, 1, 9),
  );
  const part = () => whole.map((one) => (random() < 0.4 ? 1 : one));
  const pick = (count: number) => randomInteger(random, 0, count - 1);
  return compareCase(names[pick(6)]!, part(), part(), dtypes[pick(3)]!);
}
