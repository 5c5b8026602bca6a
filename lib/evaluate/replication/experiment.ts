// A replication's folder and what is in it before any arm is trained: the world's tokenizer, text and questions, and the
// model that all arms begin with. Every part that is finished is kept.
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { RandomStream } from '../../leia/random.ts';
import { configFile } from '../../llama/checkpoint.ts';
import { parseLlamaConfig } from '../../llama/config.ts';
import { LlamaModel } from '../../llama/llama-model.ts';
import { LeiaError } from '../../system/error.ts';
import { readIfPresent, writeFileAtomically } from '../../system/files.ts';
import { parseChecked } from '../../system/json.ts';
import { Tokenizer } from '../../tokenizer/tokenizer.ts';
import { type TrainSettings, trainSettings } from '../../train/settings.ts';
import { train } from '../../train/train.ts';
import type { Arm } from './arms.ts';
import { writeDataset } from './datasets.ts';
import { type Phase, type Preset, type PresetName, presets } from './presets.ts';
import { writeQuestions } from './questions.ts';
import { type Article, type Corpora, writeCorpora } from './text.ts';
import { writeTokenizer } from './vocabulary.ts';
import { shuffled } from './words.ts';
import { makeWorld, type World } from './world.ts';

export interface ExperimentSettings {
  readonly preset: PresetName;
  /** Decides the world, its text and the start. */
  readonly worldSeed: number;
  readonly device: string;
}

export interface Experiment extends ExperimentSettings {
  readonly folder: string;
  readonly size: Preset;
  readonly world: World;
  readonly corpora: Corpora;
}

/** Seeds of the world's own draws: of the model's first weights, of pre-training, of the order of wrong names. */
const seedOf = { start: 1, pretraining: 2, wrongNames: 3 } as const;

export function openExperiment(folder: string, settings: ExperimentSettings): Experiment {
  const size = presets[settings.preset];
  const world = makeWorld({ ...size.world, seed: settings.worldSeed });
  return { ...settings, folder, size, world, corpora: writeCorpora(world, size.text) };
}

export const inside = {
  tokenizer: (folder: string) => join(folder, 'tokenizer'),
  questions: (folder: string) => join(folder, 'questions'),
  pretraining: (folder: string) => join(folder, 'data', 'pretraining'),
  data: (folder: string, { names }: Arm) =>
    join(folder, 'data', names === 'own' ? 'adaptation' : 'names-shuffled'),
  start: (folder: string) => join(folder, 'start'),
  base: (folder: string) => join(folder, 'base'),
  run: (folder: string, arm: string, seed: number) => join(folder, 'runs', arm, `seed-${seed}`),
};

const settingsFile = 'replication.json';

/**
 * Assigns the folder to these settings. The caller has locked it.
 *
 * @throws LeiaError `usage` if it holds a replication with other ones.
 */
export async function claimFolder({ folder, size, ...rest }: Experiment): Promise<void> {
  const { preset, worldSeed, device } = rest;
  // How many seeds there are decides nothing of a run: more may be added.
  const { seeds: _, arms: __, about: ___, ...decisive } = size;
  const here = { preset, worldSeed, device, ...decisive };
  const path = join(folder, settingsFile);
  const text = await readIfPresent(path);
  if (text === undefined) {
    await writeFileAtomically(path, `${JSON.stringify(here, undefined, 2)}\n`);
    return;
  }
  const there = parseChecked(z.record(z.string(), z.unknown()), text, path);
  if (isDeepStrictEqual(there, JSON.parse(JSON.stringify(here)))) return;
  const differs = Object.entries(here).find(
    ([key, value]) => !isDeepStrictEqual(value, there[key]),
  );
  const [key, value] = differs ?? ['settings', ''];
  throw new LeiaError(
    'usage',
    `${folder} holds a replication with another ${key} (${JSON.stringify(there[key])} there, ${JSON.stringify(value)} here); choose another --output`,
  );
}

/** Writes tokenizer, datasets and questions, unless they are there. */
export async function writeData(experiment: Experiment): Promise<void> {
  const { folder, world, corpora } = experiment;
  await writeTokenizer(inside.tokenizer(folder), world);
  await writeQuestions(inside.questions(folder), world);
  const tokenizer = await Tokenizer.load(inside.tokenizer(folder));
  const source = { generated: 'leia replicate', seed: world.seed };
  const { pretraining, adaptation, replay } = corpora;
  await writeDataset(inside.pretraining(folder), pretraining, tokenizer, source);
  for (const names of ['own', 'shuffled'] as const) {
    const linked = names === 'own' ? adaptation : withWrongNames(world, adaptation);
    const data = inside.data(folder, { names } as Arm);
    await writeDataset(data, [...linked, ...replay], tokenizer, { ...source, names });
  }
}

