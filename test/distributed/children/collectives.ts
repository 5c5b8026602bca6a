// One rank: every collective at awkward sizes, twice, against float64. Prints what rank 0 found wrong.
import { Device } from '../../../lib/core/device.ts';
import { Tensor } from '../../../lib/core/tensor.ts';
import { Communicator, sliceOf } from '../../../lib/distributed/communicator.ts';

const device = Device.open('cpu');
const communicator = Communicator.openMpi();
const { rank, size } = communicator;

/** Numbers whose sum depends on the order in which they are added. */
function valuesOf(seed: number, of: number, count: number): Float32Array {
  const values = new Float32Array(count);
  let bits = 2 * (size * seed + of) + 1;
  for (let i = 0; i < count; i++) {
    bits = (Math.imul(bits, 1664525) + 1013904223) | 0;
    values[i] = bits / 2 ** 31;
  }
  return values;
}
const all = (seed: number, count: number) =>
  Array.from({ length: size }, (_, of) => valuesOf(seed, of, count));
/** In the order of the ranks. */
function sum([first, ...others]: readonly Float32Array[]): Float32Array {
  const total = first!.slice();
  for (const one of others) for (let i = 0; i < total.length; i++) total[i]! += one[i]!;
  return total;
}
function same(what: string, came: Float32Array, expected: Float32Array): void {
  let at = -1;
  for (let i = 0; i < expected.length; i++) if (expected[i] !== came[i]) at = i;
  if (at >= 0 || came.length !== expected.length) {
    throw new Error(`rank ${rank}: ${what}: ${came[at]} at ${at}, expected ${expected[at]}`);
  }
}

// The last is more than what is summed at once.
for (const [seed, count] of [0, 1, 7, 8, 9, 8 * size, 8 * size + 1, 1001, 400_003].entries()) {
  const own = valuesOf(seed, rank, count);
  const total = sum(all(seed, count));
  const { begin, end } = sliceOf(count, rank, size);
  using tensor = Tensor.from(own, [count]);
  communicator.allReduce(tensor, 'sum');
  same(`sum of ${count}`, await tensor.readFloats(), total);

  // Apart, into poisoned memory, and in place.
  tensor.write(own);
  using part = Tensor.from(new Float32Array(end - begin).fill(Number.NaN), [end - begin]);
  communicator.reduceScatter(tensor, part, 'slices of the sum');
  same(`slice of ${count}`, await part.readFloats(), total.subarray(begin, end));
  same('the input stays', await tensor.readFloats(), own);
  using slice = tensor.view([end - begin], begin);
  communicator.reduceScatter(tensor, slice, 'slices of the sum');
  same(`slice of ${count} in place`, await slice.readFloats(), total.subarray(begin, end));

  using whole = Tensor.from(new Float32Array(count).fill(Number.NaN), [count]);
  communicator.allGather(part, whole, 'all slices');
  same(`all of ${count}`, await whole.readFloats(), total);
  communicator.allGather(slice, tensor, 'all slices');
  same(`all of ${count} in place`, await tensor.readFloats(), total);

  for (let root = 0; root < size; root++) {
    tensor.write(own);
    communicator.broadcast(tensor, root, 'what one rank has');
    same(`${count} of rank ${root}`, await tensor.readFloats(), valuesOf(seed, root, count));
  }
}
for (const dtype of ['bfloat16', 'int32'] as const) {
  const bits = (of: number) => Array.from({ length: 21 }, (_, i) => 64 * of + i);
  const values = dtype === 'int32' ? Int32Array.from(bits(rank)) : Uint16Array.from(bits(rank));
  using tensor = Tensor.from(values, [3, 7], { dtype });
  communicator.broadcast(tensor, size - 1, dtype);
  const read = Float32Array.from(await tensor.readBits(), Number);
  same(dtype, read, Float32Array.from(bits(size - 1)));
}
communicator.barrier(device, 'the end of the first part');
await device.synchronize();

// The last rank issues others than the rest: all learn it. Each has tensors of its own, as an error follows the data.
const isLast = rank === size - 1;
const three = () => Tensor.from([1, 2, 3], [3]);
const two = () => Tensor.from([1, 2], [2]);
const heard: string[] = [];
for (const call of [
  () => communicator.allReduce(isLast ? two() : three(), 'gradient of x'),
  () => (isLast ? communicator.broadcast(three(), 0, 'x') : communicator.allReduce(three(), 'x')),
  () => communicator.broadcast(three(), isLast ? Math.min(1, size - 1) : 0, 'x'),
]) {
  call();
  const end = device.synchronize();
  heard.push(
    await end.then(
      () => 'no error',
      (error: Error) => error.message,
    ),
  );
}
for (const call of [
  () => communicator.allGather(three(), two(), 'x'),
  () => communicator.broadcast(three(), size, 'x'),
  () => communicator.allReduce(Tensor.from(new Int32Array(1), [1]), 'x'),
]) {
  try {
    call();
  } catch (error) {
    heard.push((error as Error).message);
  }
}

// More collectives than are kept, all skipped as they read what failed: the last are kept, and none has begun.
using poisoned = three();
communicator.allReduce(isLast ? poisoned.view([2], 0) : poisoned, 'spoilt');
await device.synchronize().catch(() => {});
const { begun } = communicator.position;
for (let i = 0; i < 2100; i++) communicator.allReduce(poisoned, `skipped ${i}`);
await device.synchronize().catch(() => {});
const kept = communicator.records;
const isKept = kept.every(
  ({ number, state, place }, i) =>
    number === begun + 100 + i && state === 'queued' && place === `skipped ${100 + i}`,
);
if (size > 1 && !(isKept && kept.length === 2000 && communicator.position.begun === begun)) {
  throw new Error(`rank ${rank}: the last 2,000 are not kept: ${JSON.stringify(kept[0])}`);
}
communicator.close();
if (rank === 0) console.log(JSON.stringify(heard));
