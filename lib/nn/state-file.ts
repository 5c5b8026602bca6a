// Parameters to and from a safetensors file, by name. All names and shapes are held against the file before the first
// parameter is written.
import type { Variable } from '../autograd/variable.ts';
import {
  SafetensorsFile,
  type SafetensorsSource,
  safetensorsDtypes,
  storedDtype,
  writeSafetensors,
} from '../llama/safetensors.ts';
import { bytesOf, convertValues, storedValues } from '../llama/stored-values.ts';
import { LeiaError } from '../system/error.ts';

/** Writes parameters; float32 and bfloat16 as they are. */
export async function saveState(
  path: string,
  parameters: Iterable<readonly [string, Variable]>,
): Promise<void> {
  const sources = [...parameters].map(([name, { value, shape }]): SafetensorsSource => {
    const dtype = floatDtype(value.dtype);
    const read = async () => bytesOf(storedValues(dtype, await value.readBits()));
    return { name, dtype: safetensorsDtypes[dtype], shape, read };
  });
  await writeSafetensors(path, sources);
}

/** Reads parameters; see {@link Module.load}. */
export async function loadState(
  path: string,
  parameters: ReadonlyMap<string, Variable>,
  strict: boolean,
): Promise<void> {
  await using file = await SafetensorsFile.open(path);
  const names = [...parameters.keys()];
  const wanted = strict ? names : names.filter((name) => file.tensors.has(name));
  if (strict) checkNames(file, parameters);
  for (const name of wanted) checkTensor(file, name, (parameters.get(name) as Variable).shape);
  for (const name of wanted) {
    const { value } = parameters.get(name) as Variable;
    const stored = await file.readFloats(name);
    value.write((await convertValues(stored, floatDtype(value.dtype))).values);
  }
}

function checkNames(file: SafetensorsFile, parameters: ReadonlyMap<string, Variable>): void {
  const missing = [...parameters.keys()].filter((name) => !file.tensors.has(name));
  const unknown = [...file.tensors.keys()].filter((name) => !parameters.has(name));
  if (missing.length === 0 && unknown.length === 0) return;
  const parts = [
    ...(missing.length > 0 ? [`it lacks ${listed(missing)}`] : []),
    ...(unknown.length > 0 ? [`the module has no ${listed(unknown)}`] : []),
  ];
  throw new LeiaError(
    'mismatch',
    `${file.path} does not fit the module: ${parts.join('; ')}; with strict: false what fits is loaded`,
  );
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 3).map((name) => JSON.stringify(name));
  const more = names.length - shown.length;
  return more > 0 ? `${shown.join(', ')} and ${more} more` : shown.join(', ');
}

function checkTensor(file: SafetensorsFile, name: string, expected: readonly number[]): void {
  const { shape, dtype } = file.entry(name);
  if (storedDtype(dtype) !== undefined && `${shape}` === `${expected}`) return;
  throw new LeiaError(
    'mismatch',
    `${file.path}: tensor "${name}" is ${dtype} [${shape.join(', ')}], expected F32, BF16 or F16 [${expected.join(', ')}]`,
  );
}

function floatDtype(dtype: string): 'float32' | 'bfloat16' {
  return dtype === 'bfloat16' ? 'bfloat16' : 'float32';
}