/** The same articles, in which every link has the English name of another person, the same one everywhere. */
export function withWrongNames(world: World, articles: readonly Article[]): Article[] {
  const names = world.entities.map(({ name }) => name.english);
  const order = shuffled(RandomStream.of(world.seed, seedOf.wrongNames), names);
  // Each name becomes the next one of a random circle, so that none stays.
  const wrong = new Map(order.map((name, i) => [name, order[(i + 1) % order.length]!]));
  return articles.map((article) => ({
    ...article,
    spans: article.spans.map((span) => ({ ...span, name: wrong.get(span.name)! })),
  }));
}

/** Indices in the dataset of the articles that an arm is trained on: the target language's come first. */
export function articlesFor({ corpora }: Experiment, { english }: Arm): number[] {
  const { adaptation, replay } = corpora;
  const count = adaptation.length + (english ? replay.length : 0);
  return Array.from({ length: count }, (_, index) => index);
}

export interface TrainingListener {
  readonly signal: AbortSignal;
  readonly onStep: (step: number, steps: number) => void;
  readonly onWarning: (message: string) => void;
}

/** Makes the model that all arms begin with: random weights, pre-trained on English and a little target text. */
export async function pretrain(experiment: Experiment, listener: TrainingListener): Promise<void> {
  const { folder, size } = experiment;
  await writeStart(experiment);
  const settings = settingsOf(experiment, {
    ...size.pretraining,
    strategy: 'none',
    seed: seedOf.pretraining,
  });
  await train({
    model: inside.start(folder),
    data: inside.pretraining(folder),
    output: inside.base(folder),
    settings,
    ...hearing(listener, settings),
  });
}

/** Trains one arm with one seed, resumes it, or finds it finished. */
export async function trainArm(
  experiment: Experiment,
  arm: Arm,
  seed: number,
  listener: TrainingListener,
): Promise<void> {
  const { folder, size } = experiment;
  const settings = settingsOf(experiment, { ...size.adaptation, ...arm.training, seed });
  await train({
    model: inside.base(folder),
    data: inside.data(folder, arm),
    output: inside.run(folder, arm.id, seed),
    settings,
    articles: articlesFor(experiment, arm),
    ...hearing(listener, settings),
  });
}

function hearing({ signal, onStep, onWarning }: TrainingListener, { maxSteps }: TrainSettings) {
  return {
    signal,
    onWarning,
    onStep: ({ step }: { step: number }) => onStep(step, maxSteps),
  };
}

function settingsOf({ device, size }: Experiment, settings: object): TrainSettings {
  const { batchSize } = settings as Phase;
  return trainSettings.parse({
    ...settings,
    microBatchSize: batchSize,
    device,
    dtype: size.dtype,
    // Articles are short, and what stands beside one in a row has nothing to do with it.
    documentMask: true,
    saveDtype: 'float32',
    saveMinutes: 1,
  });
}

async function writeStart({ folder, size, world }: Experiment): Promise<void> {
  const start = inside.start(folder);
  // Written last: without it there is nothing whole.
  if ((await readIfPresent(join(start, configFile))) !== undefined) return;
  const tokenizer = await Tokenizer.load(inside.tokenizer(folder));
  const { hiddenSize, intermediateSize, layers, heads } = size.model;
  const config = parseLlamaConfig({
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    vocab_size: tokenizer.vocabSize,
    hidden_size: hiddenSize,
    intermediate_size: intermediateSize,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: heads,
    max_position_embeddings: size.pretraining.sequenceLength,
    rms_norm_eps: 1e-5,
    initializer_range: 0.02,
    // What a name is read by and what it is written by are one vector. In so small a model nothing else makes a name
    // that it has learned to write one that it can read.
    tie_word_embeddings: true,
    bos_token_id: tokenizer.bosId,
    eos_token_id: tokenizer.eosId,
    torch_dtype: 'float32',
  });
  using model = LlamaModel.initialize(config, { seed: world.seed + seedOf.start });
  await model.save(start, { companions: tokenizer.folder });
}
