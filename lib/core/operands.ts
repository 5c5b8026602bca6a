// Operands that may be tensors or numbers, as native code takes them.
import { hasHandle, notATensor } from './operation.ts';
import type { Tensor } from './tensor.ts';

export type Operand = Tensor | number | undefined;

/** @throws LeiaError `argument` if the operand is missing or neither a tensor nor a number. */
export function requireOperand(
  operation: string,
  name: string,
  operand: Operand,
  expected = 'a Tensor or a number',
): void {
  if (hasHandle(operand) || typeof operand === 'number') return;
  throw notATensor(operation, name, operand, expected);
}

/** The operand if it is no number. */
export function tensorOf(operand: Operand): Tensor | undefined {
  return typeof operand === 'number' ? undefined : operand;
}

/** The operands that are tensors, and the number that stands for what is none. */
export function splitOperands(a: Operand, b: Operand) {
  const number = typeof a === 'number' ? a : typeof b === 'number' ? b : 0;
  return { a: tensorOf(a), b: tensorOf(b), number };
}
