// The trace that --profile writes.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { train } from '../../lib/train/train.ts';
import { digestOf, makeRun } from './runs.ts';

interface Event {
  readonly name: string;
  readonly ph: string;
  readonly tid: number;
  readonly ts: number;
  readonly dur: number;
}

test('a trace has each call and operation of the steps after the first, and changes nothing', async () => {
  const options = await makeRun();
  await train(options);
  const traced = {
    ...options,
    output: `${options.output}-traced`,
    settings: { ...options.settings, profile: 2 },
  };
  await train(traced);
  const weights = 'model.safetensors';
  expect(await digestOf(join(traced.output, weights))).toBe(
    await digestOf(join(options.output, weights)),
  );
  const text = await readFile(join(traced.output, 'profile.json'), 'utf8');
  const { traceEvents } = JSON.parse(text) as { traceEvents: readonly Event[] };
  const row = (tid: number) => traceEvents.filter((event) => event.ph === 'X' && event.tid === tid);
  const [parts, calls, operations] = [row(1), row(2), row(3)];
  expect(parts.map(({ name }) => name)).toEqual(['data', 'compute', 'data', 'compute']);
  expect(operations.map(({ name }) => name)).toEqual(calls.map(({ name }) => name));
  // Two micro-batches a step, and a call for the parameters with weight decay and one for those without.
  const count = (name: string) => calls.filter((call) => call.name === name).length;
  expect([count('embeddingForward'), count('gradientNorm'), count('adamw')]).toEqual([4, 2, 4]);
  expect(count('copy to the device')).toBeGreaterThan(4);
  expect(count('copy to the host')).toBeGreaterThan(4);
  for (const [i, { ts, dur }] of operations.entries()) {
    expect(dur).toBeGreaterThanOrEqual(0);
    // In the order of the stream, one after the other; microseconds are rounded to a thousandth.
    if (i > 0)
      expect(ts).toBeGreaterThanOrEqual(operations[i - 1]!.ts + operations[i - 1]!.dur - 1);
  }
  const end = Math.max(...parts.map(({ ts, dur }) => ts + dur));
  expect(Math.max(...calls.map(({ ts, dur }) => ts + dur))).toBeLessThanOrEqual(end);
});

test('a run that fails meanwhile records no further, and one with too few steps writes what it has', async () => {
  const options = await makeRun({ profile: 9 });
  const onStep = ({ step }: { step: number }) => {
    if (step === 2) throw new Error('killed');
  };
  await expect(train({ ...options, onStep })).rejects.toThrow('killed');
  await expect(readFile(join(options.output, 'profile.json'))).rejects.toThrow('ENOENT');
  await train(options);
  const text = await readFile(join(options.output, 'profile.json'), 'utf8');
  const { traceEvents } = JSON.parse(text) as { traceEvents: readonly Event[] };
  expect(traceEvents.filter(({ name }) => name === 'compute')).toHaveLength(3);
});
