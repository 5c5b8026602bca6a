// Recomputation: of a part of a model its inputs alone are kept, and its backward computes the part again.
import { Tensor } from '../core/tensor.ts';
import type { GradientSum } from './gradient-sum.ts';
import { drawPlace, withDrawsFrom } from './random.ts';
import { inScope, isRecording } from './recording.ts';
import { note, propagate, Variable } from './variable.ts';

/**
 * `compute(...inputs)`, of which nothing is kept for backward but the inputs: backward computes it again, with the same
 * bits. So one such part at a time takes memory instead of all, for the time of a second forward pass. Parameters that
 * `compute` uses get their gradients as ever; variables that depend on parameters have to be given as inputs.
 *
 * @param compute must not wait for anything, and gives the same whenever it is called.
 * @throws LeiaError `usage` if it returns a promise.
 * @example
 * const layers = [new Linear(8, 8), new Linear(8, 8)];
 * let x = new Variable(Tensor.zeros([1, 8]));
 * for (const layer of layers) x = checkpoint((input) => gelu(layer.forward(input)), x);
 */
export function checkpoint<const Inputs extends readonly Variable[]>(
  compute: (...inputs: Inputs) => Variable,
  ...inputs: Inputs
): Variable;
export function checkpoint<
  const Inputs extends readonly Variable[],
  const Results extends readonly Variable[],
>(compute: (...inputs: Inputs) => Results, ...inputs: Inputs): Results;
export function checkpoint(
  compute: (...inputs: Variable[]) => Variable | readonly Variable[],
  ...inputs: readonly Variable[]
): Variable | readonly Variable[] {
  const place = drawPlace();
  const first = inScope('checkpoint', false, () => compute(...inputs));
  if (!isRecording()) return first;
  const values = listOf(first).map(({ value }) => value);
  const saved = inputs.map(({ value }) => value);
  const results = note(inputs, values, saved, (gradients, sums, kept) => {
    inScope('checkpoint', true, () => {
      const standIns = kept.map((value, i) => {
        return sums[i]
          ? Variable.between(value)
          : { variable: new Variable(value), sum: undefined };
      });
      const variables = standIns.map(({ variable }) => variable);
      const again = listOf(withDrawsFrom(place, () => compute(...variables)));
      for (const [i, gradient] of gradients.entries()) {
        if (gradient instanceof Tensor) Variable.sumOf(again[i])?.share(gradient);
      }
      // One number arrives only at a loss, at which nothing else does.
      const loss = gradients.findIndex((gradient) => typeof gradient === 'number');
      if (loss < 0) propagate(again);
      else propagate([again[loss] as Variable], gradients[loss] as number);
      for (const [i, { sum }] of standIns.entries()) sum?.moveTo(sums[i] as GradientSum);
    });
  });
  return first instanceof Variable ? (results[0] as Variable) : results;
}

function listOf(variables: Variable | readonly Variable[]): readonly Variable[] {
  return variables instanceof Variable ? [variables] : variables;
}
