// What of a run each rank holds, by the stages of ZeRO (Rajbhandari et al. 2020): 0, everything; 1, a slice of the
// optimiser's state; 2, of the gradients too; 3, of the parameters too. A slice is flat: so many of a tensor's elements,
// wherever its rows end, so that no size has to divide by the number of ranks.
import { TensorLayout } from '../core/layout.ts';
import { type DType, elementCount, type Shape } from '../core/tensor.ts';
import { sliceOf } from '../distributed/communicator.ts';
import type { LlamaConfig } from '../llama/config.ts';
import { parameterLayout, windowLayout } from '../llama/parameters.ts';

export const zeroStages = [0, 1, 2, 3] as const;
export type ZeroStage = (typeof zeroStages)[number];

/** One rank's place among those that share a run's memory. */
export interface Sharding {
  readonly stage: ZeroStage;
  readonly rank: number;
  readonly ranks: number;
}

/**
 * A process that is alone has nobody to share with, so it holds everything.
 *
 * @param stage of ZeRO, 0 to 3.
 */
export function shardingOf(
  stage: number | undefined,
  { rank, size }: { readonly rank: number; readonly size: number },
): Sharding {
  return { stage: size === 1 ? 0 : ((stage ?? 0) as ZeroStage), rank, ranks: size };
}

/** What is not whole in a rank's memory. */
export function shardedParts({ stage }: Sharding) {
  return { states: stage >= 1, gradients: stage >= 2, parameters: stage >= 3 };
}

/** This rank's slice of a tensor, as a tensor of its own. */
function sliceLayout(shape: Shape, dtype: DType, { rank, ranks }: Sharding): TensorLayout {
  const { begin, end } = sliceOf(elementCount(shape), rank, ranks);
  return new TensorLayout([end - begin], dtype);
}

/** Slices of all parameters, or of their gradients, by name. */
export function slicesLayout(config: LlamaConfig, dtype: DType, sharding: Sharding) {
  const { byName } = parameterLayout(config, dtype);
  return Object.fromEntries(
    Object.entries(byName).map(([name, { shape }]) => [name, sliceLayout(shape, dtype, sharding)]),
  );
}

/** What ranks need beside the model to train it together. */
export function exchangeLayout(config: LlamaConfig, dtype: DType, sharding: Sharding) {
  const { parameters, gradients, states } = shardedParts(sharding);
  const number = () => new TensorLayout([1], 'float32');
  return {
    slices: {
      parameters: parameters ? slicesLayout(config, dtype, sharding) : undefined,
      gradients: gradients ? slicesLayout(config, 'float32', sharding) : undefined,
    },
    /** The loss, and how many ranks are interrupted. */
    totals: sharding.ranks > 1 ? new TensorLayout([2], 'float32') : undefined,
    /** Of each rank the norm of its slices of the gradient. */
    norms: states
      ? { all: new TensorLayout([sharding.ranks], 'float32'), unused: number() }
      : undefined,
  };
}

/** All that a rank holds of parameters and gradients. */
export function modelLayout(config: LlamaConfig, dtype: DType, sharding: Sharding) {
  const { parameters, gradients } = shardedParts(sharding);
  const { slices, ...exchange } = exchangeLayout(config, dtype, sharding);
  return {
    parameters: slices.parameters ?? parameterLayout(config, dtype),
    gradients: slices.gradients ?? parameterLayout(config, 'float32'),
    /** Where slices are put together for a moment. */
    gathered: {
      parameters: parameters ? windowLayout(config, dtype) : undefined,
      gradients: gradients ? windowLayout(config, 'float32') : undefined,
    },
    /** Of what the optimiser keeps the state. */
    updated: shardedParts(sharding).states
      ? slicesLayout(config, dtype, sharding)
      : parameterLayout(config, dtype).byName,
    exchange,
  };
}
