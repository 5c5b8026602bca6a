// Saves a run's states. The run waits for a copy in main memory only (pinned, from a GPU); the copy is written while
// training goes on. If there is no memory for it, the state is written from where it is, and the run waits until that is
// done.
import type { HostArray } from '../core/tensor.ts';
import { World } from '../distributed/world.ts';
import { type Retention, type RunPosition, saveResumeState } from './resume.ts';
import {
  copyValues,
  pinnedArrays,
  type StateTensors,
  type StateValues,
  stateBytes,
  valuesInPlace,
} from './state-values.ts';

/** What saving has cost the run. */
export interface SavingCost {
  /** For which the run stood still. */
  readonly seconds: number;
  /** Of the states. */
  readonly bytes: number;
}

/** How much more than the copy has to be free: buffers, and what others take meanwhile. */
const reserve = 1.1;

export class StateSaver {
  readonly #output: string;
  readonly #tensors: StateTensors;
  readonly #retention: Retention;
  readonly #world: World;
  /** Where copies from a GPU go. Empty if so much memory cannot be pinned: then each goes to new memory. */
  #pinned: readonly HostArray[] | undefined;
  #saves = 0;
  #writing: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;
  #cost: SavingCost = { seconds: 0, bytes: 0 };

  /** @param world the ranks that save together, each its slices; alone, this rank saves all. */
  constructor(output: string, tensors: StateTensors, retention: Retention, world = World.alone) {
    this.#output = output;
    this.#tensors = tensors;
    this.#retention = retention;
    this.#world = world;
  }

  /**
   * Copies the state and begins to write it; resolves when it is copied. If the state before is still being written, it
   * waits for that first, so that there is one copy at a time.
   *
   * @param before is called before anything is written: to flush what the state relies on.
   * @throws what {@link check} throws.
   */
  async save(position: RunPosition, before: () => void): Promise<void> {
    await this.#timed(async () => {
      await this.settle();
      before();
      if (!(await this.#makeRoom())) {
        await this.#write(position, valuesInPlace(this.#tensors));
        return;
      }
      const values = await copyValues(this.#tensors, this.#pinned);
      this.#writing = this.#write(position, values).catch((error) => {
        this.#failure = { error };
      });
    });
  }

  /** Writes the state and resolves when it is on the disk. For a run that stands still anyway. */
  async saveNow(position: RunPosition): Promise<void> {
    // If it could not be written, this one may be.
    await this.settle().catch(() => {});
    await this.#write(position, valuesInPlace(this.#tensors));
  }

  /** Waits until the last state is on the disk. Throws what {@link check} throws. */
  async settle(): Promise<void> {
    await this.#writing;
    this.#writing = undefined;
    this.check();
  }

  /** @throws the error that writing a state ended with, once. */
  check(): void {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure.error;
  }

  /** What saving has cost since this was asked for last. */
  takeCost(): SavingCost {
    const cost = this.#cost;
    this.#cost = { seconds: 0, bytes: 0 };
    return cost;
  }

  /** Whether main memory holds a copy. All ranks of a machine copy at once. */
  #hasRoom(): boolean {
    const bytes = stateBytes(this.#tensors) * this.#world.localSize;
    return process.availableMemory() >= bytes * reserve;
  }

  /** Whether there is memory for a copy: what was pinned for the one before, or what is free. */
  async #makeRoom(): Promise<boolean> {
    if (this.#pinned?.length) return true;
    if (!this.#hasRoom()) return false;
    if (this.#pinned !== undefined) return true;
    this.#pinned = await this.#pin();
    // If pinning has failed, what was pinned before that is garbage, and not free yet.
    return this.#pinned.length > 0 || this.#isOnCpu || this.#hasRoom();
  }

  /** Memory for this copy and all later ones, as pinning it takes longer than a copy. A CPU has no use for it. */
  async #pin(): Promise<HostArray[]> {
    if (this.#isOnCpu) return [];
    try {
      return await pinnedArrays(this.#tensors);
    } catch {
      return [];
    }
  }

  get #isOnCpu(): boolean {
    const [first] = this.#tensors.values();
    return first === undefined || first.tensor.device.name === 'cpu';
  }

  async #write(position: RunPosition, values: StateValues): Promise<void> {
    const about = `${this.#saves++}`;
    await saveResumeState(this.#output, position, values, this.#retention, this.#world, about);
  }

  async #timed(work: () => Promise<void>): Promise<void> {
    const began = performance.now();
    await work();
    const seconds = this.#cost.seconds + (performance.now() - began) / 1000;
    this.#cost = { seconds, bytes: this.#cost.bytes + stateBytes(this.#tensors) };
  }
}
