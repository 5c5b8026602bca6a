// Where a run's first weights come from: each tensor of the base model is read once, with all its bits, whatever
// config.json says of them; and not at all when a saved state takes its place.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { joinFloat32 } from '../../lib/core/bfloat16.ts';
import { LlamaModel } from '../../lib/llama/llama-model.ts';
import { SafetensorsFile, writeSafetensors } from '../../lib/llama/safetensors.ts';
import { type TrainOptions, train } from '../../lib/train/train.ts';
import { readJson } from '../llama/fixtures.ts';
import { makeRun } from './runs.ts';

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

/** Gives the weights of a folder another dtype, or config.json another opinion of it. */
async function store(model: string, { file, claimed }: { file?: 'F16'; claimed?: string }) {
  const path = join(model, 'model.safetensors');
  if (file !== undefined) {
    await using source = await SafetensorsFile.open(path);
    const tensors = [...source.tensors].map(([tensor, { shape }]) => ({ tensor, shape }));
    const halves = tensors.map(({ tensor, shape }, i) => ({
      name: tensor,
      dtype: file,
      shape,
      // Numbers between 0.25 and 1, in which float16 and bfloat16 have bits that the other lacks.
      read: () => {
        const size = shape.reduce((a, b) => a * b, 1);
        const bits = Uint16Array.from({ length: size }, (_, j) => 0x3400 + ((j * 37 + i) % 0x800));
        return new Uint8Array(bits.buffer);
      },
    }));
    await writeSafetensors(path, halves);
  }
  const config = await readJson(join(model, 'config.json'));
  await writeFile(join(model, 'config.json'), JSON.stringify({ ...config, torch_dtype: claimed }));
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
    await store(options.model, { claimed });
    await stopAfter(options, 1);
    await using base = await SafetensorsFile.open(join(options.model, 'model.safetensors'));
    expect(await masterOf(options.output, 1)).toEqual(await base.readFloat32(name));
    using model = await LlamaModel.load(options.model);
    expect(model.dtype).toBe('float32');
  },
);

test('float16 weights start with all their bits', async () => {
  const options = await makeRun(still);
  await store(options.model, { file: 'F16', claimed: 'bfloat16' });
  await stopAfter(options, 1);
  await using base = await SafetensorsFile.open(join(options.model, 'model.safetensors'));
  expect(base.entry(name).dtype).toBe('F16');
  expect(await masterOf(options.output, 1)).toEqual(await base.readFloat32(name));
});
