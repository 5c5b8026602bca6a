// The public API of the package, but for the readers of dumps and what makes datasets of them: `leia/corpus`.
export { englishName } from './corpus/names/english-name.ts';
export * from './evaluate.ts';
export {
  type AdaptedCheckpoint,
  adaptCheckpoint,
  type ConvertedCheckpoint,
  translateTokens,
} from './leia/adapt.ts';
export {
  type AlignedSpan,
  type Alignment,
  alignSpans,
  type MisalignmentReason,
} from './leia/align.ts';
export {
  type ArticleSource,
  type SequenceOptions,
  SequenceSource,
  type SequenceState,
} from './leia/batches.ts';
export { Dataset } from './leia/dataset.ts';
export type { DatasetMeta, Manifest } from './leia/dataset-format.ts';
export type { Passage, PassageLink } from './leia/dataset-records.ts';
export { DatasetWriter } from './leia/dataset-writer.ts';
export type { EntitySpan, TokenEntity, TokenizedArticle } from './leia/entity.ts';
export { exportCheckpoint, writeConverted } from './leia/export.ts';
export {
  type AugmentedTokens,
  type InsertionOptions,
  insertNames,
  type Strategy,
  tokenKind,
} from './leia/insert.ts';
export { labelsOf } from './leia/labels.ts';
export { packOnce, type Sequence } from './leia/packing.ts';
export { RandomStream } from './leia/random.ts';
export { ArticleTokenizer, type TokenizeResult } from './leia/tokenize-article.ts';
export type { Recompute } from './llama/activations.ts';
export { countLabelTokens, type TokenRows } from './llama/batch.ts';
export { Checkpoint, type CheckpointView } from './llama/checkpoint.ts';
export { type LlamaConfig, parseLlamaConfig } from './llama/config.ts';
export { type GenerateOptions, generate, type SamplingOptions } from './llama/generate.ts';
export { endTokenIds } from './llama/generation-config.ts';
export type {
  HookPlace,
  LayerHook,
  LayerPoint,
  PlaceOf,
  ProjectionPlace,
  ProjectionPoint,
  StreamPoint,
} from './llama/hooks.ts';
export { Decoder } from './llama/inference.ts';
export { LlamaModel } from './llama/llama-model.ts';
export type {
  BackwardOptions,
  BackwardResult,
  ForwardBackwardResult,
  ForwardOptions,
  ForwardResult,
  LossResult,
  ModelDtype,
  ModelOptions,
  SaveModelOptions,
} from './llama/model-options.ts';
export type { TrainableParameter } from './llama/parameters.ts';
export type { RoundingLoss } from './llama/rounding.ts';
export {
  type SafetensorsDtype,
  type SafetensorsEntry,
  SafetensorsFile,
  type SafetensorsSource,
  writeSafetensors,
} from './llama/safetensors.ts';
export type { ParameterSelection } from './llama/select-parameters.ts';
export type { SaveDtype, StoredDtype, StoredValues } from './llama/stored-values.ts';
export * from './ops.ts';
export { type Encoding, Tokenizer } from './tokenizer/tokenizer.ts';
export { AdamW, type AdamWOptions, type AdamWState, type MomentDtype } from './train/adamw.ts';
export type { MetricsSink, StepMetrics } from './train/metrics.ts';
export { learningRateAt, type Schedule } from './train/schedule.ts';
export { type TrainSettings, type TrainSettingsInput, trainSettings } from './train/settings.ts';
export { EventFile } from './train/tensorboard.ts';
export { type TrainOptions, type TrainResult, type TrainStart, train } from './train/train.ts';
