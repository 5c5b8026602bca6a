import { totalmem } from 'node:os';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Device } from '../../lib/core/device.ts';
import { Tensor } from '../../lib/core/tensor.ts';
import { parseLlamaConfig } from '../../lib/llama/config.ts';
import { LlamaModel } from '../../lib/llama/llama-model.ts';
import { AdamW } from '../../lib/train/adamw.ts';
import { checkMemory } from '../../lib/train/choices.ts';
import { absentGpu, deviceMemory, hostMemory, planMemory } from '../../lib/train/memory.ts';
import { trainSettings } from '../../lib/train/settings.ts';
import { train } from '../../lib/train/train.ts';
import { TrainingStep } from '../../lib/train/training-step.ts';
import { expectError } from '../llama/fixtures.ts';
import { smallShape } from '../llama/small-config.ts';
import { steadyBytes } from '../support/steady-bytes.ts';
import { makeRun } from './runs.ts';

const shape = { ...smallShape, num_key_value_heads: 2 };
const tiny = parseLlamaConfig(shape, 'config.json');
const llama2 = parseLlamaConfig(
  {
    model_type: 'llama',
    vocab_size: 32000,
    hidden_size: 4096,
    intermediate_size: 11008,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    max_position_embeddings: 4096,
  },
  'config.json',
);

test.each(['float32', 'bfloat16'] as const)(
  'the plan in %s is what a run allocates',
  async (dtype) => {
    const plan = planMemory(tiny, { dtype, microBatchSize: 3, sequenceLength: 17 });
    const before = await steadyBytes(Device.open());
    using model = LlamaModel.initialize(tiny, { dtype, seed: 1 });
    const parameters = model.bytes;
    model.reserve({ batch: 3, sequence: 17 });
    using optimizer = new AdamW(model.trainableParameters());
    using step = new TrainingStep(model, optimizer, {
      ...trainSettings.parse({}),
      microBatchSize: 3,
      recompute: 'none',
      moments: 'float32',
    });
    expect(plan.parameters).toBe(parameters);
    expect(plan.masterLowBits + plan.moments).toBe(optimizer.bytes + step.bytes);
    expect(plan.gradients + plan.activations + plan.logits).toBe(model.bytes - parameters);
    // Queued work keeps alive what it uses, also what was disposed.
    await model.device.synchronize();
    expect(plan.tensors).toBe(model.device.liveBytes - before);
  },
);

test('a whole run holds what the plan says, from its first step on', async () => {
  const options = await makeRun({ dtype: 'bfloat16', documentMask: true });
  const before = await steadyBytes(Device.open());
  const held: number[] = [];
  let planned = 0;
  await train({
    ...options,
    onStart: ({ memory }) => {
      planned = memory.tensors;
    },
    onStep: async (_, { device }) => {
      await device.synchronize();
      held.push(device.liveBytes - before);
    },
  });
  expect(held).toEqual(new Array(4).fill(planned));
  await Device.open().synchronize();
  expect(Device.open().liveBytes).toBe(before);
});

test.each([
  [1, 116_730_216_460],
  [2, 125_513_662_476],
  [3, 134_297_108_492],
  [4, 143_080_554_508],
])('LLaMA-2-7B at micro-batch %i is counted without a device', (microBatchSize, bytes) => {
  const open = vi.spyOn(Device, 'open');
  const empty = vi.spyOn(Tensor, 'empty');
  const plan = planMemory(llama2, { dtype: 'bfloat16', microBatchSize, sequenceLength: 2048 });
  // By hand: 16 bytes for each of 6,738,415,616 parameters; 1.08 GB a layer at micro-batch 4; logits and tables.
  expect(plan.tensors).toBe(bytes);
  expect(plan.tensors - plan.activations - plan.logits - 8).toBe(16 * 6_738_415_616);
  expect(open).not.toHaveBeenCalled();
  expect(empty).not.toHaveBeenCalled();
  vi.restoreAllMocks();
});

describe('the memory of the host', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  test.each([
    ['no limit known', 0, totalmem()],
    ['no limit', 2 ** 64, totalmem()],
    ['a limit above what there is', totalmem() + 1, totalmem()],
    ['a container with less', 123_456_789, 123_456_789],
  ])('%s', async (_, limit, expected) => {
    vi.spyOn(process, 'constrainedMemory').mockReturnValue(limit);
    expect(hostMemory()).toBe(expected);
    expect(deviceMemory('cpu').bytes).toBe(expected);
  });

  test('a run may take all of it, and no byte more', async () => {
    const complete = { microBatchSize: 1, recompute: 'none', moments: 'float32' } as const;
    const settings = { ...trainSettings.parse({ sequenceLength: 8 }), ...complete };
    const { total } = planMemory(tiny, settings);
    const limit = vi.spyOn(process, 'constrainedMemory').mockReturnValue(total);
    checkMemory(tiny, settings);
    limit.mockReturnValue(total - 1);
    await expectError(() => checkMemory(tiny, settings), 'usage', 'of memory, this machine has');
  });
});

test('a run that cannot fit is refused with what would help', async () => {
  const complete = { microBatchSize: 256, recompute: 'none', moments: 'float32' } as const;
  const settings = { ...trainSettings.parse({}), ...complete };
  const plan = planMemory(llama2, settings);
  // 6.74 billion parameters at 16 bytes; activations of a micro-batch this large are far beyond any host.
  const { parameters, gradients, masterLowBits, moments, activations } = plan;
  expect((parameters + gradients + masterLowBits + moments) / 6.738e9).toBeCloseTo(16, 2);
  expect(activations).toBeGreaterThan(1e12);
  const large = absentGpu('a GPU', 200e9);
  await expectError(
    () => checkMemory(llama2, settings, large),
    'usage',
    'the largest part are activations',
  );
  checkMemory(tiny, settings);
});
