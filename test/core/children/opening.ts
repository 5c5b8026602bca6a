// Child process of emulated-device.test.ts: opens the device, does what it is told, and says how that went.
import { checkProduct } from '../../../lib/cli/doctor.ts';
import { Device, LeiaError, ops, Tensor } from '../../../lib/ops.ts';

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
  if (process.argv[2] === 'bias') await addBias(device);
  console.log('opened');
} catch (error) {
  if (!(error instanceof LeiaError)) throw error;
  console.log(`${error.code} ${error.message}`);
}

/** A product with a bias, held against one in float64. */
async function addBias(device: Device): Promise<void> {
  const random = (shape: number[], seed: number) =>
    ops.randomNormal({ output: Tensor.empty(shape, { device }), seed }).output;
  const tensors = [random([10, 9], 1), random([9, 12], 2), random([12], 3)] as const;
  const [a, b, bias] = tensors;
  const { output } = ops.matmul({ a, b, bias });
  const [x, y, z] = await Promise.all(tensors.map((tensor) => tensor.read()));
  for (const [i, value] of (await output.read()).entries()) {
    const [row, column] = [Math.floor(i / 12), i % 12];
    let sum = z![column]!;
    for (let k = 0; k < 9; k++) sum += x![row * 9 + k]! * y![k * 12 + column]!;
    if (Math.abs(sum - value) > 1e-5) throw new Error(`${value} at ${i}, expected ${sum}`);
  }
}
