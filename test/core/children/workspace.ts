// Child process of emulated-device.test.ts: a device of 48 MB, too full for the 32 MB that matrix products need beside their
// operands, until a tensor goes.
import { Device, ops, Tensor } from '../../../lib/ops.ts';

const device = Device.open('emulated');
const a = Tensor.from([3], [1, 1], { device });
const output = Tensor.empty([1, 1], { device });
const full = Tensor.zeros([6 << 20], { device });
for (const tensor of [full, undefined]) {
  ops.matmul({ a, b: a, output });
  console.log(await output.readFloats().then(String, ({ message }) => message));
  tensor?.dispose();
}
