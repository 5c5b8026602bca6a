// Cross-entropy over LLaMA's 32,000 tokens and LEIA's two, forward and backward, with rows padded as in training. It
// reads the logits once and writes their gradient once, so it is judged by bandwidth. Large is 4 x 2048 tokens, 525 MB
// of logits.
import { type Device, ops } from '../../lib/index.ts';
import { padVocabulary } from '../../lib/llama/parameters.ts';
import {
  crossEntropyBackwardReference,
  crossEntropyReference,
} from '../../test/ops/cases/cross-entropy.ts';
import {
  bytesOf,
  compare,
  type Float,
  firstRows,
  type Prepared,
  type Sizes,
  Tensors,
  type Workload,
} from '../workload.ts';

type Pass = 'forward' | 'backward' | 'both';

/** Rows that are checked. */
const sample = 4;

function crossEntropy(rows: number, vocabulary: number, dtype: Float, pass: Pass): Workload {
  return {
    name: `crossEntropy ${pass} ${rows}x${vocabulary} ${dtype}`,
    dtype,
    bound: 'memory',
    flops: { forward: 4, backward: 3, both: 7 }[pass] * rows * vocabulary,
    bytes: (pass === 'forward' ? 1 : 2) * rows * vocabulary * bytesOf(dtype) + 12 * rows,
    rival: { kind: 'cross_entropy', pass, rows, vocabulary, dtype },
    prepare: (device) => prepare(device, rows, vocabulary, dtype, pass),
  };
}

function prepare(
  device: Device,
  rows: number,
  vocabulary: number,
  dtype: Float,
  pass: Pass,
): Prepared {
  const tensors = new Tensors(device);
  const columns = padVocabulary(vocabulary);
  const logits = tensors.random([rows, columns], dtype, 0, 2);
  const labels = tensors.integers(
    Int32Array.from({ length: rows }, (_, i) => (i * 7919) % vocabulary),
  );
  const losses = tensors.empty([rows]);
  const logsumexp = tensors.empty([rows]);
  const forward = () => ops.crossEntropyForward({ logits, labels, losses, logsumexp, vocabulary });
  const dispose = () => tensors.dispose();
  /** Of rows that were read, what belongs to the vocabulary. */
  const counted = (values: Float64Array) => values.filter((_, i) => i % columns < vocabulary);
  const readInputs = async () =>
    [counted(await firstRows(logits, sample)), await firstRows(labels, sample)] as const;
  if (pass === 'forward') {
    const check = async () => {
      for (const output of [losses, logsumexp]) ops.fill({ output, value: Number.NaN });
      forward();
      const expected = crossEntropyReference(...(await readInputs()));
      return compare(
        ['losses', await firstRows(losses, sample), expected.losses, 1e-6],
        ['logsumexp', await firstRows(logsumexp, sample), expected.logsumexp, 1e-6],
      );
    };
    return { run: forward, check, dispose };
  }
  const gradLogits = tensors.empty([rows, columns], dtype);
  const scale = 1 / rows;
  const tolerance = dtype === 'float32' ? 2e-6 : 8e-3;
  if (pass === 'both') {
    const both = () => ops.crossEntropy({ logits, labels, scale, losses, gradLogits, vocabulary });
    const check = async () => {
      for (const output of [losses, gradLogits]) ops.fill({ output, value: Number.NaN });
      both();
      const inputs = await readInputs();
      const expected = crossEntropyReference(...inputs);
      const gradient = crossEntropyBackwardReference(...inputs, expected.logsumexp, scale);
      return compare(
        ['losses', await firstRows(losses, sample), expected.losses, 1e-6],
        [
          'gradLogits',
          counted(await firstRows(gradLogits, sample)),
          gradient.gradLogits,
          tolerance,
        ],
      );
    };
    return { run: both, check, dispose };
  }
  forward();
  const run = () =>
    ops.crossEntropyBackward({ logits, labels, logsumexp, scale, gradLogits, vocabulary });
  const check = async () => {
    ops.fill({ output: gradLogits, value: Number.NaN });
    run();
    const inputs = await readInputs();
    const { logsumexp: sums } = crossEntropyReference(...inputs);
    const expected = crossEntropyBackwardReference(...inputs, sums, scale).gradLogits;
    return compare([
      'gradLogits',
      counted(await firstRows(gradLogits, sample)),
      expected,
      tolerance,
    ]);
  };
  return { run, check, dispose };
}

export function workloads(sizes: Sizes): Workload[] {
  const passes = ['forward', 'backward', 'both'] as const;
  if (sizes === 'large') return passes.map((pass) => crossEntropy(8192, 32002, 'bfloat16', pass));
  const [rows, vocabulary] = sizes === 'tiny' ? [6, 300] : [512, 32002];
  return (['float32', 'bfloat16'] as const).flatMap((dtype) =>
    passes.map((pass) => crossEntropy(rows!, vocabulary!, dtype, pass)),
  );
}
