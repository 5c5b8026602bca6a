// Finds all cases and runs them: for the tests of this folder and their child processes.
import { readdirSync } from 'node:fs';
import type { NumberArray } from '../../lib/core/tensor.ts';
import { type Device, type DType, Tensor } from '../../lib/ops.ts';
import { isFull } from '../support/extent.ts';
import { elements, type GradientCheck, isWhole, type OperationCase } from './case.ts';

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
 * The cases for one more device, order of threads or instruction set: all in a full run, otherwise the smallest and a
 * ragged one of each kernel variant. All cases run on the CPU at its best instruction set in any run.
 */
export function caseSelection(cases: readonly OperationCase[]): readonly OperationCase[] {
  return isFull ? cases : variantsOf(cases).flat();
}

/** One case of each kernel variant, the ragged one if there are two; all in a full run. */
export function raggedSelection(cases: readonly OperationCase[]): readonly OperationCase[] {
  return isFull ? cases : variantsOf(cases).map((pair) => pair.at(-1)!);
}

/** Of each kernel variant the smallest case, and a ragged one if there are more. */
function variantsOf(cases: readonly OperationCase[]): OperationCase[][] {
  const variants = new Map<string, OperationCase[]>();
  for (const each of cases) {
    const variant = variantOf(each.name);
    variants.set(variant, [...(variants.get(variant) ?? []), each]);
  }
  return [...variants.values()].map((variant) => {
    const bySize = variant.toSorted((a, b) => a.flops + a.bytes - b.flops - b.bytes);
    const smallest = bySize[0]!;
    const ragged = bySize.slice(1).toSorted((a, b) => raggedness(b) - raggedness(a))[0];
    return ragged === undefined ? [smallest] : [smallest, ragged];
  });
}

/** Head sizes that attention's kernels are compiled for; others take the next larger one's. */
const compiledHeadSizes = [32, 64, 96, 128, 256];

/**
 * What a case's name says beside sizes. Of attention: the head size, and not which keys are hidden. Lengths, windows and
 * caps are the same code for every head size, and one stands for all; but backward with a cap has other tiles at 64 dims.
 */
function variantOf(name: string): string {
  const headSize = (size: string) => compiledHeadSizes.findIndex((each) => each >= Number(size));
  const bounds = / lengths| window \S+| softcap \S+/g;
  const kind = /\bd64\b.* softcap/.test(name) ? 'capped' : 'bounded';
  if (name.search(bounds) >= 0) {
    return variantOf(name.replace(/\bd\d+\b/, kind).replaceAll(bounds, ''));
  }
  return name
    .replace(/\bd(\d+)\b/, (_, size: string) => `d${'abcde'[headSize(size)]}`)
    .replace(/ causal| packed| scale \S+/g, '')
    .replaceAll(/-?\d+(\.\d+)?/g, '#');
}

/** How many sizes of a case's inputs do not fill the 8 elements of 16 bytes; before all, whether rows end within tiles. */
function raggedness({ inputs }: OperationCase): number {
  const sizes = Object.values(inputs).flatMap(({ shape }) => shape);
  const documents = 'documentStarts' in inputs ? sizes.length : 0;
  return sizes.filter((size) => size % 8 !== 0).length + documents;
}

/** What no operation should leave. */
function poisonOf(dtype: DType): number {
  return isWhole(dtype) ? 77 : Number.NaN;
}

/**
 * Runs one case on a device; every output comes poisoned. Gives the values of all outputs. The tensors begin
 * `offset` elements into memory of their own: kernels that read 16 bytes at a time must not do so then.
 */
export async function runCase(operation: OperationCase, device: Device, offset = 0) {
  const place = (values: ArrayLike<number>, shape: readonly number[], dtype: DType) => {
    const poison = poisonOf(dtype);
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
    const poison = new Array<number>(elements(shape)).fill(poisonOf(dtype));
    const tensor = place(poison, shape, dtype);
    poisoned.push(tensor);
    return tensor;
  });
  const values = new Map<string, NumberArray>();
  for (const [name, tensor] of Object.entries(outputs)) values.set(name, await tensor.read());
  const all = new Set([...Object.values(tensors), ...poisoned, ...Object.values(outputs)]);
  for (const tensor of all) tensor.dispose();
  return values;
}
