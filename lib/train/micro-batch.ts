// How many sequences are computed at once when the user does not say. A larger micro-batch reads and writes the
// gradients of all parameters less often per token (5 % of a step's time for a model of 7 billion parameters at
// one sequence of 2,048 tokens), and takes more memory for activations. The result is the same but for rounding.
import type { LlamaConfig } from '../llama/config.ts';
import { availableMemory, planMemory } from './memory.ts';
import type { TrainSettings } from './settings.ts';

/**
 * What the plan may take of the memory that is there. On a GPU a sixteenth stays free, for scratch memory of
 * kernels and what the libraries load; on the CPU half, since other programs use the same memory.
 */
const largestShare = { gpu: 15 / 16, cpu: 1 / 2 };

/**
 * Tokens of a micro-batch on the CPU. So many rows keep its cores busy; with more, progress would be shown and an
 * interruption be noticed less often, and nothing would be faster.
 */
const mostCpuTokens = 2048;

/**
 * The largest power of two that divides the batch and fits into the device's memory by the plan. 1 if the loss is
 * the mean of the micro-batches' means, as the result then depends on their size.
 *
 * @throws LeiaError `unavailable` if there is no such device.
 */
export function chooseMicroBatchSize(config: LlamaConfig, settings: TrainSettings): number {
  const { batchSize, sequenceLength, lossAverage, device } = settings;
  if (lossAverage === 'micro-batches') return 1;
  const onCpu = device === 'cpu';
  const share = availableMemory(device) * largestShare[onCpu ? 'cpu' : 'gpu'];
  const fits = (microBatchSize: number) =>
    (!onCpu || microBatchSize * sequenceLength <= mostCpuTokens) &&
    planMemory(config, { ...settings, microBatchSize }).total <= share;
  let chosen = 1;
  while (batchSize % (2 * chosen) === 0 && fits(2 * chosen)) chosen *= 2;
  return chosen;
}
