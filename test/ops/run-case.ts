// Finds all cases and runs them: for the tests of this folder and their child processes.
import { readdirSync } from 'node:fs';
import { type Device, type DType, Tensor } from '../../lib/index.ts';
import { elements, type GradientCheck, type OperationCase } from './case.ts';

export interface CaseFile {
  /** The operation's name in kebab-case. */
  name: string;
  cases: readonly OperationCase[];
  gradients?: readonly GradientCheck[];
  /** A case of random shape and settings from a seed; its size stays small. */
  randomCase: (seed: number) => OperationCase;
}

export async function caseFiles(): Promise<CaseFile[]> {
  const folder = new URL('./cases/', import.meta.url);
  const names = readdirSync(folder).filter((name) => name.endsWith('.ts'));
  return Promise.all(
    names.sort().map(async (name) => ({
      ...((await import(new URL(name, folder).href)) as Omit<CaseFile, 'name'>),
      name: name.replace('.ts', ''),
    })),
  );
}

/**
 * Runs one case on a device; every output comes poisoned. Gives the values of all outputs. The tensors begin
 * `offset` elements into memory of their own: kernels that read 16 bytes at a time must not do so then.
 */
export async function runCase(operation: OperationCase, device: Device, offset = 0) {
  const place = (values: ArrayLike<number>, shape: readonly number[], dtype: DType) => {
    const poison = dtype === 'int32' ? -77 : Number.NaN;
    const padded = [...new Array<number>(offset).fill(poison), ...Array.from(values)];
    const whole = Tensor.from(padded, [padded.length], { dtype, device });
    const part = whole.view([...shape], offset);
    whole.dispose();
    return part;
  };
  const tensors = Object.fromEntries(
    Object.entries(operation.inputs).map(([name, { shape, dtype, data }]) => [
      name,
      place(data, shape, dtype),
    ]),
  );
  const poisoned: Tensor[] = [];
  const outputs = operation.run(tensors, (shape, dtype = 'float32') => {
    const poison = new Array<number>(elements(shape)).fill(dtype === 'int32' ? -77 : Number.NaN);
    const tensor = place(poison, shape, dtype);
    poisoned.push(tensor);
    return tensor;
  });
  const values = new Map<string, Float32Array | Int32Array>();
  for (const [name, tensor] of Object.entries(outputs)) values.set(name, await tensor.read());
  const all = new Set([...Object.values(tensors), ...poisoned, ...Object.values(outputs)]);
  for (const tensor of all) tensor.dispose();
  return values;
}
