// `leia train --plan`: what a run would hold in a device's memory, for each choice that is open, from the model's
// config.json alone. The device may be one that is not here.
import { basename, dirname } from 'node:path';
import { baseVocabularyKey, translateTokens } from '../leia/adapt.ts';
import { checkLength } from '../llama/batch.ts';
import { configFile, readConfig } from '../llama/checkpoint.ts';
import { changeLlamaConfig, type LlamaConfig } from '../llama/config.ts';
import { countParameters } from '../llama/parameters.ts';
import { LeiaError } from '../system/error.ts';
import {
  fastest,
  optionsOf,
  type PlanRow,
  partNames,
  planRows,
  smallest,
} from '../train/choices.ts';
import {
  absentGpu,
  type DeviceMemory,
  deviceMemory,
  formatGigabytes,
  type MemoryPlan,
} from '../train/memory.ts';
import { checkTogether, type TrainSettings } from '../train/settings.ts';
import { parseSize } from './sizes.ts';

const GiB = 2 ** 30;

/** GPUs by name, with the memory that their driver reports; reports differ a little, these are at the lower end. */
export const cards: Readonly<Record<string, number>> = {
  'a100-40gb': 39.3 * GiB,
  'a100-80gb': 79.1 * GiB,
  'h100-80gb': 79.1 * GiB,
  'h200-141gb': 139.7 * GiB,
};

/**
 * A GPU that is not here: the name of a card, or its memory with a unit.
 *
 * @throws LeiaError `usage` for anything else.
 */
export function parseDeviceMemory(text: string): DeviceMemory {
  const card = cards[text.toLowerCase()];
  if (card !== undefined) return absentGpu(text.toLowerCase(), card);
  const bytes = parseSize(text);
  if (bytes !== undefined) return absentGpu(`a GPU of ${text}`, bytes);
  throw new LeiaError(
    'usage',
    `--device-memory: expected a size such as 40GB or 39.3GiB, or one of ${Object.keys(cards).join(', ')}, got '${text}'`,
  );
}

/**
 * The lines of a plan.
 *
 * @param ranks how many train together. Those on GPUs have one each; those on CPUs share this machine's memory.
 */
export async function planLines(
  model: string,
  settings: TrainSettings,
  ranks = 1,
  whole: DeviceMemory = presentDevice(settings.device),
): Promise<string[]> {
  checkTogether(settings);
  const share = whole.kind === 'cpu' ? whole.bytes / ranks : whole.bytes;
  const device = { ...whole, bytes: share, ranks };
  const folder = basename(model) === configFile ? dirname(model) : model;
  const config = adaptedConfig(await readConfig(folder), settings);
  checkLength(settings.sequenceLength, config);
  const rows = planRows(config, settings, device);
  const marked = fastest(rows);
  const shown = marked ?? smallest(rows);
  const each = ranks > 1 ? ' on each rank' : '';
  return [
    ...head(config, settings, device),
    '',
    ...table(sensible(rows, device), marked, device),
    '',
    ...partLines(shown, device),
    '',
    marked
      ? `→ is the fastest that fits, by counted work: --auto takes it, or ${optionsOf(marked)}`
      : `None fits into ${formatGigabytes(device.bytes)}${each}; the parts are those of the smallest.`,
  ];
}

/** Many ranks have four times as many choices: smaller moments are shown where they are needed, and nowhere else. */
function sensible(rows: readonly PlanRow[], { ranks = 1 }: DeviceMemory): readonly PlanRow[] {
  if (ranks === 1) return rows;
  const fitting = new Set(
    rows.filter(({ fits, moments }) => fits && moments === 'float32').map(({ zero }) => zero),
  );
  return rows.filter(({ zero, moments }) => moments === 'float32' || !fitting.has(zero));
}

/** @throws LeiaError `unavailable` if there is no such device, with how to plan for one all the same. */
function presentDevice(name: string): DeviceMemory {
  try {
    return deviceMemory(name);
  } catch (error) {
    if (!(error instanceof LeiaError) || error.code !== 'unavailable') throw error;
    const hint = '--device-memory plans for a GPU that is not here';
    throw new LeiaError('unavailable', `${error.message}; ${hint}`, { cause: error });
  }
}

/** With LEIA's two tokens, as training adds them: without the tokenizer nobody knows whether there are rows to spare. */
function adaptedConfig(config: LlamaConfig, { strategy }: TrainSettings): LlamaConfig {
  if (strategy === 'none' || baseVocabularyKey in config.source) return config;
  return changeLlamaConfig(config, { vocab_size: config.vocabSize + translateTokens.length });
}

function head(config: LlamaConfig, settings: TrainSettings, device: DeviceMemory): string[] {
  const count = countParameters(config);
  const parameters =
    count < 1e8
      ? `${(count / 1e6).toFixed(2)} million parameters`
      : `${(count / 1e9).toFixed(2)} billion parameters`;
  const share = device.kind === 'cpu' ? ', of which a plan takes half at most' : '';
  const { ranks = 1 } = device;
  const each = ranks > 1 ? `${ranks} ranks, each on ` : '';
  return [
    `${parameters} in ${settings.dtype}; ${settings.batchSize} sequences of ${settings.sequenceLength} tokens a step`,
    `${each}${device.name}: ${formatGigabytes(device.bytes)}${share}`,
  ];
}

function table(
  rows: readonly PlanRow[],
  marked: PlanRow | undefined,
  { ranks = 1 }: DeviceMemory,
): string[] {
  const least = Math.min(...rows.map(({ work }) => work));
  const cells = rows.map((row) => [
    row === marked ? '→' : ' ',
    ...(ranks > 1 ? [String(row.zero)] : []),
    row.recompute,
    row.moments,
    String(row.microBatchSize),
    formatGigabytes(row.memory.activations),
    formatGigabytes(row.memory.total),
    `+${(100 * (row.work / least - 1)).toFixed(1)} %`,
    row.fits ? 'fits' : 'too large',
  ]);
  const sharing = ranks > 1 ? ['ZeRO'] : [];
  const titles = ['recompute', 'moments', 'micro-batch', 'activations', 'in all', 'work', ''];
  const right = [2, 3, 4, 5].map((column) => column + 1 + sharing.length);
  return columns([['', ...sharing, ...titles], ...cells], right);
}

/** Beside the plan: without room for it, training waits until a state is written. */
const copyName = 'in main memory, while a state is written';

function partLines({ memory }: PlanRow, device: DeviceMemory): string[] {
  const parts = (Object.entries(partNames) as [keyof MemoryPlan, string][])
    .filter(([part]) => memory[part] > 0)
    .map(([part, name]) => [name, formatGigabytes(memory[part])]);
  return columns(
    [
      ...parts,
      ['in all', formatGigabytes(memory.total)],
      [`${device.name} has`, formatGigabytes(device.bytes)],
      [copyName, formatGigabytes(memory.saved)],
    ],
    [1],
  );
}

/** Pads the cells of each column to one width, to the left in those given by number. */
function columns(rows: readonly (readonly string[])[], right: readonly number[]): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows.map((row) =>
    row
      .map((cell, i) => (right.includes(i) ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd(),
  );
}
