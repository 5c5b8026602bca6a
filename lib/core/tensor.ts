import { inspect } from 'node:util';
import { LeiaError } from '../system/error.ts';
import { addon, type DType, type HostArray, type NativeTensor } from './addon.ts';
import { Device } from './device.ts';
import { observed, operation } from './operation.ts';

export type { DType, HostArray };

// Not the faces in ops/, which import this file.
const fillNatively = operation<{ output: Tensor; value: number }>('fill');
const castNatively = operation<{ input: Tensor; output: Tensor }>('cast');
const permuteNatively = operation<{ input: Tensor; order: readonly number[]; output: Tensor }>(
  'permute',
);
const sliceNatively = operation<{
  input: Tensor;
  dimension: number;
  start: number;
  output: Tensor;
}>('slice');

/** What holds a tensor's values as they are stored. */
export const hostArrays = {
  float32: Float32Array,
  bfloat16: Uint16Array,
  float16: Uint16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
} as const;

/** What holds them as numbers. */
const numberArrays = {
  float32: Float32Array,
  bfloat16: Float32Array,
  float16: Float32Array,
  int32: Int32Array,
  int64: Float64Array,
  uint8: Uint8Array,
} as const;

/** Numbers as {@link Tensor.read} gives them. */
export type NumberArray = Float32Array | Float64Array | Int32Array | Uint8Array;

/** What a tensor can be made of. */
export type HostValues = HostArray | NumberArray | Float16Values | readonly number[];

/** A Float16Array of the language, which Node has from version 24 on. */
export interface Float16Values extends ArrayBufferView {
  readonly [Symbol.toStringTag]: 'Float16Array';
  readonly length: number;
}

/** Sizes of the dimensions, outermost first; at most five. */
export type Shape = readonly number[];

export function elementCount(shape: Shape): number {
  return shape.reduce((product, size) => product * size, 1);
}

export function bytesPerElement(dtype: DType): number {
  return hostArrays[dtype].BYTES_PER_ELEMENT;
}

/**
 * A contiguous, row-major array on a device. Memory is freed on {@link dispose} (or at the end of a
 * `using` block), and by the garbage collector as the safety net; work that is still queued keeps
 * what it uses alive.
 */
export class Tensor implements Disposable {
  readonly device: Device;
  readonly dtype: DType;
  readonly shape: Shape;
  /** The native handle. */
  readonly handle: NativeTensor;

  private constructor(device: Device, dtype: DType, shape: Shape, handle: NativeTensor) {
    this.device = device;
    this.dtype = dtype;
    this.shape = shape;
    this.handle = handle;
  }

  /** Uninitialised memory. */
  static empty(shape: Shape, options: { dtype?: DType; device?: Device } = {}): Tensor {
    const { dtype = 'float32', device = Device.open() } = options;
    const handle = new (addon().NativeTensor)(device.handle, dtype, shape);
    return new Tensor(device, dtype, Object.freeze([...shape]), handle);
  }

  /** A tensor of zeros. */
  static zeros(shape: Shape, options: { dtype?: DType; device?: Device } = {}): Tensor {
    const tensor = Tensor.empty(shape, options);
    fillNatively({ output: tensor, value: 0 }, {});
    return tensor;
  }

  /**
   * A tensor with these values, which are copied before this returns. The dtype follows the array: Float32Array or
   * numbers give float32, Int32Array int32, BigInt64Array int64, Uint8Array uint8, Float16Array float16; Uint16Array is
   * taken as bfloat16 bits, with `dtype: 'float16'` as float16 bits. With another dtype, numbers are converted: to
   * bfloat16 and float16 by way of float32, rounded to nearest, ties to even; to whole numbers only if they are such.
   *
   * @param shape whose elements are as many as the values.
   * @throws LeiaError `argument` if the number of values or their kind does not fit.
   * @example
   * const ids = Tensor.from(BigInt64Array.of(5n, 7n), [2]).to('int32');
   * const halves = Tensor.from([1, 0.5], [2], { dtype: 'float16' });
   */
  static from(
    values: HostValues,
    shape: Shape,
    options: { dtype?: DType; device?: Device } = {},
  ): Tensor {
    const dtype = options.dtype ?? dtypeOf(values);
    const host = toHost(values, dtype);
    const tensor = Tensor.empty(shape, { ...options, dtype });
    try {
      return tensor.write(host);
    } catch (error) {
      tensor.dispose();
      throw error;
    }
  }

