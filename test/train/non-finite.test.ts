// A loss or gradient that is not finite: where it is said to come from, and what becomes of the run.
import { describe, expect, test, vi } from 'vitest';
import * as ops from '../../lib/core/ops.ts';
import { Tensor } from '../../lib/core/tensor.ts';
import { recomputations } from '../../lib/llama/activations.ts';
import { LlamaModel } from '../../lib/llama/llama-model.ts';
import { findNonFinite } from '../../lib/train/non-finite.ts';
import { type TrainOptions, train } from '../../lib/train/train.ts';
import { expectError } from '../llama/fixtures.ts';
import { makeModel, makeRun, trained } from './runs.ts';

/** Calls `spoil` after the first step. */
function spoiled(options: TrainOptions, spoil: (model: LlamaModel) => void): TrainOptions {
  return {
    ...options,
    onStep: ({ step }, model) => {
      if (step === 1) spoil(model);
    },
  };
}

/** Fills a parameter. */
const filled = (name: string, value: number) => (model: LlamaModel) => {
  const parameter = model.parameter(name);
  const count = parameter.shape.reduce((product, size) => product * size, 1);
  parameter.write(new Float32Array(count).fill(value));
};

describe('what is not finite is followed to where it appeared', () => {
  test.each([
    // Large but finite weights, with which a product is beyond float32.
    ['model.layers.1.mlp.up_proj.weight', 3e38, "layer 1, the MLP's up projection"],
    ['model.layers.0.self_attn.v_proj.weight', 3e38, 'layer 0, value'],
    ['model.layers.0.mlp.down_proj.weight', 3e38, "layer 0, the MLP's down projection"],
    ['model.norm.weight', 3e38, 'the final norm'],
  ])('%s', async (name, value, place) => {
    const options = await makeRun({ dtype: 'float32' });
    const message = `step 2: the loss is NaN, first in micro-batch 1 of 2, in ${place}; a lower learning rate`;
    await expectError(() => train(spoiled(options, filled(name, value))), 'execution', message);
  });

  test.each(recomputations)('to the layer at least, with recompute %s', async (recompute) => {
    const options = await makeRun({ dtype: 'float32', recompute });
    const spoil = filled('model.layers.1.mlp.up_proj.weight', 3e38);
    await expectError(() => train(spoiled(options, spoil)), 'execution', '1 of 2, in layer 1');
  });

  test('to the norm, when the gradients are finite and only their squares are not', async () => {
    const options = await makeRun({ dtype: 'float32' });
    // The norm takes out of the forward pass what makes the gradient large.
    const spoil = (model: LlamaModel) => {
      filled('model.norm.weight', 1e-30)(model);
      filled('lm_head.weight', 1e38)(model);
    };
    const message = 'gradient norm is Infinity, first in micro-batch 1 of 2, in the norm of';
    await expectError(() => train(spoiled(options, spoil)), 'execution', message);
  });

  test('to the gradient that backward computed first', async () => {
    using model = await LlamaModel.load(await makeModel(), { dtype: 'float32' });
    const parameters = model.trainableParameters();
    const [norm, scale] = [1, 2].map(() => Tensor.zeros([1])) as [Tensor, Tensor];
    const ids = [Int32Array.of(1, 7, 9, 12)];
    const spoil = (name: string) => {
      const gradient = model.gradient(name);
      const count = gradient.shape.reduce((product, size) => product * size, 1);
      gradient.write(new Float32Array(count).fill(Number.NaN));
    };
    const microBatch = (number: number, faulty: boolean) => ({
      number,
      forward: () => model.forwardActivations(ids, ids),
      forwardBackward: () => {
        const { loss } = model.forwardBackward(ids, ids);
        // Backward has come from layer 1 down to layer 0.
        if (faulty) {
          for (const layer of [0, 1]) spoil(`model.layers.${layer}.mlp.down_proj.weight`);
        }
        return loss;
      },
    });
    const found = await findNonFinite({
      parameters,
      everywhere: async (finite) => finite,
      microBatches: [microBatch(1, false), microBatch(3, true)],
      microBatchCount: 3,
      zeroGradients: () => model.zeroGradients(),
      gradientNorm: async () => {
        const gradients = parameters.map(({ gradient }) => gradient);
        ops.gradientNorm({ gradients, maxNorm: 1, norm, scale });
        return (await norm.item()) as number;
      },
    });
    expect(found).toEqual({
      where: 'first in micro-batch 3 of 3, in the gradient of model.layers.1.mlp.down_proj.weight',
      lasting: false,
    });
  });

  test('to a parameter that the update before spoiled, and then no batch is skipped', async () => {
    const options = await makeRun({ skipNonFinite: 9 });
    const spoil = filled('model.layers.0.mlp.gate_proj.weight', Number.NaN);
    await expectError(
      () => train(spoiled(options, spoil)),
      'execution',
      'the parameter model.layers.0.mlp.gate_proj.weight is not finite itself',
    );
  });
});

/** A run in whose third step the gradients of the first so many batches are spoiled, as a faulty device would. */
async function makeFaulty(faults: number, settings = {}): Promise<TrainOptions> {
  const options = await makeRun(settings);
  let model: LlamaModel | undefined;
  let left = faults;
  return {
    ...options,
    onStep: (_, now) => {
      model = now;
    },
    onMicroBatch: (step, sequences) => {
      if (step !== 3 || sequences !== 0 || left-- <= 0) return;
      model!.gradient('model.norm.weight').write(new Float32Array(64).fill(Number.NaN));
    },
  };
}

describe('a batch whose gradient is not finite', () => {
  test('ends the run, and what the steps before did is not lost', async () => {
    const options = await makeFaulty(1, { saveSteps: 1 });
    const message = 'step 3: the gradient norm is NaN, computed again, all of it is finite';
    await expectError(() => train(options), 'execution', message);
    const onStart = vi.fn();
    await train({ ...options, onMicroBatch: () => {}, onStart });
    expect(onStart).toHaveBeenCalledWith(expect.objectContaining({ stepsDone: 2 }));
  });

  test('is skipped when the settings say so, and the next takes its place', async () => {
    const onWarning = vi.fn();
    const options = await makeFaulty(2, { skipNonFinite: 2 });
    const metrics = await trained({ ...options, onWarning });
    expect(metrics.map(({ nonFiniteBatches }) => nonFiniteBatches)).toEqual([
      undefined,
      undefined,
      2,
      undefined,
    ]);
    expect(onWarning).toHaveBeenCalledTimes(2);
    expect(onWarning).toHaveBeenCalledWith(
      expect.stringMatching(/^step 3: .*; this batch is skipped$/),
    );
    const whole = await trained(await makeRun({ skipNonFinite: 2 }));
    expect(metrics[1]!.loss).toBe(whole[1]!.loss);
    expect(metrics[2]!.loss).not.toBe(whole[2]!.loss);
  });

  test('ends the run when there are more in a row than the settings allow', async () => {
    const options = await makeFaulty(2, { skipNonFinite: 1 });
    await expectError(() => train(options), 'execution', 'step 3');
  });
});
