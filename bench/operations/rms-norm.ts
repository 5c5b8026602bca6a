// RMSNorm forward, forward of the sum of two tensors (which it keeps), and backward. Each is one pass over memory and
// judged by bandwidth. Large is 16384 tokens of LLaMA-7B, 134 MB a tensor.
import { type Device, ops } from '../../lib/index.ts';
import { rmsNormBackwardReference, rmsNormReference } from '../../test/ops/cases/rms-norm.ts';
import {
  bytesOf,
  compare,
  type Float,
  firstRows,
  type Prepared,
  type Sizes,
  Tensors,
  valuesOf,
  type Workload,
} from '../workload.ts';

type Pass = 'forward' | 'sum' | 'backward';

const epsilon = 1e-5;
/** Rows of the outputs, and columns of the weight's gradient, that are checked. */
const sample = 4;

function rmsNorm(rows: number, hidden: number, dtype: Float, pass: Pass): Workload {
  return {
    name: `rmsNorm ${pass} ${rows}x${hidden} ${dtype}`,
    dtype,
    bound: 'memory',
    flops: { forward: 4, sum: 5, backward: 9 }[pass] * rows * hidden,
    bytes: { forward: 2, sum: 4, backward: 3 }[pass] * rows * hidden * bytesOf(dtype) + 4 * rows,
    rival: { kind: 'rms_norm', pass, rows, hidden, epsilon, dtype },
    prepare: (device) => prepare(device, rows, hidden, dtype, pass),
  };
}

function prepare(device: Device, rows: number, hidden: number, dtype: Float, pass: Pass): Prepared {
  const tensors = new Tensors(device);
  const input = tensors.random([rows, hidden], dtype);
  const weight = tensors.random([hidden], dtype, 1, 0.1);
  const output = tensors.empty([rows, hidden], dtype);
  const inverseRms = tensors.empty([rows]);
  const forward = () => ops.rmsNormForward({ input, weight, epsilon, output, inverseRms });
  const dispose = () => tensors.dispose();
  const tolerance = dtype === 'float32' ? 1e-6 : 8e-3;
  const readInputs = async () =>
    [await firstRows(input, sample), await firstRows(weight, hidden)] as const;
  if (pass === 'forward') {
    const check = async () => {
      for (const tensor of [output, inverseRms]) ops.fill({ output: tensor, value: Number.NaN });
      forward();
      const expected = rmsNormReference(...(await readInputs()));
      return compare(
        ['output', await firstRows(output, sample), expected.output, tolerance],
        ['inverseRms', await firstRows(inverseRms, sample), expected.inverseRms, 1e-6],
      );
    };
    return { run: forward, check, dispose };
  }
  if (pass === 'sum') {
    const residual = tensors.random([rows, hidden], dtype);
    const sum = tensors.empty([rows, hidden], dtype);
    const args = { input, residual, sum, weight, epsilon, output, inverseRms };
    const run = () => ops.rmsNormForward(args);
    const check = async () => {
      for (const tensor of [output, sum]) ops.fill({ output: tensor, value: Number.NaN });
      run();
      const [first, second] = [await firstRows(input, sample), await firstRows(residual, sample)];
      const kept = await firstRows(sum, sample);
      const expected = rmsNormReference(kept, await firstRows(weight, hidden));
      const added = first.map((x, i) => x + second[i]!);
      return compare(
        ['sum', kept, added, tolerance],
        ['output', await firstRows(output, sample), expected.output, tolerance],
      );
    };
    return { run, check, dispose };
  }
  forward();
  const gradOutput = tensors.random([rows, hidden], dtype);
  const gradInput = tensors.empty([rows, hidden], dtype);
  const gradWeight = tensors.empty([hidden]);
  const args = { gradOutput, input, weight, inverseRms, gradInput, gradWeight };
  const run = () => ops.rmsNormBackward(args);
  const check = async () => {
    ops.fill({ output: gradInput, value: Number.NaN });
    ops.fill({ output: gradWeight, value: 0 });
    run();
    const first = await firstRows(gradOutput, sample);
    const expected = rmsNormBackwardReference(first, ...(await readInputs()));
    const columns = new Float64Array(Math.min(sample, hidden));
    const [dy, x] = [await valuesOf(gradOutput), await valuesOf(input)];
    const scales = await firstRows(inverseRms, rows);
    scales.forEach((scale, row) => {
      for (let i = 0; i < columns.length; i++) {
        columns[i]! += dy.at(row * hidden + i) * x.at(row * hidden + i) * scale;
      }
    });
    return compare(
      ['gradInput', await firstRows(gradInput, sample), expected.gradInput, tolerance],
      ['gradWeight', await firstRows(gradWeight, columns.length), columns, 1e-5],
    );
  };
  return { run, check, dispose };
}

export function workloads(sizes: Sizes): Workload[] {
  const passes = ['forward', 'sum', 'backward'] as const;
  if (sizes === 'large') return passes.map((pass) => rmsNorm(16384, 4096, 'bfloat16', pass));
  const [rows, hidden] = sizes === 'tiny' ? [6, 72] : [16384, 768];
  return (['float32', 'bfloat16'] as const).flatMap((dtype) =>
    passes.map((pass) => rmsNorm(rows!, hidden!, dtype, pass)),
  );
}
