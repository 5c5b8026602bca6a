// One LLaMA decoder layer, forward and backward, through the model that training uses, with a vocabulary so small
// that embedding, output matrix and loss hardly count. A rival computes all of the same. Large is a layer of
// LLaMA-7B at 4 x 2048 tokens.
import { type Device, LlamaModel, parseLlamaConfig } from '../../lib/index.ts';
import type { Float, Prepared, Sizes, Workload } from '../workload.ts';

interface Layer {
  hidden: number;
  intermediate: number;
  heads: number;
  vocabulary: number;
  batch: number;
  sequence: number;
  dtype: Float;
}

function layer(shape: Layer): Workload {
  const { hidden, intermediate, heads, vocabulary, batch, sequence, dtype } = shape;
  const matrices = 4 * hidden * hidden + 3 * hidden * intermediate + hidden * vocabulary;
  const tokens = batch * sequence;
  // Causal attention: 2 products forward, 5 backward, of which half is visible.
  const attention = 7 * tokens * sequence * hidden;
  return {
    name: `layer ${batch}x${sequence} hidden ${hidden} mlp ${intermediate} heads ${heads} ${dtype}`,
    dtype,
    bound: 'arithmetic',
    flops: 6 * matrices * tokens + attention,
    bytes: 0,
    rival: { kind: 'layer', ...shape },
    prepare: (device) => prepare(device, shape),
  };
}

function prepare(device: Device, shape: Layer): Prepared {
  const { hidden, intermediate, heads, vocabulary, batch, sequence, dtype } = shape;
  const config = parseLlamaConfig({
    model_type: 'llama',
    vocab_size: vocabulary,
    hidden_size: hidden,
    intermediate_size: intermediate,
    num_hidden_layers: 1,
    num_attention_heads: heads,
    max_position_embeddings: sequence,
  });
  const model = LlamaModel.initialize(config, { device, dtype, seed: 1 });
  const row = (start: number) =>
    Array.from({ length: sequence }, (_, i) => (start + i * 7919) % vocabulary);
  const ids = Array.from({ length: batch }, (_, b) => row(b * 31));
  const run = () => model.forwardBackward(ids, ids);
  return {
    run,
    // The model is random, so its loss must be that of a guess. Its outputs are compared with transformers' elsewhere
    // (test/llama).
    check: async () => {
      const [loss = Number.NaN] = await run().loss.readFloats();
      const guess = Math.log(vocabulary);
      if (!(Math.abs(loss - guess) < 1)) {
        throw new Error(`the loss is ${loss}, expected about ${guess.toFixed(2)}: not timed`);
      }
      return undefined;
    },
    dispose: () => model.dispose(),
  };
}

export function workloads(sizes: Sizes): Workload[] {
  if (sizes === 'large') {
    const shape = { hidden: 4096, intermediate: 11008, heads: 32, vocabulary: 256 };
    return [layer({ ...shape, batch: 4, sequence: 2048, dtype: 'bfloat16' })];
  }
  const shape =
    sizes === 'tiny'
      ? { hidden: 64, intermediate: 96, heads: 1, vocabulary: 40, batch: 1, sequence: 24 }
      : { hidden: 512, intermediate: 1376, heads: 8, vocabulary: 256, batch: 4, sequence: 512 };
  return (['float32', 'bfloat16'] as const).map((dtype) => layer({ ...shape, dtype }));
}
