// `--profile`: what host and device do in some steps of a run, written to `profile.json` in its folder. The first step of a
// process is left out, since it loads kernels and allocates what later ones have.
import { join } from 'node:path';
import type { Device } from '../core/device.ts';
import { Trace } from '../core/trace.ts';
import { describeCollective } from '../distributed/flight-recorder.ts';
import type { World } from '../distributed/world.ts';
import { writeFileAtomically } from '../system/files.ts';
import type { StepClock } from './speed.ts';

const profileFile = 'profile.json';

export class Profile {
  readonly #output: string;
  readonly #device: Device;
  readonly #clock: StepClock;
  readonly #world: World;
  /** Steps that are left to record, and whether one has been made. */
  #left: number;
  #isWarm = false;
  #trace: Trace | undefined;

  constructor(output: string, steps: number, device: Device, clock: StepClock, world: World) {
    this.#output = output;
    this.#left = steps;
    this.#device = device;
    this.#clock = clock;
    this.#world = world;
  }

  /** Called before each step. */
  async beforeStep(): Promise<void> {
    if (this.#isWarm && this.#left > 0 && this.#trace === undefined) {
      const trace = await Trace.begin(this.#device);
      this.#clock.onPart = (part, began) => trace.addPart(part, began);
      this.#trace = trace;
    }
    this.#isWarm = true;
  }

  /** Called after each step; writes the trace after the last that is recorded. */
  async afterStep(): Promise<void> {
    if (this.#trace !== undefined && --this.#left === 0) await this.end();
  }

  /** Stops recording, if a run fails meanwhile. */
  stop(): void {
    this.#trace?.stop();
  }

  /** Writes what has been recorded, if anything was and it is not written yet. */
  async end(): Promise<void> {
    const trace = this.#trace;
    if (trace === undefined) return;
    this.#trace = undefined;
    this.#left = 0;
    this.#clock.onPart = undefined;
    await this.#device.synchronize();
    for (const record of this.#world.records) {
      const { begun, ended } = record;
      if (begun === undefined || ended === undefined) continue;
      trace.addCollective(describeCollective(record), begun, ended);
    }
    await writeFileAtomically(join(this.#output, profileFile), await trace.end());
  }
}
