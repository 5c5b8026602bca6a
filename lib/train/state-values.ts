// The values of a run's state, on their way from the device to a file: one tensor after the other while the run stands
// still, or all at once as a copy in main memory, which is written while the run goes on.
import { setImmediate } from 'node:timers/promises';
import {
  bytesPerElement,
  elementCount,
  type HostArray,
  hostArrays,
  type Shape,
  type Tensor,
} from '../core/tensor.ts';
import type { SafetensorsSource } from '../llama/safetensors.ts';
import type { AdamWState } from './adamw.ts';

/** A tensor of a run, or the flat slice of it that this rank holds. */
export interface StateTensor {
  readonly tensor: Tensor;
  /** Of the whole. */
  readonly shape: Shape;
  /** Where the slice begins in the whole. */
  readonly first: number;
}

/** Tensors of a run by name: parameters, low bits of their masters, moments. */
export type StateTensors = ReadonlyMap<string, StateTensor>;

/** What is written of each. */
export type StateValues = readonly (SafetensorsSource & Pick<StateTensor, 'first'>)[];

/** What an optimiser keeps for a parameter, by its names in files: the low bits have theirs since the first version. */
export function namedState(name: string, state: AdamWState): [string, Tensor][] {
  const { firstMoment, secondMoment, masterLowBits } = state;
  return [
    [`firstMoment.${name}`, firstMoment],
    [`secondMoment.${name}`, secondMoment],
    ...(masterLowBits ? [[`remainder.${name}`, masterLowBits] as [string, Tensor]] : []),
  ];
}

/** What each tensor takes in a file, and in a copy. */
export function stateBytes(tensors: StateTensors): number {
  return [...tensors.values()].reduce(
    (sum, { tensor: { shape, dtype } }) => sum + elementCount(shape) * bytesPerElement(dtype),
    0,
  );
}

/** Reads each tensor when it is written: nothing may change them until then. */
export function valuesInPlace(tensors: StateTensors): StateValues {
  return [...tensors].map(([name, state]) => ({
    ...describe(name, state),
    read: async () => await readBytes(state.tensor),
  }));
}

/**
 * Arrays for {@link copyValues} that the tensors' devices copy to by themselves. Pinning may take a second for each GB,
 * so this lets other work of the thread be done in between: a rank that is silent for long is taken for lost.
 */
export async function pinnedArrays(tensors: StateTensors): Promise<HostArray[]> {
  const arrays: HostArray[] = [];
  for (const { tensor } of tensors.values()) {
    const { device, dtype, shape } = tensor;
    await setImmediate();
    const buffer = device.pinnedBuffer(elementCount(shape) * bytesPerElement(dtype));
    arrays.push(new hostArrays[dtype](buffer));
  }
  return arrays;
}

/**
 * Copies all tensors. The reads are queued at once, behind the work that was queued before. Each copy is let go of as
 * soon as it is given to be written.
 *
 * @param targets an array for each tensor; new ones if none are given.
 */
export async function copyValues(
  tensors: StateTensors,
  targets?: readonly HostArray[],
): Promise<StateValues> {
  const copies = await Promise.all(
    [...tensors.values()].map(({ tensor }, index) => readBytes(tensor, targets?.[index])),
  );
  return [...tensors].map(([name, state], index) => ({
    ...describe(name, state),
    read() {
      const bytes = copies[index]!;
      copies[index] = new Uint8Array();
      return bytes;
    },
  }));
}

function describe(name: string, { tensor, first }: StateTensor) {
  return { name, dtype: storedDtype(name, tensor), shape: tensor.shape, first };
}

async function readBytes(tensor: Tensor, target?: HostArray): Promise<Uint8Array> {
  const values = await (target === undefined ? tensor.readBits() : tensor.readInto(target));
  const { buffer, byteOffset, byteLength } = values;
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Writes what a file has of a tensor to it. The bytes are all that their buffer holds. */
export function writeBytes(tensor: Tensor, { buffer }: Uint8Array<ArrayBuffer>): void {
  tensor.write(tensor.dtype === 'bfloat16' ? new Uint16Array(buffer) : new Float32Array(buffer));
}

/** The low bits of masters, stored as `remainder.*`, are 16-bit patterns, not numbers. */
export function storedDtype(name: string, tensor: Tensor): 'F32' | 'BF16' | 'U16' {
  if (tensor.dtype === 'float32') return 'F32';
  return name.startsWith('remainder.') ? 'U16' : 'BF16';
}
