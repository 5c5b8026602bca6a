// What a training run will take in memory, said before it begins: nobody should learn after an hour that it
// does not fit. docs/memory.md explains the arithmetic.
import { totalmem } from 'node:os';
import { Device } from '../core/device.ts';
import { bytesOf, listTensors } from '../core/layout.ts';
import { passLayout } from '../llama/activations.ts';
import type { LlamaConfig } from '../llama/config.ts';
import { ropeLayout } from '../llama/rope.ts';
import { adamwLayout } from './adamw.ts';
import { deviceBytes, scratchBytes, workspaceBytes } from './scratch.ts';
import type { CompleteSettings, TrainSettings } from './settings.ts';
import { modelLayout, type Sharding, shardedParts, shardingOf, slicesLayout } from './sharding.ts';
import { clippingLayout } from './training-step.ts';

/** In bytes, of one rank. */
export interface MemoryPlan {
  /** Parameters in the dtype of the run, or this rank's slices of them. */
  readonly parameters: number;
  /** float32 gradients, or slices of them. */
  readonly gradients: number;
  /** Where ranks put slices of parameters and gradients together: two layers, and the embedding or the output matrix. */
  readonly gathered: number;
  /** Lower halves of the float32 masters of bfloat16 parameters, or slices of them. */
  readonly masterLowBits: number;
  /** Both of AdamW's moments, or slices of them, and a few numbers of clipping and of ranks. */
  readonly moments: number;
  /** Of one micro-batch: activations, their gradients, loss, rotary tables. */
  readonly activations: number;
  /** Logits of some rows at a time. */
  readonly logits: number;
  /** All of the above: the tensors that the run allocates. */
  readonly tensors: number;
  /** What operations take beside tensors while they run, most of it attention's backward. */
  readonly scratch: number;
  /** cuBLASLt's workspace; none on a CPU. */
  readonly workspace: number;
  /** What a GPU's pages add to the tensors; none on a CPU. */
  readonly rounding: number;
  /** Left to CUDA: its context, loaded kernels, cuBLASLt. An assumption, not a count; none on a CPU or the emulator. */
  readonly margin: number;
  readonly total: number;
  /**
   * Of what this rank writes of a saved state: on the disk, and in main memory as a copy while it is written. No part of
   * the total.
   */
  readonly saved: number;
}

/** Where a run is planned for. */
export interface DeviceMemory {
  /** As messages call it. */
  readonly name: string;
  readonly kind: 'cpu' | 'gpu';
  /** What a run may take. */
  readonly bytes: number;
  readonly margin: number;
  /** How many ranks share the run, each on such a device; 1 unless given. */
  readonly ranks?: number;
}

export type MemorySettings = Pick<CompleteSettings, 'dtype' | 'microBatchSize' | 'sequenceLength'> &
  Partial<Pick<TrainSettings, 'recompute' | 'moments' | 'zero'>>;

/** Every tensor that a rank keeps on its device, by the parts of a {@link MemoryPlan}. */
export function trainingLayout(config: LlamaConfig, settings: MemorySettings, sharding: Sharding) {
  const { dtype, microBatchSize: batch, sequenceLength: sequence, recompute, moments } = settings;
  const { updated, exchange, ...model } = modelLayout(config, dtype, sharding);
  const states = adamwLayout(Object.entries(updated), moments);
  return {
    ...model,
    optimizer: { states, clipping: clippingLayout, exchange },
    activations: {
      rope: ropeLayout(config, sequence),
      pass: passLayout(config, { batch, sequence, dtype, recompute }, 'step'),
    },
  };
}

const largeMargin = { context: 0.5e9, libraries: 1e9 };

/**
 * Counts the bytes of {@link trainingLayout} and of what operations take beside it; the device is not touched.
 *
 * @param rank the last one unless given, whose slices are the largest.
 */
export function planMemory(
  config: LlamaConfig,
  settings: MemorySettings,
  device: Pick<DeviceMemory, 'kind' | 'margin' | 'ranks'> = { kind: 'cpu', margin: 0 },
  rank?: number,
): MemoryPlan {
  const { kind, margin, ranks = 1 } = device;
  const sharding = shardingOf(settings.zero, { rank: rank ?? ranks - 1, size: ranks });
  const layout = trainingLayout(config, settings, sharding);
  const { dtype, microBatchSize: batch, sequenceLength: sequence } = settings;
  const { states } = layout.optimizer;
  const lowBits = Object.values(states).map(({ masterLowBits }) => masterLowBits);
  const masterLowBits = bytesOf(lowBits);
  const logits = bytesOf([layout.activations.pass.loss?.logitsChunk]);
  const parts = {
    parameters: bytesOf(layout.parameters),
    gradients: bytesOf(layout.gradients),
    gathered: bytesOf(layout.gathered),
    masterLowBits,
    moments: bytesOf(layout.optimizer) - masterLowBits,
    activations: bytesOf(layout.activations) - logits,
    logits,
  };
  const tensors = Object.values(parts).reduce((sum, bytes) => sum + bytes, 0);
  const others = {
    scratch: scratchBytes(config, { batch, sequence, dtype }, kind),
    workspace: kind === 'gpu' ? workspaceBytes : 0,
    rounding: kind === 'gpu' ? pageBytes(layout) - tensors : 0,
    margin,
  };
  const total = Object.values(others).reduce((sum, bytes) => sum + bytes, tensors);
  const own = shardedParts(sharding).states
    ? bytesOf(slicesLayout(config, dtype, sharding))
    : parts.parameters;
  const saved = own + masterLowBits + parts.moments;
  return { ...parts, tensors, ...others, total, saved };
}

/** What a GPU gives for the layout: large tensors have pages of their own, small ones share some. */
function pageBytes(layout: object): number {
  const [large, small] = [[] as number[], [] as number[]];
  for (const { bytes, sharesWith } of listTensors(layout)) {
    if (sharesWith === undefined) (bytes < 2 ** 20 ? small : large).push(deviceBytes(bytes));
  }
  const sum = (sizes: number[]) => sizes.reduce((total, size) => total + size, 0);
  return sum(large) + Math.ceil(sum(small) / 2 ** 21) * 2 ** 21;
}

/** Bytes that this process may have: the machine's, or what a container leaves it. */
export function hostMemory(): number {
  return Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
}

/**
 * What a run on this device may take: what is free on a GPU now, with its context loaded, or what this process may
 * have in all.
 *
 * @throws LeiaError `unavailable` if there is no such device.
 */
export function deviceMemory(device: string): DeviceMemory {
  if (device === 'cpu')
    return { name: 'this machine', kind: 'cpu', bytes: hostMemory(), margin: 0 };
  const { freeBytes } = Device.open(device).properties;
  const margin = device.startsWith('emulated') ? 0 : largeMargin.libraries;
  return { name: device, kind: 'gpu', bytes: freeBytes, margin };
}

/** A GPU that is not here, by its whole memory. */
export function absentGpu(name: string, bytes: number): DeviceMemory {
  return { name, kind: 'gpu', bytes, margin: largeMargin.context + largeMargin.libraries };
}

export function formatGigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(bytes < 1e9 ? 3 : 1)} GB`;
}
