// The whole public API of the package.
export { Device } from './core/device.ts';
export { LeiaError, type LeiaErrorCode } from './core/error.ts';
export * as ops from './core/ops.ts';
export { type DType, type HostArray, type Shape, Tensor } from './core/tensor.ts';
