// What the threads of worker-pool.test.ts do: as each task says.
import { setTimeout } from 'node:timers/promises';
import { LeiaError } from '../../lib/system/error.ts';
import { serve } from '../../lib/system/worker-pool.ts';

export interface Task {
  value: number;
  wait?: number;
  fate?: 'refuse' | 'break' | 'exit' | 'fill memory';
  /** Moves here and back. */
  memory?: Uint8Array<ArrayBuffer>;
}

serve(async (base: number) => async ({ value, wait = 0, fate, memory }: Task) => {
  await setTimeout(wait);
  if (fate === 'refuse') throw new LeiaError('format', `${value} is refused`);
  if (fate === 'break') throw new TypeError('not a function');
  if (fate === 'exit') process.exit(7);
  const kept: number[][] = [];
  while (fate === 'fill memory') kept.push(Array.from({ length: 1000 }, (_, i) => i + 0.5));
  if (memory === undefined) return { result: base + value, transfer: [] };
  memory[0]! += base;
  return { result: base + value, transfer: [], spent: [memory.buffer] };
});
