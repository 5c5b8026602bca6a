// `leia/ops`: the operations with their tensors and devices, and nothing else. What it imports needs no package but the
// native core, so programs with models of their own load no tokenizer, no parser and no schema.
export { Device, type DeviceEvent, type Graph } from './core/device.ts';
export { ignoredLabel } from './core/ops/cross-entropy.ts';
export * as ops from './core/ops.ts';
export {
  type DType,
  type Float16Values,
  type HostArray,
  type HostValues,
  type NumberArray,
  type Shape,
  Tensor,
} from './core/tensor.ts';
export { LeiaError, type LeiaErrorCode } from './system/error.ts';
