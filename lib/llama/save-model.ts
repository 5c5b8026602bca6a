// Writes a model as a Hugging Face folder, and tells what rounding to 16 bits takes from it.
import type { LlamaModel } from './llama-model.ts';
import type { SaveModelOptions } from './model-options.ts';
import { type RoundingLoss, RoundingMeter } from './rounding.ts';
import { saveCheckpoint } from './save-checkpoint.ts';
import { resolveDtype, storedValues } from './stored-values.ts';

/** See {@link LlamaModel.save}. */
export async function saveModel(
  model: LlamaModel,
  folder: string,
  options: SaveModelOptions,
): Promise<RoundingLoss | undefined> {
  const { masters, before, companions = model.folder, files = new Map() } = options;
  const dtype = resolveDtype(options.dtype, model.storedDtype);
  const { parameters = (name) => model.parameter(name).readBits() } = options;
  const parameter = async (name: string) => storedValues(model.dtype, await parameters(name));
  const exact = async (name: string) =>
    masters ? storedValues('float32', await masters(name)) : await parameter(name);
  // A bfloat16 parameter is its master, rounded: written as it is, it is what training computed with.
  const asTrained = dtype === model.dtype;
  const isExact = dtype === 'float32' || (asTrained && masters === undefined);
  const rounding = new RoundingMeter(dtype);
  await saveCheckpoint(folder, {
    config: model.config,
    dtype,
    companions,
    files,
    read: asTrained ? parameter : exact,
    onWrite: async (name, read, written) => {
      if (isExact) return;
      await rounding.add(asTrained ? await exact(name) : read, written, await before?.read(name));
    },
  });
  return isExact ? undefined : rounding.loss;
}
