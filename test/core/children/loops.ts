// Child process of pressure.test.ts: 1,500 tensors of 1 MB, or of 4 MB where nobody disposes them, in a loop that awaits
// nothing, behind work that takes a while. Prints the most bytes that were live, or resident for what is written.
import { Device, ops, Tensor } from '../../../lib/ops.ts';

const device = Device.open();
const count = 1500;
const shape = [process.argv[2] === 'forgotten' ? 2 ** 20 : 2 ** 18];
const values = new Float32Array(2 ** 18);
let most = 0;

/** Keeps the stream busy while the loop begins. */
function queueWork(): void {
  using a = Tensor.zeros([1500, 1500]);
  ops.matmul({ a, b: a }).output.dispose();
}

const loops: Record<string, () => void> = {
  disposed: () => {
    for (let i = 0; i < count; i++) {
      using tensor = Tensor.zeros(shape);
      most = Math.max(most, device.liveBytes);
      ops.fill({ output: tensor, value: i });
    }
  },
  written: () => {
    using tensor = Tensor.zeros(shape);
    for (let i = 0; i < count; i++) {
      if (i % 600 === 0) queueWork();
      tensor.write(values);
      if (i % 50 === 0) most = Math.max(most, process.memoryUsage.rss());
    }
  },
  forgotten: () => {
    let last = Tensor.zeros(shape);
    for (let i = 0; i < count; i++) {
      const next = ops.residualAdd({ a: last, b: last }).output;
      most = Math.max(most, device.liveBytes);
      last = next;
    }
  },
};

queueWork();
loops[process.argv[2]!]!();
await device.synchronize();
console.log(most);
