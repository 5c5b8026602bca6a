import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { countLabelTokens, ops, Tensor } from '../../lib/index.ts';
import { parseLlamaConfig } from '../../lib/llama/config.ts';
import { LlamaModel } from '../../lib/llama/llama-model.ts';
import type { ModelDtype } from '../../lib/llama/model-options.ts';
import { SafetensorsFile } from '../../lib/llama/safetensors.ts';
import { AdamW } from '../../lib/train/adamw.ts';
import { deviceName } from '../ops/case.ts';
import { isFull } from '../support/extent.ts';
import { steadyBytes } from '../support/steady-bytes.ts';
import { expectError, fixtures, readJson, relativeError, rowsOf, tinyLlamas } from './fixtures.ts';

interface Expected {
  loss: number;
  label_tokens: number;
  steps?: { loss: number; grad_norm: number; lr: number }[];
  loss_after_steps?: number;
}

/** Relative errors that a plain bfloat16 implementation has; see reference/measure_bfloat16.py. */
interface PlainBfloat16 {
  logits: number;
  loss: number;
  gradients: Record<string, number>;
  updates?: Record<string, number>;
}

/** What is allowed: fixed in float32, twice a plain implementation's error in bfloat16. */
async function tolerances(folder: string, dtype: ModelDtype): Promise<Required<PlainBfloat16>> {
  const plain = (await readJson(join(folder, 'bfloat16.json'))) as unknown as PlainBfloat16;
  const all = (errors: Record<string, number> = {}, allowed: (error: number) => number) =>
    Object.fromEntries(Object.entries(errors).map(([name, error]) => [name, allowed(error)]));
  if (dtype === 'float32') {
    return {
      logits: 1e-4,
      loss: 1e-5,
      gradients: all(plain.gradients, () => 1e-3),
      updates: all(plain.updates, () => 5e-2),
    };
  }
  return {
    logits: Math.min(2 * plain.logits, 2e-2),
    loss: 2e-3,
    gradients: all(plain.gradients, (error) => 2 * error),
    // One entry whose gradient is all rounding moves a full step either way: only the worst is meaningful.
    updates: all(plain.updates, () => 2 * Math.max(...Object.values(plain.updates ?? {}))),
  };
}

async function openFixture(name: string, dtype: ModelDtype) {
  const folder = join(fixtures, name);
  const file = await SafetensorsFile.open(join(folder, 'expected.safetensors'));
  return {
    file,
    expected: (await readJson(join(folder, 'expected.json'))) as unknown as Expected,
    allowed: await tolerances(folder, dtype),
    model: await LlamaModel.load(folder, { device: deviceName, dtype }),
    ids: await rowsOf(file, 'input_ids'),
    labels: await rowsOf(file, 'labels'),
  };
}

describe.each(tinyLlamas)('%s', (name) => {
  test.each(['float32', 'bfloat16'] as const)('logits, loss and gradients in %s', async (dtype) => {
    const fixture = await openFixture(name, dtype);
    const { file, expected, allowed, labels, ids } = fixture;
    await using _ = file;
    using model = fixture.model;
    const reference = await file.readFloat32('logits');

    const plain = model.forward(ids);
    expect(plain.logits.shape).toEqual([2, ids[0]!.length, model.config.vocabSize]);
    const inference = await plain.logits.readFloats();
    expect(relativeError(inference, reference)).toBeLessThan(allowed.logits);

    const { logits, loss } = model.forward(ids, labels);
    model.backward();
    expect(await logits.readFloats()).toEqual(inference);
    expect([loss.shape, countLabelTokens(labels)]).toEqual([[1], expected.label_tokens]);
    const [value] = await loss.readFloats();
    expect(Math.abs(value! / expected.loss - 1)).toBeLessThan(allowed.loss);
    for (const { name: parameter } of model.trainableParameters()) {
      const gradient = model.gradient(parameter);
      expect(gradient.dtype).toBe('float32');
      const error = relativeError(
        await gradient.readFloats(),
        await file.readFloat32(`grad.${parameter}`),
      );
      expect(error, parameter).toBeLessThan(allowed.gradients[parameter]!);
    }
  });
});

