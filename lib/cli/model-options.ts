// The options of every command that runs a model, and how they open it.
import { z } from 'zod';
import { LlamaModel } from '../llama/llama-model.ts';
import type { RoundingLoss } from '../llama/rounding.ts';
import { LeiaError } from '../system/error.ts';

export const modelOptions = {
  model: z.string().describe('Hugging Face folder of a LLaMA'),
  device: z
    .string()
    .default('cpu')
    .describe('where to compute: cpu, cuda (the first GPU) or cuda:N'),
  dtype: z
    .enum(['float32', 'bfloat16'])
    .optional()
    .describe('precision of weights and activations (as the checkpoint unless given)'),
};

export async function openModel(settings: {
  readonly model: string;
  readonly device: string;
  readonly dtype?: 'float32' | 'bfloat16' | undefined;
}): Promise<LlamaModel> {
  const { model, device, dtype } = settings;
  return await LlamaModel.load(model, { device, ...(dtype && { dtype }) });
}

/** Token ids written as `1,2,3`. */
export function parseIds(flag: string, text: string): number[] {
  return text.split(',').map((part) => {
    if (/^\s*\d+\s*$/.test(part)) return Number(part);
    throw new LeiaError('usage', `${flag}: expected token ids such as 1,2,3, got '${text}'`);
  });
}

/** One line on what rounding took from a model that was saved. */
export function describeRounding({ dtype, ofWeights, ofUpdate, unmoved }: RoundingLoss): string {
  if (ofUpdate === undefined || unmoved === undefined) {
    return `Saved as ${dtype}: rounding changed the weights by ${percent(ofWeights)} (L2 norms); --save-dtype float32 keeps them all.`;
  }
  return `Saved as ${dtype}: rounding is ${percent(ofUpdate)} of the update (L2 norms), and ${percent(unmoved)} of the weights that moved are saved as they were before. --save-dtype float32 keeps the whole update, for another training step.`;
}

function percent(share: number): string {
  return `${(100 * share).toPrecision(3)} %`;
}
