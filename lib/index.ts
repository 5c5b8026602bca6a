// The whole public API of the package.
export { Device } from './core/device.ts';
export { LeiaError, type LeiaErrorCode } from './core/error.ts';
export * as ops from './core/ops.ts';
export { type DType, type HostArray, type Shape, Tensor } from './core/tensor.ts';
export {
  type Score,
  type ScoreOptions,
  type ScoreRequest,
  scoreRequests,
} from './evaluate/score.ts';
export { countLabelTokens, type TokenRows } from './llama/batch.ts';
export { type LlamaConfig, parseLlamaConfig } from './llama/config.ts';
export { type GenerateOptions, generate, type SamplingOptions } from './llama/generate.ts';
export {
  type ForwardOptions,
  type ForwardResult,
  LlamaModel,
  type LossResult,
  type ModelDtype,
  type ModelOptions,
} from './llama/llama-model.ts';
export type { TrainableParameter } from './llama/parameters.ts';
export { AdamW, type AdamWOptions, type AdamWState } from './train/adamw.ts';
