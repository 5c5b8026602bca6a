// TensorBoard's event files: a file of records, each an `Event` of protocol buffers with its length and two checksums.
// A run that is resumed begins a new file, as TensorBoard expects. Its first event says at which step the run goes on, and
// TensorBoard drops what earlier files have of that step and later ones.
//
// Sources: tensorflow/core/lib/io/record_writer.h (records), tensorflow/core/util/event.proto and
// tensorflow/core/framework/summary.proto (field numbers).
import { appendFileSync, closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { crc32c } from '../system/crc32c.ts';
import { LeiaError } from '../system/error.ts';
import { fileError } from '../system/files.ts';
import type { MetricsSink, StepMetrics } from './metrics.ts';

/** Where event files lie in the output of a run. */
export const eventFolder = 'tensorboard';

/** How the metrics are called there; those with one beginning share a section. */
const tags: Partial<Record<keyof StepMetrics, string>> = {
  loss: 'train/loss',
  perplexity: 'train/perplexity',
  learningRate: 'train/learning_rate',
  gradientNorm: 'train/gradient_norm',
  heldOutLoss: 'held_out/loss',
  tokensPerSecond: 'speed/tokens_per_second',
  flopsPerSecond: 'speed/model_flops_per_second',
  flopsUtilization: 'speed/model_flops_utilization',
  seconds: 'speed/seconds_per_step',
  memoryBytes: 'memory/peak_bytes',
  computeShare: 'time/compute',
  communicationShare: 'time/communication',
  dataShare: 'time/data',
  savingShare: 'time/saving',
  evaluationShare: 'time/evaluation',
};

/** Writes metrics for TensorBoard: `tensorboard --logdir` of the folder, or of one above several runs. */
export class EventFile implements MetricsSink {
  readonly #folder: string;
  #path = '';
  #descriptor: number | undefined;

  /** @param folder for the event files; made when the first is begun. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  begin(stepsDone: number): void {
    const seconds = Math.floor(Date.now() / 1000);
    const name = `events.out.tfevents.${seconds}.${hostname()}.${process.pid}.${stepsDone}`;
    this.#path = join(this.#folder, name);
    this.#attempt(() => {
      mkdirSync(this.#folder, { recursive: true });
      this.#descriptor = openSync(this.#path, 'a');
    });
    this.#append(text(3, 'brain.Event:2'));
    // SessionLog with status START.
    this.#append(Buffer.concat([varintField(2, stepsDone + 1), message(7, varintField(1, 1))]));
  }

  append(metrics: StepMetrics): void {
    const values = [...scalarsOf(metrics)].map(([tag, value]) =>
      message(1, Buffer.concat([text(1, tag), float(2, value)])),
    );
    const summary = message(5, Buffer.concat(values));
    this.#append(Buffer.concat([varintField(2, metrics.step), summary]));
  }

  flush(): void {
    const descriptor = this.#descriptor;
    if (descriptor !== undefined) this.#attempt(() => fsyncSync(descriptor));
  }

  /** Closes the file. */
  close(): void {
    const descriptor = this.#descriptor;
    this.#descriptor = undefined;
    if (descriptor !== undefined) this.#attempt(() => closeSync(descriptor));
  }

  #append(fields: Buffer): void {
    const event = record(Buffer.concat([double(1, Date.now() / 1000), fields]));
    this.#attempt(() => appendFileSync(this.#descriptor as number, event));
  }

  #attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      throw fileError('write', this.#path, error);
    }
  }
}

function* scalarsOf(metrics: StepMetrics): Generator<[tag: string, value: number]> {
  for (const [key, tag] of Object.entries(tags)) {
    const value = metrics[key as keyof StepMetrics];
    if (typeof value === 'number') yield [tag, value];
  }
  for (const [task, score] of Object.entries(metrics.tasks ?? {})) yield [`eval/${task}`, score];
}

/** Length, its checksum, content, its checksum. */
function record(content: Buffer): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(content.length));
  return Buffer.concat([length, maskedChecksum(length), content, maskedChecksum(content)]);
}

/** Masked, so that the checksum of data that holds checksums is no trivial one. */
function maskedChecksum(bytes: Uint8Array): Buffer {
  const sum = crc32c(bytes);
  const masked = ((((sum >>> 15) | (sum << 17)) >>> 0) + 0xa282ead8) >>> 0;
  const out = Buffer.alloc(4);
  out.writeUInt32LE(masked);
  return out;
}

/** Of a field: its number, and how long its content is: 0 varint, 1 eight bytes, 2 as long as it says, 5 four bytes. */
function key(field: number, wireType: 0 | 1 | 2 | 5): Buffer {
  return varint(field * 8 + wireType);
}

function varint(value: number): Buffer {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new LeiaError('argument', `varint: ${value}, expected a whole number from 0 on`);
  }
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}

function varintField(field: number, value: number): Buffer {
  return Buffer.concat([key(field, 0), varint(value)]);
}

function message(field: number, content: Buffer): Buffer {
  return Buffer.concat([key(field, 2), varint(content.length), content]);
}

function text(field: number, content: string): Buffer {
  return message(field, Buffer.from(content));
}

function float(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return Buffer.concat([key(field, 5), bytes]);
}

function double(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return Buffer.concat([key(field, 1), bytes]);
}
