// Where a loss or gradient that is not finite came from. A step only looks at its loss and at the norm of its gradient.
// When one of them is not finite, the step is computed again with a look at everything on the way. Operations are
// deterministic, so the second time gives the same numbers; if it does not, the device is to be suspected.
import type { Tensor } from '../core/tensor.ts';
import type { Activations, LayerActivations } from '../llama/activations.ts';
import type { TrainableParameter } from '../llama/parameters.ts';
import { LeiaError } from '../system/error.ts';

/** A step whose loss or gradient is not finite. Parameters and optimiser have not changed. */
export class NonFiniteError extends LeiaError {
  /** Whether parameters are not finite themselves, so that no other batch can do better. */
  readonly lasting: boolean;

  constructor(message: string, lasting: boolean) {
    super('execution', message);
    this.lasting = lasting;
  }
}

/** A part of a batch, and how to compute it. */
export interface MicroBatch {
  /** Counted from 1. */
  readonly number: number;
  /** The forward pass alone. */
  forward(): Activations;
  /** The loss, [1]; adds to the gradients. */
  forwardBackward(): Tensor;
}

export interface SuspectStep {
  /** Whole, or this rank's slices of them. */
  readonly parameters: readonly TrainableParameter[];
  /** Whether all ranks found finite numbers only. They search together, so that they go on alike. */
  everywhere(finite: boolean): Promise<boolean>;
  readonly microBatches: readonly MicroBatch[];
  /** In the whole batch. */
  readonly microBatchCount: number;
  zeroGradients(): void;
  /** Of what the gradients now are. */
  gradientNorm(): Promise<number>;
}

/** Says in which part of the step a number that is not finite appeared first. */
export async function findNonFinite(
  step: SuspectStep,
): Promise<{ where: string; lasting: boolean }> {
  for (const { name, parameter } of step.parameters) {
    if (await allFinite(step, parameter)) continue;
    const where = `the parameter ${name} is not finite itself, since the last update`;
    return { where, lasting: true };
  }
  step.zeroGradients();
  for (const microBatch of step.microBatches) {
    const place = await findIn(step, microBatch);
    if (place === undefined) continue;
    const where = `first in micro-batch ${microBatch.number} of ${step.microBatchCount}, ${place}`;
    return { where, lasting: false };
  }
  return {
    where: 'computed again, all of it is finite, so the device may be faulty',
    lasting: false,
  };
}

async function findIn(step: SuspectStep, microBatch: MicroBatch): Promise<string | undefined> {
  const place = await findInForward(step, microBatch.forward());
  if (place !== undefined) return place;
  const [loss] = await microBatch.forwardBackward().readFloats();
  if (!(await step.everywhere(Number.isFinite(loss)))) return 'in the logits or the loss';
  if (await step.everywhere(Number.isFinite(await step.gradientNorm()))) return undefined;
  // Backward goes from the last parameter to the first.
  for (const { name, gradient } of step.parameters.toReversed()) {
    if (!(await allFinite(step, gradient))) return `in the gradient of ${name}`;
  }
  return 'in the norm of the gradient, whose square is too large';
}

/** What a layer computes, in this order. */
const layerValues = {
  attentionInput: "attention's norm",
  query: 'query',
  key: 'key',
  value: 'value',
  attention: 'attention',
  afterAttention: 'the residual stream after attention',
  mlpInput: "the MLP's norm",
  gate: "the MLP's gate",
  up: "the MLP's up projection",
  activated: 'SwiGLU',
} as const satisfies Partial<Record<keyof LayerActivations, string>>;

async function findInForward(
  step: SuspectStep,
  activations: Activations,
): Promise<string | undefined> {
  const { layers, output, final, recompute } = activations;
  const streams = [...layers.map(({ input }) => input), output];
  for (const [index, stream] of streams.entries()) {
    if (await allFinite(step, stream)) continue;
    if (index === 0) return 'in the embedding';
    const layer = index - 1;
    const within =
      recompute === 'none' ? await findInLayer(step, layers[layer] as LayerActivations) : undefined;
    return `in layer ${layer}${within === undefined ? '' : `, ${within}`}`;
  }
  return (await allFinite(step, final)) ? undefined : 'in the final norm';
}

async function findInLayer(step: SuspectStep, layer: LayerActivations): Promise<string> {
  for (const [key, name] of Object.entries(layerValues)) {
    const value = layer[key as keyof typeof layerValues];
    if (!(await allFinite(step, 'rows' in value ? value.rows : value))) return name;
  }
  return "the MLP's down projection";
}

async function allFinite(step: SuspectStep, tensor: Tensor): Promise<boolean> {
  return await step.everywhere((await tensor.readFloats()).every(Number.isFinite));
}