const withSteps = tinyLlamas.filter(
  (name) => name !== 'tiny-llama-rope-llama3' && name !== 'tiny-mistral',
);
describe.each(withSteps)('%s', (name) => {
  test.each(['float32', 'bfloat16'] as const)('three AdamW steps in %s', async (dtype) => {
    const fixture = await openFixture(name, dtype);
    const { file, expected, allowed } = fixture;
    await using _ = file;
    using model = fixture.model;
    using optimizer = new AdamW(model.trainableParameters());
    const before = new Map<string, Float32Array>();
    for (const { name: parameter } of optimizer.parameters) {
      before.set(parameter, await optimizer.master(parameter));
    }
    const [batches, labels] = [
      await rowsOf(file, 'step_input_ids'),
      await rowsOf(file, 'step_labels'),
    ];
    for (const [index, step] of expected.steps!.entries()) {
      model.zeroGradients();
      const { loss } = model.forwardBackward(
        batches.slice(2 * index, 2 * index + 2),
        labels.slice(2 * index, 2 * index + 2),
      );
      const gradients = optimizer.parameters.map(({ gradient }) => gradient);
      const { norm, scale } = ops.gradientNorm({ gradients, maxNorm: 1 });
      optimizer.step({ learningRate: step.lr, gradientScale: scale });
      const tolerance = dtype === 'float32' ? 1e-4 : 1e-2;
      expect(Math.abs((await loss.readFloats())[0]! / step.loss - 1)).toBeLessThan(tolerance);
      expect(Math.abs((await norm.readFloats())[0]! / step.grad_norm - 1)).toBeLessThan(tolerance);
    }
    await using start = await SafetensorsFile.open(join(fixtures, name, 'model.safetensors'));
    for (const { name: parameter } of optimizer.parameters) {
      const after = await optimizer.master(parameter);
      const change = after.map((value, i) => value - before.get(parameter)![i]!);
      const origin = await start.readFloat32(parameter);
      const wanted = (await file.readFloat32(`after.${parameter}`)).map((v, i) => v - origin[i]!);
      expect(relativeError(change, wanted), parameter).toBeLessThan(allowed.updates[parameter]!);
    }
    if (dtype === 'float32') {
      const { loss } = model.forward(fixture.ids, fixture.labels);
      expect((await loss.readFloats())[0]! / expected.loss_after_steps! - 1).toBeCloseTo(0, 5);
    }
  });
});

