// Fills the model's tensors: from a checkpoint, one tensor at a time, or with random numbers. A checkpoint's
// numbers are checked on the way, since one NaN would silently spoil all that follows.
import type { Device } from '../core/device.ts';
import { LeiaError } from '../core/error.ts';
import * as ops from '../core/ops.ts';
import { elementCount } from '../core/tensor.ts';
import type { CheckpointView } from './checkpoint.ts';
import type { LlamaConfig } from './config.ts';
import { float16ToFloat32 } from './float16.ts';
import { llamaParameters } from './parameters.ts';
import { LlamaWeights } from './weights.ts';

export interface WeightOptions {
  readonly dtype: 'float32' | 'bfloat16';
  readonly device: Device;
}

/**
 * Reads all weights; float32 and float16 files are rounded to nearest when the model is bfloat16.
 *
 * @throws LeiaError `format` when a weight is NaN or infinite.
 */
export async function loadWeights(
  checkpoint: CheckpointView,
  options: WeightOptions,
): Promise<LlamaWeights> {
  const weights = new LlamaWeights(checkpoint.config, options);
  try {
    for (const [name, tensor] of weights.entries()) {
      const { dtype, bytes } = await checkpoint.read(name);
      const values =
        dtype === 'F32' ? new Float32Array(bytes.buffer) : new Uint16Array(bytes.buffer);
      checkFinite(checkpoint.folder, name, dtype, values);
      if (dtype === 'BF16' && tensor.dtype === 'float32') {
        tensor.write(await checkpoint.readFloat32(name));
      } else {
        tensor.write(dtype === 'F16' ? float16ToFloat32(values as Uint16Array) : values);
      }
    }
  } catch (error) {
    weights[Symbol.dispose]();
    throw error;
  }
  return weights;
}

/** Bits that are all set in a NaN or an infinity, and only there. */
const exponentBits = { F32: 0x7f800000, BF16: 0x7f80, F16: 0x7c00 } as const;

function checkFinite(
  folder: string,
  name: string,
  dtype: 'F32' | 'BF16' | 'F16',
  values: Float32Array | Uint16Array,
): void {
  const bits = values instanceof Float32Array ? new Uint32Array(values.buffer) : values;
  const mask = exponentBits[dtype];
  for (let i = 0; i < bits.length; i++) {
    if (((bits[i] as number) & mask) !== mask) continue;
    throw new LeiaError(
      'format',
      `${folder}: tensor "${name}" has a NaN or infinity (element ${i}); the checkpoint is damaged or its training diverged`,
    );
  }
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
