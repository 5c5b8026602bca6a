// Activation functions forward and backward, element by element and therefore judged by bandwidth. Large is 4 x 2048
// tokens of GPT-2 XL's wide layer.
import { type Device, ops } from '../../lib/index.ts';
import {
  activationBackwardReference,
  activationReference,
  type Curve,
  curves,
  operationOf,
} from '../../test/ops/cases/activation.ts';
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

type Pass = 'forward' | 'backward';

/** Rows that are checked. */
const sample = 4;

function activation(curve: Curve, rows: number, width: number, dtype: Float, pass: Pass): Workload {
  return {
    name: `${curve} ${pass} ${rows}x${width} ${dtype}`,
    dtype,
    bound: 'memory',
    flops: (pass === 'forward' ? 5 : 10) * rows * width,
    bytes: (pass === 'forward' ? 2 : 3) * rows * width * bytesOf(dtype),
    rival: { kind: 'activation', curve, pass, rows, width, dtype },
    prepare: (device) => prepare(device, curve, [rows, width], dtype, pass),
  };
}

function prepare(
  device: Device,
  curve: Curve,
  shape: [number, number],
  dtype: Float,
  pass: Pass,
): Prepared {
  const tensors = new Tensors(device);
  const { name, form } = operationOf(curve);
  const input = tensors.random(shape, dtype, 0, 2);
  const dispose = () => tensors.dispose();
  const tolerance = dtype === 'float32' ? 1e-6 : 8e-3;
  const rows = (tensor: typeof input) => firstRows(tensor, sample);
  const output = tensors.empty(shape, dtype);
  if (pass === 'forward') {
    const run = () => ops[name]({ input, output, ...form });
    const check = async () => {
      ops.fill({ output, value: Number.NaN });
      run();
      const expected = activationReference(curve, await rows(input));
      return compare(['output', await rows(output), expected, tolerance]);
    };
    return { run, check, dispose };
  }
  const gradOutput = tensors.random(shape, dtype);
  const run = () => ops[`${name}Backward`]({ gradOutput, input, gradInput: output, ...form });
  const check = async () => {
    ops.fill({ output, value: Number.NaN });
    run();
    const inputs = [await rows(gradOutput), await rows(input)] as const;
    const expected = activationBackwardReference(curve, ...inputs);
    return compare(['gradInput', await rows(output), expected, tolerance]);
  };
  return { run, check, dispose };
}

export function workloads(sizes: Sizes): Workload[] {
  const [rows, width] = { tiny: [6, 88], small: [4096, 2048], large: [8192, 6400] }[sizes];
  const dtypes = sizes === 'small' ? (['float32', 'bfloat16'] as const) : (['bfloat16'] as const);
  return dtypes.flatMap((dtype) =>
    curves.flatMap((curve) =>
      (['forward', 'backward'] as const).map((pass) =>
        activation(curve, rows!, width!, dtype, pass),
      ),
    ),
  );
}
