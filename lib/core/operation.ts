// Calls native operations by their arguments' names. An operation states its arguments once, in native code; from
// there come the positions in which they are handed over. So another argument changes nothing here.
import { LeiaError } from '../system/error.ts';
import { addon, type NativeArgument, type NativeOperation, type NativeTensor } from './addon.ts';

type HasHandle = { readonly handle: NativeTensor };
type Value = HasHandle | readonly (HasHandle | number)[] | number | boolean | undefined;
type Values = Readonly<Record<string, Value>>;

/** A native operation, for its face. */
export interface Operation<Arguments extends object, Filled extends keyof Arguments> {
  /** Queues it, with the arguments that the caller gave and those that the face fills in, `filled`. */
  (given: Arguments, filled: { readonly [Name in Filled]: Arguments[Name] | undefined }): void;
  /**
   * Called by a face before it looks into an argument.
   * @throws LeiaError `argument` if a tensor that the operation reads is missing or is something else, with its name.
   */
  expect(given: Arguments): void;
}

/** Makes a call itself, and may do something before and after. */
type Observer = (name: string, call: () => void) => void;
let observer: Observer | undefined;

/** Lets an observer make all calls of operations, and of copies to and from a device, from now on; none if undefined. */
export function observeOperations(by: Observer | undefined): void {
  observer = by;
}

/** Makes a call, which an observer sees. */
export function observed<Result>(name: string, call: () => Result): Result {
  if (observer === undefined) return call();
  let result: { readonly value: Result } | undefined;
  observer(name, () => {
    result = { value: call() };
  });
  return result!.value;
}

/**
 * The native operation of that name, as a function of the arguments that its caller gave and of those that its face in
 * `ops/` fills in where they were not given, `Filled`.
 */
export function operation<Arguments extends object, Filled extends keyof Arguments = never>(
  name: string,
): Operation<Arguments, Filled> {
  let native: NativeOperation | undefined;
  // Looked up once: to find that an object lacks a property takes longer than all the rest of a call.
  let isFilled: readonly boolean[] | undefined;
  const queue = (given: Arguments, filled: Values) => {
    native ??= addon().operations[name]!;
    isFilled ??= native.parameters.map((parameter) => parameter in filled);
    const { parameters } = native;
    const values: NativeArgument[] = [];
    for (let i = 0; i < parameters.length; i++) {
      const parameter = parameters[i]!;
      const value = ((isFilled[i] ? filled : given) as Values)[parameter];
      values.push(handleOf(name, parameter, value));
    }
    if (observer === undefined) native(...values);
    else observer(name, native.bind(undefined, ...values));
  };
  const expect = (given: Arguments) => {
    native ??= addon().operations[name]!;
    for (const input of native.inputs) {
      const value = (given as Values)[input];
      const isList = Array.isArray(value) && typeof value[0] !== 'number';
      if (!(isList || hasHandle(value))) throw notATensor(name, input, value);
    }
  };
  return Object.assign(queue, { expect }) as Operation<Arguments, Filled>;
}

function handleOf(name: string, parameter: string, value: Value): NativeArgument {
  if (typeof value !== 'object') return value;
  if (hasHandle(value)) return value.handle;
  if (!Array.isArray(value)) throw notATensor(name, parameter, value);
  return value.map((item, i) => {
    if (typeof item === 'number') return item;
    if (hasHandle(item)) return item.handle;
    throw notATensor(name, `${parameter}[${i}]`, item);
  });
}

/** Whether it is a tensor, for all that its operation can see without a call. */
export function hasHandle(value: unknown): value is HasHandle {
  return typeof value === 'object' && value !== null && 'handle' in value;
}

/** What JavaScript lets pass where the types ask for a tensor: nothing, null, values, a variable of the tape. */
export function notATensor(
  name: string,
  parameter: string,
  value: unknown,
  expected = 'a Tensor',
): LeiaError {
  const what = value === undefined ? 'missing' : kindOf(value);
  return new LeiaError('argument', `${name}: ${parameter} is ${what}, expected ${expected}`);
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return typeof value === 'object' ? `an object (${value.constructor.name})` : `a ${typeof value}`;
}
