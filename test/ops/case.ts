// One case = one operation at one shape and dtype: its inputs, how to run it on a device, and what a
// plain float64 implementation gives. The same object feeds the correctness test on every device and
// the check for identical bits. The benchmark and the check by finite differences use its reference.

import { addon } from '../../lib/core/addon.ts';
import { bfloat16ToFloat32, float32ToBfloat16 } from '../../lib/core/bfloat16.ts';
import { float16ToFloat32, float32ToFloat16 } from '../../lib/llama/float16.ts';
import type { Device, DType, Shape, Tensor } from '../../lib/ops.ts';
import { roomOf } from './rooms.ts';

/** A tensor's values in float64; inputs are exact in their dtype. */
export interface Values {
  shape: Shape;
  dtype: DType;
  readonly data: Float64Array;
}

/** Values that are made when they are first wanted: most processes run few of the cases. */
export function lazyValues(shape: Shape, dtype: DType, make: () => Float64Array): Values {
  let made: Float64Array | undefined;
  return {
    shape,
    dtype,
    get data() {
      made ??= make();
      return made;
    },
  };
}

export interface OperationCase {
  /** Operation and shape in words: `rmsNormForward 7x64`. */
  name: string;
  inputs: Record<string, Values>;
  /** Queues the operation; every output tensor comes poisoned with NaN or garbage from `output`. */
  run(inputs: Record<string, Tensor>, output: OutputAllocator): Record<string, Tensor>;
  /** The same outputs in float64. */
  reference(inputs: Record<string, Values>): Record<string, Float64Array>;
  /**
   * Largest allowed ‖output − reference‖ / ‖reference‖ per output: at most twice what the formula,
   * written with plain torch operations in the same precision, was measured to give at such shapes.
   */
  tolerance: Record<string, number>;
  /** Another measure of an output's error, where a rounding may go either way; `relativeError` unless there is one. */
  error?: (output: string, actual: ArrayLike<number>, expected: ArrayLike<number>) => number;
  /** Least bytes to move and floating-point operations: the size by which a run that is not full chooses cases. */
  bytes: number;
  flops: number;
}

/** A backward reference at one point: `gradient` claims to be the derivative of `loss` at `x`. */
export interface GradientCheck {
  name: string;
  loss(x: Float64Array): number;
  x: Float64Array;
  gradient: Float64Array;
}

export type OutputAllocator = (shape: Shape, dtype?: DType) => Tensor;

/** The device under test; each has a run of its own (vitest.config.ts). */
export const deviceName = process.env.LEIA_TEST_DEVICE ?? 'cpu';

/** Whether the device under test has the operations of a room, such as `rms-norm`; and whether they are wanted. */
export function isAvailable(room: string): boolean {
  const wanted = process.env.LEIA_TEST_OPERATION;
  if (wanted !== undefined && room !== wanted) return false;
  if (deviceName === 'cpu') return true;
  const camelCase = (name: string) => name.replace(/_./g, (part) => part[1]!.toUpperCase());
  return addon()
    .cudaOperations()
    .some((name) => roomOf(camelCase(name)) === room);
}
export type { Device };

export function elements(shape: Shape): number {
  return shape.reduce((product, count) => product * count, 1);
}

/** Bytes per element. */
export function size(dtype: DType): number {
  return { float32: 4, bfloat16: 2, float16: 2, int32: 4, int64: 8, uint8: 1 }[dtype];
}

/** A generator of uniform numbers in [0, 1). */
export interface Random {
  (): number;
  /** A generator of its next `count` numbers, over which it goes itself. */
  take(count: number): Random;
}

