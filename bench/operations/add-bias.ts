// A bias added to rows, and its gradient, a sum over rows: judged by bandwidth. Large is 8192 tokens of LLaMA-7B.
import { type Device, ops } from '../../lib/index.ts';
import { addBiasReference } from '../../test/ops/cases/add-bias.ts';
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

type Pass = 'forward' | 'backward';

/** Rows of the output, and columns of the gradient, that are checked. */
const sample = 4;

function addBias(rows: number, width: number, dtype: Float, pass: Pass): Workload {
  return {
    name: `addBias ${pass} ${rows}x${width} ${dtype}`,
    dtype,
    bound: 'memory',
    flops: rows * width,
    bytes: (pass === 'forward' ? 2 : 1) * rows * width * bytesOf(dtype),
    rival: { kind: 'add_bias', pass, rows, width, dtype },
    prepare: (device) => prepare(device, rows, width, dtype, pass),
  };
}

function prepare(device: Device, rows: number, width: number, dtype: Float, pass: Pass): Prepared {
  const tensors = new Tensors(device);
  const dispose = () => tensors.dispose();
  const input = tensors.random([rows, width], dtype);
  if (pass === 'forward') {
    const bias = tensors.random([width], dtype);
    const output = tensors.empty([rows, width], dtype);
    const run = () => ops.addBias({ input, bias, output });
    const check = async () => {
      ops.fill({ output, value: Number.NaN });
      run();
      const values = [await firstRows(input, sample), await firstRows(bias, width)] as const;
      const actual = await firstRows(output, sample);
      return compare([
        'output',
        actual,
        addBiasReference(...values),
        bytesOf(dtype) === 4 ? 1e-6 : 8e-3,
      ]);
    };
    return { run, check, dispose };
  }
  const gradBias = tensors.empty([width]);
  const run = () => ops.addBiasBackward({ gradOutput: input, gradBias });
  const check = async () => {
    ops.fill({ output: gradBias, value: 0 });
    run();
    const sums = new Float64Array(sample);
    const values = await valuesOf(input);
    for (let row = 0; row < rows; row++) {
      for (let i = 0; i < sample; i++) sums[i]! += values.at(row * width + i);
    }
    return compare(['gradBias', await firstRows(gradBias, sample), sums, 1e-5]);
  };
  return { run, check, dispose };
}

export function workloads(sizes: Sizes): Workload[] {
  const [rows, width] = { tiny: [6, 88], small: [4096, 2048], large: [8192, 4096] }[sizes];
  const dtypes = sizes === 'large' ? (['bfloat16'] as const) : (['float32', 'bfloat16'] as const);
  return dtypes.flatMap((dtype) =>
    (['forward', 'backward'] as const).map((pass) => addBias(rows!, width!, dtype, pass)),
  );
}
