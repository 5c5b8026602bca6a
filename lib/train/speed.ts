// How fast a step was: tokens and floating-point operations a second, and where its time went.
import type { LlamaConfig } from '../llama/config.ts';
import type { CompleteSettings } from './settings.ts';
import type { SavingCost } from './state-saver.ts';
import { countModelOperations } from './work.ts';

/** What a step and what came before it took, in seconds. */
export interface StepTimes {
  /** From the end of the step before to the end of this one. */
  readonly total: number;
  /** Reading and packing the batch. */
  readonly data: number;
  /** The step itself: forward, backward, update. */
  readonly compute: number;
  /** In which a collective was going on, on this rank; a part of `compute`, or beside it. */
  readonly communication: number;
  /** Held-out loss and tasks, after the step before. */
  readonly evaluation: number;
  readonly saving: SavingCost;
}

/** Measures where the time of steps goes. */
export class StepClock {
  #began = performance.now();
  #parts = { data: 0, compute: 0, evaluation: 0 };
  readonly #communicated: () => number;
  #communicatedBefore = 0;
  /** Hears of each part when it has ended. */
  onPart: ((part: string, began: number) => void) | undefined;

  /** @param communicated gives the seconds in which a collective was going on until now. */
  constructor(communicated: () => number = () => 0) {
    this.#communicated = communicated;
  }

  /** Adds the time of some work to a part of the step. */
  async during<T>(part: 'data' | 'compute' | 'evaluation', work: () => T | Promise<T>): Promise<T> {
    const began = performance.now();
    try {
      return await work();
    } finally {
      this.#parts[part] += (performance.now() - began) / 1000;
      this.onPart?.(part, began);
    }
  }

  /** The times since this was called last. */
  lap(): Omit<StepTimes, 'saving'> {
    const now = performance.now();
    const communicated = this.#communicated();
    const communication = communicated - this.#communicatedBefore;
    const times = { total: (now - this.#began) / 1000, communication, ...this.#parts };
    this.#began = now;
    this.#communicatedBefore = communicated;
    this.#parts = { data: 0, compute: 0, evaluation: 0 };
    return times;
  }
}

export interface StepSpeed {
  /** How many ranks trained together; absent for one that is alone. */
  ranks?: number;
  /** Tokens fed per second of data and computation, by all ranks. */
  tokensPerSecond: number;
  /**
   * Floating-point operations of the model per second of data and computation: those of its products and of causal
   * attention, forward and backward, once, by all ranks. What `recompute` computes again does not count.
   */
  flopsPerSecond: number;
  /** Their share of `flopsCeiling`; absent where that is not known. */
  flopsUtilization?: number;
  /** What the devices of all ranks can do at most, per second. */
  flopsCeiling?: number;
  /** Wall time from the end of the step before to the end of this one. */
  seconds: number;
  /** Of `seconds`: the share of forward, backward and update. */
  computeShare: number;
  /**
   * Of `seconds`: the share in which the first rank was in a collective, waiting for others included. On CPUs it is a part of
   * `computeShare`; on GPUs collectives run beside other work. Absent for a rank that is alone.
   */
  communicationShare?: number;
  /** Of `seconds`: the share of reading and packing the batch. */
  dataShare: number;
  /** Of `seconds`: the share for which the run stood still to save a state. */
  savingShare: number;
  /** Of `seconds`: the share of held-out loss and tasks; absent if none were measured. */
  evaluationShare?: number;
  /** Bytes of the states that began to be saved since the step before; absent if none. */
  savedBytes?: number;
}

/**
 * Dense bfloat16 products with float32 sums, in FLOP/s, from NVIDIA's data sheets: A100 (2021), H100 (2023), H200 (2024).
 */
const ceilings: readonly [RegExp, number][] = [
  [/\bA100\b/, 312e12],
  [/\bH100 PCIe\b/, 756e12],
  [/\bH100 80GB HBM3\b/, 989e12],
  [/\bH200\b/, 989e12],
];

/** What a device can do at most in this dtype, in FLOP/s, if that is known. */
export function flopsCeiling(
  description: string,
  { dtype, peakTflops }: Pick<CompleteSettings, 'dtype' | 'peakTflops'>,
): number | undefined {
  if (peakTflops !== undefined) return peakTflops * 1e12;
  if (dtype !== 'bfloat16') return undefined;
  return ceilings.find(([name]) => name.test(description))?.[1];
}

/**
 * The speed of a step.
 *
 * @param ceiling what one rank's device can do at most, in FLOP/s.
 */
export function stepSpeed(
  config: LlamaConfig,
  settings: Pick<CompleteSettings, 'batchSize' | 'sequenceLength'>,
  { total, data, compute, communication, evaluation, saving }: StepTimes,
  ceiling: number | undefined,
  ranks = 1,
): StepSpeed {
  const { batchSize, sequenceLength } = settings;
  const tokens = batchSize * sequenceLength;
  const share = (seconds: number) => (total > 0 ? seconds / total : 0);
  const flopsPerSecond = (tokens * countModelOperations(config, sequenceLength)) / (data + compute);
  return {
    ...(ranks > 1 && { ranks }),
    tokensPerSecond: tokens / (data + compute),
    flopsPerSecond,
    ...(ceiling !== undefined && {
      flopsUtilization: flopsPerSecond / (ceiling * ranks),
      flopsCeiling: ceiling * ranks,
    }),
    seconds: total,
    computeShare: share(compute),
    ...(ranks > 1 && { communicationShare: share(communication) }),
    dataShare: share(data),
    savingShare: share(saving.seconds),
    ...(evaluation > 0 && { evaluationShare: share(evaluation) }),
    ...(saving.bytes > 0 && { savedBytes: saving.bytes }),
  };
}
