// A state is copied to main memory and written while the run goes on, on every device: what is written is the state that
// was copied, wherever the copy went.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { Device } from '../../lib/core/device.ts';
import { Tensor } from '../../lib/core/tensor.ts';
import { SafetensorsFile } from '../../lib/llama/safetensors.ts';
import { LeiaError } from '../../lib/system/error.ts';
import { pinnedArrays } from '../../lib/train/state-values.ts';
import { type TrainOptions, train } from '../../lib/train/train.ts';
import { deviceName } from '../ops/case.ts';
import { isFull } from '../support/extent.ts';
import { digestOf, makeRun } from './runs.ts';

const onGpu = deviceName !== 'cpu';

const settings = {
  ...({ dtype: 'bfloat16', device: deviceName, saveSteps: 1, keepStates: 9 } as const),
  ...{ batchSize: 1, microBatchSize: 1, sequenceLength: 16 },
};

/** Digests of the states after steps 1 and 2, of a run that ends in step 3 as if it were killed. */
async function statesOf(options: TrainOptions): Promise<string[]> {
  const onStep = (metrics: { step: number }) => {
    if (metrics.step === 3) throw new Error('killed');
  };
  await expect(train({ ...options, onStep })).rejects.toThrow('killed');
  const resume = join(options.output, 'resume');
  const states = (await readdir(resume)).sort();
  expect(states).toEqual(['step-1', 'step-2']);
  const files = states.flatMap((state) => [`${state}/state.safetensors`, `${state}/state.json`]);
  return await Promise.all(files.map((file) => digestOf(join(resume, file))));
}

afterEach(() => {
  vi.restoreAllMocks();
});

test('a copy holds what the state was, though the run goes on meanwhile', async () => {
  const options = await makeRun(settings);
  // Without room for a copy the next step begins when the state is written.
  const memory = vi.spyOn(process, 'availableMemory').mockReturnValue(1000);
  const expected = await statesOf(options);
  expect(memory).toHaveBeenCalledTimes(2);

  // What a GPU copies to is there for the second copy when nothing else is free: a buffer for each tensor.
  memory.mockReset();
  memory.mockImplementation(() => (onGpu && memory.mock.calls.length > 1 ? 0 : 1e12));
  const pinned = vi.spyOn(Device.prototype, 'pinnedBuffer');
  const copied = { ...options, output: `${options.output}-copied` };
  expect(await statesOf(copied)).toEqual(expected);
  expect(memory).toHaveBeenCalledTimes(onGpu ? 1 : 2);
  await using file = await SafetensorsFile.open(
    join(copied.output, 'resume/step-2/state.safetensors'),
  );
  expect(pinned).toHaveBeenCalledTimes(onGpu ? file.tensors.size : 0);
});

test.runIf(onGpu)('where memory cannot be pinned, the copy goes to other memory', async () => {
  const options = await makeRun(settings);
  const expected = await statesOf(options);
  vi.spyOn(Device.prototype, 'pinnedBuffer').mockImplementation(() => {
    throw new LeiaError('execution', 'cudaHostAlloc: out of memory');
  });
  expect(await statesOf({ ...options, output: `${options.output}-other` })).toEqual(expected);

  if (!isFull) return;
  // Unless what was pinned before that failed has taken the room.
  const memory = vi.spyOn(process, 'availableMemory').mockReturnValue(0).mockReturnValueOnce(1e12);
  expect(await statesOf({ ...options, output: `${options.output}-none` })).toEqual(expected);
  expect(memory).toHaveBeenCalledTimes(3);
});

test('a rank gives signs of life while memory is pinned', async () => {
  using tensor = Tensor.zeros([4], { device: Device.open(deviceName) });
  const state = { tensor, shape: tensor.shape, first: 0 };
  let [pinned, pinnedAtTurn] = [0, 0];
  vi.spyOn(Device.prototype, 'pinnedBuffer').mockImplementation((bytes) => {
    if (pinned++ === 0) setImmediate(() => (pinnedAtTurn = pinned));
    return new ArrayBuffer(bytes);
  });
  await pinnedArrays(new Map(['a', 'b', 'c'].map((name) => [name, state])));
  expect({ pinned, pinnedAtTurn }).toEqual({ pinned: 3, pinnedAtTurn: 1 });
});