/** A seeded generator: mulberry32. */
export function randomSource(seed: number): Random {
  const increment = 0x6d2b79f5;
  let state = seed >>> 0;
  const next = () => {
    state = (state + increment) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const take = (count: number) => {
    const taken = randomSource(state);
    state = (state + Math.imul(count, increment)) >>> 0;
    return taken;
  };
  return Object.assign(next, { take });
}

/** Normally distributed values, rounded so that they are exact in the dtype. */
export function randomValues(shape: Shape, dtype: DType, random: Random, scale = 1): Values {
  const count = elements(shape);
  const own = random.take(2 * count);
  const next = () => scale * Math.sqrt(-2 * Math.log(1 - own())) * Math.cos(2 * Math.PI * own());
  return lazyValues(shape, dtype, () => {
    const data = Float64Array.from({ length: count }, next);
    return rounded({ shape, dtype, data }).data;
  });
}

/** All dtypes. */
export const dtypes = ['float32', 'bfloat16', 'float16', 'int32', 'int64', 'uint8'] as const;

/** One dtype of each size: for what copies numbers and does not look at them. */
export const dtypesOfEachSize = ['float32', 'bfloat16', 'int64', 'uint8'] as const;

/** The least and the highest number of a dtype of whole numbers; of int64 those that float64 tells apart. */
const wholeRanges = {
  int32: [-(2 ** 31), 2 ** 31 - 1],
  int64: [-(2 ** 53), 2 ** 53],
  uint8: [0, 255],
} as const;

export function isWhole(dtype: DType): dtype is keyof typeof wholeRanges {
  return dtype in wholeRanges;
}

/** Random values of any dtype; whole numbers are of its whole range, which float32 could not hold. */
export function wholeOrFloatValues(shape: Shape, dtype: DType, random: Random): Values {
  if (!isWhole(dtype)) return randomValues(shape, dtype, random);
  const [low, high] = wholeRanges[dtype];
  const length = elements(shape);
  const own = random.take(length);
  const next = () => low + Math.floor(own() * (high - low + 1));
  return lazyValues(shape, dtype, () => Float64Array.from({ length }, next));
}

/** The values rounded to their float dtype; whole numbers as they are. */
export function rounded({ shape, dtype, data }: Values): Values {
  if (isWhole(dtype)) return { shape, dtype, data };
  const single = Float32Array.from(data);
  const exact = {
    float32: () => single,
    bfloat16: () => bfloat16ToFloat32(float32ToBfloat16(single)),
    float16: () => float16ToFloat32(float32ToFloat16(single)),
  }[dtype]();
  return { shape, dtype, data: Float64Array.from(exact) };
}

/** How far an output of a case is off, to be held against its tolerance. */
export function errorOf(
  operation: OperationCase,
  output: string,
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
): number {
  return operation.error?.(output, actual, expected) ?? relativeError(actual, expected);
}

/** ‖a − b‖ / ‖b‖; the absolute norm where b is zero; infinite when anything is not finite. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < expected.length; i++) {
    difference += (actual[i]! - expected[i]!) ** 2;
    norm += expected[i]! ** 2;
  }
  const error = Math.sqrt(difference) / (Math.sqrt(norm) || 1);
  return Number.isFinite(error) ? error : Number.POSITIVE_INFINITY;
}

/**
 * Largest relative difference between an analytic gradient and central differences of
 * `loss` in float64, over a sample of elements.
 */
export function gradientError(
  loss: (x: Float64Array) => number,
  x: Float64Array,
  gradient: Float64Array,
  samples = 12,
): number {
  const step = 1e-5;
  let difference = 0;
  let norm = 0;
  const stride = Math.max(1, Math.floor(x.length / samples));
  for (let i = 0; i < x.length; i += stride) {
    const moved = Float64Array.from(x);
    moved[i] = x[i]! + step;
    const above = loss(moved);
    moved[i] = x[i]! - step;
    const numeric = (above - loss(moved)) / (2 * step);
    difference += (numeric - gradient[i]!) ** 2;
    norm += gradient[i]! ** 2;
  }
  return Math.sqrt(difference) / (Math.sqrt(norm) || 1);
}

/** A scalar loss over outputs that sees each of them with its own weight. */
export function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0);
}

/** A whole number from low to high, both included. */
export function randomInteger(random: Random, low: number, high: number): number {
  return low + Math.floor(random() * (high - low + 1));
}

export function randomFloatType(random: Random): 'float32' | 'bfloat16' {
  return random() < 0.5 ? 'float32' : 'bfloat16';
}

/** A shape of at most `rank` dimensions with `least` elements or more, none a round number. */
export function randomShape(random: Random, rank: number, least: number): number[] {
  const shape = Array.from({ length: randomInteger(random, 0, rank - 1) }, () =>
    randomInteger(random, 1, 9),
  );
  return [...shape, randomInteger(random, least, least + 300)];
}
