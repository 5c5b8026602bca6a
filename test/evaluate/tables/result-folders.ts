// Folders of results as `leia eval --samples` leaves them, with scores that a test chooses.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface FolderOptions {
  readonly protocol?: string;
  readonly version?: number;
  /** The first identity of the items. */
  readonly firstItem?: number;
  readonly samples?: boolean;
}

/** Writes results of binary items by task: 1 where an item was answered right. */
export async function writeResults(
  folder: string,
  tasks: Readonly<Record<string, readonly number[]>>,
  { protocol = 'paper', version = 1, firstItem = 0, samples = true }: FolderOptions = {},
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const each = <T>(make: (task: string, items: readonly number[]) => T) =>
    Object.fromEntries(Object.entries(tasks).map(([task, items]) => [task, make(task, items)]));
  const mean = (items: readonly number[]) => items.reduce((sum, s) => sum + s, 0) / items.length;
  const results = {
    results: each((_, items) => ({ 'acc,none': mean(items), 'acc_stderr,none': 0.1 })),
    configs: each(() => ({ protocol })),
    versions: each(() => version),
    'n-shot': each(() => 0),
    'n-samples': each((_, items) => ({ original: items.length, effective: items.length })),
  };
  await writeFile(join(folder, 'results.json'), JSON.stringify(results, undefined, 2));
  if (!samples) return;
  for (const [task, items] of Object.entries(tasks)) {
    const lines = items.map((acc, i) => sample(firstItem + i, acc));
    await writeFile(join(folder, `samples_${task}.jsonl`), `${lines.join('\n')}\n`);
  }
}

/** A question whose first choice is right. */
function sample(id: number, acc: number): string {
  const choices = ['yes', 'no', 'perhaps'];
  const context = `Question: Is this 1?\nAnswer: yes\n\nQuestion: Is this ${id}?\nAnswer:`;
  const scores = choices.map((_, i) => (i === (acc === 1 ? 0 : 1) ? -1.5 : -2 - i));
  return JSON.stringify({
    doc_id: id,
    doc: { id },
    target: 0,
    arguments: choices.map((choice) => [context, ` ${choice}`]),
    resps: scores.map((score) => [[score, false]]),
    filtered_resps: scores.map((score) => [score, false]),
    doc_hash: `hash ${id}`,
    acc,
  });
}
