// TensorBoard's event files, read here by the description of the format and compared with a file that TensorBoard's own
// writer made.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { crc32c } from '../../lib/system/crc32c.ts';
import type { StepMetrics } from '../../lib/train/metrics.ts';
import { EventFile } from '../../lib/train/tensorboard.ts';
import { train } from '../../lib/train/train.ts';
import { temporaryFolder } from '../llama/fixtures.ts';
import { makeRun, metricsOf } from './runs.ts';

type Field = number | bigint | Buffer;

/** The contents of a file's records; fails when a checksum is wrong or something is left over. */
function recordsOf(file: Buffer): Buffer[] {
  const unmasked = (at: number) => {
    const rotated = (file.readUInt32LE(at) - 0xa282ead8) >>> 0;
    return ((rotated >>> 17) | (rotated << 15)) >>> 0;
  };
  const records: Buffer[] = [];
  let at = 0;
  while (at < file.length) {
    const length = Number(file.readBigUInt64LE(at));
    expect(unmasked(at + 8)).toBe(crc32c(file.subarray(at, at + 8)));
    const content = file.subarray(at + 12, at + 12 + length);
    expect(unmasked(at + 12 + length)).toBe(crc32c(content));
    records.push(content);
    at += 16 + length;
  }
  expect(at).toBe(file.length);
  return records;
}

/** The fields of a message of protocol buffers, by number. */
function fieldsOf(bytes: Buffer): [number: number, value: Field][] {
  let at = 0;
  const varint = () => {
    let [value, factor] = [0, 1];
    for (;;) {
      const byte = bytes[at++]!;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
      factor *= 128;
    }
  };
  const fields: [number, Field][] = [];
  while (at < bytes.length) {
    const key = varint();
    const take = (length: number) => {
      at += length;
      return bytes.subarray(at - length, at);
    };
    const read: Record<number, () => Field> = {
      0: varint,
      1: () => take(8).readDoubleLE(),
      2: () => take(varint()),
      5: () => take(4).readFloatLE(),
    };
    fields.push([key >> 3, read[key & 7]!()]);
  }
  return fields;
}

/** Steps and scalars of a file, and the steps at which runs began. */
async function eventsOf(path: string) {
  const events = recordsOf(await readFile(path)).map(fieldsOf);
  return events.map((fields) => {
    const all = (number: number) => fields.filter(([n]) => n === number).map(([, value]) => value);
    const values = all(5).flatMap((summary) => fieldsOf(summary as Buffer));
    const scalars = values.map(([, value]) => {
      const parts = Object.fromEntries(fieldsOf(value as Buffer));
      return [String(parts[1]), parts[2]];
    });
    return {
      version: all(3).map(String)[0],
      step: all(2)[0] ?? 0,
      begins: all(7).length > 0,
      scalars: Object.fromEntries(scalars) as Record<string, number>,
    };
  });
}

const metrics: StepMetrics = {
  ...{ step: 3, loss: 2.5, learningRate: 1e-4, gradientNorm: 0.75, memoryBytes: 1e9 },
  ...{ tokensPerSecond: 1234, flopsPerSecond: 5e9, seconds: 2 },
  ...{ computeShare: 0.9, dataShare: 0.05, savingShare: 0 },
  tasks: { xcodah_ja: 0.25 },
};

test('CRC-32C gives the values of RFC 3720', () => {
  expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
  expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43);
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
});

describe('an event file', () => {
  test('has what TensorBoard writes itself', async () => {
    const fixture = join(import.meta.dirname, '../fixtures/tensorboard/events.out.tfevents.0.host');
    const [header, event] = await eventsOf(fixture);
    const folder = await temporaryFolder();
    const file = new EventFile(folder);
    file.begin(2);
    file.append(metrics);
    file.close();
    const [name] = await readdir(folder);
    const [ours, start, step] = await eventsOf(join(folder, name!));
    expect(ours).toEqual(header);
    expect(start).toEqual({ version: undefined, step: 3, begins: true, scalars: {} });
    expect(step!.step).toBe(event!.step);
    expect(step!.scalars).toMatchObject(event!.scalars);
    expect(step!.scalars['eval/xcodah_ja']).toBe(0.25);
  });

  test('can count steps beyond 32 bits', async () => {
    const folder = await temporaryFolder();
    const file = new EventFile(folder);
    file.begin(0);
    file.append({ ...metrics, step: 2 ** 40 + 5 });
    file.close();
    const [name] = await readdir(folder);
    expect((await eventsOf(join(folder, name!)))[2]!.step).toBe(2 ** 40 + 5);
  });

  test('is begun anew by a resumed run, at the step where it goes on', async () => {
    const options = await makeRun({ saveSteps: 1 });
    const folder = join(options.output, 'tensorboard');
    const sinks = () => [new EventFile(folder)];
    const onStep = ({ step }: StepMetrics) => {
      if (step === 3) throw new Error('killed');
    };
    await expect(train({ ...options, sinks: sinks(), onStep })).rejects.toThrow('killed');
    await train({ ...options, sinks: sinks() });
    const names = (await readdir(folder)).sort((a, b) => Number(a.slice(-1)) - Number(b.slice(-1)));
    const [first, second] = await Promise.all(names.map((name) => eventsOf(join(folder, name))));
    expect(first!.map(({ step }) => step)).toEqual([0, 1, 1, 2, 3]);
    expect(second!.map(({ step }) => step)).toEqual([0, 3, 3, 4]);
    const lines = await metricsOf(options.output);
    for (const { step, scalars } of [...first!.slice(2, 4), ...second!.slice(2)]) {
      const line = lines[Number(step) - 1]!;
      expect(scalars['train/loss']).toBe(Math.fround(line.loss));
      expect(scalars['train/gradient_norm']).toBe(Math.fround(line.gradientNorm));
      expect(scalars['speed/tokens_per_second']).toBe(Math.fround(line.tokensPerSecond));
    }
  });
});
