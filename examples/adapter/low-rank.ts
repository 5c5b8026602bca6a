// Low-rank adapters (LoRA, Hu et al. 2021) on the projections of a LlamaModel, by hooks. The model itself may be frozen: then it
// has no gradients, and backward computes nothing but what flows down to the adapters.
import type { LlamaModel, ProjectionPoint, StreamPoint } from 'leia';
import { Linear, Module } from 'leia/nn';
import { ops, type Tensor } from 'leia/ops';

/** Where projections find their input, whose gradient an adapter adds to. */
const inputPoints = {
  query: 'attentionInput',
  key: 'attentionInput',
  value: 'attentionInput',
  attentionOutput: 'attention',
  gate: 'mlpInput',
  up: 'mlpInput',
  mlpOutput: 'activated',
} as const satisfies Record<ProjectionPoint, StreamPoint>;

export interface LowRankOptions {
  readonly rank: number;
  /** What the adapter adds is multiplied by alpha / rank; twice the rank unless given. */
  readonly alpha?: number;
}

/** What is added to one projection: `output += alpha / rank * input A^T B^T`; nothing at first, as B is 0. */
export class LowRank extends Module {
  readonly lora_A: Linear;
  readonly lora_B: Linear;
  readonly #scale: number;
  /** Of the forward pass: `alpha / rank * input A^T`, and then its gradient; [rows, rank]. */
  #hidden: Tensor | undefined;

  /** @param name of the projection's weight, whose shape the adapter fits. */
  constructor(model: LlamaModel, name: string, { rank, alpha = 2 * rank }: LowRankOptions) {
    super();
    const [outputs = 0, inputs = 0] = model.parameter(name).shape;
    const options = { bias: false, device: model.device, dtype: model.dtype };
    this.lora_A = new Linear(inputs, rank, options);
    this.lora_B = new Linear(rank, outputs, { ...options, standardDeviation: 0 });
    this.#scale = alpha / rank;
  }

  /** Adapts the projection of one layer in every pass from now on. */
  attach(model: LlamaModel, layer: number, point: ProjectionPoint): void {
    const layers = [layer];
    model.addHook({
      point,
      layers,
      forward: (output, { input }) => this.#addTo(output, input),
      backward: (gradOutput, { input }) => this.#backward(gradOutput, input),
    });
    model.addHook({
      point: inputPoints[point],
      layers,
      backward: (gradInput) => this.#addToGradient(gradInput),
    });
  }

  #addTo(output: Tensor, input: Tensor): void {
    const hidden = this.#keep(
      ops.matmul({ a: input, b: this.lora_A.weight.value, transposeB: true }).output,
    );
    const b = this.lora_B.weight.value;
    ops.matmul({ a: hidden, b, transposeB: true, output, accumulate: true });
  }

  #backward(gradOutput: Tensor, input: Tensor): void {
    const { lora_A, lora_B } = this;
    const sums = { transposeA: true, accumulate: true };
    if (this.#hidden)
      ops.matmul({ a: gradOutput, b: this.#hidden, output: lora_B.weight.gradient, ...sums });
    const hidden = this.#keep(ops.matmul({ a: gradOutput, b: lora_B.weight.value }).output);
    ops.matmul({ a: hidden, b: input, output: lora_A.weight.gradient, ...sums });
  }

  #addToGradient(gradInput: Tensor): void {
    if (!this.#hidden) return;
    ops.matmul({
      a: this.#hidden,
      b: this.lora_A.weight.value,
      output: gradInput,
      accumulate: true,
    });
  }

  /** Multiplies by the scale, and keeps it in the place of the one before. */
  #keep(hidden: Tensor): Tensor {
    this.#hidden?.dispose();
    this.#hidden = ops.multiply({ a: hidden, b: this.#scale, output: hidden }).output;
    return hidden;
  }
}
