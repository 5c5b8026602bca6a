// Arithmetic of two tensors, forward and backward: products of one shape, by a row vector and by a column vector, and of one
// shape what takes the same paths. Judged by bandwidth. Large is 8192 tokens of LLaMA-7B.
import { type Device, ops } from '../../lib/index.ts';
import { binaryBackwardReference, binaryReference, names } from '../../test/ops/cases/binary.ts';
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
type Form = 'same' | 'row' | 'column';
type Name = (typeof names)[number];

/** Rows, and sums over rows, that are checked. */
const sample = 4;

function shapeOf(form: Form, rows: number, width: number): [number, number] {
  return { same: [rows, width], row: [1, width], column: [rows, 1] }[form] as [number, number];
}

interface Problem {
  name: Name;
  form: Form;
  shape: [rows: number, width: number];
  dtype: Float;
  pass: Pass;
}

function binary(problem: Problem): Workload {
  const { name, form, shape, dtype, pass } = problem;
  const [rows, width] = shape;
  const [bRows, bWidth] = shapeOf(form, rows, width);
  const [whole, part] = [rows * width, bRows * bWidth];
  return {
    name: `${name} ${form} ${pass} ${rows}x${width} ${dtype}`,
    dtype,
    bound: 'memory',
    flops: { forward: 1, backward: form === 'same' ? 2 : 3 }[pass] * whole,
    bytes: { forward: 2 * whole + part, backward: 3 * whole + 2 * part }[pass] * bytesOf(dtype),
    rival: { kind: 'binary', name, pass, rows, width, bRows, bWidth, dtype },
    prepare: (device) => prepare(device, problem),
  };
}

function prepare(device: Device, { name, form, shape, dtype, pass }: Problem): Prepared {
  const [rows, width] = shape;
  const tensors = new Tensors(device);
  const a = tensors.random(shape, dtype);
  // Divisors stay away from 0.
  const [mean, spread] = name === 'divide' ? [4, 0.5] : [0, 1];
  const b = tensors.random(shapeOf(form, rows, width), dtype, mean, spread);
  const dispose = () => tensors.dispose();
  const tolerance = dtype === 'float32' ? 1e-6 : 8e-3;
  const sampled = async (tensor: typeof a) => {
    const data = await firstRows(tensor, sample);
    return { shape: [data.length / tensor.shape[1]!, tensor.shape[1]!], data };
  };
  if (pass === 'forward') {
    const output = tensors.empty(shape, dtype);
    const run = () => ops[name]({ a, b, output });
    const check = async () => {
      ops.fill({ output, value: Number.NaN });
      run();
      const expected = binaryReference(name, await sampled(a), await sampled(b));
      return compare(['output', (await sampled(output)).data, expected, tolerance]);
    };
    return { run, check, dispose };
  }
  const gradOutput = tensors.random(shape, dtype);
  const gradA = tensors.empty(shape, dtype);
  const gradB = tensors.empty(b.shape, dtype);
  const inputs = { gradOutput, a, b, gradA, gradB };
  const run = () => ops[`${name}Backward`](inputs);
  const check = async () => {
    for (const output of [gradA, gradB]) ops.fill({ output, value: Number.NaN });
    run();
    const { data: dy } = await sampled(gradOutput);
    const expected = binaryBackwardReference(name, dy, await sampled(a), await sampled(b));
    const { data } = await sampled(gradB);
    const ofB = form === 'row' ? await sumsOverRows(gradOutput, a, sample) : expected.gradB;
    return compare(
      ['gradA', (await sampled(gradA)).data, expected.gradA, tolerance],
      ['gradB', data.slice(0, ofB.length), ofB, tolerance],
    );
  };
  return { run, check, dispose };
}

type Matrix = Parameters<typeof valuesOf>[0];

/** The first columns of the sum over rows of the product of two matrices. */
async function sumsOverRows(left: Matrix, right: Matrix, columns: number): Promise<Float64Array> {
  const [rows, width] = left.shape as [number, number];
  const [x, y] = [await valuesOf(left), await valuesOf(right)];
  const sums = new Float64Array(columns);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < columns; i++) sums[i]! += x.at(row * width + i) * y.at(row * width + i);
  }
  return sums;
}

export function workloads(sizes: Sizes): Workload[] {
  const forms = ['same', 'row', 'column'] as const;
  const passes = ['forward', 'backward'] as const;
  const [rows, width] = { tiny: [6, 88], small: [4096, 2048], large: [8192, 4096] }[sizes];
  const dtypes = sizes === 'large' ? (['bfloat16'] as const) : (['float32', 'bfloat16'] as const);
  return dtypes.flatMap((dtype) =>
    names.flatMap((name) =>
      (name === 'multiply' ? forms : (['same'] as const)).flatMap((form) =>
        passes.map((pass) => binary({ name, form, shape: [rows!, width!], dtype, pass })),
      ),
    ),
  );
}
