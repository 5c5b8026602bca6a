// What a test has to know of an operation's arguments.
import { type DType, type Shape, Tensor } from '../../lib/ops.ts';
import { elements, isWhole } from './case.ts';

export type Value = Tensor | readonly Tensor[] | readonly number[] | number | boolean;
export type Arguments = Record<string, Value>;

export interface Face {
  /** Arguments that are right: the sizes 2, 3, 4, 6, 8 stand each for one thing. */
  right(): Arguments;
  /** Arguments that are lists of tensors: given here is the one tensor of the list. */
  lists?: readonly string[];
  /** Arguments that another argument is held against: a wrong one is named or the other is. */
  anchors: readonly string[];
  /** Dimensions that may have any size; all of them if empty. */
  free?: Record<string, readonly number[]>;
  /** Arguments that may lack their outermost dimension. */
  shorter?: readonly string[];
  /** Arguments whose float dtype is their own. */
  anyFloat?: readonly string[];
  /** Arguments whose dtype is their own, whatever it is. */
  anyDtype?: readonly string[];
  /** It takes all dtypes, as it only moves numbers or converts them. */
  storesOnly?: boolean;
  /** Pairs that may be the same tensor. */
  inPlace?: readonly (readonly [string, string])[];
  /** A name, a wrong value, and the end of the message. */
  numbers?: readonly (readonly [string, Value, string])[];
}

/** Values that no operation leaves as they are. */
export function tensor(shape: Shape, dtype: DType = 'float32'): Tensor {
  const values = Array.from({ length: elements(shape) }, (_, i) =>
    isWhole(dtype) ? i % 2 : 0.1 + ((i * 37) % 101) / 101,
  );
  return Tensor.from(values, shape, { dtype });
}

export function tensorsOf(args: Arguments): [string, Tensor][] {
  return Object.entries(args).flatMap(([name, value]): [string, Tensor][] =>
    value instanceof Tensor ? [[name, value]] : [],
  );
}
