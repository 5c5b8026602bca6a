// What a training run will take in memory and on disk, said before it begins: nobody should learn after an
// hour that it does not fit.
import { statfs } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { Device } from '../core/device.ts';
import { allocateActivations, allocateLossWorkspace } from '../llama/activations.ts';
import type { LlamaConfig } from '../llama/config.ts';
import { countParameters } from '../llama/parameters.ts';
import { LeiaError } from '../system/error.ts';
import { fileError } from '../system/files.ts';
import type { TrainSettings } from './settings.ts';

/** In bytes. */
export interface MemoryPlan {
  /** Parameters in the dtype of the run. */
  readonly parameters: number;
  /** float32 gradients. */
  readonly gradients: number;
  /** Both moments, and the low halves of bfloat16 parameters' float32 masters. */
  readonly optimizer: number;
  /** Activations and loss of one micro-batch. */
  readonly activations: number;
  readonly total: number;
}

export function planMemory(
  config: LlamaConfig,
  settings: Pick<TrainSettings, 'dtype' | 'microBatchSize' | 'sequenceLength'>,
): MemoryPlan {
  const { dtype, microBatchSize: batch, sequenceLength: sequence } = settings;
  const count = countParameters(config);
  const parameters = count * (dtype === 'bfloat16' ? 2 : 4);
  const gradients = count * 4;
  const optimizer = count * (dtype === 'bfloat16' ? 10 : 8);
  // Linear in the batch: two small plans tell the size of a large one.
  const one = activationBytes(config, { batch: 1, sequence, dtype });
  const two = activationBytes(config, { batch: 2, sequence, dtype });
  const activations = one + (batch - 1) * (two - one);
  const total = parameters + gradients + optimizer + activations;
  return { parameters, gradients, optimizer, activations, total };
}

/** Of a training step. Host memory that nobody writes to costs nothing, so the plan itself is asked. */
function activationBytes(
  config: LlamaConfig,
  shape: { batch: number; sequence: number; dtype: 'float32' | 'bfloat16' },
): number {
  const options = { ...shape, device: Device.open('cpu'), training: true };
  using layers = allocateActivations(config, options);
  using loss = allocateLossWorkspace(config, { ...options, keepLogits: false });
  return layers.bytes + loss.bytes;
}

/** Bytes that this process may have: the machine's, or what a container leaves it. */
export function hostMemory(): number {
  return Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
}

/** @throws LeiaError `usage` if the device has less memory free than the plan takes, or the machine less at all. */
export function checkMemory({ total, activations }: MemoryPlan, device: string): void {
  const gpu = device.startsWith('cuda');
  const available = gpu ? Device.open(device).properties.freeBytes : hostMemory();
  if (total <= available) return;
  const owner = gpu
    ? `${device} has ${gigabytes(available)} free`
    : `this machine has ${gigabytes(available)}`;
  throw new LeiaError(
    'usage',
    `the run needs ${gigabytes(total)} of memory, ${owner}; ${gigabytes(activations)} are activations, which a smaller --micro-batch-size or --sequence-length lowers`,
  );
}

/** @throws LeiaError `usage` if the folder's disk cannot hold the checkpoint and two resumable states. */
export async function checkDisk(folder: string, plan: MemoryPlan): Promise<void> {
  const needed = 3 * plan.parameters + 2 * plan.optimizer;
  let free: number;
  try {
    const { bavail, bsize } = await statfs(folder);
    free = bavail * bsize;
  } catch (error) {
    throw fileError('read', folder, error);
  }
  if (needed <= free) return;
  throw new LeiaError(
    'usage',
    `${folder}: the disk has ${gigabytes(free)} free, the run needs ${gigabytes(needed)} for its checkpoint and resumable states`,
  );
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(bytes < 1e9 ? 3 : 1)} GB`;
}
