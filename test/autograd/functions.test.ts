// The gradients that the tape computes are those that finite differences of the same formula give in float64.
import { expect, test } from 'vitest';
import {
  add,
  addBias,
  cast,
  concatenate,
  crossEntropy,
  customFunction,
  divide,
  embedding,
  flashAttention,
  gelu,
  layerNorm,
  logSoftmax,
  matmul,
  max,
  mean,
  multiply,
  permute,
  relu,
  residualAdd,
  residualRmsNorm,
  rmsNorm,
  rope,
  sigmoid,
  silu,
  slice,
  softmax,
  split,
  subtract,
  sum,
  swiglu,
  tanh,
  topK,
  transpose,
  Variable,
  where,
} from '../../lib/autograd.ts';
import { Device } from '../../lib/core/device.ts';
import { ops, type Shape, Tensor } from '../../lib/index.ts';
import {
  deviceName,
  dot,
  elements,
  gradientError,
  randomSource,
  randomValues,
} from '../ops/case.ts';
import { activationReference, curves } from '../ops/cases/activation.ts';
import { crossEntropyReference } from '../ops/cases/cross-entropy.ts';
import { embeddingReference } from '../ops/cases/embedding.ts';
import { attentionReference } from '../ops/cases/flash-attention.ts';
import { layerNormReference } from '../ops/cases/layer-norm.ts';
import { matmulReference } from '../ops/cases/matmul.ts';
import { maxReference } from '../ops/cases/max.ts';
import { rmsNormReference } from '../ops/cases/rms-norm.ts';
import { ropeReference } from '../ops/cases/rope.ts';
import { logSoftmaxReference, softmaxReference } from '../ops/cases/softmax.ts';
import { sumReference } from '../ops/cases/sum.ts';
import { swigluReference } from '../ops/cases/swiglu.ts';
import { topKReference } from '../ops/cases/top-k.ts';

type Each<Items extends readonly unknown[], To> = { [Index in keyof Items]: To };

const device = Device.open(deviceName);

/** A function of the tape beside its formula in float64, at inputs of these shapes; each may have several results. */
function checkOf<const Shapes extends readonly Shape[]>(
  shapes: Shapes,
  apply: (inputs: Each<Shapes, Variable>) => readonly Variable[],
  formula: (inputs: Each<Shapes, Float64Array>) => readonly Float64Array[],
) {
  return () => {
    const random = randomSource(shapes.flat().reduce((a, b) => 31 * a + b, 7));
    const values = shapes.map((shape) => randomValues(shape, 'float32', random));
    const inputs = values.map(({ data, shape }) => {
      const tensor = Tensor.from(Float32Array.from(data), shape, { device });
      return new Variable(tensor, { requiresGrad: true });
    });
    const results = apply(inputs as Each<Shapes, Variable>);
    // The loss sees every element of every result with a weight of its own.
    const weights = results.map(({ shape }) =>
      randomValues([elements(shape), 1], 'float32', random),
    );
    const losses = results.map((result, i) => {
      const weight = Tensor.from(Float32Array.from(weights[i]!.data), weights[i]!.shape, {
        device,
      });
      return matmul(result.view([1, -1]), weight);
    });
    losses.reduce(residualAdd).backward();
    const lossAt = (data: readonly Float64Array[]) =>
      formula(data as unknown as Each<Shapes, Float64Array>).reduce(
        (sum, result, i) => sum + dot(result, weights[i]!.data),
        0,
      );
    return { data: values.map(({ data }) => data), inputs, lossAt };
  };
}

const attention = {
  ...{ batch: 2, heads: 4, kvHeads: 2, queries: 5, keys: 5, headDim: 6 },
  ...{ causal: true, scale: 1 / Math.sqrt(6) },
};
const ids = Int32Array.of(3, 0, 3, 1, 5, 3);
const labels = Int32Array.of(2, -100, 0, 4);
const angles = Float32Array.from({ length: 5 * 3 }, (_, i) => i / 7);
const [cos, sin] = [angles.map(Math.cos), angles.map(Math.sin)];
const table = (values: Float32Array) => Tensor.from(values, [5, 3], { device });
const plus = (a: Float64Array, b: Float64Array) => a.map((value, i) => value + b[i]!);
/** Two products, one behind the other. */
function products(
  a: Float64Array,
  b: Float64Array,
  shape: Parameters<typeof matmulReference>[0],
): Float64Array {
  const half = (values: Float64Array, i: number) =>
    values.subarray((i * values.length) / 2, ((i + 1) * values.length) / 2);
  const parts = [0, 1].map((i) => matmulReference(shape, half(a, i), half(b, i)));
  return Float64Array.from(parts.flatMap((part) => [...part]));
}

