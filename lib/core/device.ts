import { addon, type NativeDevice } from './addon.ts';

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
    this.name = name;
    this.handle = new (addon().NativeDevice)(name);
  }

  /**
   * Opens a device: `cpu`. The same name gives the same device.
   * @throws LeiaError `unavailable` if this build or machine lacks it, `usage` for an unknown name.
   */
  static open(name = 'cpu'): Device {
    let device = Device.#open.get(name);
    if (!device) {
      device = new Device(name);
      Device.#open.set(name, device);
    }
    return device;
  }

  /**
   * Resolves when everything queued so far is done. Rejects with the first error since the last
   * synchronisation; what was queued after the failing operation was skipped.
   */
  synchronize(): Promise<void> {
    return this.handle.synchronize();
  }

  /** Bytes of tensors that are allocated on this device now. */
  get liveBytes(): number {
    return this.handle.liveBytes();
  }
}
