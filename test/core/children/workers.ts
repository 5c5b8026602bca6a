// Child process of device.test.ts: the addon in several worker threads at once.
import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { Device, ops, Tensor } from '../../../lib/ops.ts';

async function sum(value: number): Promise<number> {
  using a = Tensor.from(new Float32Array(4).fill(value), [1, 4]);
  using b = Tensor.from(new Float32Array(4).fill(1), [4, 1]);
  using output = ops.matmul({ a, b }).output;
  return (await output.readFloats())[0] ?? Number.NaN;
}

async function fail(): Promise<string> {
  const ids = Tensor.from(Int32Array.of(1, 9), [2]);
  ops.embeddingForward({ ids, weight: Tensor.zeros([7, 4]) });
  try {
    await Device.open().synchronize();
    return 'nothing';
  } catch (error) {
    return (error as Error).message;
  }
}

/** Keeps the stream busy until the thread is ended. */
function queueMuch(): void {
  const a = Tensor.zeros([1000, 1000]);
  for (let i = 0; i < 100; i++) ops.matmul({ a, b: a }).output.dispose();
  void Device.open().synchronize();
}

/** A worker of Node 20 does not take over the parent's loader of TypeScript. */
const typescript = `import('tsx/esm/api').then(({ register }) => {
  register();
  return import(${JSON.stringify(import.meta.url)});
});`;

async function start(task: string | number): Promise<{ worker: Worker; answer: unknown }> {
  const worker = new Worker(typescript, { eval: true, workerData: task });
  const [answer] = (await once(worker, 'message')) as [unknown];
  return { worker, answer };
}

if (isMainThread) {
  const target = Tensor.from([3, 3], [2]);
  const summing = [1, 2, 3, 4].map((value) => start(value));
  const failing = start('fail');
  const busy = await start('busy');
  await busy.worker.terminate();
  const sums = (await Promise.all(summing)).map(({ answer }) => answer);
  const failed = (await failing).answer;
  await Device.open().synchronize();
  const main = [...(await target.read())];
  console.log(JSON.stringify({ sums, failed, terminated: true, main }));
} else if (workerData === 'busy') {
  queueMuch();
  parentPort?.postMessage('queued');
} else if (workerData === 'fail') {
  parentPort?.postMessage(await fail());
} else {
  parentPort?.postMessage(await sum(workerData as number));
}
