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

/** Sizes of the dimensions, outermost first; at most five. */
export type Shape = readonly number[];

export function elementCount(shape: Shape): number {
  return shape.reduce((product, size) => product * size, 1);
}

export function bytesPerElement(dtype: DType): number {
  return dtype === 'bfloat16' ? 2 : 4;
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
   * A tensor with these values, which are copied before this returns. The dtype follows the array:
   * Float32Array or numbers give float32, Int32Array int32, Uint16Array is taken as bfloat16 bits.
   * With `dtype: 'bfloat16'`, float32 values are rounded to nearest, ties to even.
   * @throws LeiaError `argument` if the number of values or their kind does not fit.
   */
  static from(
    values: HostArray | readonly number[],
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
  write(values: HostArray | readonly number[]): this {
    const host = toHost(values, this.dtype);
    observed('copy to the device', () => this.handle.write(host));
    return this;
  }

  /**
   * The values once all work queued before is done: Float32Array (bfloat16 widened, exactly) or
   * Int32Array. Rejects if they hang on work that failed, with its error; no other error concerns it.
   */
  read(): Promise<Float32Array | Int32Array> {
    const count = elementCount(this.shape);
    return this.readInto(this.dtype === 'int32' ? new Int32Array(count) : new Float32Array(count));
  }

  /**
   * {@link read} into an array that is there: a Float32Array, an Int32Array, or a Uint16Array for the bits of bfloat16.
   * It may be in shared memory. It belongs to the read until the promise is settled: leave it alone, and transfer it to
   * nobody.
   *
   * @returns the array.
   * @throws LeiaError `argument` if its kind or length does not fit.
   */
  async readInto<Target extends HostArray>(target: Target): Promise<Target> {
    await observed('copy to the host', () => this.handle.read(target));
    return target;
  }

  /** {@link read} for a float32 or bfloat16 tensor. */
  async readFloats(): Promise<Float32Array> {
    const values = await this.read();
    if (values instanceof Int32Array) {
      throw new LeiaError('argument', 'readFloats: the tensor is int32, expected a float dtype');
    }
    return values;
  }

  /** The values as stored: bfloat16 as its 16 bits. */
  readBits(): Promise<HostArray> {
    const count = elementCount(this.shape);
    switch (this.dtype) {
      case 'float32':
        return this.readInto(new Float32Array(count));
      case 'bfloat16':
        return this.readInto(new Uint16Array(count));
      case 'int32':
        return this.readInto(new Int32Array(count));
    }
  }

  /**
   * The value of a tensor with one element, such as a loss, once all work queued before is done; see {@link read}.
   * @throws LeiaError `argument` if it has more elements or none.
   */
  async item(): Promise<number> {
    if (elementCount(this.shape) !== 1) {
      throw new LeiaError('argument', `item: expected one element, got ${this.toString()}`);
    }
    const [value] = await this.read();
    return value as number;
  }

  /**
   * The same values in another dtype, rounded to nearest, ties to even, and queued as any operation; or on another
   * device, once all work on them is done. Where nothing changes, a {@link view}: memory that both share.
   *
   * @throws LeiaError `argument` between int32 and a float dtype. A promise rejects as {@link read} does.
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

function dtypeOf(values: HostArray | readonly number[]): DType {
  if (values instanceof Int32Array) return 'int32';
  return values instanceof Uint16Array ? 'bfloat16' : 'float32';
}

/** The values in an array type that the dtype takes, float32 for bfloat16 too; none that it cannot stand for. */
function toHost(values: HostArray | readonly number[], dtype: DType): HostArray {
  if (dtype === 'int32') {
    if (values instanceof Int32Array) return values;
    const bad = values.findIndex((value) => value !== (value | 0));
    if (bad >= 0 || values instanceof Uint16Array) {
      const got = bad >= 0 ? `${values[bad]} at ${bad}` : 'a Uint16Array (bfloat16 bits)';
      throw new LeiaError('argument', `expected 32-bit integers for an int32 tensor, got ${got}`);
    }
    return Int32Array.from(values);
  }
  if (values instanceof Uint16Array) {
    if (dtype === 'bfloat16') return values;
    throw new LeiaError(
      'argument',
      'expected a Float32Array or numbers for a float32 tensor, got a Uint16Array (bfloat16 bits)',
    );
  }
  return values instanceof Float32Array ? values : Float32Array.from(values);
}
