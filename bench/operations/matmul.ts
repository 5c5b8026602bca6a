// Matrix products of a linear layer: forward (A Bᵀ, and once with a bias), the gradient of its input (A B), and that of its
// weight (Aᵀ B, added in float32). Large: every shape of LLaMA-7B at 4 x 2048 tokens.

import { type Device, ops } from '../../lib/index.ts';
import { padVocabulary } from '../../lib/llama/parameters.ts';
import { matmulReference } from '../../test/ops/cases/matmul.ts';
import {
  bytesOf,
  compare,
  type Float,
  type Prepared,
  type Sizes,
  Tensors,
  valuesOf,
  type Workload,
} from '../workload.ts';

export interface Product {
  m: number;
  k: number;
  n: number;
  transposeA?: boolean;
  transposeB?: boolean;
  /** Adds a bias to each row. */
  bias?: boolean;
  /** Adds to a float32 output, as gradients of weights are. */
  accumulate?: boolean;
  dtype: Float;
}

export function product(setting: Product): Workload {
  const { m, k, n, transposeA = false, transposeB = false, accumulate = false, dtype } = setting;
  const { bias = false } = setting;
  const mark = (is: boolean, text: string) => (is ? ` ${text}` : '');
  const marks = `${mark(transposeA, 'Aᵀ')}${mark(transposeB, 'Bᵀ')}${mark(bias, 'bias')}${mark(accumulate, '+=')}`;
  const outputDtype = accumulate ? 'float32' : dtype;
  return {
    name: `matmul ${m}x${k}x${n}${marks} ${dtype}${outputDtype === dtype ? '' : ` to ${outputDtype}`}`,
    dtype,
    bound: 'arithmetic',
    flops: 2 * m * k * n,
    bytes: (m * k + k * n) * bytesOf(dtype) + (accumulate ? 2 : 1) * m * n * bytesOf(outputDtype),
    rival: { kind: 'matmul', m, k, n, transposeA, transposeB, bias, dtype },
    prepare: (device) => prepare(device, setting),
  };
}

/** What is checked of the product: its first rows and columns. */
const sample = 8;

function prepare(device: Device, setting: Product): Prepared {
  const { m, k, n, transposeA = false, transposeB = false, accumulate = false, dtype } = setting;
  const tensors = new Tensors(device);
  const a = tensors.random(transposeA ? [k, m] : [m, k], dtype);
  const b = tensors.random(transposeB ? [n, k] : [k, n], dtype);
  const output = tensors.empty([m, n], accumulate ? 'float32' : dtype);
  const bias = setting.bias && tensors.random([n], dtype);
  const flags = { transposeA, transposeB, accumulate };
  const run = () => ops.matmul({ a, b, ...flags, output, ...(bias && { bias }) });
  const rows = Math.min(sample, m);
  const columns = Math.min(sample, n);
  return {
    run,
    check: async () => {
      ops.fill({ output, value: accumulate ? 0 : Number.NaN });
      run();
      const [left, right] = [await valuesOf(a), await valuesOf(b)];
      const shape = { m: rows, k, n: columns };
      const products = matmulReference(
        shape,
        Float64Array.from({ length: rows * k }, (_, i) => {
          const [row, x] = [Math.floor(i / k), i % k];
          return left.at(transposeA ? x * m + row : row * k + x);
        }),
        Float64Array.from({ length: k * columns }, (_, i) => {
          const [x, column] = [Math.floor(i / columns), i % columns];
          return right.at(transposeB ? column * k + x : x * n + column);
        }),
      );
      const added = bias ? await valuesOf(bias) : undefined;
      const expected = products.map((sum, i) => sum + (added?.at(i % columns) ?? 0));
      const got = await valuesOf(output);
      const actual = Float64Array.from(expected, (_, i) =>
        got.at(Math.floor(i / columns) * n + (i % columns)),
      );
      return compare(['output', actual, expected, dtype === 'float32' ? 1e-5 : 8e-3]);
    },
    dispose: () => tensors.dispose(),
  };
}

/** Forward, gradient of the input, gradient of the weight. */
function linear(tokens: number, inputs: number, outputs: number, dtype: Float): Workload[] {
  return [
    product({ m: tokens, k: inputs, n: outputs, transposeB: true, dtype }),
    product({ m: tokens, k: outputs, n: inputs, dtype }),
    product({ m: outputs, k: tokens, n: inputs, transposeA: true, accumulate: true, dtype }),
  ];
}

/** Forward with a bias, which the product adds itself. */
function biased(tokens: number, inputs: number, outputs: number, dtype: Float): Workload {
  return product({ m: tokens, k: inputs, n: outputs, transposeB: true, bias: true, dtype });
}

export function workloads(sizes: Sizes): Workload[] {
  if (sizes === 'large') {
    const layers = [
      [4096, 4096],
      [4096, 11008],
      [11008, 4096],
      // LLaMA 2's 32,000 tokens and LEIA's two, padded as in training.
      [4096, padVocabulary(32_002)],
    ] as const;
    const plain = layers.flatMap(([inputs, outputs]) => linear(8192, inputs, outputs, 'bfloat16'));
    return [...plain, biased(8192, 4096, 4096, 'bfloat16')];
  }
  const types = ['float32', 'bfloat16'] as const;
  const [tokens, inputs, outputs] = sizes === 'tiny' ? [24, 16, 40] : [2048, 768, 2048];
  return types.flatMap((dtype) => [
    ...linear(tokens!, inputs!, outputs!, dtype),
    biased(tokens!, inputs!, outputs!, dtype),
  ]);
}