  /** Overwrites all values; they are copied before this returns. See {@link Tensor.from}. */
  write(values: HostValues): this {
    const host = toHost(values, this.dtype);
    observed('copy to the device', () => this.handle.write(host));
    return this;
  }

  /**
   * The values as numbers once all work queued before is done: a Float32Array for the float dtypes (bfloat16 and
   * float16 widened, exactly), an Int32Array for int32, a Float64Array for int64, a Uint8Array for uint8. Rejects if they
   * hang on work that failed, with its error; no other error concerns it. It also rejects (`argument`) for an int64 beyond
   * 2^53, which no number has exactly: {@link readBits} gives those.
   */
  read(): Promise<NumberArray> {
    return this.readInto(new numberArrays[this.dtype](elementCount(this.shape)));
  }

  /**
   * {@link read} into an array that is there: one as `read` or {@link readBits} gives, for float16 a Float16Array too. It
   * may be in shared memory. It belongs to the read until the promise is settled: leave it alone, and transfer it to
   * nobody. Numbers are converted in native code, away from the event loop.
   *
   * @returns the array.
   * @throws LeiaError `argument` if its kind or length does not fit.
   */
  async readInto<Target extends HostArray | NumberArray | Float16Values>(
    target: Target,
  ): Promise<Target> {
    const host: HostArray | NumberArray = isFloat16Array(target)
      ? bitsOf(target, this.dtype)
      : (target as HostArray | NumberArray);
    await observed('copy to the host', () => this.handle.read(host));
    return target;
  }

  /**
   * {@link read} for a float dtype: float32, bfloat16 or float16.
   * @throws LeiaError `argument` for whole numbers.
   */
  async readFloats(): Promise<Float32Array> {
    const values = await this.read();
    if (values instanceof Float32Array) return values;
    const message = `readFloats: the tensor is ${this.dtype}, expected a float dtype`;
    throw new LeiaError('argument', message);
  }

  /** The values as stored: bfloat16 and float16 as their 16 bits, int64 as a BigInt64Array. */
  readBits(): Promise<HostArray> {
    return this.readInto(new hostArrays[this.dtype](elementCount(this.shape)));
  }

  /**
   * The value of a tensor with one element, such as a loss, once all work queued before is done; see {@link read}.
   * @throws LeiaError `argument` if it has more elements or none, or an int64 that no number has exactly.
   */
  async item(): Promise<number> {
    if (elementCount(this.shape) !== 1) {
      throw new LeiaError('argument', `item: expected one element, got ${this.toString()}`);
    }
    const [value] = await this.read();
    return value as number;
  }

  /**
   * The same values in another dtype, as {@link ops.cast} converts them, queued as any operation; or on another
   * device, once all work on them is done. Where nothing changes, a {@link view}: memory that both share.
   *
   * @throws LeiaError A promise rejects as {@link read} does. A number that the dtype does not hold is an error of the
   *   stream.
   * @example
   * const ids = Tensor.from(BigInt64Array.of(1n, 2n), [2]).to('int32');
   */
  to(dtype: DType): Tensor;
  to(device: Device): Promise<Tensor>;
  to(target: DType | Device): Tensor | Promise<Tensor> {
    return target instanceof Device ? this.#toDevice(target) : this.#toDtype(target);
  }

