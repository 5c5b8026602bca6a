// Whether operations are recorded now, and what becomes of their results. JavaScript counts no references, so results
// that no backward will pass are freed by the function that they were made in: `noGrad`, or a checkpoint.
import { LeiaError } from '../system/error.ts';

let isOn = true;
let results: Set<Disposable> | undefined;

/** Whether operations are recorded for a backward. */
export function isRecording(): boolean {
  return isOn;
}

/** Says that an operation has made this. */
export function madeResult(result: Disposable): void {
  results?.add(result);
}

/**
 * Computes without recording, as for evaluation. All variables that operations make within `compute` are freed at its
 * end but those that it returns: one, or an array or object of them.
 *
 * @param compute must not wait for anything: what is recorded meanwhile would be anybody's.
 * @throws LeiaError `usage` if it returns a promise.
 * @example
 * const layer = new Linear(8, 8);
 * using output = noGrad(() => layer.forward(Tensor.zeros([1, 8])));
 * output.requiresGrad; // false
 */
export function noGrad<Result>(compute: () => Result): Result {
  return inScope('noGrad', false, compute);
}

/** {@link noGrad}, recording or not, for the function `name`. */
export function inScope<Result>(name: string, recording: boolean, compute: () => Result): Result {
  const outer = { isOn, results };
  const own = new Set<Disposable>();
  [isOn, results] = [recording, own];
  try {
    const result = compute();
    if (result instanceof Promise) {
      throw new LeiaError('usage', `${name}: expected a function that does not wait for anything`);
    }
    for (const returned of objectsIn(result)) {
      if (own.delete(returned as Disposable)) outer.results?.add(returned as Disposable);
    }
    return result;
  } finally {
    for (const result of own) result[Symbol.dispose]();
    ({ isOn, results } = outer);
  }
}

/** A value itself, and what it has in it if it is an array or a plain object. */
function* objectsIn(value: unknown): Generator<unknown> {
  yield value;
  if (typeof value !== 'object' || value === null) return;
  const isPlain = Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
  if (isPlain) for (const item of Object.values(value)) yield* objectsIn(item);
}
