// What a training run will take in memory, said before it begins: nobody should learn after an hour that it
// does not fit.
import { totalmem } from 'node:os';
import { Device } from '../core/device.ts';
import { bytesOf } from '../core/layout.ts';
import { passLayout } from '../llama/activations.ts';
import type { LlamaConfig } from '../llama/config.ts';
import { parameterLayout } from '../llama/parameters.ts';
import { ropeLayout } from '../llama/rope.ts';
import { LeiaError } from '../system/error.ts';
import { adamwLayout } from './adamw.ts';
import type { CompleteSettings, TrainSettings } from './settings.ts';
import { clippingLayout } from './training-step.ts';

/** In bytes. */
export interface MemoryPlan {
  /** Parameters in the dtype of the run. */
  readonly parameters: number;
  /** float32 gradients. */
  readonly gradients: number;
  /** Both moments, and the low halves of bfloat16 parameters' float32 masters. */
  readonly optimizer: number;
  /** What one micro-batch needs: activations, their gradients, logits and loss. */
  readonly activations: number;
  readonly total: number;
}

type MemorySettings = Pick<CompleteSettings, 'dtype' | 'microBatchSize' | 'sequenceLength'> &
  Pick<TrainSettings, 'recompute' | 'moments'>;

/** Every tensor that a run keeps on its device, by the parts of a {@link MemoryPlan}. */
export function trainingLayout(config: LlamaConfig, settings: MemorySettings) {
  const { dtype, microBatchSize: batch, sequenceLength: sequence, recompute, moments } = settings;
  const parameters = parameterLayout(config, dtype);
  return {
    parameters,
    gradients: parameterLayout(config, 'float32'),
    optimizer: {
      states: adamwLayout(Object.entries(parameters.byName), moments),
      clipping: clippingLayout,
    },
    activations: {
      rope: ropeLayout(config, sequence),
      pass: passLayout(config, { batch, sequence, dtype, recompute }, 'step'),
    },
  };
}

/** Counts the bytes of {@link trainingLayout}; no device is touched. */
export function planMemory(config: LlamaConfig, settings: MemorySettings): MemoryPlan {
  const layout = trainingLayout(config, settings);
  const parameters = bytesOf(layout.parameters);
  const gradients = bytesOf(layout.gradients);
  const optimizer = bytesOf(layout.optimizer);
  const activations = bytesOf(layout.activations);
  const total = parameters + gradients + optimizer + activations;
  return { parameters, gradients, optimizer, activations, total };
}

/** Bytes that this process may have: the machine's, or what a container leaves it. */
export function hostMemory(): number {
  return Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
}

/**
 * Bytes that a run on this device may take: what is free on a GPU now, or what this process may have in all.
 *
 * @throws LeiaError `unavailable` if there is no such device.
 */
export function availableMemory(device: string): number {
  return device === 'cpu' ? hostMemory() : Device.open(device).properties.freeBytes;
}

/** @throws LeiaError `usage` if the plan takes more than {@link availableMemory}. */
export function checkMemory({ total, activations }: MemoryPlan, device: string): void {
  const available = availableMemory(device);
  if (total <= available) return;
  const owner =
    device === 'cpu'
      ? `this machine has ${formatGigabytes(available)}`
      : `${device} has ${formatGigabytes(available)} free`;
  throw new LeiaError(
    'usage',
    `the run needs ${formatGigabytes(total)} of memory, ${owner}; ${formatGigabytes(activations)} are activations, which a smaller --micro-batch-size or --sequence-length lowers`,
  );
}

export function formatGigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(bytes < 1e9 ? 3 : 1)} GB`;
}
