// Child process of emulated-device.test.ts: after a kernel's fault the device answers every call with an error, and
// the process still ends in order.
import { Device, LeiaError, ops, Tensor } from '../../../lib/ops.ts';

const device = Device.open('emulated:1');
const said = async (call: () => unknown) => {
  try {
    await call();
    console.log('nothing');
  } catch (error) {
    if (!(error instanceof LeiaError)) throw error;
    console.log(`${error.code} ${error.message}`);
  }
};
const tensor = Tensor.zeros([4], { device });
await device.synchronize();
// Its tiles take more shared memory than LEIA_EMULATOR_SHARED leaves them; the emulator says so when it runs the kernel, as
// a fault of it.
const query = Tensor.zeros([1, 1, 1, 64], { device });
await said(() => {
  ops.flashAttentionForward({ query, key: query, value: query });
  return device.synchronize();
});
await said(() => tensor.readFloats());
await said(() => Tensor.zeros([4], { device }));
