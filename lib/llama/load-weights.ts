// Fills the model's tensors: from a checkpoint, one tensor at a time, or with random numbers. Each number of a
// checkpoint is checked, since a single NaN would spoil the whole training without an error.
import type { Device } from '../core/device.ts';
import * as ops from '../core/ops.ts';
import { elementCount, type HostArray, type Tensor } from '../core/tensor.ts';
import { LeiaError } from '../system/error.ts';
import type { CheckpointView } from './checkpoint.ts';
import type { LlamaConfig } from './config.ts';
import { llamaParameters } from './parameters.ts';
import { convertValues, firstNonFinite, type StoredValues, splitValues } from './stored-values.ts';
import { LlamaWeights } from './weights.ts';

export interface WeightOptions {
  readonly dtype: 'float32' | 'bfloat16';
  readonly device: Device;
}

/**
 * Reads a checkpoint into weights, each tensor once. Other dtypes are rounded to nearest when the weights are
 * bfloat16. Where `masterLowBits` has a tensor for a name, nothing is lost: the weight gets the upper half of the
 * float32 number, and that tensor gets the lower 16 bits.
 *
 * @param weights tensors by name. One with fewer elements than the checkpoint's tensor takes a flat slice of it; so do its
 *   low bits.
 * @param first the element at which the slice of a name begins.
 * @throws LeiaError `format` when a weight is NaN or infinite.
 */
export async function loadWeights(
  checkpoint: CheckpointView,
  weights: Iterable<readonly [string, Tensor]>,
  masterLowBits: (name: string) => Tensor | undefined = () => undefined,
  first: (name: string) => number = () => 0,
): Promise<void> {
  for (const [name, tensor] of weights) {
    const stored = await checkpoint.read(name);
    await checkFinite(checkpoint.folder, name, stored);
    const lowBits = masterLowBits(name);
    if (lowBits === undefined) {
      const dtype = tensor.dtype === 'bfloat16' ? 'bfloat16' : 'float32';
      writeSlice(tensor, (await convertValues(stored, dtype)).values, first(name));
    } else {
      const { upper, lower } = await splitValues(stored);
      writeSlice(tensor, upper, first(name));
      writeSlice(lowBits, lower, first(name));
    }
  }
}

/** Writes all values, or as many from `first` on as the tensor has elements. */
function writeSlice(tensor: Tensor, values: HostArray, first: number): void {
  const count = elementCount(tensor.shape);
  tensor.write(values.length === count ? values : values.subarray(first, first + count));
}

async function checkFinite(folder: string, name: string, stored: StoredValues): Promise<void> {
  const index = await firstNonFinite(stored);
  if (index < 0) return;
  throw new LeiaError(
    'format',
    `${folder}: tensor "${name}" has a NaN or infinity (element ${index}); the checkpoint is damaged or its training diverged`,
  );
}

/**
 * Random weights: normal with the config's `initializer_range` as standard deviation, norms one. The same
 * seed gives the same values on every device; no two parameters share their numbers.
 */
export function initializeWeights(
  config: LlamaConfig,
  options: WeightOptions & { readonly seed: number },
): LlamaWeights {
  const weights = new LlamaWeights(config, options);
  let offset = 0;
  for (const { name, isNorm } of llamaParameters(config)) {
    const output = weights.get(name);
    if (isNorm) {
      ops.fill({ output, value: 1 });
    } else {
      const { seed } = options;
      ops.randomNormal({ output, standardDeviation: config.initializerRange, seed, offset });
      offset += elementCount(output.shape);
    }
  }
  return weights;
}
