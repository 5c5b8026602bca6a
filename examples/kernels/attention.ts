// Kernels alone: flash attention forward and backward on tensors of your own. Calls check their arguments, queue the work and
// return; what is read is waited for. Layouts are flash-attn's: [batch, sequence, heads, headDim].
import { parseArgs } from 'node:util';
import { Device, ops, Tensor } from 'leia/ops';

const { values: args } = parseArgs({
  options: { sequence: { type: 'string', default: '512' }, device: { type: 'string' } },
});
const [batch, sequence, heads, headDim] = [2, Number(args.sequence), 8, 64];
const device = Device.open(args.device);
const shape = [batch, sequence, heads, headDim];
const random = (seed: number) =>
  ops.randomNormal({ output: Tensor.empty(shape, { device }), seed }).output;
const [query, key, value, gradOutput] = [random(1), random(2), random(3), random(4)];

// Outputs that are given are written again in each call; without them, each call allocates its own.
const output = Tensor.empty(shape, { device });
const logsumexp = Tensor.empty([batch, heads, sequence], { device });
const inputs = { query, key, value, causal: true };
const forward = () => ops.flashAttentionForward({ ...inputs, output, logsumexp });
const gradients = {
  gradQuery: Tensor.empty(shape, { device }),
  gradKey: Tensor.empty(shape, { device }),
  gradValue: Tensor.empty(shape, { device }),
};
const backward = () =>
  ops.flashAttentionBackward({ ...inputs, output, logsumexp, gradOutput, ...gradients });
forward();
backward();

// The last query of the first head against the formula in float64: softmax(q K^T / sqrt(d)) V. It alone sees the last key, so
// the gradient of that key's value is its probability times the query's gradient.
const last = sequence - 1;
const vectors = async (tensor: Tensor, positions: readonly number[]) => {
  const values = await tensor.readFloats();
  return positions.map((at) => [...values.subarray(at * heads * headDim).subarray(0, headDim)]);
};
const all = Array.from({ length: sequence }, (_, at) => at);
const dot = (a: readonly number[], b: readonly number[]) =>
  a.reduce((sum, x, i) => sum + x * (b[i] ?? 0), 0);
const [own = []] = await vectors(query, [last]);
const scores = (await vectors(key, all)).map((k) => dot(own, k) / Math.sqrt(headDim));
const weights = scores.map((score) => Math.exp(score - Math.max(...scores)));
const probabilities = weights.map((weight) => weight / weights.reduce((a, b) => a + b));
const values = await vectors(value, all);
const expected = own.map((_, i) =>
  dot(
    probabilities,
    values.map((v) => v[i] ?? 0),
  ),
);
const [above = []] = await vectors(gradOutput, [last]);
const expectedGradient = above.map((g) => g * (probabilities[last] ?? 0));
const distance = (a: readonly number[], b: readonly number[]) =>
  Math.hypot(...a.map((x, i) => x - (b[i] ?? 0))) / Math.hypot(...b);
const [computed = []] = await vectors(output, [last]);
const [gradient = []] = await vectors(gradients.gradValue, [last]);
const [error, gradientError] = [distance(computed, expected), distance(gradient, expectedGradient)];
console.log(
  `output off by ${error.toExponential(1)}, gradient by ${gradientError.toExponential(1)}`,
);

/** Milliseconds of a call by the device's own clock, the mean of some that are queued together. */
async function time(call: () => void): Promise<number> {
  const calls = 10;
  const before = device.recordEvent();
  for (let i = 0; i < calls; i++) call();
  return (await device.recordEvent().elapsedSince(before)) / calls;
}
const milliseconds = [await time(forward), await time(backward)].map((ms) => ms.toPrecision(3));
console.log(
  `forward ${milliseconds[0]} ms, backward ${milliseconds[1]} ms: ${batch} x ${sequence} positions, ${heads} heads of ${headDim}`,
);
