// How large a replication is. A preset is fixed before its seeds are run: it was chosen with other worlds and seeds than
// those that are reported.
import { arms, roles } from './arms.ts';
import type { TextSettings } from './text.ts';
import type { WorldSettings } from './world.ts';

/** A phase of training. */
export interface Phase {
  readonly maxSteps: number;
  /** Rows in a step. */
  readonly batchSize: number;
  /** Tokens in a row. */
  readonly sequenceLength: number;
  readonly learningRate: number;
  readonly minLearningRate: number;
  readonly warmupSteps: number;
}

export interface Preset {
  /** For the help. */
  readonly about: string;
  readonly world: Omit<WorldSettings, 'seed'>;
  readonly text: TextSettings;
  readonly model: {
    readonly hiddenSize: number;
    readonly intermediateSize: number;
    readonly layers: number;
    readonly heads: number;
  };
  readonly dtype: 'float32' | 'bfloat16';
  readonly pretraining: Phase;
  readonly adaptation: Phase;
  /** Ids of arms. */
  readonly arms: readonly string[];
  /** How often each arm is trained. */
  readonly seeds: number;
}

const mini: Preset = {
  about: 'all arms with five seeds, in half an hour on two CPU cores',
  world: {
    people: { known: 120, stated: 40, held: 60 },
    relations: 3,
    values: 8,
    acquaintances: 6,
  },
  text: {
    english: 8,
    known: { facts: 5, mentions: 2 },
    bothNames: 0.2,
    englishName: 0.3,
    englishValue: 0.3,
    adaptation: {
      known: { facts: 1, mentions: 1 },
      stated: { facts: 4, mentions: 3 },
      held: { mentions: 8 },
    },
    meetings: 3,
    replay: 2,
  },
  model: { hiddenSize: 128, intermediateSize: 344, layers: 3, heads: 4 },
  dtype: 'float32',
  pretraining: {
    ...{ maxSteps: 1000, batchSize: 8, sequenceLength: 128 },
    ...{ learningRate: 3e-3, minLearningRate: 3e-4, warmupSteps: 20 },
  },
  adaptation: {
    ...{ maxSteps: 400, batchSize: 8, sequenceLength: 128 },
    ...{ learningRate: 1e-3, minLearningRate: 1e-4, warmupSteps: 10 },
  },
  arms: arms.map(({ id }) => id),
  seeds: 5,
};

export const presets = {
  quick: {
    ...mini,
    about: 'three arms with two seeds, in a minute or two: shows that all works, decides nothing',
    world: {
      people: { known: 40, stated: 10, held: 20 },
      relations: 3,
      values: 6,
      acquaintances: 4,
    },
    model: { hiddenSize: 64, intermediateSize: 176, layers: 2, heads: 2 },
    pretraining: { ...mini.pretraining, learningRate: 6e-3, minLearningRate: 6e-4, maxSteps: 500 },
    adaptation: { ...mini.adaptation, learningRate: 2e-3, minLearningRate: 2e-4, maxSteps: 150 },
    arms: [roles.plain, roles.chosen, roles.shuffled],
    seeds: 2,
  },
  mini,
  large: {
    ...mini,
    about: 'ten times as many people and a larger model, for a GPU',
    world: {
      people: { known: 1200, stated: 400, held: 600 },
      relations: 6,
      values: 16,
      acquaintances: 6,
    },
    model: { hiddenSize: 512, intermediateSize: 1376, layers: 6, heads: 8 },
    dtype: 'bfloat16',
    pretraining: {
      ...{ maxSteps: 6000, batchSize: 64, sequenceLength: 256 },
      ...{ learningRate: 1e-3, minLearningRate: 1e-4, warmupSteps: 200 },
    },
    adaptation: {
      ...{ maxSteps: 2000, batchSize: 64, sequenceLength: 256 },
      ...{ learningRate: 3e-4, minLearningRate: 3e-5, warmupSteps: 50 },
    },
  },
} as const satisfies Record<string, Preset>;

export type PresetName = keyof typeof presets;
export const presetNames = Object.keys(presets) as [PresetName, ...PresetName[]];
