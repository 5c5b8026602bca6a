// What rounding to a 16-bit dtype takes from weights. It is measured while they are written: afterwards the
// exact ones are gone. A small update suffers most, since a weight that moved by less than half the distance to
// the next bfloat16 is written as if it had not moved.
import {
  convertValues,
  inSlices,
  type StoredDtype,
  type StoredValues,
  sliceRoom,
  widen,
} from './stored-values.ts';

/** What rounding takes from weights. */
export interface RoundingLoss {
  /** What was written. */
  readonly dtype: StoredDtype;
  /** L2 norm of what rounding changed, relative to that of the weights. */
  readonly ofWeights: number;
  /** The same, relative to what training changed; undefined if the weights before training are not known. */
  readonly ofUpdate: number | undefined;
  /** Of the weights that training moved, the share that is written as if it had not moved them. */
  readonly unmoved: number | undefined;
}

/** Measures the loss over all tensors of a model. */
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
    const [ofExact, ofWritten] = [sliceRoom(), sliceRoom()];
    await inSlices(exact.values.length, (start, end) => {
      const weights = widen(exact, start, end, ofExact);
      const rounded = widen(written, start, end, ofWritten);
      let [difference, norm] = [0, 0];
      for (let i = 0; i < weights.length; i++) {
        difference += (rounded[i]! - weights[i]!) ** 2;
        norm += weights[i]! ** 2;
      }
      this.#rounded += difference;
      this.#weights += norm;
    });
    if (before !== undefined) await this.#addUpdate(exact, written, before);
  }

  async #addUpdate(exact: StoredValues, written: StoredValues, before: StoredValues) {
    const { values: now } = written;
    const { values: then } = await convertValues(before, this.#dtype);
    const [ofExact, ofBefore] = [sliceRoom(), sliceRoom()];
    await inSlices(now.length, (start, end) => {
      const weights = widen(exact, start, end, ofExact);
      const old = widen(before, start, end, ofBefore);
      let [norm, moved, unmoved] = [0, 0, 0];
      for (let i = 0; i < weights.length; i++) {
        const update = weights[i]! - old[i]!;
        if (update === 0) continue;
        norm += update ** 2;
        moved++;
        if (now[start + i] === then[start + i]) unmoved++;
      }
      this.#update += norm;
      this.#moved += moved;
      this.#unmoved += unmoved;
    });
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