describe('LlamaModel', () => {
  test('micro-batches with the label count of the whole add up to it', async () => {
    const fixture = await openFixture('tiny-llama', 'float32');
    using model = fixture.model;
    const ids = await rowsOf(fixture.file, 'step_input_ids');
    const labels = await rowsOf(fixture.file, 'step_labels');
    await fixture.file.close();
    const labelTokens = countLabelTokens(labels);
    model.forward(ids, labels);
    model.backward();
    const whole = await gradientsOf(model);
    const splits = [
      [1, 5],
      [3, 3],
      [1, 1, 1, 1, 1, 1],
    ];
    // The emulator takes its time.
    for (const split of deviceName === 'emulated' && !isFull ? splits.slice(0, 1) : splits) {
      model.zeroGradients();
      let start = 0;
      // Nothing is awaited in between: the queue keeps the order.
      for (const rows of split) {
        const end = start + rows;
        model.forward(ids.slice(start, end), labels.slice(start, end), { labelTokens });
        model.backward();
        start = end;
      }
      for (const [name, gradient] of await gradientsOf(model)) {
        expect(relativeError(gradient, whole.get(name)!), name).toBeLessThan(1e-5);
      }
    }
  });

  test('the losses of micro-batches add up to the mean', async () => {
    const { file, model, ids, labels, expected } = await openFixture('tiny-llama', 'float32');
    await file.close();
    let sum = 0;
    for (const row of ids.keys()) {
      const options = { labelTokens: expected.label_tokens };
      const { loss } = model.forward([ids[row]!], [labels[row]!], options);
      sum += (await loss.readFloats())[0]!;
    }
    expect(sum / expected.loss).toBeCloseTo(1, 5);
    model.dispose();
  });

  test('forwardBackward is forward and backward, with less memory', async () => {
    const { file, model, ids, labels } = await openFixture('tiny-llama', 'float32');
    await file.close();
    const { loss } = model.forward(ids, labels);
    model.backward({ scale: 0.5 });
    const reference = await gradientsOf(model);
    const [expected] = await loss.readFloats();
    const bytes = model.bytes;
    model.zeroGradients();
    const step = model.forwardBackward(ids, labels, { scale: 0.5 });
    expect((await step.loss.readFloats())[0]! / expected!).toBeCloseTo(1, 6);
    for (const [name, gradient] of await gradientsOf(model)) {
      expect(relativeError(gradient, reference.get(name)!), name).toBeLessThan(1e-6);
    }
    const rows = ids.length * ids[0]!.length;
    expect(bytes - model.bytes).toBe(4 * rows * model.config.vocabSize + 4 * rows);
    await expectError(() => model.backward(), 'argument', 'call forward with labels first');
    model.dispose();
  });

  test.each(['float32', 'bfloat16'] as const)('gives the same bits twice in %s', async (dtype) => {
    const runs = [];
    for (let run = 0; run < 2; run++) {
      const { file, model, ids, labels } = await openFixture('tiny-llama-tied', dtype);
      await file.close();
      const { logits } = model.forward(ids, labels);
      model.backward({ scale: 0.5 });
      runs.push([await logits.readFloats(), ...(await gradientsOf(model)).values()]);
      model.dispose();
    }
    const [first, second] = runs.map((run) => run.map((values) => Buffer.from(values.buffer)));
    expect(first!.every((bytes, i) => bytes.equals(second![i]!))).toBe(true);
  });

  test('allocates nothing in a step after the first', async () => {
    const { file, model, ids, labels } = await openFixture('tiny-llama', 'float32');
    await file.close();
    using optimizer = new AdamW(model.trainableParameters());
    model.reserve({ batch: ids.length, sequence: ids[0]!.length });
    const reserved = model.bytes;
    const live = [await steadyBytes(model.device)];
    for (let step = 0; step < 3; step++) {
      model.zeroGradients();
      model.forwardBackward(ids, labels);
      optimizer.step({ learningRate: 1e-4 });
      await model.device.synchronize();
      live.push(model.device.liveBytes);
    }
    expect(new Set(live).size).toBe(1);
    expect(model.bytes).toBe(reserved);
    model.dispose();
  });

  test('documents in one row are computed as if alone', async () => {
    const { file, model, ids } = await openFixture('tiny-llama', 'float32');
    await file.close();
    const [row] = ids;
    const cut = 19;
    const starts = row!.map((_, i) => (i < cut ? 0 : cut));
    const { vocabSize } = model.config;
    const packed = await model
      .forward([row!], undefined, { documentStarts: [starts] })
      .logits.readFloats();
    const second = await model.forward([row!.subarray(cut)]).logits.readFloats();
    expect(relativeError(packed.subarray(cut * vocabSize), second)).toBeLessThan(1e-5);
    model.dispose();
  });

  test('gradients of packed documents are those of the documents alone', async () => {
    const { file, model, ids } = await openFixture('tiny-llama-tied', 'float32');
    await file.close();
    const [row] = ids as [Int32Array];
    const cut = 21;
    const starts = row.map((_, i) => (i < cut ? 0 : cut));
    // The first token of a document is not asked for: what stands before it is another document.
    const labels = row.map((id, i) => (i === cut ? -100 : id));
    const labelTokens = countLabelTokens([labels]);
    model.forward([row], [labels], { documentStarts: [starts] });
    model.backward();
    const packed = await gradientsOf(model);
    model.zeroGradients();
    for (const part of [row.subarray(0, cut), row.subarray(cut)]) {
      model.forward([part], [part], { labelTokens });
      model.backward();
    }
    for (const [name, gradient] of await gradientsOf(model)) {
      expect(relativeError(packed.get(name)!, gradient), name).toBeLessThan(1e-5);
    }
    model.dispose();
  });

  test('takes ids as nested arrays, a single row or a tensor', async () => {
    const { file, model } = await openFixture('tiny-llama', 'float32');
    await file.close();
    const row = [1, 17, 300, 4];
    const reference = await model.forward([row]).logits.readFloats();
    using tensor = Tensor.from(Int32Array.from(row), [1, 4], { device: model.device });
    for (const ids of [row, Int32Array.from(row), tensor]) {
      expect(await model.forward(ids).logits.readFloats()).toEqual(reference);
    }
    model.dispose();
  });
});

