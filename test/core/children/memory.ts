// Child process of emulated-device.test.ts: a device of 64 MB that JavaScript would fill at once, were it not for
// what was disposed. The launching thread is held up by a read, behind which everything waits.
import { Device, ops, Tensor } from '../../../lib/ops.ts';

const device = Device.open('emulated');
const megabyte = 1 << 18;
const slow = Tensor.zeros([2 * megabyte], { device });
for (let i = 0; i < 4; i++) ops.fill({ output: slow, value: i });
const read = slow.readFloats();
for (let i = 0; i < 20; i++) {
  using tensor = Tensor.empty([8 * megabyte], { device });
  ops.fill({ output: tensor, value: i });
}
console.log(`read ${(await read)[7]}`);
