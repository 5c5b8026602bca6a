import { constants } from 'node:buffer';
import { writeSync } from 'node:fs';
import { LeiaError } from '../system/error.ts';
import { addon, type NativeDevice, type NativeEvent, type NativeGraph } from './addon.ts';

/** A point in a device's stream. */
export class DeviceEvent {
  readonly #device: Device;
  readonly #handle: NativeEvent;

  /** See {@link Device.recordEvent}. */
  constructor(device: Device) {
    this.#device = device;
    this.#handle = device.handle.recordEvent();
  }

  /** Milliseconds between two points of one device's stream, measured on the device, once it has reached both. */
  async elapsedSince(earlier: DeviceEvent): Promise<number> {
    await this.#device.synchronize();
    return this.#device.handle.elapsed(earlier.#handle, this.#handle);
  }
}

/** Operations that were captured, to be queued again with one call: see {@link Device.capture}. */
export class Graph implements Disposable {
  readonly #device: Device;
  readonly #handle: NativeGraph;

  /** See {@link Device.capture}. */
  constructor(device: Device, handle: NativeGraph) {
    this.#device = device;
    this.#handle = handle;
  }

  /** Queues all its operations, with the tensors and numbers they were called with. */
  replay(): void {
    this.#device.handle.replay(this.#handle);
  }

  /** Lets go of the tensors it uses. Replaying afterwards throws. */
  dispose(): void {
    this.#device.handle.disposeGraph(this.#handle);
  }

  /** At the end of a block of `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/**
 * A place where tensors live and operations run. Every device is a stream: an operation is queued
 * and the call returns; {@link synchronize} says when all that was queued is done.
 */
export class Device {
  static readonly #open = new Map<string, Device>();
  readonly name: string;
  /** The native handle. */
  readonly handle: NativeDevice;

  private constructor(name: string) {
    this.handle = new (addon().NativeDevice)(name);
    this.name = this.handle.name();
  }

  /**
   * Opens a device: `cpu`, or `cuda:1` for the second GPU (`cuda` and `cuda:0`: the first). The same device comes out
   * the same, whatever it was called.
   * @throws LeiaError `unavailable` if this build or machine lacks it, `usage` for an unknown name.
   */
  static open(name = 'cpu'): Device {
    const known = Device.#open.get(name);
    if (known) return known;
    const opened = new Device(name);
    const device = Device.#open.get(opened.name) ?? opened;
    if (Device.#open.size === 0) Device.#reportAtTheEnd();
    Device.#open.set(name, device).set(device.name, device);
    return device;
  }

  /**
   * Sees to it that an error which nobody awaits does not pass in silence. When a process or worker thread has
   * nothing left to do, queued work is done first, and its error is an unhandled rejection; `process.exit()` drops
   * what has not begun, and the error goes to stderr and into the exit code.
   */
  static #reportAtTheEnd(): void {
    process.on('beforeExit', () => {
      for (const { handle } of Device.#open.values()) {
        if (!handle.isSynchronized()) void handle.conclude();
      }
    });
    process.on('exit', () => {
      for (const error of addon().stopDevices()) {
        // Collectives that waited for other ranks were ended by this end itself.
        if (error.code === 'interrupted') continue;
        writeSync(2, `Uncaught ${error.stack}\n`);
        process.exitCode ||= 1;
      }
    });
  }

  /**
   * Resolves when everything queued so far is done. Rejects with the first error since the last
   * synchronisation, unless reading a tensor has rejected with it.
   */
  synchronize(): Promise<void> {
    return this.handle.synchronize();
  }

  /** Bytes of tensors that are allocated on this device now. */
  get liveBytes(): number {
    return this.handle.liveBytes();
  }

  /**
   * The most memory that was taken on this device at once until now: tensors, what operations need beside them while
   * they run, and what is kept for later. What a GPU's driver takes for itself does not count.
   */
  get peakBytes(): number {
    return this.handle.peakBytes();
  }

  /** What it is, in words, and its memory in bytes: what is free now and what there is in all. */
  get properties(): { description: string; freeBytes: number; totalBytes: number } {
    return this.handle.properties();
  }

  /**
   * Host memory for {@link Tensor.readInto}: pinned (page-locked) on a GPU, which copies to it by itself, at the full
   * speed of its link, while later work is launched; ordinary on the CPU. Pinning takes time, and a pinned page is lost
   * to all others, so make a buffer once and use it again. It begins with whatever is there, not with zeros, and is given
   * back when it is garbage.
   *
   * @param bytes of the buffer: 4 for each number of a float32. As many as a Node.js Buffer may have: 4 GiB in Node 20.
   * @throws LeiaError `execution` if there is not so much memory, `argument` for more bytes.
   * @example
   * const device = Device.open('cpu');
   * const target = new Float32Array(device.pinnedBuffer(2 * 4));
   * const values = await Tensor.from([1, 2], [2], { device }).readInto(target);
   */
  pinnedBuffer(bytes: number): ArrayBuffer {
    // Beyond that Node.js frees what it was given and then says so, which is once too often.
    if (bytes > constants.MAX_LENGTH) {
      const most = `${constants.MAX_LENGTH}, the most that Node.js ${process.version} takes`;
      throw new LeiaError('argument', `pinnedBuffer: ${bytes} bytes are more than ${most}`);
    }
    return this.handle.pinnedBuffer(bytes);
  }

  /** Marks this point of the stream, to measure how long the device takes from one to another. */
  recordEvent(): DeviceEvent {
    return new DeviceEvent(this);
  }

  /**
   * Collects the operations that `record` calls on this device instead of queueing them, to be replayed as
   * often as wanted: a CUDA graph on a GPU, where one launch then stands for thousands. The graph keeps
   * tensors and numbers as they were given, so what changes from step to step has to lie in a tensor.
   * Within `record` no tensor can be written or read, no graph replayed, and the device not synchronised.
   * @throws LeiaError `usage` for such a call, and what `record` throws; then nothing is kept.
   */
  capture(record: () => void): Graph {
    this.handle.beginCapture();
    let result: unknown;
    try {
      result = record();
    } catch (error) {
      this.handle.disposeGraph(this.handle.endCapture());
      throw error;
    }
    const graph = new Graph(this, this.handle.endCapture());
    if (result instanceof Promise) {
      graph.dispose();
      throw new LeiaError('usage', 'capture: expected a function that does not wait for anything');
    }
    return graph;
  }
}
