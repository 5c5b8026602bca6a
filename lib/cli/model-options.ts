// The options of every command that runs a model, and how they open it.
import { z } from 'zod';
import { LlamaModel } from '../llama/llama-model.ts';
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
