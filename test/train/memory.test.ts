import { expect, test } from 'vitest';
import { parseLlamaConfig } from '../../lib/llama/config.ts';
import { LlamaModel } from '../../lib/llama/llama-model.ts';
import { AdamW } from '../../lib/train/adamw.ts';
import { checkDisk, checkMemory, planMemory } from '../../lib/train/memory.ts';
import { expectError, temporaryFolder } from '../llama/fixtures.ts';

const shape = {
  model_type: 'llama',
  vocab_size: 300,
  hidden_size: 48,
  intermediate_size: 100,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 2,
};
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

test.each(['float32', 'bfloat16'] as const)('the plan in %s is what a run allocates', (dtype) => {
  const plan = planMemory(tiny, { dtype, microBatchSize: 3, sequenceLength: 17 });
  using model = LlamaModel.initialize(tiny, { dtype, seed: 1 });
  const parameters = model.bytes;
  model.reserve({ batch: 3, sequence: 17 });
  using optimizer = new AdamW(model.trainableParameters());
  expect(plan.parameters).toBe(parameters);
  expect(plan.optimizer).toBe(optimizer.bytes);
  expect(plan.gradients + plan.activations).toBe(model.bytes - parameters);
  expect(plan.total).toBe(model.bytes + optimizer.bytes);
});

test('a run that cannot fit is refused with what would help', async () => {
  const settings = { dtype: 'bfloat16', microBatchSize: 256, sequenceLength: 2048 } as const;
  const plan = planMemory(llama2, settings);
  // 6.74 billion parameters at 16 bytes; activations of a micro-batch this large are far beyond any host.
  expect((plan.parameters + plan.gradients + plan.optimizer) / 6.738e9).toBeCloseTo(16, 2);
  expect(plan.activations).toBeGreaterThan(1e12);
  await expectError(() => checkMemory(plan, 'cpu'), 'usage', 'a smaller --micro-batch-size');
  checkMemory(planMemory(tiny, settings), 'cpu');
});

test('a disk that cannot hold what will be written is named', async () => {
  const folder = await temporaryFolder();
  const plan = planMemory(tiny, { dtype: 'float32', microBatchSize: 1, sequenceLength: 8 });
  await checkDisk(folder, plan);
  const huge = { ...plan, parameters: 1e18 };
  await expectError(() => checkDisk(folder, huge), 'usage', `${folder}: the disk has`);
});
