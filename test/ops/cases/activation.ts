import { ops } from '../../../lib/ops.ts';
import {
  dot,
  elements,
  type GradientCheck,
  type OperationCase,
  randomFloatType,
  randomInteger,
  randomShape,
  randomSource,
  randomValues,
  size,
} from '../case.ts';

type Float = 'float32' | 'bfloat16';
type Name = 'gelu' | 'silu' | 'relu' | 'tanh' | 'sigmoid';
/** A function; gelu's approximation is one, too. */
export type Curve = Name | 'geluTanh';

export const curves = ['gelu', 'geluTanh', 'silu', 'relu', 'tanh', 'sigmoid'] as const;

const logistic = (x: number) => 1 / (1 + Math.exp(-x));

/** The normal distribution's function, to 1e-15: its series near 0, a continued fraction further out. */
export function normalDistribution(x: number): number {
  const density = Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
  const z = Math.abs(x);
  if (z < 3) {
    let [sum, term] = [0, z];
    for (let k = 1; term > 1e-18 * sum; k++) {
      sum += term;
      term *= (z * z) / (2 * k + 1);
    }
    return 0.5 + Math.sign(x) * density * sum;
  }
  let fraction = z;
  for (let k = 80; k >= 1; k--) fraction = z + k / fraction;
  const tail = density / fraction;
  return x < 0 ? tail : 1 - tail;
}

const cubic = (x: number) => 2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3);

/** Value and derivative. */
const functions: Record<Curve, readonly [(x: number) => number, (x: number) => number]> = {
  gelu: [
    (x) => x * normalDistribution(x),
    (x) => normalDistribution(x) + (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI),
  ],
  geluTanh: [
    (x) => x * logistic(cubic(x)),
    (x) => {
      const s = logistic(cubic(x));
      const inner = 2 * Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x * x);
      return s + x * s * (1 - s) * inner;
    },
  ],
  silu: [(x) => x * logistic(x), (x) => logistic(x) * (1 + x * (1 - logistic(x)))],
  relu: [(x) => Math.max(x, 0), (x) => (x > 0 ? 1 : 0)],
  tanh: [Math.tanh, (x) => 1 / Math.cosh(x) ** 2],
  sigmoid: [logistic, (x) => logistic(x) * logistic(-x)],
};

export function activationReference(curve: Curve, input: Float64Array): Float64Array {
  return input.map(functions[curve][0]);
}

export function activationBackwardReference(
  curve: Curve,
  dy: Float64Array,
  input: Float64Array,
): Float64Array {
  return input.map((x, i) => dy[i]! * functions[curve][1](x));
}

/** The operation of a function, and what it is told. */
export function operationOf(curve: Curve) {
  const name: Name = curve === 'geluTanh' ? 'gelu' : curve;
  return { name, form: { approximate: curve === 'geluTanh' } };
}

function forwardCase(
  curve: Curve,
  shape: readonly number[],
  scale: number,
  dtype: Float,
  inPlace: boolean,
): OperationCase {
  const { name, form } = operationOf(curve);
  return {
    name: `${curve} ${shape.join('x')} ${dtype} scale ${scale}${inPlace ? ' in place' : ''}`,
    inputs: { input: randomValues(shape, dtype, randomSource(elements(shape) + 23), scale) },
    run: ({ input }, output) =>
      ops[name]({ input: input!, output: inPlace ? input! : output(shape, dtype), ...form }),
    reference: ({ input }) => ({ output: activationReference(curve, input!.data) }),
    tolerance: { output: dtype === 'float32' ? 1e-7 : 3e-3 },
    bytes: 2 * elements(shape) * size(dtype),
    flops: 5 * elements(shape),
  };
}

