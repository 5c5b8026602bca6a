// Workloads of operations that read a tensor once and write one: what they have in common. The first rows are checked.
import { type Device, ops, type Tensor } from '../lib/index.ts';
import {
  compare,
  type Float,
  firstRows,
  type Prepared,
  type RivalTask,
  Tensors,
  type Workload,
} from './workload.ts';

/** Rows that are checked, unless told otherwise. */
const usual = 4;

export interface RowsWorkload {
  name: string;
  dtype: Float;
  flops: number;
  bytes: number;
  rival: RivalTask;
  /** Rows of a tensor that are checked; 4 unless given. */
  sample?: number;
  /** What the output holds before it is checked: NaN, unless a part of it stays or is added to. */
  poison?: number;
  /** Makes the tensors, and says what is timed; inputs of one dimension are read whole. */
  make(tensors: Tensors): {
    inputs: readonly Tensor[];
    /** What is read whole. */
    tables?: readonly Tensor[];
    output: Tensor;
    run(): void;
    /** The first rows of the output from those of the inputs, and the tables. */
    expected(...inputs: Float64Array[]): Float64Array;
  };
}

export function rowsWorkload({
  make,
  sample = usual,
  poison = Number.NaN,
  ...rest
}: RowsWorkload): Workload {
  const prepare = (device: Device): Prepared => {
    const tensors = new Tensors(device);
    const { inputs, tables = [], output, run, expected } = make(tensors);
    const check = async () => {
      ops.fill({ output, value: output.dtype === 'int32' ? -1 : poison });
      run();
      const rowsOf = (input: Tensor) => (input.shape.length === 1 ? Infinity : sample);
      const rows = await Promise.all([
        ...inputs.map((input) => firstRows(input, rowsOf(input))),
        ...tables.map((table) => firstRows(table, Infinity)),
      ]);
      const tolerance = rest.dtype === 'float32' ? 2e-6 : 8e-3;
      return compare([
        'output',
        await firstRows(output, sample),
        expected(...rows),
        output.dtype === 'int32' ? 0 : tolerance,
      ]);
    };
    return { run, check, dispose: () => tensors.dispose() };
  };
  return { ...rest, bound: 'memory', prepare };
}
