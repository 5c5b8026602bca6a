// Modules: how their parameters are named, frozen, saved and loaded.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { manualSeed, residualAdd, swiglu, Variable } from '../../lib/autograd.ts';
import { Device, Tensor } from '../../lib/index.ts';
import { SafetensorsFile } from '../../lib/llama/safetensors.ts';
import { AdamW, Dropout, Embedding, LayerNorm, Linear, Module, RmsNorm } from '../../lib/nn.ts';
import { expectError, temporaryFolder } from '../llama/fixtures.ts';
import { steadyBytes } from '../support/steady-bytes.ts';

class Block extends Module {
  readonly norm = new LayerNorm(4);
  readonly linear = new Linear(4, 4, { bias: false });

  forward(input: Variable): Variable {
    return residualAdd(input, this.linear.forward(this.norm.forward(input)));
  }
}

class Model extends Module {
  readonly table = new Embedding(3, 4);
  readonly blocks = [new Block(), new Block()];
  readonly scale = new Variable(Tensor.from([1, 2, 3, 4], [1, 4]), { requiresGrad: true });
  readonly head = this.table;
  readonly ids = Tensor.from(Int32Array.of(2), [1]);

  forward(): Variable {
    let x = this.table.forward(this.ids);
    for (const block of this.blocks) x = block.forward(x);
    return swiglu(x, this.scale);
  }
}

const names = [
  'table.weight',
  'blocks.0.norm.weight',
  'blocks.0.norm.bias',
  'blocks.0.linear.weight',
  'blocks.1.norm.weight',
  'blocks.1.norm.bias',
  'blocks.1.linear.weight',
  'scale',
];

const valuesOf = (module: Module) =>
  Promise.all([...module.namedParameters()].map(async ([, { value }]) => await value.read()));

test('parameters have the names that PyTorch gives them, each once', () => {
  const model = new Model();
  expect([...model.namedParameters()].map(([name]) => name)).toEqual(names);
  const decayed = model.trainableParameters().filter(({ decay }) => decay);
  expect(decayed.map(({ name }) => name)).toEqual(names.filter((name) => !name.includes('norm')));
});

test('initial weights follow from the seed', async () => {
  const drawn = async (seed: number) => {
    manualSeed(seed);
    return await valuesOf(new Model());
  };
  const first = await drawn(5);
  expect(await drawn(5)).toEqual(first);
  expect(await drawn(6)).not.toEqual(first);
  // No two parameters have the same numbers.
  expect(first[3]).not.toEqual(first[6]);
  const [weight] = await valuesOf(new Linear(300, 40, { bias: false }));
  expect(Math.hypot(...weight!) * Math.sqrt((3 * 300) / weight!.length)).toBeCloseTo(1, 1);
  await expectError(() => manualSeed(-1), 'argument', 'manualSeed: -1');
  await expectError(() => new Linear(0, 3), 'argument', 'expected positive whole numbers');
});

test('frozen parameters have no gradient and are not trained', async () => {
  const model = new Model().freeze((name) => !name.startsWith('blocks.1.linear'));
  const before = await valuesOf(model);
  const trainable = model.trainableParameters();
  expect(trainable.map(({ name }) => name)).toEqual(['blocks.1.linear.weight']);
  using optimizer = new AdamW(trainable);
  model.zeroGradients();
  model.forward().backward();
  optimizer.step({ learningRate: 0.1 });
  const after = await valuesOf(model);
  const changed = names.filter((_, i) => `${before[i]}` !== `${after[i]}`);
  expect(changed).toEqual(['blocks.1.linear.weight']);
  const result = model.forward();
  await expectError(() => result.setRequiresGrad(false), 'usage', 'expected a parameter');
});

