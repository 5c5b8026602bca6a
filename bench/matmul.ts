// Matrix products: a square one, and those of a linear layer of the 100M model in a step of 4 x 512 tokens.
import { matmulCase, matmulReference } from '../test/ops/cases/matmul.ts';
import type { BenchCase } from './bench-case.ts';

const types = [
  ['float32', 'float32'],
  ['bfloat16', 'bfloat16'],
] as const;
/** Rows of the result that are checked. */
const rows = 4;

function square(size: number): BenchCase[] {
  return types.map(([dtype, outputDtype]) =>
    product({ m: size, k: size, n: size, dtype, outputDtype }),
  );
}

/** Forward, gradient of the input, gradient of the weight. */
function linear(tokens: number, inputs: number, outputs: number): BenchCase[] {
  return types.flatMap(([dtype, outputDtype]) => [
    product({ m: tokens, k: inputs, n: outputs, transposeB: true, dtype, outputDtype }),
    product({ m: tokens, k: outputs, n: inputs, dtype, outputDtype }),
    product({
      m: outputs,
      k: tokens,
      n: inputs,
      transposeA: true,
      accumulate: true,
      dtype,
      outputDtype: 'float32',
    }),
  ]);
}

function product(setting: Parameters<typeof matmulCase>[0]): BenchCase {
  const { m, k, n, transposeA = false, transposeB = false } = setting;
  return {
    operation: matmulCase({ ...setting, accumulate: setting.accumulate ?? false }),
    unit: 'GFLOP/s',
    part: ({ a, b, start }, outputs) => {
      const first = new Float64Array(rows * k);
      for (let i = 0; i < rows; i++) {
        for (let x = 0; x < k; x++) {
          first[i * k + x] = transposeA ? a!.data[x * m + i]! : a!.data[i * k + x]!;
        }
      }
      const added = setting.accumulate ? start!.data.subarray(0, rows * n) : undefined;
      const expected = matmulReference({ m: rows, k, n, transposeB }, first, b!.data, added);
      const actual = Array.from({ length: rows * n }, (_, i) => outputs.get('output')![i]!);
      return { output: { actual, expected } };
    },
  };
}

export const cases: BenchCase[] = [...square(2048), ...linear(2048, 768, 2048)];
