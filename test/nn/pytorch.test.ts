// Twenty steps of AdamW on blocks of well-known models give the losses and gradients that PyTorch and transformers gave
// (test/fixtures/pytorch-blocks/make.py), in float32 within 1e-4.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { crossEntropy, Variable } from '../../lib/autograd.ts';
import { Tensor } from '../../lib/index.ts';
import { SafetensorsFile, writeSafetensors } from '../../lib/llama/safetensors.ts';
import { AdamW, type Module } from '../../lib/nn.ts';
import { fixtures, temporaryFolder } from '../llama/fixtures.ts';
import { Gpt2 } from './gpt2.ts';
import { Mistral } from './mistral.ts';
import { Vit } from './vit.ts';

const steps = 20;

type Inputs = (name: string) => Promise<Tensor>;
/** The loss of a model, ready to be computed as often as wanted. */
type Loss = () => Variable;

async function languageModel(
  model: Module & { forward(ids: Tensor): Variable },
  inputs: Inputs,
): Promise<Loss> {
  const ids = await inputs('ids');
  const labels = Int32Array.from(await (await inputs('labels')).read());
  return () => crossEntropy(model.forward(ids).view([labels.length, -1]), labels);
}

const models = {
  mistral: async (inputs: Inputs) => {
    const model = new Mistral();
    return { model, loss: await languageModel(model, inputs) };
  },
  gpt2: async (inputs: Inputs) => {
    const model = new Gpt2();
    return { model, loss: await languageModel(model, inputs) };
  },
  vit: async (inputs: Inputs) => {
    const model = new Vit();
    const patches = new Variable(await inputs('patches'));
    const labels = Int32Array.from(await (await inputs('labels')).read());
    return {
      model,
      loss: () => crossEntropy(model.forward(patches).view([labels.length, -1]), labels),
    };
  },
};

test.each(Object.entries(models))('%s', async (name, make) => {
  const path = join(fixtures, 'pytorch-blocks', `${name}.safetensors`);
  await using file = await SafetensorsFile.open(path);
  const { model, loss } = await make(async (input) => {
    const { shape, dtype } = file.entry(input);
    const values = await (dtype === 'I32' ? file.readInt32(input) : file.readFloat32(input));
    return Tensor.from(values, shape);
  });
  await model.load(await weightsOf(file));
  const losses = await file.readFloat32('losses');
  const parameters = model.trainableParameters({ decay: () => true });
  using optimizer = new AdamW(parameters);
  const norms = new Map<string, Float32Array>();
  for (const { name } of parameters) norms.set(name, await file.readFloat32(`norms.${name}`));
  for (let step = 0; step < steps; step++) {
    model.zeroGradients();
    const mean = loss();
    mean.backward();
    expect(Math.abs((await mean.item()) - losses[step]!), `loss ${step}`).toBeLessThan(1e-4);
    // Beside all gradients of the step: those of keys' biases, which no probability depends on, are rounding errors.
    const whole = Math.hypot(...parameters.map(({ name }) => norms.get(name)![step]!));
    for (const { name, gradient } of parameters) {
      const values = await gradient.readFloats();
      const what = `${name}, step ${step}`;
      expect(Math.abs(Math.hypot(...values) - norms.get(name)![step]!) / whole, what).toBeLessThan(
        1e-4,
      );
      if (step !== 0 && step !== steps - 1) continue;
      const expected = await file.readFloat32(`gradient.${step}.${name}`);
      const difference = Math.hypot(...values.map((value, i) => value - expected[i]!));
      expect(difference / whole, what).toBeLessThan(1e-4);
    }
    optimizer.step({ learningRate: 1e-3 });
  }
});

/** A file of the initial weights alone, as PyTorch would have saved them. */
async function weightsOf(file: SafetensorsFile): Promise<string> {
  const path = join(await temporaryFolder(), 'model.safetensors');
  const names = [...file.tensors.keys()].filter((name) => name.startsWith('weight.'));
  await writeSafetensors(
    path,
    names.map((name) => ({
      ...file.entry(name),
      name: name.replace('weight.', ''),
      read: () => file.read(name),
    })),
  );
  return path;
}