  #toDtype(dtype: DType): Tensor {
    if (dtype === this.dtype) return this.view(this.shape);
    const output = Tensor.empty(this.shape, { dtype, device: this.device });
    castNatively({ input: this, output }, {});
    return output;
  }

  async #toDevice(device: Device): Promise<Tensor> {
    if (device === this.device) return this.view(this.shape);
    return Tensor.from(await this.readBits(), this.shape, { dtype: this.dtype, device });
  }

  /**
   * Another shape over the same memory, from `elementOffset` on. Disposing a view or its origin
   * leaves the other usable.
   *
   * @param shape one size may be -1: it becomes what all elements from `elementOffset` on make of it.
   * @throws LeiaError `argument` if the elements do not suffice, or make no whole number of such rows.
   */
  view(shape: Shape, elementOffset = 0): Tensor {
    const sizes = shape.includes(-1) ? this.#inferSize(shape, elementOffset) : [...shape];
    const handle = this.handle.view(elementOffset, sizes);
    return new Tensor(this.device, this.dtype, Object.freeze(sizes), handle);
  }

  #inferSize(shape: Shape, elementOffset: number): number[] {
    const known = elementCount(shape.filter((size) => size !== -1));
    const inferred = (elementCount(this.shape) - elementOffset) / known;
    const isOne = shape.indexOf(-1) === shape.lastIndexOf(-1);
    if (!(isOne && Number.isInteger(inferred) && inferred >= 0)) {
      const offset = elementOffset === 0 ? '' : ` from element ${elementOffset} on`;
      throw new LeiaError(
        'argument',
        `view: [${shape.join(', ')}] of ${this.toString()}${offset}, expected one -1 at most, and sizes that divide the number of elements`,
      );
    }
    return shape.map((size) => (size === -1 ? inferred : size));
  }

  /**
   * The range `[start, end)` of a dimension; 0 is the outermost, -1 the innermost. Of the outermost it shares memory, as
   * {@link view}; of another it is a copy (`ops.slice`), which later changes of this tensor do not reach.
   *
   * @throws LeiaError `argument` for a dimension that the tensor does not have, or a range that is not within it.
   */
  slice(start: number, end?: number, dimension = 0): Tensor {
    const index = this.#dimension('slice', dimension);
    const size = this.shape[index]!;
    const last = end ?? size;
    const isRange = Number.isInteger(start) && Number.isInteger(last);
    if (!(isRange && start >= 0 && start <= last && last <= size)) {
      const range = `${start} to ${last}`;
      const what =
        index === 0
          ? `rows ${range} of a tensor with ${size} rows`
          : `${range} of the ${size} in dimension ${index}`;
      throw new LeiaError('argument', `slice: ${what}, expected 0 <= start <= end <= ${size}`);
    }
    const shape = this.shape.with(index, last - start);
    if (index === 0) return this.view(shape, start * elementCount(shape.slice(1)));
    const output = Tensor.empty(shape, this);
    sliceNatively({ input: this, dimension: index, start, output }, {});
    return output;
  }

  /**
   * A copy with the dimensions in another order: its dimension d is this tensor's `order[d]` (`ops.permute`).
   * @throws LeiaError `argument` unless `order` names each dimension once.
   */
  permute(order: readonly number[]): Tensor {
    const indices = order.map((dimension) => this.#dimension('permute', dimension));
    const shape = indices.map((index) => this.shape[index]!).slice(0, this.shape.length);
    const output = Tensor.empty(shape, this);
    permuteNatively({ input: this, order: indices, output }, {});
    return output;
  }

  /**
   * A copy with two dimensions exchanged, the innermost two unless others are given.
   * @throws LeiaError `argument` for a dimension that the tensor does not have.
   */
  transpose(first = -2, second = -1): Tensor {
    const [a, b] = [this.#dimension('transpose', first), this.#dimension('transpose', second)];
    return this.permute(this.shape.map((_, i) => (i === a ? b : i === b ? a : i)));
  }

  /** A dimension that must be one of this tensor's, counted from the outermost. */
  #dimension(call: string, dimension: number): number {
    const rank = this.shape.length;
    const index = dimension < 0 ? dimension + rank : dimension;
    if (this.shape[index] !== undefined) return index;
    const expected = rank === 0 ? 'a tensor with dimensions' : `${-rank} to ${rank - 1}`;
    throw new LeiaError(
      'argument',
      `${call}: dimension ${dimension} of ${this.toString()}, expected ${expected}`,
    );
  }

  /** Frees the memory once no queued work uses it. Using the tensor afterwards throws. */
  dispose(): void {
    this.handle.dispose();
  }

  /** At the end of a block of `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** What it is, without its values, which only waiting gives: `Tensor(float32 [2, 3] on cpu)`. */
  toString(): string {
    return `Tensor(${this.dtype} [${this.shape.join(', ')}] on ${this.device.name})`;
  }

  /** `console.log` shows the same. */
  [inspect.custom](): string {
    return this.toString();
  }
}

