// Child process of emulated-device.test.ts: opens the device, does what it is told, and says how that went.
import { checkProduct } from '../../../lib/cli/doctor.ts';
import { Device, LeiaError } from '../../../lib/index.ts';

try {
  const device = Device.open('emulated');
  if (device !== Device.open('emulated:0') || device.name !== 'emulated') {
    throw new Error('emulated and emulated:0 are two devices');
  }
  if (Device.open('emulated:1') === device) throw new Error('two devices are one');
  if (process.argv[2] === 'multiply') {
    const wrong = await checkProduct(device, { m: 40, n: 130, k: 70 });
    if (wrong !== undefined) throw new Error(wrong);
  }
  console.log('opened');
} catch (error) {
  if (!(error instanceof LeiaError)) throw error;
  console.log(`${error.code} ${error.message}`);
}
