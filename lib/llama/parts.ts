// The parts that a model's parameters come in, as a pass comes to one after the other. Where several ranks share the
// parameters or the gradients, somebody has to bring them and take them away in time: passes tell when that is.
import type { LlamaConfig } from './config.ts';
import { llamaParameters } from './parameters.ts';

/** A layer by its number; `output` is the final norm and the output matrix. */
export type Part = 'embedding' | number | 'output';
export type Direction = 'forward' | 'backward';

/** Hears from passes what they queue. What it queues itself comes between their operations. */
export interface PassListener {
  /** The next operations read the parameters of this part; in backward they also add to its gradients. */
  begin(part: Part, direction: Direction): void;
  /** This pass adds nothing more to the gradients of this part. */
  gradientsReady(part: Part): void;
}

/** In the order of a forward pass. */
export function partsOf({ numHiddenLayers }: LlamaConfig): Part[] {
  return ['embedding', ...Array.from({ length: numHiddenLayers }, (_, i) => i), 'output'];
}

/** The names of a part's parameters. An embedding that is the output matrix too is in both parts. */
export function namesOf(config: LlamaConfig, part: Part): string[] {
  const head = config.tieWordEmbeddings ? 'model.embed_tokens.weight' : 'lm_head.weight';
  if (part === 'embedding') return ['model.embed_tokens.weight'];
  if (part === 'output') return ['model.norm.weight', head];
  const prefix = `model.layers.${part}.`;
  return llamaParameters(config).flatMap(({ name }) => (name.startsWith(prefix) ? [name] : []));
}
