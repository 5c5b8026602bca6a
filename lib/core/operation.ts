// Calls native operations by their arguments' names. An operation states its arguments once, in native code; from
// there come the positions in which they are handed over. So another argument changes nothing here.
import { addon, type NativeArgument, type NativeOperation, type NativeTensor } from './addon.ts';

type HasHandle = { readonly handle: NativeTensor };
type Value = HasHandle | readonly (HasHandle | number)[] | number | boolean | undefined;
type Values = Readonly<Record<string, Value>>;

/**
 * The native operation of that name, as a function of the arguments that its caller gave and of those that its face in
 * `ops/` fills in where they were not given, `Filled`.
 */
export function operation<Arguments extends object, Filled extends keyof Arguments = never>(
  name: string,
): (given: Arguments, filled: { readonly [Name in Filled]: Arguments[Name] | undefined }) => void {
  let native: NativeOperation | undefined;
  // Looked up once: to find that an object lacks a property takes longer than all the rest of a call.
  let isFilled: readonly boolean[] = [];
  return (given, filled) => {
    if (native === undefined) {
      native = addon().operations[name]!;
      isFilled = native.parameters.map((parameter) => parameter in filled);
    }
    const { parameters } = native;
    const values: NativeArgument[] = [];
    for (let i = 0; i < parameters.length; i++) {
      const parameter = parameters[i]!;
      const value = ((isFilled[i] ? filled : given) as Values)[parameter];
      values.push(handleOf(value));
    }
    native(...values);
  };
}

function handleOf(value: Value): NativeArgument {
  if (typeof value !== 'object') return value;
  if ('handle' in value) return value.handle;
  return value.map((item) => (typeof item === 'number' ? item : item.handle));
}
