// The settings of a training run. The defaults are the paper's (Yamada & Ri 2024, Table 6), except for
// sizes that depend on the machine. A run is resumed only with the settings that it began with.
import { z } from 'zod';
import { type Recompute, recomputations } from '../llama/activations.ts';
import { saveDtypes } from '../llama/stored-values.ts';
import { LeiaError } from '../system/error.ts';
import { type MomentDtype, momentDtypes } from './adamw.ts';

const count = z.int().min(1);

/** Checks the settings of a run and fills in defaults. */
export const trainSettings = z.strictObject({
  strategy: z
    .enum(['left', 'right', 'replace', 'none'])
    .default('right')
    .describe(
      'where the English name goes: before, after or instead of the link; none: plain text',
    ),
  pSkip: z.number().min(0).max(1).default(0.5).describe('probability of leaving a link as it is'),
  lossOnNames: z
    .boolean()
    .default(true)
    .describe('learn the tokens of inserted names (the marks around them are never learned)'),
  documentMask: z
    .boolean()
    .default(false)
    .describe('keep attention within an article of a packed sequence (the paper does not mask)'),
  maxSteps: count.default(50).describe('optimiser steps of the whole run'),
  batchSize: count.default(2048).describe('sequences per optimiser step'),
  microBatchSize: count
    .optional()
    .describe(
      'sequences computed at once: more is faster and needs more memory; as many as fit unless given',
    ),
  recompute: z
    .enum(recomputations)
    .optional()
    .describe(
      'what the backward pass computes again to take less memory, with the same result; none unless given',
    ),
  moments: z
    .enum(momentDtypes)
    .optional()
    .describe(
      "of AdamW's moments: bfloat16 is rounded at random and takes 4 bytes a parameter less; float32 unless given",
    ),
  zero: z
    .int()
    .min(0)
    .max(3)
    .optional()
    .describe(
      'what several ranks share instead of each holding it, by the stages of ZeRO: 1, the state of the optimiser; 2, gradients too; 3, parameters too; 0, nothing, unless --auto chooses. The result is the same but for rounding. From 1 on each rank writes its part of the states, so all need to see --output',
    ),
  auto: z
    .boolean()
    .default(false)
    .describe(
      'choose micro-batch size, recompute, moments and what ranks share, where they are not given, as --plan marks them',
    ),
  sequenceLength: z.int().min(2).default(2048).describe('tokens per sequence'),
  learningRate: z.number().positive().default(5e-6).describe('peak learning rate'),
  minLearningRate: z.number().min(0).default(0).describe('learning rate at the end of the cosine'),
  warmupSteps: z.int().min(0).default(0).describe('steps of linear warm-up'),
  weightDecay: z.number().min(0).default(0.1).describe('decoupled weight decay; never on norms'),
  beta1: z.number().min(0).lt(1).default(0.9).describe('AdamW: decay of the first moment'),
  beta2: z.number().min(0).lt(1).default(0.95).describe('AdamW: decay of the second moment'),
  epsilon: z.number().positive().default(1e-6).describe('AdamW: added to the denominator'),
  maxGradientNorm: z
    .number()
    .positive()
    .default(1)
    .describe('gradients are scaled down to this global norm'),
  skipNonFinite: z
    .int()
    .min(0)
    .default(0)
    .describe(
      'how many batches in a row may be skipped because their loss or gradient is not finite; after them, or with 0, the run ends',
    ),
  lossAverage: z
    .enum(['tokens', 'micro-batches'])
    .default('tokens')
    .describe("mean over all label tokens of a batch, or of the micro-batches' own means"),
  seed: z.int().min(0).default(0).describe('decides order of articles and choice of links'),
  device: z
    .string()
    .regex(/^(cpu|(cuda|emulated)(:\d+)?)$/, 'expected cpu, cuda or cuda:N')
    .default('cpu')
    .describe('where to compute: cpu, cuda (the first GPU) or cuda:N'),
  dtype: z
    .enum(['float32', 'bfloat16'])
    .default('bfloat16')
    .describe('of weights and activations; the optimiser keeps float32 precision in both'),
  peakTflops: z
    .number()
    .positive()
    .optional()
    .describe(
      'what the device can do at most, in TFLOP/s, to tell utilisation; known for bfloat16 on A100, H100 and H200',
    ),
  profile: z
    .int()
    .min(0)
    .default(0)
    .describe(
      'write what happens in so many steps, after the first one, to profile.json, a trace for Perfetto or chrome://tracing',
    ),
  saveDtype: z
    .enum(saveDtypes)
    .default('base')
    .describe(
      'of the saved weights; base: as they are in --model. float32 loses nothing of a small update, for another training after this one',
    ),
  saveMinutes: z
    .number()
    .min(0)
    .default(30)
    .describe(
      'minutes between resumable states; 0: only when interrupted, or as --save-steps says',
    ),
  saveSteps: count.optional().describe('save a resumable state after each so many steps as well'),
  keepStates: count
    .default(2)
    .describe(
      'how many of the newest states are kept; if the last one is damaged, the one before is used',
    ),
  keepEvery: z
    .int()
    .min(0)
    .default(0)
    .describe('keep each so-many-th state for good, also when the run is finished; 0: none'),
});

/** The settings of a run, all of them. */
export type TrainSettings = z.infer<typeof trainSettings>;
/** Settings in which every choice that the user left open has been made. */
export type CompleteSettings = TrainSettings & {
  readonly microBatchSize: number;
  readonly recompute: Recompute;
  readonly moments: MomentDtype;
};
/** The settings of a run, with defaults for those that are left out. */
export type TrainSettingsInput = z.input<typeof trainSettings>;

/** @throws LeiaError `usage` for settings that are each valid but do not fit together. */
export function checkTogether(settings: TrainSettings): void {
  const { warmupSteps, maxSteps, batchSize, microBatchSize } = settings;
  const { learningRate, minLearningRate } = settings;
  if (warmupSteps > maxSteps) {
    throw new LeiaError(
      'usage',
      `${warmupSteps} warm-up steps are more than the ${maxSteps} steps`,
    );
  }
  if (minLearningRate > learningRate) {
    throw new LeiaError(
      'usage',
      `the minLearningRate ${minLearningRate} is above the learningRate ${learningRate}, from which the cosine falls to it; choose one that is not above`,
    );
  }
  if (microBatchSize !== undefined && batchSize % microBatchSize !== 0) {
    throw new LeiaError(
      'usage',
      `a batch of ${batchSize} sequences cannot be cut into micro-batches of ${microBatchSize}; choose a divisor`,
    );
  }
}