test('evaluating frees what it makes and records nothing', async () => {
  const device = Device.open('cpu');
  const model = new Model();
  const before = await steadyBytes(device);
  const output = model.evaluate(() => {
    expect([model.isTraining, model.blocks[1]!.norm.isTraining]).toEqual([false, false]);
    return model.forward();
  });
  await device.synchronize();
  expect([device.liveBytes - before, output.requiresGrad]).toEqual([16, false]);
  expect(model.blocks[1]!.norm.isTraining).toBe(true);
  output.dispose();
});

test('dropout does nothing while a module is evaluated', async () => {
  class Part extends Module {
    readonly dropout = new Dropout(0.5);
  }
  const part = new Part();
  const x = new Variable(Tensor.from(new Float32Array(100).fill(1), [100]));
  const droppedOf = async (output: Variable) => (await output.read()).indexOf(0) >= 0;
  expect(await droppedOf(part.dropout.forward(x))).toBe(true);
  expect(await droppedOf(part.evaluate(() => part.dropout.forward(x)))).toBe(false);
  expect(await droppedOf(part.dropout.forward(x))).toBe(true);
});

test('disposing of a module frees its parameters and gradients', async () => {
  const device = Device.open('cpu');
  const before = await steadyBytes(device);
  const module = new Block();
  module.forward(new Variable(Tensor.from([1, 2, 3, 4], [1, 4]))).backward();
  module.dispose();
  expect(await steadyBytes(device)).toBe(before);
});

describe('a safetensors file', () => {
  test('takes parameters and gives them back', async () => {
    const path = join(await temporaryFolder(), 'model.safetensors');
    const [model, other] = [new Model(), new Model()];
    await model.save(path);
    await using file = await SafetensorsFile.open(path);
    expect([...file.tensors.keys()].sort()).toEqual(names.toSorted());
    expect(file.entry('blocks.0.linear.weight').shape).toEqual([4, 4]);
    expect(await valuesOf(other)).not.toEqual(await valuesOf(model));
    await other.load(path);
    expect(await valuesOf(other)).toEqual(await valuesOf(model));
  });

  test('of bfloat16 parameters keeps their dtype, and can be read in another', async () => {
    const path = join(await temporaryFolder(), 'model.safetensors');
    const norm = new RmsNorm(3, { dtype: 'bfloat16' });
    norm.weight.value.write([1, 2.5, -3]);
    await norm.save(path);
    await using file = await SafetensorsFile.open(path);
    expect(file.entry('weight').dtype).toBe('BF16');
    const wide = new RmsNorm(3);
    await wide.load(path);
    expect(Array.from(await wide.weight.read())).toEqual([1, 2.5, -3]);
  });

  test('that does not fit is refused before anything changes', async () => {
    const path = join(await temporaryFolder(), 'model.safetensors');
    await new Block().save(path);
    const model = new Model();
    const before = await valuesOf(model);
    await expectError(
      () => model.load(path),
      'mismatch',
      'it lacks "table.weight", "blocks.0.norm.weight", "blocks.0.norm.bias" and 5 more; the module has no "linear.weight"',
    );
    await new LayerNorm(4).save(path);
    await expectError(
      () => new LayerNorm(5).load(path, { strict: false }),
      'mismatch',
      'tensor "weight" is F32 [4], expected F32, BF16 or F16 [5]',
    );
    await writeFile(path, 'no tensors');
    await expectError(() => model.load(path), 'format', 'model.safetensors');
    expect(await valuesOf(model)).toEqual(before);
  });

  test('that has a part of the parameters is loaded where that is asked for', async () => {
    const path = join(await temporaryFolder(), 'model.safetensors');
    class Head extends Module {
      readonly table = new Embedding(3, 4);
      readonly extra = new RmsNorm(4);
    }
    const head = new Head();
    await head.save(path);
    const model = new Model();
    const before = await valuesOf(model);
    await model.load(path, { strict: false });
    const after = await valuesOf(model);
    expect(after[0]).toEqual(await head.table.weight.read());
    expect(after.slice(1)).toEqual(before.slice(1));
  });
});
