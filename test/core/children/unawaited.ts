// Child process of device.test.ts: work fails, and how the thread comes to its end then.
import { once } from 'node:events';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { Device, ops, Tensor } from '../../../lib/ops.ts';

/** A worker of Node 20 does not take over the parent's loader of TypeScript. */
const typescript = `import('tsx/esm/api').then(({ register }) => {
  register();
  return import(${JSON.stringify(import.meta.url)});
});`;

function fail(): Tensor {
  const ids = Tensor.from(Int32Array.of(1, 9), [2]);
  return ops.embeddingForward({ ids, weight: Tensor.zeros([7, 4]) }).output;
}

/** What becomes of it is only known when the process has ended. */
const ends: Record<string, () => unknown> = {
  left: fail,
  /** After it has failed. */
  exit: async () => {
    fail();
    await Tensor.zeros([1]).read();
    process.exit(0);
  },
  thrown: async () => {
    await fail().read();
  },
  read: async () => {
    const output = fail();
    const sum = ops.residualAdd({ a: output, b: output }).output;
    for (const tensor of [output, sum]) await tensor.read().catch(() => console.log('caught'));
    ops.residualAdd({ a: output, b: output });
  },
  synchronised: async () => {
    fail();
    fail();
    await Device.open()
      .synchronize()
      .catch(() => console.log('caught'));
    process.exit(0);
  },
};

const [mode = '', where] = isMainThread ? process.argv.slice(2) : [workerData as string];
if (isMainThread && where === 'worker') {
  const worker = new Worker(typescript, { eval: true, workerData: mode });
  worker.on('error', (error) => console.log(`error: ${error.message}`));
  const [code] = await once(worker, 'exit').catch(() => once(worker, 'exit'));
  console.log(`exit code ${code}`);
} else {
  await ends[mode]!();
}
