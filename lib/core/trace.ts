// Records what the host calls and what the device does, as a trace that chrome://tracing and Perfetto show.
//
// Source: "Trace Event Format" of the Chromium project: complete events (`ph: X`), times in microseconds.
import type { Device, DeviceEvent } from './device.ts';
import { observeOperations } from './operation.ts';

/** An event of the trace. */
interface TraceEvent {
  readonly name: string;
  readonly ph: 'X' | 'M';
  readonly pid: number;
  readonly tid: number;
  /** Microseconds. */
  readonly ts?: number;
  readonly dur?: number;
  readonly args?: Readonly<Record<string, string>>;
}

/** Rows of the trace. */
const rows = { parts: 1, calls: 2, device: 3, collectives: 4 } as const;
const rowNames = {
  parts: 'parts of a step',
  calls: 'calls of operations and copies',
  device: 'operations and copies on the device',
  collectives: 'collectives',
} as const;

/** Records from when it is made until {@link end}. One at a time in a process. */
export class Trace {
  readonly #device: Device;
  readonly #events: TraceEvent[] = [];
  readonly #operations: { name: string; before: DeviceEvent; after: DeviceEvent }[] = [];
  readonly #first: DeviceEvent;
  /**
   * When the device reached `#first`, in milliseconds of the host's clock: it was idle, so it did at once. What a launch
   * takes, microseconds on a GPU, is the error of the device's row against the others.
   */
  readonly #began: number;

  private constructor(device: Device) {
    this.#device = device;
    this.#began = performance.now();
    this.#first = device.recordEvent();
    observeOperations((name, call) => this.#observe(name, call));
  }

  /** Begins when the device has nothing left to do, so that its clock and the host's can be laid over one another. */
  static async begin(device: Device): Promise<Trace> {
    await device.synchronize();
    return new Trace(device);
  }

  /** A part of the host's work that has just ended, such as `data`. */
  addPart(name: string, began: number): void {
    this.#add(name, 'parts', began, performance.now());
  }

  /** A collective of this rank, by when it began and ended in milliseconds since 1970, if that was while this records. */
  addCollective(name: string, began: number, ended: number): void {
    const [from, to] = [began - performance.timeOrigin, ended - performance.timeOrigin];
    if (from >= this.#began) this.#add(name, 'collectives', from, to);
  }

  /** Stops recording. */
  stop(): void {
    observeOperations(undefined);
  }

  /** Stops recording and gives the trace as JSON. */
  async end(): Promise<string> {
    this.stop();
    const first = this.#first;
    for (const { name, before, after } of this.#operations) {
      const start = this.#began + (await before.elapsedSince(first));
      this.#add(name, 'device', start, start + (await after.elapsedSince(before)));
    }
    const names = Object.entries(rowNames).map(([row, name]) => ({
      ...{ name: 'thread_name', ph: 'M', pid: 1, tid: rows[row as keyof typeof rows] },
      args: { name },
    }));
    return JSON.stringify({ displayTimeUnit: 'ms', traceEvents: [...names, ...this.#events] });
  }

  #observe(name: string, call: () => void): void {
    const before = this.#device.recordEvent();
    const began = performance.now();
    call();
    this.#add(name, 'calls', began, performance.now());
    this.#operations.push({ name, before, after: this.#device.recordEvent() });
  }

  #add(name: string, row: keyof typeof rows, began: number, ended: number): void {
    const micros = (ms: number) => Math.round(ms * 1e6) / 1e3;
    this.#events.push({
      ...{ name, ph: 'X', pid: 1, tid: rows[row] },
      ...{ ts: micros(began - this.#began), dur: micros(ended - began) },
    });
  }
}
