// Child process of tensor.test.ts, with --expose-gc: tensors that nobody holds are collected while work on
// them is queued. Prints whether the work saw its values, and whether all memory was freed in the end.
import { setImmediate } from 'node:timers/promises';
import { Device, ops, Tensor } from '../../../lib/ops.ts';

const collect = globalThis.gc as () => void;
const device = Device.open();
const size = 4096;

function busy(): void {
  using a = Tensor.zeros([1000, 1000]);
  ops.matmul({ a, b: a }).output.dispose();
}

function queueCopy(value: number): Tensor {
  return ops.cast({ input: Tensor.from(new Float32Array(size).fill(value), [size]) }).output;
}

async function run(): Promise<boolean> {
  const outputs: Tensor[] = [];
  const reads: Promise<Float32Array>[] = [];
  for (let i = 0; i < 20; i++) {
    busy();
    outputs.push(queueCopy(i));
    reads.push(queueCopy(100 + i).readFloats());
    collect();
    await setImmediate();
    Tensor.from(new Float32Array(size).fill(-1), [size]).dispose();
  }
  let right = true;
  for (const [i, output] of outputs.entries()) {
    right &&= (await output.readFloats()).every((value) => value === i);
    right &&= (await reads[i])?.every((value) => value === 100 + i) ?? false;
  }
  return right;
}

const right = await run();
for (let i = 0; i < 100 && device.liveBytes > 0; i++) {
  collect();
  await setImmediate();
}
console.log(JSON.stringify({ right, freed: device.liveBytes === 0 }));