function backwardCase(
  curve: Curve,
  shape: readonly number[],
  scale: number,
  dtype: Float,
  into: 'gradInput' | 'gradOutput' | 'input',
): OperationCase {
  const { name, form } = operationOf(curve);
  const random = randomSource(elements(shape) + 29);
  return {
    name: `${curve}Backward ${shape.join('x')} ${dtype} scale ${scale} into ${into}`,
    inputs: {
      gradOutput: randomValues(shape, dtype, random),
      input: randomValues(shape, dtype, random, scale),
    },
    run: ({ gradOutput, input }, output) =>
      ops[`${name}Backward`]({
        gradOutput: gradOutput!,
        input: input!,
        gradInput: { gradInput: output(shape, dtype), gradOutput: gradOutput!, input: input! }[
          into
        ],
        ...form,
      }),
    reference: ({ gradOutput, input }) => ({
      gradInput: activationBackwardReference(curve, gradOutput!.data, input!.data),
    }),
    tolerance: { gradInput: dtype === 'float32' ? 1.1e-7 : 3e-3 },
    bytes: 3 * elements(shape) * size(dtype),
    flops: 10 * elements(shape),
  };
}

/** Both ends of what float32 holds, and both sides of where the CPU's exponential and tangent change their ways. */
const extremes = [
  ...[0, 2 ** -149, 2 ** -126, 1e-20, 0.6249, 0.6251, 1, 9, 13.2, 43.66, 43.68, 44.3, 44.4],
  ...[87.33, 87.34, 88.72, 88.73, 104, 1e3, 1e12, (2 - 2 ** -23) * 2 ** 127],
].flatMap((x) => [Math.fround(x), -Math.fround(x)]);

/** The largest error of a number, relative to it; or to 1e-30, as the smallest numbers may become zero. */
function largestError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  const errors = Array.from(
    expected,
    (x, i) => Math.abs(actual[i]! - x) / Math.max(Math.abs(x), 1e-30),
  );
  return Math.max(...errors);
}

/** No finite number gives another that is far off, or none. */
function extremeCases(curve: Curve): OperationCase[] {
  const values = (data: Float64Array) =>
    ({ shape: [data.length], dtype: 'float32', data }) as const;
  const input = values(Float64Array.from(extremes));
  const forward = forwardCase(curve, input.shape, 1, 'float32', false);
  const backward = backwardCase(curve, input.shape, 1, 'float32', 'gradInput');
  const gradOutput = values(input.data.map(() => 1));
  return [
    {
      ...{ ...forward, name: `${curve} of extremes`, inputs: { input } },
      ...{ error: (_, ...pair) => largestError(...pair), tolerance: { output: 1e-5 } },
    },
    {
      ...{ ...backward, name: `${curve}Backward of extremes`, inputs: { gradOutput, input } },
      ...{ error: (_, ...pair) => largestError(...pair), tolerance: { gradInput: 1e-5 } },
    },
  ];
}

export const cases: OperationCase[] = [
  ...curves.flatMap(extremeCases),
  ...curves.flatMap((curve) => [
    forwardCase(curve, [2, 0], 1, 'float32', false),
    forwardCase(curve, [], 1, 'bfloat16', true),
    forwardCase(curve, [9, 173], 1, 'float32', true),
    forwardCase(curve, [2, 5, 301], 30, 'float32', false),
    forwardCase(curve, [9, 173], 3, 'bfloat16', false),
    backwardCase(curve, [1], 1, 'bfloat16', 'gradInput'),
    backwardCase(curve, [9, 173], 1, 'float32', 'gradInput'),
    backwardCase(curve, [2, 5, 301], 30, 'float32', 'gradOutput'),
    backwardCase(curve, [9, 173], 3, 'bfloat16', 'input'),
  ]),
];

export function randomCase(seed: number): OperationCase {
  const random = randomSource(seed);
  const curve = curves[randomInteger(random, 0, curves.length - 1)]!;
  const shape = randomShape(random, 4, 8);
  const scale = [0.1, 1, 5][randomInteger(random, 0, 2)]!;
  const dtype = randomFloatType(random);
  return random() < 0.5
    ? forwardCase(curve, shape, scale, dtype, random() < 0.5)
    : backwardCase(curve, shape, scale, dtype, 'gradInput');
}

function gradientChecks(): GradientCheck[] {
  const random = randomSource(1);
  const x = randomValues([24], 'float32', random, 2).data;
  const dy = randomValues([24], 'float32', random).data;
  return curves.map((curve) => ({
    name: curve,
    loss: (moved) => dot(activationReference(curve, moved), dy),
    x,
    gradient: activationBackwardReference(curve, dy, x),
  }));
}

export const gradients = gradientChecks();
