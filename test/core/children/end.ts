// Child process of device.test.ts: what happens to queued work when the program ends?
import { Device, ops, Tensor } from '../../../lib/ops.ts';

const a = Tensor.zeros([1000, 1000]);
for (let i = 0; i < 10; i++) ops.matmul({ a, b: a }).output.dispose();
const [mode] = process.argv.slice(2);
if (mode === 'awaited') {
  // Nothing but the stream keeps the process alive.
  await Device.open().synchronize();
  console.log('done');
} else if (mode === 'exit') {
  void Device.open().synchronize();
  process.exit(0);
}
