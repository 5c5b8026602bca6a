// Measures with benchmark.js what the host pays: for one call of an operation through Node-API, which checks, queues and
// returns, and for a step of 2,000 calls until the device has done them. The operation itself is next to nothing.
import Benchmark from 'benchmark';
import { type Device, ops, Tensor } from '../lib/index.ts';

export interface HostCost {
  name: string;
  /** Microseconds: the best sample, and the median of them. */
  best: number;
  median: number;
  samples: number;
}

const callsOfStep = 2000;

export async function measureHostCosts(device: Device, seconds: number): Promise<HostCost[]> {
  const a = Tensor.zeros([1, 8], { device });
  const b = Tensor.zeros([8, 8], { device });
  const output = Tensor.zeros([1, 8], { device });
  const add = () => ops.residualAdd({ a, b: output, output });
  const multiply = () => ops.matmul({ a, b, output });
  const step = () => {
    for (let i = 0; i < callsOfStep; i++) add();
  };
  await device.synchronize();
  const costs: HostCost[] = [];
  for (const [name, call] of [
    ['a call of residualAdd', add],
    ['a call of matmul', multiply],
  ] as const) {
    costs.push(await costOfCall(device, name, call, seconds));
  }
  costs.push(await costOfStep(device, step, seconds));
  for (const tensor of [a, b, output]) tensor.dispose();
  return costs;
}

/** Times only the calls: the device works meanwhile, and is waited for between the samples. */
async function costOfCall(device: Device, name: string, call: () => void, seconds: number) {
  const times: number[] = [];
  const sample = () => {
    const began = performance.now();
    for (let i = 0; i < callsOfStep; i++) call();
    times.push(((performance.now() - began) * 1e3) / callsOfStep);
    return device.synchronize();
  };
  await repeat(sample, seconds);
  return summary(name, times);
}

async function costOfStep(device: Device, step: () => void, seconds: number) {
  const sample = () => {
    step();
    return device.synchronize();
  };
  const times = (await repeat(sample, seconds)).map((time) => time * 1e6);
  return summary(`a step of ${callsOfStep} calls, until done`, times);
}

/** Seconds of each sample that benchmark.js takes. */
function repeat(sample: () => Promise<void>, seconds: number): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const benchmark = new Benchmark({
      defer: true,
      minSamples: 5,
      maxTime: seconds,
      fn: (deferred: Benchmark.Deferred) => {
        settle(sample).then(() => deferred.resolve(), reject);
      },
      onComplete: () => resolve(benchmark.stats.sample),
      onError: () => reject(benchmark.error),
    });
    benchmark.run({ async: true });
  });
}

/** Rejects with what was thrown, which benchmark.js would swallow. */
async function settle(sample: () => Promise<void>): Promise<void> {
  await sample();
}

function summary(name: string, times: readonly number[]): HostCost {
  const sorted = times.toSorted((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)]!;
  return { name, best: sorted[0]!, median, samples: times.length };
}