/** The dtype that an array stands for. */
function dtypeOf(values: HostValues): DType {
  if (values instanceof Int32Array) return 'int32';
  if (values instanceof BigInt64Array) return 'int64';
  if (values instanceof Uint8Array) return 'uint8';
  if (isFloat16Array(values)) return 'float16';
  return values instanceof Uint16Array ? 'bfloat16' : 'float32';
}

function isFloat16Array(values: object): values is Float16Values {
  return (values as Float16Values)[Symbol.toStringTag] === 'Float16Array';
}

/** The memory of a Float16Array as bits. Any version of Node-API knows those. */
function bitsOf({ buffer, byteOffset, length }: Float16Values, dtype: DType): Uint16Array {
  if (dtype === 'float16') return new Uint16Array(buffer, byteOffset, length);
  throw new LeiaError('argument', `got a Float16Array for a tensor of ${dtype}, expected float16`);
}

/** The values in an array type that native code takes for the dtype; none that it cannot stand for. */
function toHost(values: HostValues, dtype: DType): HostArray {
  if (isFloat16Array(values)) return bitsOf(values, dtype);
  if (values instanceof Uint16Array) {
    if (dtype === 'bfloat16' || dtype === 'float16') return values;
    throw unfit(dtype, 'a Uint16Array (bits of a 16-bit float)');
  }
  if (values instanceof BigInt64Array) {
    if (dtype === 'int64') return values;
    throw unfit(dtype, `a BigInt64Array; to('${dtype}') converts an int64 tensor`);
  }
  if (dtype in wholeNumbers) return toWhole(values, dtype as keyof typeof wholeNumbers);
  return values instanceof Float32Array ? values : Float32Array.from(values);
}

const wholeNumbers = {
  int32: { name: '32-bit integers', holds: (value: number) => value === (value | 0) },
  int64: { name: 'whole numbers up to 2^53', holds: Number.isSafeInteger },
  uint8: { name: 'whole numbers from 0 to 255', holds: (value: number) => value === (value & 255) },
} as const;

function toWhole(
  values: NumberArray | readonly number[],
  dtype: keyof typeof wholeNumbers,
): HostArray {
  if (values instanceof hostArrays[dtype]) return values as HostArray;
  const bad = values.findIndex((value) => !wholeNumbers[dtype].holds(value));
  if (bad >= 0) throw unfit(dtype, `${values[bad]} at ${bad}`);
  if (dtype === 'int64') return BigInt64Array.from(values, BigInt);
  return dtype === 'int32' ? Int32Array.from(values) : Uint8Array.from(values);
}

function unfit(dtype: DType, got: string): LeiaError {
  const expected =
    dtype in wholeNumbers
      ? wholeNumbers[dtype as keyof typeof wholeNumbers].name
      : 'a Float32Array or numbers';
  const article = /^[iu]/.test(dtype) && dtype !== 'uint8' ? 'an' : 'a';
  return new LeiaError(
    'argument',
    `expected ${expected} for ${article} ${dtype} tensor, got ${got}`,
  );
}
