// Operands that may be numbers.
import type { Tensor } from '../core/tensor.ts';
import { type Operand, tensorOf } from './variable.ts';

/** An operand of arithmetic. */
export type Term = Operand | number;

/** What an operation computes with. */
export function valueOfTerm(term: Term): Tensor | number {
  return typeof term === 'number' ? term : tensorOf(term);
}

/** What may want a gradient. */
export function inputOfTerm(term: Term): Operand | undefined {
  return typeof term === 'number' ? undefined : term;
}
