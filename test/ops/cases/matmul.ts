import { ops } from '../../../lib/index.ts';
import { type OperationCase, randomInteger, randomSource, randomValues, size } from '../case.ts';

interface Setting {
  m: number;
  k: number;
  n: number;
  transposeA?: boolean;
  transposeB?: boolean;
  accumulate?: boolean;
  dtype: 'float32' | 'bfloat16';
  outputDtype: 'float32' | 'bfloat16';
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
  const marks = `${transposeA ? ' Aᵀ' : ''}${transposeB ? ' Bᵀ' : ''}${accumulate ? ' +=' : ''}`;
  return {
    name: `matmul ${m}x${k}x${n}${marks} ${dtype} to ${outputDtype}`,
    inputs: {
      a: randomValues(transposeA ? [k, m] : [m, k], dtype, random),
      b: randomValues(transposeB ? [n, k] : [k, n], dtype, random),
      start,
    },
    run: ({ a, b, start }, output) => {
      const target = output([m, n], outputDtype);
      if (accumulate) ops.cast({ input: start!, output: target });
      return ops.matmul({
        a: a!,
        b: b!,
        transposeA,
        transposeB,
        accumulate,
        output: target,
      });
    },
    reference: ({ a, b, start }) => ({
      output: matmulReference(setting, a!.data, b!.data, accumulate ? start!.data : undefined),
    }),
    tolerance: { output: outputDtype === 'float32' ? 1e-6 : 2.5e-3 },
    bytes: (m * k + k * n) * size(dtype) + m * n * size(outputDtype),
    flops: 2 * m * k * n,
  };
}

const shapes = [
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

export const cases: OperationCase[] = shapes.flatMap(([m, k, n]) =>
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

/** Outputs of some size, so that no error is relative to a number that cancelled to nearly nothing. */
export function randomCase(seed: number): OperationCase {
  const random = randomSource(seed);
  const [dtype, outputDtype] = types[randomInteger(random, 0, types.length - 1)]!;
  return matmulCase({
    m: randomInteger(random, 4, 150),
    k: randomInteger(random, 1, 300),
    n: randomInteger(random, 4, 150),
    transposeA: random() < 0.5,
    transposeB: random() < 0.5,
    accumulate: random() < 0.5,
    dtype,
    outputDtype,
  });
}
