// What rounding to a 16-bit dtype takes from weights. It is measured while they are written: afterwards the
// exact ones are gone. A small update suffers most, since a weight that moved by less than half the distance to
// the next bfloat16 is written as if it had not moved.
import {
  inSlices,
  narrow,
  type StoredDtype,
  type StoredValues,
  storedValues,
  widen,
} from './stored-values.ts';

export interface RoundingLoss {
  /** What was written. */
  readonly dtype: StoredDtype;
  /** L2 norm of what rounding changed, relative to that of the weights. */
  readonly ofWeights: number;
  /** The same, relative to what training changed; only where the weights before are known. */
  readonly ofUpdate: number | undefined;
  /** Share of the weights moved by training that are written as those before would be. */
  readonly unmoved: number | undefined;
}

/** Adds up the loss over all tensors of a model. */
export class RoundingMeter {
  readonly #dtype: StoredDtype;
  /** Sums of squares. */
  #rounded = 0;
  #weights = 0;
  #update = 0;
  /** Numbers of elements. */
  #moved = 0;
  #unmoved = 0;

  constructor(dtype: StoredDtype) {
    this.#dtype = dtype;
  }

  /**
   * @param exact the weights of one tensor.
   * @param written the same in the meter's dtype.
   * @param before what training began from.
   */
  async add(exact: StoredValues, written: StoredValues, before?: StoredValues): Promise<void> {
    await inSlices(exact.values.length, (start, end) => {
      const weights = widen(exact, start, end);
      const rounded = widen(written, start, end);
      for (let i = 0; i < weights.length; i++) {
        this.#rounded += (rounded[i]! - weights[i]!) ** 2;
        this.#weights += weights[i]! ** 2;
      }
      if (before !== undefined) this.#addUpdate(weights, rounded, widen(before, start, end));
    });
  }

  #addUpdate(weights: Float32Array, rounded: Float32Array, before: Float32Array): void {
    const beforeRounded = widen(storedValues(this.#dtype, narrow(before, this.#dtype)));
    for (let i = 0; i < weights.length; i++) {
      const update = weights[i]! - before[i]!;
      if (update === 0) continue;
      this.#update += update ** 2;
      this.#moved++;
      if (rounded[i] === beforeRounded[i]) this.#unmoved++;
    }
  }

  get loss(): RoundingLoss {
    const moved = this.#moved > 0;
    return {
      dtype: this.#dtype,
      ofWeights: Math.sqrt(this.#rounded / this.#weights),
      ofUpdate: moved ? Math.sqrt(this.#rounded / this.#update) : undefined,
      unmoved: moved ? this.#unmoved / this.#moved : undefined,
    };
  }
}
