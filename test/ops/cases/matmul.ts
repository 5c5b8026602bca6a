import { ops } from '../../../lib/ops.ts';
import {
  elements,
  type OperationCase,
  randomInteger,
  randomSource,
  randomValues,
  size,
  type Values,
} from '../case.ts';

interface Setting {
  m: number;
  k: number;
  n: number;
  transposeA?: boolean;
  transposeB?: boolean;
  accumulate?: boolean;
  /** Whether a bias is added. */
  bias?: boolean;
  dtype: 'float32' | 'bfloat16';
  outputDtype: 'float32' | 'bfloat16';
}

/** What a setting says beside sizes and dtypes. */
function marksOf({ transposeA, transposeB, bias, accumulate }: Setting): string {
  const marks = [transposeA && 'Aᵀ', transposeB && 'Bᵀ', bias && 'bias', accumulate && '+='];
  return marks.map((mark) => (mark ? ` ${mark}` : '')).join('');
}

/** Adds a bias to each row, if there is one. */
function withBias(output: Float64Array, bias: Values | undefined): Float64Array {
  return bias ? output.map((value, i) => value + bias.data[i % bias.data.length]!) : output;
}

export function matmulReference(
  { m, k, n, transposeA = false, transposeB = false }: Omit<Setting, 'dtype' | 'outputDtype'>,
  a: Float64Array,
  b: Float64Array,
  start?: Float64Array,
): Float64Array {
  const output = start ? Float64Array.from(start) : new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let x = 0; x < k; x++) {
      const left = transposeA ? a[x * m + i]! : a[i * k + x]!;
      for (let j = 0; j < n; j++) {
        output[i * n + j]! += left * (transposeB ? b[j * k + x]! : b[x * n + j]!);
      }
    }
  }
  return output;
}

export function matmulCase(setting: Setting): OperationCase {
  const { m, k, n, transposeA = false, transposeB = false, accumulate = false } = setting;
  const { dtype, outputDtype } = setting;
  const random = randomSource(m * 7919 + k * 104729 + n);
  const start = randomValues([m, n], outputDtype, random);
  const marks = marksOf(setting);
  return {
    name: `matmul ${m}x${k}x${n}${marks} ${dtype} to ${outputDtype}`,
    inputs: {
      a: randomValues(transposeA ? [k, m] : [m, k], dtype, random),
      b: randomValues(transposeB ? [n, k] : [k, n], dtype, random),
      start,
      ...(setting.bias && { bias: randomValues([n], outputDtype, random) }),
    },
    run: ({ a, b, start, bias }, output) => {
      const target = output([m, n], outputDtype);
      if (accumulate) ops.cast({ input: start!, output: target });
      return ops.matmul({
        a: a!,
        b: b!,
        transposeA,
        transposeB,
        accumulate,
        output: target,
        ...(bias && { bias }),
      });
    },
    reference: ({ a, b, start, bias }) => ({
      output: withBias(
        matmulReference(setting, a!.data, b!.data, accumulate ? start!.data : undefined),
        bias,
      ),
    }),
    tolerance: { output: outputDtype === 'float32' ? 1e-6 : 2.5e-3 },
    bytes: (m * k + k * n) * size(dtype) + m * n * size(outputDtype),
    flops: 2 * m * k * n,
  };
}

/** A product for each index of the leading dimensions; `sharedB`: all with the same right side. */
function batchedCase(leading: readonly number[], setting: Setting, sharedB = false): OperationCase {
  const { m, k, n, transposeA = false, transposeB = false, accumulate = false } = setting;
  const { dtype, outputDtype } = setting;
  const batch = elements(leading);
  const random = randomSource(batch + m * 7919 + k * 104729 + n);
  const marks = marksOf(setting);
  const own = sharedB ? [] : leading;
  const shape = [...leading, m, n];
  return {
    name: `matmul batch ${leading.join('x')} of ${m}x${k}x${n}${marks}${sharedB ? ' one B' : ''} ${dtype} to ${outputDtype}`,
    inputs: {
      a: randomValues([...leading, ...(transposeA ? [k, m] : [m, k])], dtype, random),
      b: randomValues([...own, ...(transposeB ? [n, k] : [k, n])], dtype, random),
      start: randomValues(shape, outputDtype, random),
      ...(setting.bias && { bias: randomValues([n], outputDtype, random) }),
    },
    run: ({ a, b, start, bias }, output) => {
      const target = output(shape, outputDtype);
      if (accumulate) ops.cast({ input: start!, output: target });
      const flags = { transposeA, transposeB, accumulate, batched: true };
      return ops.matmul({ a: a!, b: b!, ...flags, output: target, ...(bias && { bias }) });
    },
    reference: ({ a, b, start, bias }) => {
      const result = new Float64Array(elements(shape));
      const item = ({ data }: Values, i: number, size: number) =>
        data.subarray(i * size, (i + 1) * size);
      for (let i = 0; i < batch; i++) {
        const right = item(b!, sharedB ? 0 : i, k * n);
        const before = accumulate ? item(start!, i, m * n) : undefined;
        result.set(matmulReference(setting, item(a!, i, m * k), right, before), i * m * n);
      }
      return { output: withBias(result, bias) };
    },
    tolerance: { output: outputDtype === 'float32' ? 1e-6 : 2.5e-3 },
    bytes:
      (batch * m * k + elements(own) * k * n) * size(dtype) + batch * m * n * size(outputDtype),
    flops: 2 * batch * m * k * n,
  };
}

