// What makes two runs the same: all that decides their result. Where it is computed, what is computed again or shared by
// ranks to save memory, how often and in which dtype it is saved does not.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { manifestFile } from '../leia/dataset-format.ts';
import { type Checkpoint, configFile } from '../llama/checkpoint.ts';
import { fileError } from '../system/files.ts';
import type { CompleteSettings } from './settings.ts';

/** Settings by the names that the user knows, and hashes of what the run reads. */
export type RunIdentity = Readonly<Record<string, string | number | boolean>>;

/** What the hashes are of, for a message that cannot show it. */
const hashed: Readonly<Record<string, string>> = {
  model: 'a base model of another config.json',
  weights: 'a base model of other weights',
  data: 'another dataset',
  articles: 'another choice of articles',
};

/** @param articles indices in the dataset of the articles to train on, if not all. */
export async function identifyRun(
  settings: CompleteSettings,
  base: Checkpoint,
  data: string,
  articles?: readonly number[],
): Promise<RunIdentity> {
  const {
    device: _,
    saveMinutes: __,
    saveSteps: ______,
    keepStates: _______,
    keepEvery: ________,
    saveDtype: ___,
    recompute: ____,
    zero: ___________,
    auto: _____,
    peakTflops: _________,
    profile: __________,
    ...decisive
  } = settings;
  return {
    ...decisive,
    model: await hashFile(join(base.folder, configFile)),
    weights: await base.hashWeights(),
    data: await hashFile(join(data, manifestFile)),
    ...(articles && { articles: sha256(articles.join()) }),
  };
}

/**
 * All differences in words that follow "a run with"; undefined if there is none.
 *
 * @param whose begins the words for `here`.
 */
export function describeDifference(
  there: RunIdentity,
  here: RunIdentity,
  whose = 'this one has',
): string | undefined {
  const keys = new Set([...Object.keys(there), ...Object.keys(here)]);
  const differences = [...keys]
    .filter((key) => there[key] !== here[key])
    .map((key) => {
      const known = hashed[key];
      // Without `articles` all of them are meant; without another key, another version of leia began the run.
      if (known !== undefined && (key in there || key === 'articles')) return known;
      return `${key} ${there[key] ?? 'not set'}, ${whose} ${here[key] ?? 'none'}`;
    });
  return differences.length > 0 ? differences.join('; with ') : undefined;
}

function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

async function hashFile(path: string): Promise<string> {
  try {
    return sha256(await readFile(path));
  } catch (error) {
    throw fileError('read', path, error);
  }
}
