// The demo's model and how it is trained: as large as two runs in float32 on two cores allow in a few minutes,
// on a machine without bfloat16 instructions too.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { configFile } from '../llama/checkpoint.ts';
import { parseLlamaConfig } from '../llama/config.ts';
import { LlamaModel } from '../llama/llama-model.ts';
import { countParameters } from '../llama/parameters.ts';
import { LeiaError } from '../system/error.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { type TrainSettings, trainSettings } from '../train/settings.ts';

const sequenceLength = 256;

/** Where the config remembers the seed of its weights. */
const seedKey = 'leia_demo_seed';

/**
 * Writes the model that both runs start from, unless it is there, and returns how many parameters it has.
 *
 * @throws LeiaError `usage` if the folder has one of another seed.
 */
export async function writeStart(
  folder: string,
  tokenizer: Tokenizer,
  seed: number,
): Promise<number> {
  const config = parseLlamaConfig({
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    vocab_size: tokenizer.vocabSize,
    hidden_size: 128,
    intermediate_size: 344,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    num_key_value_heads: 2,
    max_position_embeddings: sequenceLength,
    rms_norm_eps: 1e-5,
    initializer_range: 0.02,
    tie_word_embeddings: false,
    bos_token_id: tokenizer.bosId,
    eos_token_id: tokenizer.eosId,
    torch_dtype: 'float32',
    [seedKey]: seed,
  });
  if (await isPresent(folder, seed)) return countParameters(config);
  using model = LlamaModel.initialize(config, { seed });
  await model.save(folder, { companions: tokenizer.folder });
  return countParameters(config);
}

async function isPresent(folder: string, seed: number): Promise<boolean> {
  const path = join(folder, configFile);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch {
    return false; // written last: without it there is nothing whole
  }
  const present = (JSON.parse(text) as Record<string, unknown>)[seedKey];
  if (present === seed) return true;
  throw new LeiaError(
    'usage',
    `${folder} holds the start of a demo with seed ${present}, this one has ${seed}; use the same seed, or choose another --output`,
  );
}

/** The same for both runs but for what is inserted; a rate for training from nothing, not the paper's. */
export function demoSettings(
  strategy: TrainSettings['strategy'],
  { steps, seed }: { steps: number; seed: number },
): TrainSettings {
  return trainSettings.parse({
    strategy,
    pSkip: 0.5,
    maxSteps: steps,
    batchSize: 8,
    microBatchSize: 8,
    sequenceLength,
    learningRate: 3e-3,
    minLearningRate: 3e-4,
    warmupSteps: Math.min(steps, Math.ceil(steps / 20)),
    seed,
    dtype: 'float32',
    // Seldom enough to cost nothing, often enough that a killed demo loses little.
    saveMinutes: 0.5,
  });
}