const shapes = [
  [5, 0, 7],
  [60, 0, 9],
  [1, 1, 1],
  [1, 300, 70],
  [3, 5, 7],
  [4, 129, 33],
  [13, 31, 65],
  [33, 47, 65],
  [64, 64, 172],
  [97, 257, 129],
  [200, 513, 70],
  [40, 20, 1100],
] as const;

const types = [
  ['float32', 'float32'],
  ['bfloat16', 'bfloat16'],
  ['bfloat16', 'float32'],
] as const;

const batches = [
  { leading: [5], m: 9, k: 21, n: 14 },
  { leading: [2, 3], m: 40, k: 33, n: 70 },
  { leading: [2, 1, 2], m: 1, k: 17, n: 130 },
  { leading: [0], m: 3, k: 2, n: 2 },
  { leading: [2], m: 6, k: 0, n: 5 },
  { leading: [3], m: 13, k: 40, n: 1040 },
];

const batched = batches.flatMap(({ leading, ...sizes }) =>
  types.flatMap(([dtype, outputDtype], type) =>
    [0, 1, 2, 3].map((bits) =>
      batchedCase(
        leading,
        {
          ...sizes,
          transposeA: (bits & 1) !== 0,
          transposeB: (bits & 2) !== 0,
          accumulate: (sizes.m + bits) % 2 === 0,
          dtype,
          outputDtype,
        },
        (type + bits) % 3 === 0,
      ),
    ),
  ),
);

const single = shapes.flatMap(([m, k, n]) =>
  types.flatMap(([dtype, outputDtype]) =>
    [0, 1, 2, 3].map((bits) =>
      matmulCase({
        m,
        k,
        n,
        transposeA: (bits & 1) !== 0,
        transposeB: (bits & 2) !== 0,
        accumulate: (m + bits) % 2 === 0,
        dtype,
        outputDtype,
      }),
    ),
  ),
);

/** Every path with a bias: few rows, blocks, strips of columns, batches with their own and with one b, K = 0. */
const biased = types.flatMap(([dtype, outputDtype]) => {
  const setting = { dtype, outputDtype, bias: true };
  return [
    matmulCase({ m: 5, k: 0, n: 7, ...setting }),
    matmulCase({ m: 5, k: 0, n: 7, ...setting, accumulate: true }),
    matmulCase({ m: 3, k: 70, n: 129, transposeB: true, ...setting }),
    matmulCase({ m: 97, k: 257, n: 129, ...setting, accumulate: true }),
    matmulCase({ m: 40, k: 20, n: 1100, transposeB: true, ...setting }),
    batchedCase([2, 3], { m: 40, k: 33, n: 70, transposeA: true, ...setting }),
    batchedCase([3], { m: 13, k: 40, n: 1040, ...setting, accumulate: true }, true),
    batchedCase([4], { m: 1, k: 17, n: 130, transposeB: true, ...setting }),
    batchedCase([2], { m: 6, k: 0, n: 5, ...setting }),
  ];
});

export const cases: OperationCase[] = [...single, ...batched, ...biased];

/** Outputs of some size, so that no error is relative to a number that cancelled to nearly nothing. */
export function randomCase(seed: number): OperationCase {
  const random = randomSource(seed);
  const [dtype, outputDtype] = types[randomInteger(random, 0, types.length - 1)]!;
  const batch = randomInteger(random, 0, 4);
  const most = batch > 1 ? 60 : 150;
  const setting = {
    m: randomInteger(random, 4, most),
    k: randomInteger(random, 1, 2 * most),
    n: randomInteger(random, 4, most),
    transposeA: random() < 0.5,
    transposeB: random() < 0.5,
    accumulate: random() < 0.5,
    bias: random() < 0.3,
    dtype,
    outputDtype,
  };
  return batch > 1 ? batchedCase([batch], setting, random() < 0.3) : matmulCase(setting);
}
