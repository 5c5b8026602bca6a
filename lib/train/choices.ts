// What a run may choose without changing what it computes, or nearly: how many sequences at once, what backward computes
// again, what ranks share, and, if nothing else fits, smaller moments. Every choice is counted in memory and in work; the fastest that
// fits is marked, and --auto takes it.
import { recomputations } from '../llama/activations.ts';
import type { LlamaConfig } from '../llama/config.ts';
import { LeiaError } from '../system/error.ts';
import { momentDtypes } from './adamw.ts';
import {
  type DeviceMemory,
  deviceMemory,
  formatGigabytes,
  type MemoryPlan,
  planMemory,
} from './memory.ts';
import type { CompleteSettings, TrainSettings } from './settings.ts';
import { type ZeroStage, zeroStages } from './sharding.ts';
import { countWork } from './work.ts';

type Choice = Pick<CompleteSettings, 'microBatchSize' | 'recompute' | 'moments'> & {
  readonly zero: ZeroStage;
};

/** One choice, counted. */
export interface PlanRow extends Choice {
  readonly memory: MemoryPlan;
  /** Of an optimiser step ({@link countWork}). */
  readonly work: number;
  readonly fits: boolean;
}

/**
 * What a plan may take of the memory that is there when the choice is the program's. On the CPU half, since other
 * programs use the same memory; on a GPU all, as the plan counts what is not tensors too.
 */
const largestShare = { gpu: 1, cpu: 1 / 2 };

/**
 * Tokens of a micro-batch on the CPU. So many rows keep its cores busy; with more, progress would be shown and an
 * interruption be noticed less often, and nothing would be faster.
 */
const mostCpuTokens = 2048;

/**
 * The sensible choices, with each the largest micro-batch that fits: what ranks share, and what backward computes again,
 * least first, with each dtype of the moments. What the settings give is not chosen.
 */
export function planRows(
  config: LlamaConfig,
  settings: TrainSettings,
  device: DeviceMemory,
): PlanRow[] {
  const dtypes = settings.moments ? [settings.moments] : momentDtypes;
  const names = settings.recompute ? [settings.recompute] : recomputations;
  const stages = stagesOf(settings, device);
  return stages.flatMap((zero) =>
    dtypes.flatMap((moments) =>
      names.map((recompute) =>
        largestRow(config, { ...settings, zero, moments, recompute }, device),
      ),
    ),
  );
}

/** One that is alone has nobody to share with. */
function stagesOf({ zero }: TrainSettings, { ranks = 1 }: DeviceMemory): readonly ZeroStage[] {
  if (zero !== undefined) return [zero as ZeroStage];
  return ranks === 1 ? [0] : zeroStages;
}

/**
 * The row with the least work among those that fit. Moments in bfloat16 change the result a little, so they are taken
 * only if nothing with float32 fits.
 */
export function fastest(rows: readonly PlanRow[]): PlanRow | undefined {
  const byWork = rows.filter(({ fits }) => fits).sort((a, b) => a.work - b.work);
  return byWork.find(({ moments }) => moments === 'float32') ?? byWork[0];
}

/** The row that takes the least memory. */
export function smallest(rows: readonly PlanRow[]): PlanRow {
  return rows.toSorted((a, b) => a.memory.total - b.memory.total)[0] as PlanRow;
}

/**
 * Settings in which everything is chosen. With `auto` what is open is the fastest that fits, or the smallest if nothing
 * does; without, nothing is computed again, ranks share nothing, moments are float32, and the micro-batch is the largest
 * that fits.
 *
 * @throws LeiaError `unavailable` if there is no such device.
 */
export function completeChoices(
  config: LlamaConfig,
  settings: TrainSettings,
  device: DeviceMemory = deviceMemory(settings.device),
): CompleteSettings {
  const open = settings.auto
    ? settings
    : {
        ...settings,
        recompute: settings.recompute ?? 'none',
        moments: settings.moments ?? 'float32',
        zero: settings.zero ?? 0,
      };
  const rows = planRows(config, open, device);
  const { microBatchSize, recompute, moments, zero } = fastest(rows) ?? smallest(rows);
  return { ...settings, microBatchSize, recompute, moments, zero };
}

