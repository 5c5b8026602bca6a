// The memory that passes of a model use, kept for the next pass of the same shape, and the rotary tables.
import type { Device } from '../core/device.ts';
import { type Allocated, type Allocation, allocate } from '../core/layout.ts';
import type { Tensor } from '../core/tensor.ts';
import { type PassLayout, type PassShape, type Purpose, passLayout } from './activations.ts';
import type { LlamaConfig } from './config.ts';
import { ropeLayout, ropeTables } from './rope.ts';

export class PassMemory implements Disposable {
  readonly #config: LlamaConfig;
  readonly #device: Device;
  #pass: (Allocation<PassLayout> & { readonly what: string }) | undefined;
  #rope: Allocation<ReturnType<typeof ropeLayout>> | undefined;

  constructor(config: LlamaConfig, device: Device) {
    this.#config = config;
    this.#device = device;
  }

  /** The memory for a pass of this shape: what is there if it fits exactly, otherwise new. */
  plan(shape: PassShape, purpose: Purpose): Allocated<PassLayout> {
    const { batch, sequence, lowest } = shape;
    const what = [purpose, batch, sequence, lowest].join();
    if (this.#pass?.what === what) return this.#pass.tensors;
    this.#free();
    this.#pass = { ...allocate(passLayout(this.#config, shape, purpose), this.#device), what };
    return this.#pass.tensors;
  }

  /** Rotary tables for at least so many positions: [positions, headDim / 2], float32. */
  ropeTables(positions: number): { readonly cos: Tensor; readonly sin: Tensor } {
    const [held = 0] = this.#rope?.tensors.cos.shape ?? [];
    if (this.#rope !== undefined && held >= positions) return this.#rope.tensors;
    // A backward pass may still need the shorter tables: the garbage collector frees them.
    this.#rope = allocate(ropeLayout(this.#config, positions), this.#device);
    const { tensors } = this.#rope;
    const { cos, sin } = ropeTables(this.#config.rope, this.#config.headDim, positions);
    tensors.cos.write(cos);
    tensors.sin.write(sin);
    return tensors;
  }

  get bytes(): number {
    return (this.#pass?.bytes ?? 0) + (this.#rope?.bytes ?? 0);
  }

  [Symbol.dispose](): void {
    this.#free();
    this.#rope?.[Symbol.dispose]();
  }

  /** Frees the memory of passes; the tables stay. */
  #free(): void {
    this.#pass?.[Symbol.dispose]();
    this.#pass = undefined;
  }
}
