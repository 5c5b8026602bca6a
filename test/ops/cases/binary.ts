import { ops } from '../../../lib/ops.ts';
import {
  dot,
  elements,
  type GradientCheck,
  type OperationCase,
  randomFloatType,
  randomInteger,
  randomSource,
  randomValues,
  rounded,
  size,
  type Values,
} from '../case.ts';

type Name = 'add' | 'subtract' | 'multiply' | 'divide';
type Float = 'float32' | 'bfloat16';
/** The shape of a tensor, or a number. */
type Operand = readonly number[] | number;

export const names = ['add', 'subtract', 'multiply', 'divide'] as const;

const functions: Record<Name, (a: number, b: number) => number> = {
  add: (a, b) => a + b,
  subtract: (a, b) => a - b,
  multiply: (a, b) => a * b,
  divide: (a, b) => a / b,
};

const gradientsOf: Record<Name, (dy: number, a: number, b: number) => [number, number]> = {
  add: (dy) => [dy, dy],
  subtract: (dy) => [dy, -dy],
  multiply: (dy, a, b) => [dy * b, dy * a],
  divide: (dy, a, b) => [dy / b, (-dy * a) / (b * b)],
};

/** A tensor's values, or a number as a tensor without dimensions. */
type Source = Pick<Values, 'shape' | 'data'>;

export function broadcast(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  const sizeOf = (shape: readonly number[], i: number) => shape[i - rank + shape.length] ?? 1;
  return Array.from({ length: rank }, (_, i) => {
    const [left, right] = [sizeOf(a, i), sizeOf(b, i)];
    return left === 1 ? right : left;
  });
}

/** For each element of the whole the one of a shape that stretches to it. */
export function sourceIndices(shape: readonly number[], whole: readonly number[]): Int32Array {
  return Int32Array.from({ length: elements(whole) }, (_, element) => {
    let [index, stride, rest] = [0, 1, element];
    for (let place = 1; place <= whole.length; place++) {
      const position = rest % whole.at(-place)!;
      rest = Math.floor(rest / whole.at(-place)!);
      const own = place <= shape.length ? shape.at(-place)! : 1;
      index += own === 1 ? 0 : position * stride;
      stride *= own;
    }
    return index;
  });
}

export function binaryReference(name: Name, a: Source, b: Source): Float64Array {
  const whole = broadcast(a.shape, b.shape);
  const [ia, ib] = [sourceIndices(a.shape, whole), sourceIndices(b.shape, whole)];
  return Float64Array.from(ia, (at, i) => functions[name](a.data[at]!, b.data[ib[i]!]!));
}

export function binaryBackwardReference(name: Name, dy: Float64Array, a: Source, b: Source) {
  const whole = broadcast(a.shape, b.shape);
  const [ia, ib] = [sourceIndices(a.shape, whole), sourceIndices(b.shape, whole)];
  const gradA = new Float64Array(a.data.length);
  const gradB = new Float64Array(b.data.length);
  dy.forEach((value, i) => {
    const gradients = gradientsOf[name](value, a.data[ia[i]!]!, b.data[ib[i]!]!);
    gradA[ia[i]!]! += gradients[0];
    gradB[ib[i]!]! += gradients[1];
  });
  return { gradA, gradB };
}

/** Divisors stay away from 0, where a rounding of the divisor is all that a quotient shows. */
const awayFromZero = (x: number) => (x < 0 ? x - 0.5 : x + 0.5);

function inputsOf(name: Name, a: Operand, b: Operand, dtype: Float) {
  const [left, right] = [a, b].map((operand) => (typeof operand === 'number' ? [] : operand));
  const whole = broadcast(left!, right!);
  const random = randomSource(elements(whole) + 11);
  const inputs: Record<string, Values> = {};
  if (typeof a !== 'number') inputs.a = randomValues(a, dtype, random);
  if (typeof b !== 'number') {
    const values = randomValues(b, dtype, random);
    const divides = name === 'divide';
    inputs.b = divides ? rounded({ ...values, data: values.data.map(awayFromZero) }) : values;
  }
  return { inputs, whole, random };
}

function sourceOf(operand: Operand, values: Values | undefined): Source {
  return values ?? { shape: [], data: Float64Array.of(Math.fround(operand as number)) };
}

const written = (operand: Operand) =>
  typeof operand === 'number' ? `number ${operand}` : `[${operand.join('x')}]`;

function forwardCase(
  name: Name,
  a: Operand,
  b: Operand,
  dtype: Float,
  into: 'output' | 'a' | 'b' = 'output',
): OperationCase {
  const { inputs, whole } = inputsOf(name, a, b, dtype);
  const operands = Object.values(inputs);
  return {
    name: `${name} ${written(a)} ${written(b)} ${dtype} into ${into}`,
    inputs,
    run: (tensors, output) =>
      ops[name]({
        a: typeof a === 'number' ? a : tensors.a!,
        b: typeof b === 'number' ? b : tensors.b!,
        output: into === 'output' ? output(whole, dtype) : tensors[into]!,
      }),
    reference: (values) => ({
      output: binaryReference(name, sourceOf(a, values.a), sourceOf(b, values.b)),
    }),
    tolerance: { output: dtype === 'float32' ? 6e-8 : 3e-3 },
    bytes: [...operands.map(({ shape }) => elements(shape)), elements(whole)].reduce(
      (sum, count) => sum + count * size(dtype),
      0,
    ),
    flops: elements(whole),
  };
}

