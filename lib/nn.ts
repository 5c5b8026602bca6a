// `leia/nn`: thin modules over `leia/autograd`, and what trains them. What it imports needs no package but the native core.
export {
  Dropout,
  Embedding,
  type EmbeddingOptions,
  LayerNorm,
  Linear,
  type LinearOptions,
  type NormOptions,
  type ParameterOptions,
  RmsNorm,
} from './nn/layers.ts';
export { Module, type TrainableOptions } from './nn/module.ts';
export { AdamW, type AdamWOptions } from './train/adamw.ts';
export { learningRateAt, type Schedule } from './train/schedule.ts';
