// What a benchmark measures: an operation at a size, on data drawn on the device itself, since JavaScript would need
// minutes to draw sizes past a GPU's caches. Before it is timed, a sample of its results is compared with a float64
// reference; the tests' cases compare all of them.
import type { Sizes } from '../lib/cli/bench.ts';
import { type Device, type DType, ops, type Shape, Tensor } from '../lib/index.ts';
import { relativeError } from '../test/ops/case.ts';

export type { Sizes };

export type Float = 'float32' | 'bfloat16';

export interface Workload {
  /** The operation and its size in words: `matmul 8192x4096x4096 bfloat16`. */
  name: string;
  dtype: Float;
  /** What bounds it, arithmetic or memory: this decides the unit that is reported. */
  bound: 'arithmetic' | 'memory';
  /** The least it must do: floating-point operations, and bytes moved (read once, written once). */
  flops: number;
  bytes: number;
  /** What a rival is asked for, as `torch_reference.py` takes it. */
  rival: RivalTask;
  prepare(device: Device): Prepared;
}

export type RivalTask = { kind: string } & Record<
  string,
  string | number | boolean | readonly number[]
>;

export interface Prepared {
  /** Queues the operation once. */
  run(): void;
  /**
   * Runs it and compares a sample: the largest ‖output − reference‖ / ‖reference‖. Throws above the tolerance.
   * Undefined where there is no such number, but something else was checked.
   */
  check(): Promise<number | undefined>;
  dispose(): void;
}

/** Allocates a workload's tensors and frees them together. */
export class Tensors {
  readonly #device: Device;
  readonly #all: Tensor[] = [];
  #seed = 1;

  constructor(device: Device) {
    this.#device = device;
  }

  empty(shape: Shape, dtype: DType = 'float32'): Tensor {
    return this.keep(Tensor.empty(shape, { dtype, device: this.#device }));
  }

  /** Normally distributed, different for every tensor of the workload. */
  random(shape: Shape, dtype: Float, mean = 0, standardDeviation = 1): Tensor {
    const output = this.empty(shape, dtype);
    this.#seed++;
    return ops.randomNormal({ output, mean, standardDeviation, seed: this.#seed }).output;
  }

  integers(values: Int32Array, shape: Shape = [values.length]): Tensor {
    return this.keep(Tensor.from(values, shape, { device: this.#device }));
  }

  keep(tensor: Tensor): Tensor {
    this.#all.push(tensor);
    return tensor;
  }

  dispose(): void {
    for (const tensor of this.#all) tensor.dispose();
  }
}

/** A tensor's values on the host, decoded one by one: only a sample is looked at. */
export interface Values {
  at(index: number): number;
}

export async function valuesOf(tensor: Tensor): Promise<Values> {
  if (tensor.dtype !== 'bfloat16') {
    const values = await tensor.read();
    return { at: (index) => values[index] ?? Number.NaN };
  }
  const bits = await tensor.readBits();
  const one = new Uint32Array(1);
  const float = new Float32Array(one.buffer);
  return {
    at: (index) => {
      one[0] = Number(bits[index] ?? 0x7fc0) << 16;
      return float[0] ?? Number.NaN;
    },
  };
}

/** The first rows of a tensor in float64. */
export async function firstRows(tensor: Tensor, rows: number): Promise<Float64Array> {
  const part = tensor.slice(0, Math.min(rows, tensor.shape[0] ?? 0));
  try {
    return Float64Array.from(await part.read());
  } finally {
    part.dispose();
  }
}

/** Each output as computed and as it should be, and how far apart the two may be. */
export type Comparison = readonly [
  name: string,
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
];

/** The largest error; throws when one is above its tolerance, or anything is not finite. */
export function compare(...comparisons: readonly Comparison[]): number {
  let worst = 0;
  for (const [name, actual, expected, tolerance] of comparisons) {
    const error = relativeError(actual, expected);
    if (!(error <= tolerance)) {
      throw new Error(`${name} is off by ${error}, expected at most ${tolerance}: not timed`);
    }
    worst = Math.max(worst, error);
  }
  return worst;
}

/** Bytes per element. */
export function bytesOf(dtype: Float): number {
  return dtype === 'bfloat16' ? 2 : 4;
}
