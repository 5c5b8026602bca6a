// Data-parallel training over worker threads, as DistributedDataParallel does it over processes: every worker has a copy of the
// network and computes the gradients of its rows of each batch; all-reduce sums them, so that all copies make the same step.
// Tensors stay in their thread, so gradients travel through memory that the threads share.
import { parseArgs } from 'node:util';
import { parentPort, Worker, workerData } from 'node:worker_threads';
import { crossEntropy, gelu, manualSeed, type Variable } from 'leia/autograd';
import { AdamW, Linear, Module } from 'leia/nn';
import { Device, Tensor } from 'leia/ops';

interface Job {
  rank: number;
  workers: number;
  steps: number;
  device: string;
  /** Each worker's gradients and loss, one after the other. */
  sums: SharedArrayBuffer;
  /** How many workers have arrived at a barrier, and how many barriers have opened. */
  barrier: SharedArrayBuffer;
}

const [batch, width] = [96, 32];
/** All parameters of the network, and the loss. */
const numbers = 2 * width + width + width * width + width + 2 * width + 2 + 1;

class Network extends Module {
  readonly first: Linear;
  readonly second: Linear;
  readonly last: Linear;

  constructor(device: Device) {
    super();
    this.first = new Linear(2, width, { device });
    this.second = new Linear(width, width, { device });
    this.last = new Linear(width, 2, { device });
  }

  forward(points: Tensor): Variable {
    return this.last.forward(gelu(this.second.forward(gelu(this.first.forward(points)))));
  }
}

/** Points on two spirals, and which of the two each is on. The same for all workers. */
function drawBatch(step: number) {
  const turns = Array.from({ length: batch }, (_, i) => ((step * batch + i) * 0.618) % 1);
  const points = turns.flatMap((turn, i) => {
    const angle = 2 * Math.PI * turn + (i % 2) * Math.PI;
    return [2 * turn * Math.cos(angle), 2 * turn * Math.sin(angle)];
  });
  return { points, labels: turns.map((_, i) => i % 2) };
}

async function train({ rank, workers, steps, device: name, sums, barrier }: Job): Promise<void> {
  const device = Device.open(name === 'cuda' ? `cuda:${rank}` : name);
  manualSeed(1); // The same weights in every copy.
  const network = new Network(device);
  const optimizer = new AdamW(network.trainableParameters());
  let end = 0;
  /** Where each parameter's gradient lies among a worker's numbers. */
  const places = network.trainableParameters().map(({ gradient }) => {
    const at = end;
    const size = gradient.shape.reduce((a, b) => a * b, 1);
    end += size;
    return { gradient, at, size };
  });
  const all = new Float32Array(sums);
  const own = all.subarray(rank * numbers, (rank + 1) * numbers);
  const from = Math.floor((rank * batch) / workers);
  const to = Math.floor(((rank + 1) * batch) / workers);

  for (let step = 1; step <= steps; step++) {
    const { points, labels } = drawBatch(step);
    const rows = Tensor.from(points.slice(2 * from, 2 * to), [to - from, 2], { device });
    const part = Int32Array.from(labels.slice(from, to));
    network.zeroGradients();
    const loss = crossEntropy(network.forward(rows), part);
    // Means of parts, weighted by their rows, add up to the mean of the batch.
    const share = part.length / batch;
    loss.backward({ scale: share });

    for (const { gradient, at, size } of places) {
      await gradient.readInto(own.subarray(at, at + size));
    }
    own[numbers - 1] = share * (await loss.item());
    wait(barrier, workers); // All gradients are there.
    const sum = new Float32Array(numbers);
    for (let i = 0; i < all.length; i++) sum[i % numbers] = (sum[i % numbers] ?? 0) + (all[i] ?? 0);
    wait(barrier, workers); // All have read them.

    for (const { gradient, at, size } of places) gradient.write(sum.subarray(at, at + size));
    optimizer.step({ learningRate: 1e-2 });
    if (rank === 0 && step % 50 === 0) {
      parentPort?.postMessage(`step ${step}: loss ${sum[numbers - 1]?.toFixed(4)}`);
    }
  }
}

/** Returns when all workers have called it. */
function wait(barrier: SharedArrayBuffer, workers: number): void {
  const counts = new Int32Array(barrier);
  const opened = Atomics.load(counts, 1);
  if (Atomics.add(counts, 0, 1) === workers - 1) {
    Atomics.store(counts, 0, 0);
    Atomics.add(counts, 1, 1);
    Atomics.notify(counts, 1);
  } else Atomics.wait(counts, 1, opened);
}

function start(): void {
  const { values } = parseArgs({
    options: {
      workers: { type: 'string', default: '2' },
      steps: { type: 'string', default: '300' },
      device: { type: 'string', default: 'cpu' },
    },
  });
  const workers = Number(values.workers);
  const shared = {
    sums: new SharedArrayBuffer(4 * numbers * workers),
    barrier: new SharedArrayBuffer(8),
  };
  for (let rank = 0; rank < workers; rank++) {
    const job: Job = {
      rank,
      workers,
      steps: Number(values.steps),
      device: values.device,
      ...shared,
    };
    new Worker(new URL(import.meta.url), { workerData: job }).on('message', console.log);
  }
}

if (parentPort === null) start();
else await train(workerData);
