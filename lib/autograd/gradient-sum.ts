// Where the gradients that flow to one variable are summed. The first to arrive is kept as it is; the next are added in
// place, by the operation itself where it can add. So a model has the sums, and their order, that a backward pass written
// by hand has.

import type { Device } from '../core/device.ts';
import * as ops from '../core/ops.ts';
import { type DType, type Shape, Tensor } from '../core/tensor.ts';

/** What a gradient looks like: the variable's shape and device, and the dtype that its sum has. */
export interface GradientForm {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly device: Device;
}

export class GradientSum {
  readonly form: GradientForm;
  readonly #isLeaf: boolean;
  #sum: Tensor | undefined;
  /** Whether somebody else reads this memory too, so that nothing may be added to it in place. */
  #isShared = false;

  /** A leaf's sum is float32 and one tensor for good; another's has the dtype of the value, and is taken away. */
  constructor({ shape, dtype, device }: GradientForm, isLeaf: boolean) {
    this.form = { shape, dtype: isLeaf ? 'float32' : dtype, device };
    this.#isLeaf = isLeaf;
  }

  /** Adds a gradient of the form's shape. The tensor is this sum's from here on, and nobody else's. */
  add(gradient: Tensor): void {
    const own = this.#inDtype(gradient);
    if (own !== gradient) gradient.dispose();
    if (this.#sum === undefined) {
      this.#sum = own;
    } else {
      this.#addTo(own);
      own.dispose();
    }
  }

  /** Adds a gradient whose memory others read as well: it is copied before anything is added to it. */
  share(gradient: Tensor): void {
    using view = gradient.view(this.form.shape);
    const own = this.#inDtype(view);
    if (own !== view) {
      this.add(own);
    } else if (this.#sum === undefined) {
      this.#sum = view.view(this.form.shape);
      this.#isShared = true;
    } else {
      this.#addTo(view);
    }
  }

  /** For an operation that overwrites or adds: `ops.matmul({ a, b, ...sum.target() })`. */
  target(): { readonly output: Tensor; readonly accumulate: boolean } {
    const accumulate = this.#sum !== undefined;
    if (this.#sum === undefined) this.#sum = Tensor.empty(this.form.shape, this.form);
    else if (this.#isShared) this.#replace(ops.cast({ input: this.#sum }).output);
    return { output: this.#sum, accumulate };
  }

  /** For an operation that adds to a float32 gradient and to no other. */
  inFloat32(addTo: (gradient: Tensor) => void): void {
    if (this.form.dtype === 'float32') {
      addTo(this.total());
    } else {
      const gradient = Tensor.zeros(this.form.shape, { device: this.form.device });
      addTo(gradient);
      this.add(gradient);
    }
  }

  /** The sum so far, zeros at first. */
  total(): Tensor {
    const { output, accumulate } = this.target();
    return accumulate ? output : ops.fill({ output, value: 0 }).output;
  }

  /**
   * For an operation that adds what has arrived to what it computes: that sum, which is the caller's then, who adds the
   * new one. Undefined if nothing has arrived, or if the sum has to stay where it is, as a leaf's.
   */
  takeToExtend(): Tensor | undefined {
    return this.#isLeaf ? undefined : this.take();
  }

  /** The sum, if anything has arrived; it is the caller's then. */
  take(): Tensor | undefined {
    const sum = this.#sum;
    this.#sum = undefined;
    this.#isShared = false;
    return sum;
  }

  /** Gives all that has arrived here to another sum of this form. */
  moveTo(other: GradientSum): void {
    const isShared = this.#isShared;
    const sum = this.take();
    if (sum === undefined) return;
    if (isShared) {
      other.share(sum);
      sum.dispose();
    } else {
      other.add(sum);
    }
  }

  #inDtype(gradient: Tensor): Tensor {
    const { dtype } = this.form;
    return gradient.dtype === dtype ? gradient : ops.cast({ input: gradient, dtype }).output;
  }

  #addTo(gradient: Tensor): void {
    const sum = this.#sum as Tensor;
    if (this.#isShared) this.#replace(ops.residualAdd({ a: sum, b: gradient }).output);
    else ops.residualAdd({ a: sum, b: gradient, output: sum });
  }

  #replace(own: Tensor): void {
    this.#sum?.dispose();
    this.#sum = own;
    this.#isShared = false;
  }
}

/** Hands a new gradient to those who want it. */
export function give(gradient: Tensor, ...sums: readonly (GradientSum | undefined)[]): void {
  const wanting = sums.filter((sum) => sum !== undefined);
  if (wanting.length === 1) {
    wanting[0]?.add(gradient);
  } else {
    for (const sum of wanting) sum.share(gradient);
    gradient.dispose();
  }
}
