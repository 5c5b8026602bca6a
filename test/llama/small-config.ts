// The config.json of small LLaMAs that no folder holds: one for tests that count memory, and one for tests that run passes.
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

/** With fewer key heads than query heads, and sizes that are no powers of two. */
export const passShape = {
  model_type: 'llama',
  vocab_size: 70,
  hidden_size: 32,
  intermediate_size: 52,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 2,
};
/** Two rows of 21 of its tokens. */
export const passRows = [0, 1].map((row) =>
  Int32Array.from({ length: 21 }, (_, i) => (i * 13 + row * 31) % passShape.vocab_size),
);
