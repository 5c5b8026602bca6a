// The documented face of every operation: argument objects in, tensors out. A call checks its
// arguments, queues the work on the tensors' device and returns; outputs that are not given are
// allocated. Gradients of activations are overwritten; gradients of parameters are float32 and
// added to. All reductions are float32 in a fixed order: the same inputs give the same bits.
import { addon } from './addon.ts';
import { type Shape, Tensor } from './tensor.ts';

function rowCount(shape: Shape): number {
  return shape.slice(0, -1).reduce((product, size) => product * size, 1);
}

function like(tensor: Tensor): Tensor {
  return Tensor.empty(tensor.shape, tensor);
}

/** `output[i] = value`, rounded to the output's dtype (any). */
export function fill({ output, value }: { output: Tensor; value: number }): { output: Tensor } {
  addon().fill(output.handle, value);
  return { output };
}

export interface RmsNormForward {
  /** [..., hidden], float32 or bfloat16. */
  input: Tensor;
  /** [hidden], dtype of input. */
  weight: Tensor;
  /** Added to the mean square, 0 or more. */
  epsilon: number;
  /** Shape and dtype of input. */
  output?: Tensor;
  /** [rows], float32: saved for backward. */
  inverseRms?: Tensor;
}

/**
 * RMSNorm (Zhang & Sennrich 2019) over the innermost dimension:
 * `output = input * inverseRms * weight`, `inverseRms = 1 / sqrt(mean(input²) + epsilon)`.
 */
export function rmsNormForward(args: RmsNormForward): { output: Tensor; inverseRms: Tensor } {
  const { input, weight, epsilon } = args;
  const output = args.output ?? like(input);
  const inverseRms =
    args.inverseRms ?? Tensor.empty([rowCount(input.shape)], { device: input.device });
  addon().rmsNormForward(input.handle, weight.handle, output.handle, inverseRms.handle, epsilon);
  return { output, inverseRms };
}

export interface RmsNormBackward {
  /** Shape and dtype of input. */
  gradOutput: Tensor;
  input: Tensor;
  weight: Tensor;
  inverseRms: Tensor;
  /** Shape and dtype of input; overwritten; may be gradOutput itself. */
  gradInput?: Tensor;
  /** [hidden], float32; added to. Zeros if not given. */
  gradWeight?: Tensor;
}

/** Backward of {@link rmsNormForward}. */
export function rmsNormBackward(args: RmsNormBackward): { gradInput: Tensor; gradWeight: Tensor } {
  const { gradOutput, input, weight, inverseRms } = args;
  const gradInput = args.gradInput ?? like(input);
  const gradWeight = args.gradWeight ?? Tensor.zeros(weight.shape, { device: input.device });
  addon().rmsNormBackward(
    gradOutput.handle,
    input.handle,
    weight.handle,
    inverseRms.handle,
    gradInput.handle,
    gradWeight.handle,
  );
  return { gradInput, gradWeight };
}
