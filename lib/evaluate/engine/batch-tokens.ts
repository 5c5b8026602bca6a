// How much is computed at once. The plan counts what a batch takes in memory, as training does, so that the largest
// batch that fits is known before any is computed.
import { bytesOf } from '../../core/layout.ts';
import { activationLayout } from '../../llama/activations.ts';
import { cacheLayout } from '../../llama/key-value-cache.ts';
import type { LlamaModel } from '../../llama/llama-model.ts';
import { LeiaError } from '../../system/error.ts';
import { mostShared } from './prefix-tree.ts';

export interface BatchPlan {
  /** Tokens computed in one pass, padding included; a longer sequence is computed alone. */
  readonly batchTokens: number;
  /** Tokens that one cache has room for; a longer sequence has a cache of its own. */
  readonly cacheTokens: number;
  /** Places whose logits are there at once. */
  readonly logitsRows: number;
}

/** A cache holds this many times the tokens of a pass, since tokens that are shared or were computed before count. */
const cachedPerToken = 8;
/** Of the memory that is free, the rest is for scratch memory of kernels, and on the CPU for other programs. */
const largestShare = { gpu: 15 / 16, cpu: 1 / 2 };
/** With more tokens in a pass nothing is faster, and progress would be shown less often. */
const mostTokens = { gpu: 32_768, cpu: 2048 };
const leastTokens = 128;
const logitsBytes = 2 ** 26;

/** @throws LeiaError `argument` for a number of tokens that is none. */
export function planBatches(model: LlamaModel, asked: 'auto' | number): BatchPlan {
  const { config, device, dtype } = model;
  const logitsRows = Math.max(1, Math.floor(logitsBytes / (4 * config.vocabSize)));
  const planOf = (batchTokens: number) => ({
    batchTokens,
    cacheTokens: cachedPerToken * batchTokens,
    logitsRows,
  });
  if (asked !== 'auto') {
    if (Number.isInteger(asked) && asked > 0) return planOf(asked);
    throw new LeiaError('argument', `batchTokens is ${asked}, expected auto or 1 or more`);
  }
  const kind = device.name === 'cpu' ? 'cpu' : 'gpu';
  const free = device.properties.freeBytes * largestShare[kind];
  const bytes = ({ batchTokens, cacheTokens }: BatchPlan) => {
    const pass = { batch: 1, sequence: batchTokens, dtype, training: false };
    const cache = { rows: 1, capacity: cacheTokens };
    return (
      bytesOf(activationLayout(config, pass)) +
      (mostShared + 1) * bytesOf(cacheLayout(config, cache, dtype)) +
      logitsBytes
    );
  };
  let plan = planOf(leastTokens);
  for (;;) {
    const larger = planOf(2 * plan.batchTokens);
    if (larger.batchTokens > mostTokens[kind] || bytes(larger) > free) return plan;
    plan = larger;
  }
}