const at = (i: number, size: number) => Math.floor(i / size);
const isChosen = (i: number) => i % 3 === 1;
const mask = Tensor.from(
  Int32Array.from({ length: 12 }, (_, i) => Number(isChosen(i))),
  [3, 4],
  { device },
);

/** silu(x) x, as anybody might add it. */
const selfGated = customFunction({
  forward: (x: Tensor) => ({ output: ops.swigluForward({ gate: x, up: x }).output, saved: [x] }),
  backward: (gradOutput, [x]) => {
    const { gradGate, gradUp } = ops.swigluBackward({ gradOutput, gate: x, up: x });
    return [ops.residualAdd({ a: gradGate, b: gradUp }).output];
  },
});

const checks = {
  ...Object.fromEntries(
    [
      [false, false],
      [false, true],
      [true, false],
      [true, true],
    ].map(([transposeA = false, transposeB = false]) => [
      `matmul${transposeA ? ' Aᵀ' : ''}${transposeB ? ' Bᵀ' : ''}`,
      checkOf(
        [transposeA ? [7, 5] : [5, 7], transposeB ? [3, 7] : [7, 3]],
        ([a, b]) => [matmul(a, b, { transposeA, transposeB })],
        ([a, b]) => [matmulReference({ m: 5, k: 7, n: 3, transposeA, transposeB }, a, b)],
      ),
    ]),
  ),
  'matmul of leading dimensions': checkOf(
    [
      [2, 3, 7],
      [4, 7],
    ],
    ([a, b]) => [matmul(a, b, { transposeB: true })],
    ([a, b]) => [matmulReference({ m: 6, k: 7, n: 4, transposeB: true }, a, b)],
  ),
  'matmul with a bias': checkOf(
    [[5, 7], [3, 7], [3], [2, 5, 4], [2, 4, 3]],
    ([a, b, bias, x, y]) => [
      matmul(a, b, { transposeB: true, bias }),
      matmul(x, y, { batched: true, bias }),
    ],
    ([a, b, bias, x, y]) => {
      const rows = matmulReference({ m: 5, k: 7, n: 3, transposeB: true }, a, b);
      return [rows, products(x, y, { m: 5, k: 4, n: 3 })].map((output) =>
        output.map((value, i) => value + bias[i % 3]!),
      );
    },
  ),
  'matmul of a batch': checkOf(
    [
      [2, 3, 4],
      [2, 5, 4],
      [4, 3],
    ],
    ([a, b, shared]) => [
      matmul(a, b, { transposeB: true, batched: true }),
      matmul(b, a, { transposeB: true, batched: true }),
      matmul(a, shared, { batched: true }),
      matmul(transpose(a, 1, 2), b, { transposeA: true, transposeB: true, batched: true }),
    ],
    ([a, b, shared]) => {
      const ab = products(a, b, { m: 3, k: 4, n: 5, transposeB: true });
      const ba = products(b, a, { m: 5, k: 4, n: 3, transposeB: true });
      return [ab, ba, matmulReference({ m: 6, k: 4, n: 3 }, a, shared), ab];
    },
  ),
  embedding: checkOf(
    [[6, 5]],
    ([weight]) => [embedding(Tensor.from(ids, [2, 3], { device }), weight)],
    ([weight]) => [embeddingReference(Float64Array.from(ids), weight, 5).output],
  ),
  rmsNorm: checkOf(
    [[3, 8], [8]],
    ([input, weight]) => [rmsNorm(input, weight, { epsilon: 1e-5 })],
    ([input, weight]) => [rmsNormReference(input, weight).output],
  ),
  'rmsNorm of a residual stream': checkOf(
    [[3, 8], [3, 8], [8]],
    ([input, residual, weight]) => {
      const sum = residualAdd(input, residual);
      return [residualAdd(sum, rmsNorm(sum, weight, { epsilon: 1e-5 }))];
    },
    ([input, residual, weight]) => {
      const stream = plus(input, residual);
      return [plus(stream, rmsNormReference(stream, weight).output)];
    },
  ),
  residualRmsNorm: checkOf(
    [[3, 8], [3, 8], [8]],
    ([input, residual, weight]) => {
      const { output, sum } = residualRmsNorm(input, residual, weight, { epsilon: 1e-5 });
      return [output, sum];
    },
    ([input, residual, weight]) => {
      const stream = plus(input, residual);
      return [rmsNormReference(stream, weight).output, stream];
    },
  ),
  'residualRmsNorm whose sum alone is used': checkOf(
    [[3, 8], [3, 8], [8]],
    ([input, residual, weight]) => [
      residualRmsNorm(input, residual, weight, { epsilon: 1e-5 }).sum,
    ],
    ([input, residual]) => [plus(input, residual)],
  ),
  layerNorm: checkOf(
    [[3, 8], [8], [8]],
    ([input, weight, bias]) => [layerNorm(input, weight, bias, { epsilon: 1e-5 })],
    ([input, weight, bias]) => [layerNormReference(input, weight, bias).output],
  ),
  'layerNorm without bias, its weight frozen': checkOf(
    [[3, 8]],
    ([input]) => {
      const weight = Tensor.from([1, 2, 3, 4, 5, 6, 7, 8], [8], { device });
      return [layerNorm(input, weight, undefined, { epsilon: 1e-5 })];
    },
    ([input]) => [layerNormReference(input, Float64Array.of(1, 2, 3, 4, 5, 6, 7, 8)).output],
  ),
  softmax: checkOf(
    [[3, 8]],
    ([input]) => [softmax(input)],
    ([input]) => [softmaxReference(input, 8)],
  ),
  logSoftmax: checkOf(
    [[3, 8]],
    ([input]) => [logSoftmax(input)],
    ([input]) => [logSoftmaxReference(input, 8)],
  ),
  rope: checkOf(
    [[2, 5, 2, 6]],
    ([input]) => [rope(input, { cos: table(cos), sin: table(sin) })],
    ([input]) => [
      ropeReference(
        input,
        [2, 5, 2, 6],
        Float64Array.from(cos),
        Float64Array.from(sin),
        undefined,
        1,
      ),
    ],
  ),
  flashAttention: checkOf(
    [
      [2, 5, 4, 6],
      [2, 5, 2, 6],
      [2, 5, 2, 6],
    ],
    ([query, key, value]) => [flashAttention(query, key, value, { causal: true })],
    ([query, key, value]) => [attentionReference(attention, query, key, value).output],
  ),
  'flashAttention with a window, a cap and lengths': checkOf(
    [
      [2, 5, 4, 6],
      [2, 7, 2, 6],
      [2, 7, 2, 6],
    ],
    ([query, key, value]) => [
      flashAttention(query, key, value, {
        windowSize: [2, 1],
        softcap: 0.8,
        keyLengths: Tensor.from(Int32Array.of(6, 0), [2]),
      }),
    ],
    ([query, key, value]) => {
      const bounds = { lengths: [6, 0], window: [2, 1], softcap: 0.8 } as const;
      const shape = { ...attention, keys: 7, causal: false, ...bounds };
      return [attentionReference(shape, query, key, value).output];
    },
  ),
  swiglu: checkOf(
    [
      [3, 5],
      [3, 5],
    ],
    ([gate, up]) => [swiglu(gate, up)],
    ([gate, up]) => [swigluReference(gate, up).output],
  ),
  'residualAdd of one variable to itself': checkOf(
    [[3, 5]],
    ([x]) => [residualAdd(x, residualAdd(x, x))],
    ([x]) => [x.map((value) => 3 * value)],
  ),
  addBias: checkOf(
    [[3, 4], [4]],
    ([input, bias]) => [addBias(input, bias)],
    ([input, bias]) => [input.map((value, i) => value + bias[i % 4]!)],
  ),
  'add and subtract, stretched': checkOf(
    [[3, 4], [3, 1], [4]],
    ([x, column, row]) => [add(x, column), subtract(row, x), subtract(x, row), add(1, x)],
    ([x, column, row]) => [
      x.map((value, i) => value + column[Math.floor(i / 4)]!),
      x.map((value, i) => row[i % 4]! - value),
      x.map((value, i) => value - row[i % 4]!),
      x.map((value) => 1 + value),
    ],
  ),
  'multiply and divide, stretched': checkOf(
    [
      [3, 4],
      [3, 1],
    ],
    ([x, column]) => [multiply(x, column), divide(column, add(multiply(x, x), 1)), divide(x, -2)],
    ([x, column]) => [
      x.map((value, i) => value * column[Math.floor(i / 4)]!),
      x.map((value, i) => column[Math.floor(i / 4)]! / (value * value + 1)),
      x.map((value) => value / -2),
    ],
  ),
  'sum and mean over a dimension': checkOf(
    [[2, 3, 4]],
    ([x]) => [sum(x, { dimension: 1 }), mean(x, { dimension: -1, keepDimension: true })],
    ([x]) => [
      sumReference(x, [2, 3, 4], 1),
      sumReference(x, [2, 3, 4], 2).map((value) => value / 4),
    ],
  ),
  max: checkOf(
    [[3, 4]],
    ([x]) => [max(x, { dimension: 1 }), max(x, { dimension: 0 })],
    ([x]) => [maxReference(x, [3, 4], 1).output, maxReference(x, [3, 4], 0).output],
  ),
  'where, stretched': checkOf(
    [[3, 4], [3, 1], [4]],
    ([x, column, row]) => [
      where(mask, x, column),
      where(mask, row, x),
      where(mask, 0.5, x),
      where(mask, x, 2),
      where(mask, column, row),
    ],
    ([x, column, row]) => [
      x.map((value, i) => (isChosen(i) ? value : column[Math.floor(i / 4)]!)),
      x.map((value, i) => (isChosen(i) ? row[i % 4]! : value)),
      x.map((value, i) => (isChosen(i) ? 0.5 : value)),
      x.map((value, i) => (isChosen(i) ? value : 2)),
      x.map((_, i) => (isChosen(i) ? column[Math.floor(i / 4)]! : row[i % 4]!)),
    ],
  ),
  topK: checkOf(
    [[3, 7]],
    ([x]) => [topK(x, 3).output, topK(x, 7).output],
    ([x]) => [topKReference(x, 7, 3).output, topKReference(x, 7, 7).output],
  ),
  'activation functions': checkOf(
    [[3, 4]],
    ([x]) => [gelu(x), gelu(x, { approximate: true }), silu(x), relu(x), tanh(x), sigmoid(x)],
    ([x]) => curves.map((curve) => activationReference(curve, x)),
  ),
  permute: checkOf(
    [[2, 3, 4]],
    ([x]) => [permute(x, [2, 0, 1])],
    ([x]) => [Float64Array.from(x, (_, i) => x[(i % 6) * 4 + Math.floor(i / 6)]!)],
  ),
  'dimensions in other orders, counted from the innermost too': checkOf(
    [[2, 3, 4]],
    ([x]) => [permute(x, [-1, 0, -2]), transpose(x, -2, -1), transpose(x, 1, -3)],
    ([x]) => [
      Float64Array.from(x, (_, i) => x[(i % 6) * 4 + Math.floor(i / 6)]!),
      Float64Array.from(x, (_, i) => x[at(i, 12) * 12 + (i % 3) * 4 + at(i % 12, 3)]!),
      Float64Array.from(x, (_, i) => x[(at(i, 4) % 2) * 12 + at(i, 8) * 4 + (i % 4)]!),
    ],
  ),
  'slices that overlap': checkOf(
    [[3, 4]],
    ([x]) => [slice(x, 1, 1, 3), slice(x, 1, 2), slice(x, 0, 2)],
    ([x]) => [
      x.filter((_, i) => i % 4 === 1 || i % 4 === 2),
      x.filter((_, i) => i % 4 >= 2),
      x.slice(8),
    ],
  ),
  'split, and concatenate in another order': checkOf(
    [[2, 5]],
    ([x]) => {
      const [a, b] = split(x, [2, 3], 1);
      return [concatenate([b, a, b], 1), concatenate([b, a, b], -1)];
    },
    ([x]) => {
      const columns = [2, 3, 4, 0, 1, 2, 3, 4];
      const result = Float64Array.from(
        [0, 1].flatMap((row) => columns.map((i) => x[5 * row + i]!)),
      );
      return [result, result];
    },
  ),
  cast: checkOf(
    [[3, 5]],
    ([x]) => [cast(x, 'float32')],
    ([x]) => [x],
  ),
  crossEntropy: checkOf(
    [[4, 9]],
    ([logits]) => [crossEntropy(logits, labels)],
    ([logits]) => {
      const { losses } = crossEntropyReference(logits, Float64Array.from(labels));
      return [Float64Array.of(losses.reduce((a, b) => a + b) / 3)];
    },
  ),
  customFunction: checkOf(
    [[3, 5]],
    ([x]) => [selfGated(x)],
    ([x]) => [swigluReference(x, x).output],
  ),
};

test.each(Object.entries(checks))('%s', async (_name, check) => {
  const { data, inputs, lossAt } = check();
  for (const [i, input] of inputs.entries()) {
    const gradient = Float64Array.from(await input.gradient.readFloats());
    const lossOf = (values: Float64Array) => lossAt(data.with(i, values));
    expect(gradientError(lossOf, data[i]!, gradient, data[i]!.length)).toBeLessThan(2e-6);
  }
});
