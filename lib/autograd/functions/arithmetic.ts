// Arithmetic of two operands, of which one may be a number, with broadcasting.
import * as ops from '../../core/ops.ts';
import { Tensor } from '../../core/tensor.ts';
import { inputOfTerm, type Term, valueOfTerm } from '../term.ts';
import { record, type Variable, wantsGradient } from '../variable.ts';

export type { Term } from '../term.ts';

/**
 * `a + b`, as {@link ops.add}.
 *
 * @throws LeiaError with code `argument` as the operation.
 * @example
 * const x = new Variable(Tensor.from([1, 2], [2]), { requiresGrad: true });
 * add(x, 3).backward();
 * await x.gradient.read(); // 1, 1
 */
export function add(a: Term, b: Term): Variable {
  return compute(sum, a, b);
}

/**
 * `a - b`, as {@link ops.subtract}.
 *
 * @throws LeiaError with code `argument` as the operation.
 * @example
 * const x = new Variable(Tensor.from([1, 2], [2]), { requiresGrad: true });
 * subtract(3, x).backward();
 * await x.gradient.read(); // -1, -1
 */
export function subtract(a: Term, b: Term): Variable {
  return compute(difference, a, b);
}

/**
 * `a * b`, as {@link ops.multiply}.
 *
 * @throws LeiaError with code `argument` as the operation.
 * @example
 * const x = new Variable(Tensor.from([1, 2], [2]), { requiresGrad: true });
 * multiply(x, x).backward();
 * await x.gradient.read(); // 2, 4
 */
export function multiply(a: Term, b: Term): Variable {
  return compute(product, a, b);
}

/**
 * `a / b`, as {@link ops.divide}.
 *
 * @throws LeiaError with code `argument` as the operation.
 * @example
 * const x = new Variable(Tensor.from([1, 2], [2]), { requiresGrad: true });
 * divide(1, x).backward();
 * await x.gradient.read(); // -1, -0.25
 */
export function divide(a: Term, b: Term): Variable {
  return compute(quotient, a, b);
}

interface Arithmetic {
  readonly forward: (args: ops.Binary) => { output: Tensor };
  readonly backward: (args: ops.BinaryBackward) => ops.BinaryGradients;
  /** Which values the gradient of a needs, and that of b. */
  readonly needs: readonly ['' | 'b', '' | 'a' | 'ab'];
}

const sum: Arithmetic = { forward: ops.add, backward: ops.addBackward, needs: ['', ''] };
const difference: Arithmetic = {
  ...{ forward: ops.subtract, backward: ops.subtractBackward },
  needs: ['', ''],
};
const product: Arithmetic = {
  ...{ forward: ops.multiply, backward: ops.multiplyBackward },
  needs: ['b', 'a'],
};
const quotient: Arithmetic = {
  ...{ forward: ops.divide, backward: ops.divideBackward },
  needs: ['b', 'ab'],
};

function compute({ forward, backward, needs }: Arithmetic, a: Term, b: Term): Variable {
  const [valueA, valueB] = [valueOfTerm(a), valueOfTerm(b)];
  const { output } = forward({ a: valueA, b: valueB });
  const inputs = [inputOfTerm(a), inputOfTerm(b)] as const;
  const needed = needs.filter((_, i) => wantsGradient(inputs[i])).join('');
  const saved = [
    valueA instanceof Tensor && needed.includes('a') ? valueA : undefined,
    valueB instanceof Tensor && needed.includes('b') ? valueB : undefined,
  ];
  const [result] = record(inputs, [output], saved, ([gradOutput], [sumA, sumB], [keptA, keptB]) => {
    if (gradOutput === undefined) return;
    const [gradA, gradB] = [sumA, sumB].map(
      (sum) => sum && Tensor.empty(sum.form.shape, gradOutput),
    );
    backward({
      gradOutput,
      a: keptA ?? (typeof a === 'number' ? a : undefined),
      b: keptB ?? (typeof b === 'number' ? b : undefined),
      ...(gradA && { gradA }),
      ...(gradB && { gradB }),
      ...(!gradA && { only: 'b' }),
      ...(!gradB && { only: 'a' }),
    });
    if (gradA) sumA?.add(gradA);
    if (gradB) sumB?.add(gradB);
  });
  return result;
}
