// The config.json of a small LLaMA that no folder holds, for tests that count memory.
import { parseLlamaConfig } from '../../lib/llama/config.ts';

export const smallShape = {
  model_type: 'llama',
  vocab_size: 300,
  hidden_size: 48,
  intermediate_size: 100,
  num_hidden_layers: 3,
  num_attention_heads: 4,
};
export const smallConfig = parseLlamaConfig(smallShape, 'config.json');
