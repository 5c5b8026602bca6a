// SwiGLU forward and backward, element by element and therefore judged by bandwidth. Large is 4 x 2048 tokens of LLaMA-7B.
import { type Device, ops } from '../../lib/index.ts';
import { swigluBackwardReference, swigluReference } from '../../test/ops/cases/swiglu.ts';
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

function swiglu(rows: number, width: number, dtype: Float, pass: Pass): Workload {
  return {
    name: `swiglu ${pass} ${rows}x${width} ${dtype}`,
    dtype,
    bound: 'memory',
    flops: (pass === 'forward' ? 5 : 12) * rows * width,
    bytes: (pass === 'forward' ? 3 : 5) * rows * width * bytesOf(dtype),
    rival: { kind: 'swiglu', pass, rows, width, dtype },
    prepare: (device) => prepare(device, [rows, width], dtype, pass),
  };
}

function prepare(device: Device, shape: [number, number], dtype: Float, pass: Pass): Prepared {
  const tensors = new Tensors(device);
  const gate = tensors.random(shape, dtype, 0, 2);
  const up = tensors.random(shape, dtype);
  const dispose = () => tensors.dispose();
  const tolerance = dtype === 'float32' ? 1e-6 : 8e-3;
  const rows = (name: typeof gate) => firstRows(name, sample);
  if (pass === 'forward') {
    const output = tensors.empty(shape, dtype);
    const run = () => ops.swigluForward({ gate, up, output });
    const check = async () => {
      ops.fill({ output, value: Number.NaN });
      run();
      const expected = swigluReference(await rows(gate), await rows(up));
      return compare(['output', await rows(output), expected.output, tolerance]);
    };
    return { run, check, dispose };
  }
  const gradOutput = tensors.random(shape, dtype);
  const gradGate = tensors.empty(shape, dtype);
  const gradUp = tensors.empty(shape, dtype);
  const run = () => ops.swigluBackward({ gradOutput, gate, up, gradGate, gradUp });
  const check = async () => {
    for (const output of [gradGate, gradUp]) ops.fill({ output, value: Number.NaN });
    run();
    const inputs = [await rows(gradOutput), await rows(gate), await rows(up)] as const;
    const expected = swigluBackwardReference(...inputs);
    return compare(
      ['gradGate', await rows(gradGate), expected.gradGate, tolerance],
      ['gradUp', await rows(gradUp), expected.gradUp, tolerance],
    );
  };
  return { run, check, dispose };
}

export function workloads(sizes: Sizes): Workload[] {
  const passes = ['forward', 'backward'] as const;
  if (sizes === 'large') return passes.map((pass) => swiglu(8192, 11008, 'bfloat16', pass));
  const [rows, width] = sizes === 'tiny' ? [6, 88] : [4096, 2048];
  return (['float32', 'bfloat16'] as const).flatMap((dtype) =>
    passes.map((pass) => swiglu(rows!, width!, dtype, pass)),
  );
}