function backwardCase(
  name: Name,
  a: Operand,
  b: Operand,
  dtype: Float,
  only?: 'a' | 'b',
  isPositive = false,
): OperationCase {
  const { inputs, whole, random } = inputsOf(name, a, b, dtype);
  const all = { gradOutput: randomValues(whole, dtype, random), ...inputs };
  if (isPositive) for (const { data } of Object.values(all)) data.set(data.map(Math.abs));
  const isAsked = (operand: 'a' | 'b') =>
    inputs[operand] !== undefined && (only === undefined || only === operand);
  const tolerance = dtype === 'float32' ? 3e-7 : 4e-3;
  return {
    name: `${name}Backward ${written(a)} ${written(b)} ${dtype}${only ? ` only ${only}` : ''}`,
    inputs: all,
    run: (tensors, output) => {
      const { gradA, gradB } = ops[`${name}Backward`]({
        gradOutput: tensors.gradOutput!,
        a: typeof a === 'number' ? a : tensors.a!,
        b: typeof b === 'number' ? b : tensors.b!,
        only,
        ...(isAsked('a') && { gradA: output(inputs.a!.shape, dtype) }),
        ...(isAsked('b') && { gradB: output(inputs.b!.shape, dtype) }),
      });
      return { ...(gradA && { gradA }), ...(gradB && { gradB }) };
    },
    reference: (values) => {
      const [left, right] = [sourceOf(a, values.a), sourceOf(b, values.b)];
      const { gradA, gradB } = binaryBackwardReference(name, values.gradOutput!.data, left, right);
      return { ...(isAsked('a') && { gradA }), ...(isAsked('b') && { gradB }) };
    },
    tolerance: { gradA: tolerance, gradB: tolerance },
    bytes: Object.values(all).reduce(
      (sum, { shape }) => sum + 2 * elements(shape) * size(dtype),
      -elements(whole) * size(dtype),
    ),
    flops: 2 * elements(whole),
  };
}

/** Each way in which two shapes lie beside each other, and a sum that is made of several parts. */
const pairs: readonly (readonly [Operand, Operand])[] = [
  [
    [3, 5, 7],
    [3, 5, 7],
  ],
  [[], []],
  [[2, 0], [1]],
  [[33, 40], [40]],
  [
    [9, 1],
    [9, 35],
  ],
  [
    [5, 1, 7],
    [6, 1],
  ],
  [
    [2, 3, 4, 5, 8],
    [3, 1, 5, 1],
  ],
  [[17, 3], -1.7],
  [0.3, [4, 6]],
];
/** Large enough that the sums of either device have parts; of positive terms, for a sum that cancels is but roundings. */
const long: readonly (readonly [Operand, Operand])[] = [
  [[2100, 3], [3]],
  [[], [41000]],
  [
    [2, 1050],
    [3, 1, 1],
  ],
];

/** Sums over the outer and the inner dimension, of either side, in vectors and one by one. */
const stretched: readonly (readonly [Operand, Operand])[] = [
  [[5, 16], [16]],
  [[16], [5, 16]],
  [[5, 7], [7]],
  [[7], [5, 7]],
  [
    [5, 16],
    [5, 1],
  ],
  [
    [5, 1],
    [5, 16],
  ],
  [
    [5, 7],
    [5, 1],
  ],
  [
    [5, 1],
    [5, 7],
  ],
];

export const cases: OperationCase[] = [
  ...names.flatMap((name) =>
    pairs.flatMap(([a, b], i) => {
      const dtype = (i + names.indexOf(name)) % 2 === 0 ? 'float32' : 'bfloat16';
      return [forwardCase(name, a, b, dtype), backwardCase(name, a, b, dtype)];
    }),
  ),
  ...long.flatMap(([a, b]) => [
    backwardCase('add', a, b, 'bfloat16', undefined, true),
    backwardCase('divide', a, b, 'float32', undefined, true),
  ]),
  forwardCase('divide', [33, 1000], [33, 1000], 'bfloat16', 'a'),
  forwardCase('subtract', [40], [33, 40], 'float32', 'b'),
  backwardCase('multiply', [2, 3, 16], [3, 16], 'bfloat16', 'a'),
  backwardCase('multiply', [2, 3, 16], [3, 16], 'float32', 'b'),
  ...names.flatMap((name) =>
    (['float32', 'bfloat16'] as const).flatMap((dtype) =>
      stretched.map(([a, b]) => backwardCase(name, a, b, dtype)),
    ),
  ),
];

export function randomCase(seed: number): OperationCase {
  const random = randomSource(seed);
  const whole = Array.from({ length: randomInteger(random, 0, 5) }, () =>
    randomInteger(random, 1, 9),
  );
  const part = () => {
    const shape = whole.map((size) => (random() < 0.4 ? 1 : size));
    return random() < 0.3 ? shape.slice(randomInteger(random, 0, shape.length)) : shape;
  };
  const make = random() < 0.5 ? forwardCase : backwardCase;
  return make(names[randomInteger(random, 0, 3)]!, part(), part(), randomFloatType(random));
}

function gradientChecks(): GradientCheck[] {
  const random = randomSource(1);
  const a = randomValues([3, 1, 4], 'float32', random);
  const b = randomValues([2, 1], 'float32', random);
  const dy = randomValues([3, 2, 4], 'float32', random).data;
  b.data.set(b.data.map(awayFromZero));
  return names.flatMap((name) => {
    const { gradA, gradB } = binaryBackwardReference(name, dy, a, b);
    return [
      {
        name: `${name} a`,
        loss: (moved) => dot(binaryReference(name, { ...a, data: moved }, b), dy),
        x: a.data,
        gradient: gradA,
      },
      {
        name: `${name} b`,
        loss: (moved) => dot(binaryReference(name, a, { ...b, data: moved }), dy),
        x: b.data,
        gradient: gradB,
      },
    ];
  });
}

export const gradients = gradientChecks();
