// Where a run's first weights come from: each tensor of the base model is read once, with all its bits, whatever
// config.json says of them; and not at all when a saved state takes its place.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { joinFloat32 } from '../../lib/core/bfloat16.ts';
import { LlamaModel } from '../../lib/llama/llama-model.ts';
import { SafetensorsFile } from '../../lib/llama/safetensors.ts';
import { type TrainOptions, train } from '../../lib/train/train.ts';
import { readJson } from '../llama/fixtures.ts';
import { makeRun, storeAs } from './runs.ts';

const name = 'model.layers.0.mlp.up_proj.weight';

/** Calls `action` and gives the names of the tensors that were read meanwhile from the model's file. */
async function readsOf(model: string, action: () => Promise<unknown>): Promise<string[]> {
  const read = vi.spyOn(SafetensorsFile.prototype, 'read');
  try {
    await action();
    return read.mock.calls.flatMap(([tensor], i) =>
      (read.mock.contexts[i] as SafetensorsFile).path.startsWith(model) ? [tensor] : [],
    );
  } finally {
    read.mockRestore();
  }
}

/** Stops the run when it has all its weights, after `steps` steps. */
async function stopAfter(options: TrainOptions, steps: number): Promise<void> {
  const controller = new AbortController();
  const stopped = train({
    ...options,
    signal: controller.signal,
    onStart: ({ stepsDone }) => stepsDone >= steps && controller.abort(),
    onStep: ({ step }) => {
      if (step === steps) controller.abort();
    },
  });
  await expect(stopped).rejects.toMatchObject({ code: 'interrupted' });
}

/** The float32 master of a parameter in a saved state. */
async function masterOf(output: string, step: number): Promise<Float32Array> {
  const path = join(output, `resume/step-${step}/state.safetensors`);
  await using state = await SafetensorsFile.open(path);
  const bits = async (key: string) => new Uint16Array((await state.read(key)).buffer);
  const low = [...state.tensors.keys()].find(
    (key) => key.endsWith(name) && state.entry(key).dtype === 'U16',
  );
  return joinFloat32(await bits(`parameter.${name}`), await bits(low!));
}

/** Lets config.json claim another dtype than the weights have. */
async function claim(model: string, dtype: string): Promise<void> {
  const path = join(model, 'config.json');
  await writeFile(path, JSON.stringify({ ...(await readJson(path)), torch_dtype: dtype }));
}

test.each(['float32', 'bfloat16'] as const)(
  'a run in %s reads each tensor of the base model once, a resumed one none',
  async (dtype) => {
    const options = await makeRun({ dtype });
    const reads = await readsOf(options.model, () => stopAfter(options, 2));
    await using base = await SafetensorsFile.open(join(options.model, 'model.safetensors'));
    expect([...reads].sort()).toEqual([...base.tensors.keys()].sort());
    expect(await readsOf(options.model, () => stopAfter(options, 2))).toEqual([]);
  },
);

// The learning rate is too small to change anything, so that the master is still what was read.
const still = { maxSteps: 2, dtype: 'bfloat16', learningRate: 1e-30 } as const;

test.each(['float32', 'bfloat16', 'float16'])(
  'float32 weights start with all their bits where config.json says %s',
  async (claimed) => {
    const options = await makeRun(still);
    await claim(options.model, claimed);
    await stopAfter(options, 1);
    await using base = await SafetensorsFile.open(join(options.model, 'model.safetensors'));
    expect(await masterOf(options.output, 1)).toEqual(await base.readFloat32(name));
    using model = await LlamaModel.load(options.model);
    expect(model.dtype).toBe('float32');
  },
);

test('float16 weights start with all their bits', async () => {
  const options = await makeRun(still);
  await storeAs(options.model, 'float16');
  await claim(options.model, 'bfloat16');
  await stopAfter(options, 1);
  await using base = await SafetensorsFile.open(join(options.model, 'model.safetensors'));
  expect(base.entry(name).dtype).toBe('F16');
  expect(await masterOf(options.output, 1)).toEqual(await base.readFloat32(name));
});