// A vocabulary of which a chunk has fewer rows than the batch: 640 of 700.
test('the loss of a large vocabulary is made in chunks', async () => {
  if (deviceName === 'emulated') return; // half a minute of plain loops, for nothing that is the device's
  const config = parseLlamaConfig(
    {
      model_type: 'llama',
      vocab_size: 50_000,
      hidden_size: 16,
      intermediate_size: 24,
      num_hidden_layers: 1,
      num_attention_heads: 2,
      max_position_embeddings: 350,
    },
    'config.json',
  );
  using model = LlamaModel.initialize(config, { device: deviceName, seed: 3 });
  const ids = [0, 1].map((row) => Array.from({ length: 350 }, (_, i) => (i * 977 + row) % 50_000));
  const { loss } = model.forward(ids, ids);
  model.backward();
  const [expected] = await loss.readFloats();
  const reference = await gradientsOf(model);
  const bytes = model.bytes;
  model.zeroGradients();
  const step = model.forwardBackward(ids, ids);
  expect((await step.loss.readFloats())[0]! / expected!).toBeCloseTo(1, 6);
  for (const [name, gradient] of await gradientsOf(model)) {
    // On a GPU the library adds up a chunk's product in another order than the whole's.
    const allowed = deviceName === 'cuda' ? 3e-6 : 1e-6;
    expect(relativeError(gradient, reference.get(name)!), name).toBeLessThan(allowed);
  }
  // The chunk's rows are padded to 50,048 columns.
  expect(bytes - model.bytes).toBe(4 * (2 * 700 * 50_000 - 640 * 50_048) + 4 * 700);
});

test('the loss of models of any shape falls along the gradient as fast as the gradient says', async () => {
  const shape = fc.record({
    heads: fc.constantFrom([1, 1], [2, 1], [3, 3], [4, 2], [6, 2]),
    halfHead: fc.integer({ min: 4, max: 9 }),
    ownHeadDim: fc.option(fc.integer({ min: 1, max: 20 })),
    intermediate_size: fc.integer({ min: 1, max: 33 }),
    num_hidden_layers: fc.integer({ min: 1, max: 2 }),
    vocab_size: fc.integer({ min: 5, max: 40 }),
    tie_word_embeddings: fc.boolean(),
    batch: fc.integer({ min: 1, max: 3 }),
    sequence: fc.integer({ min: 2, max: 11 }),
    seed: fc.nat(),
  });
  await fc.assert(
    fc.asyncProperty(
      shape,
      async ({ heads, halfHead, ownHeadDim, batch, sequence, seed, ...keys }) => {
        const hidden = 2 * halfHead * heads[0]!;
        const config = parseLlamaConfig({
          model_type: 'llama',
          ...keys,
          hidden_size: hidden,
          num_attention_heads: heads[0],
          num_key_value_heads: heads[1],
          ...(ownHeadDim && { head_dim: 2 * ownHeadDim }),
          // Activations of about one: larger weights saturate the softmax, and nothing is straight there.
          initializer_range: 0.8 / Math.sqrt(hidden),
        });
        using model = LlamaModel.initialize(config, { seed });
        const id = (row: number, i: number) => (seed + 7 * row + 3 * i * i) % config.vocabSize;
        const ids = Array.from({ length: batch }, (_, row) =>
          Array.from({ length: sequence }, (_, i) => id(row, i)),
        );
        const lossOf = async () => (await model.forward(ids, ids).loss.readFloats())[0]!;
        await lossOf();
        model.backward();
        const origin = new Map<string, Float32Array>();
        const gradients = await gradientsOf(model);
        let square = 0;
        for (const [name, gradient] of gradients) {
          origin.set(name, await model.parameter(name).readFloats());
          for (const value of gradient) square += value * value;
        }
        const slope = Math.sqrt(square);
        const at = async (distance: number) => {
          for (const [name, gradient] of gradients) {
            const start = origin.get(name)!;
            model.parameter(name).write(start.map((v, i) => v + (distance * gradient[i]!) / slope));
          }
          return await lossOf();
        };
        const difference = async (length: number) =>
          ((await at(length)) - (await at(-length))) / (2 * length);
        // Two lengths cancel the error that grows with the square of the length (Richardson).
        const measured = (4 * (await difference(0.002)) - (await difference(0.004))) / 3;
        // The loss itself is only good to about 5e-7, which 4 thousandths of a step make 2e-4.
        expect(Math.abs(measured - slope)).toBeLessThan(0.03 * slope + 1e-3);
      },
    ),
    { numRuns: 40 },
  );
});

async function gradientsOf(model: LlamaModel): Promise<Map<string, Float32Array>> {
  const result = new Map<string, Float32Array>();
  for (const { name, gradient } of model.trainableParameters()) {
    result.set(name, await gradient.readFloats());
  }
  return result;
}