/**
 * With the largest micro-batch that is a power of two, divides the batch, leaves each rank one, and fits; or with 1. With
 * 1 too if the loss is the mean of the micro-batches' means, as the result then depends on their size.
 */
function largestRow(
  config: LlamaConfig,
  settings: TrainSettings & Omit<Choice, 'microBatchSize'>,
  device: DeviceMemory,
): PlanRow {
  const { batchSize, sequenceLength, lossAverage, recompute, moments, zero } = settings;
  const { kind, bytes, ranks = 1 } = device;
  const row = (microBatchSize: number): PlanRow => {
    const chosen = { ...settings, microBatchSize, recompute, moments, zero };
    const memory = planMemory(config, chosen, device);
    const fits = memory.total <= bytes * largestShare[kind];
    return {
      microBatchSize,
      recompute,
      moments,
      zero,
      memory,
      fits,
      work: countWork(config, chosen, kind, ranks),
    };
  };
  if (settings.microBatchSize !== undefined) return row(settings.microBatchSize);
  let best = row(1);
  if (lossAverage === 'micro-batches') return best;
  for (;;) {
    const size = 2 * best.microBatchSize;
    if (batchSize % size !== 0 || batchSize < size * ranks) break;
    if (kind === 'cpu' && size * sequenceLength > mostCpuTokens) break;
    const next = row(size);
    if (!next.fits) break;
    best = next;
  }
  return best;
}

/** What the parts of a plan are called. */
export const partNames = {
  parameters: 'parameters',
  gradients: 'gradients',
  gathered: 'layers put together from slices',
  masterLowBits: 'low halves of the masters',
  moments: "AdamW's moments",
  activations: 'activations',
  logits: 'logits',
  scratch: 'scratch of operations',
  workspace: "cuBLASLt's workspace",
  rounding: 'rounding to pages',
  margin: 'left to CUDA (assumed)',
} as const satisfies Partial<Record<keyof MemoryPlan, string>>;

/** A choice as options of the command line. */
export function optionsOf({ microBatchSize, recompute, moments, zero }: Choice): string {
  const sharing = zero === 0 ? '' : `--zero ${zero} `;
  return `${sharing}--recompute ${recompute} --moments ${moments} --micro-batch-size ${microBatchSize}`;
}

/**
 * @throws LeiaError `usage` if the plan takes more than the device has, with its largest part and what would help: other
 *   choices, or for a run that has begun, which resumes with the same ones only, memory or a new beginning.
 */
export function checkMemory(
  config: LlamaConfig,
  settings: CompleteSettings,
  device: DeviceMemory = deviceMemory(settings.device),
  hasBegun = false,
): void {
  const plan = planMemory(config, settings, device);
  if (plan.total <= device.bytes) return;
  const parts = Object.entries(partNames) as [keyof typeof partNames, string][];
  const [part, name] = parts.toSorted(([a], [b]) => plan[b] - plan[a])[0]!;
  const { microBatchSize: _, recompute: __, moments: ___, zero: ____, ...open } = settings;
  const rows = planRows(config, open as TrainSettings, device);
  const found = fastest(rows);
  const least = smallest(rows);
  const others = found
    ? `${optionsOf(found)} would need ${formatGigabytes(found.memory.total)}`
    : `even ${optionsOf(least)} would need ${formatGigabytes(least.memory.total)}; a shorter --sequence-length or a smaller model would take less`;
  const advice = hasBegun
    ? `the run has begun so and resumes only so: free memory, or begin anew in another --output, where ${others}`
    : others;
  throw new LeiaError(
    'usage',
    `the run needs ${formatGigabytes(plan.total)} of memory, ${device.name} has ${formatGigabytes(device.bytes)}; the largest part are ${name} with ${formatGigabytes(plan[part])}; ${advice}`,
  );
}
