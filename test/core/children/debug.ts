// Child process of device.test.ts: where does the error of an operation appear?
import { Device, ops, Tensor } from '../../../lib/ops.ts';

const target = Tensor.zeros([2]);
const ids = Tensor.from(Int32Array.of(1, 9), [2]);
const report: Record<string, unknown> = {};
const output = Tensor.zeros([2, 4]);
try {
  ops.embeddingForward({ ids, weight: Tensor.zeros([7, 4]), output });
} catch (error) {
  report.thrown = (error as Error).message;
  report.here = (error as Error).stack?.includes('debug.ts');
}
try {
  ops.cast({ input: output });
} catch (error) {
  report.used = (error as Error).message;
}
ops.fill({ output: target, value: 5 });
try {
  await Device.open().synchronize();
} catch (error) {
  report.rejected = (error as Error).message;
}
try {
  await output.read();
} catch (error) {
  report.read = (error as Error).message;
}
report.values = [...(await target.read())];
console.log(JSON.stringify(report));
