// Every operation against results that PyTorch computed in float64 (test/fixtures/ops).
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { splitFloat32 } from '../../lib/core/bfloat16.ts';
import { SafetensorsFile } from '../../lib/llama/safetensors.ts';
import { Device, type DType, ops, Tensor } from '../../lib/ops.ts';
import { deviceName, relativeError } from './case.ts';

const folder = fileURLToPath(new URL('../fixtures/ops/', import.meta.url));
const files = readdirSync(folder).filter((name) => name.endsWith('.safetensors'));

interface Fixture {
  settings: Record<string, number>;
  values: Map<string, Float32Array | Int32Array>;
  /** A tensor of the file on the device; floats in the dtype under test. */
  tensor(name: string, dtype?: DType): Tensor;
  /** Fails unless the tensor is as near to the file's as one rounding to its dtype allows. */
  check(actual: Tensor, name: string, tolerance?: number): Promise<void>;
}

async function open(name: string, device: Device, dtype: DType): Promise<[string, Fixture]> {
  await using file = await SafetensorsFile.open(`${folder}${name}`);
  const settings = JSON.parse(file.metadata.case!) as Record<string, number> & { op: string };
  const values = new Map<string, Float32Array | Int32Array>();
  for (const [key, entry] of file.tensors) {
    values.set(key, await (entry.dtype === 'I64' ? file.readInt32(key) : file.readFloat32(key)));
  }
  const shape = (key: string) => file.tensors.get(key)!.shape;
  const fixture: Fixture = {
    settings,
    values,
    tensor: (key, type = dtype) => {
      const own = values.get(key)!;
      return Tensor.from(own, shape(key), {
        device,
        dtype: own instanceof Int32Array ? 'int32' : type,
      });
    },
    check: async (actual, key, tolerance = actual.dtype === 'bfloat16' ? 3e-3 : 3e-7) => {
      const error = relativeError(await actual.read(), values.get(key)!);
      expect(error, key).toBeLessThanOrEqual(tolerance);
    },
  };
  return [settings.op, fixture];
}

const checks: Record<string, (fixture: Fixture, dtype: DType) => Promise<void>> = {
  async rmsnorm({ settings, tensor, check }) {
    const input = tensor('x');
    const weight = tensor('weight');
    const { output, inverseRms } = ops.rmsNormForward({ input, weight, epsilon: settings.eps! });
    await check(output, 'y');
    const gradOutput = tensor('dy');
    const { gradInput, gradWeight } = ops.rmsNormBackward({
      gradOutput,
      input,
      weight,
      inverseRms,
    });
    await check(gradInput, 'dx');
    await check(gradWeight, 'dweight');
  },

  async rope({ tensor, values, check }) {
    const input = tensor('x');
    const frequencies = [...values.get('inv_freq')!];
    const own = [...values.get('positions')!];
    const rows = Math.max(...own) + 1;
    const table = (of: (angle: number) => number) =>
      Tensor.from(
        Array.from({ length: rows * frequencies.length }, (_, i) =>
          of(Math.floor(i / frequencies.length) * frequencies[i % frequencies.length]!),
        ),
        [rows, frequencies.length],
        input,
      );
    const options = { dtype: 'float32', device: input.device } as const;
    const cos = ops.cast({ input: table(Math.cos), dtype: options.dtype }).output;
    const sin = ops.cast({ input: table(Math.sin), dtype: options.dtype }).output;
    const [batch = 0, sequence = 0] = input.shape;
    const positions = Tensor.from(
      Int32Array.from({ length: batch * sequence }, (_, i) => own[i % sequence]!),
      [batch, sequence],
      { device: input.device },
    );
    const angles = { cos, sin, positions };
    // The file's frequencies are rounded to float32: the angle of a far position is off by that much.
    const inexact = frequencies.filter((frequency) => frequency !== 1);
    const square = inexact.reduce((sum, frequency) => sum + frequency ** 2, 0) / frequencies.length;
    const rounding = 2 ** -24 * rows * Math.sqrt(square);
    const tolerance = (input.dtype === 'bfloat16' ? 3e-3 : 3e-7) + rounding;
    await check(ops.ropeForward({ input, ...angles }).output, 'y', tolerance);
    const { gradInput } = ops.ropeBackward({ gradOutput: tensor('dy'), ...angles });
    await check(gradInput, 'dx', tolerance);
  },

  async swiglu({ tensor, check }) {
    const gate = tensor('gate');
    const up = tensor('up');
    await check(ops.swigluForward({ gate, up }).output, 'y');
    const { gradGate, gradUp } = ops.swigluBackward({ gradOutput: tensor('dy'), gate, up });
    await check(gradGate, 'dgate');
    await check(gradUp, 'dup');
  },

  async cross_entropy({ tensor, values, check }) {
    const logits = tensor('logits');
    const labels = tensor('labels');
    const { losses, logsumexp } = ops.crossEntropyForward({ logits, labels });
    await check(losses, 'loss_per_row');
    await check(logsumexp, 'logsumexp');
    const count = values.get('labels')!.filter((label) => label !== -100).length;
    const mean = (await losses.readFloats()).reduce((sum, loss) => sum + loss, 0) / count;
    expect(relativeError([mean], values.get('loss')!)).toBeLessThan(3e-7);
    const { gradLogits } = ops.crossEntropyBackward({
      logits,
      labels,
      logsumexp,
      scale: 1 / count,
      gradLogits: logits,
    });
    // A logsumexp that is near 100 and rounded to float32 is 4e-6 off.
    await check(gradLogits, 'dlogits', logits.dtype === 'bfloat16' ? 3e-3 : 3e-6);
  },

  async embedding({ tensor, check }) {
    const ids = tensor('ids');
    const weight = tensor('weight');
    await check(ops.embeddingForward({ ids, weight }).output, 'y', 0);
    const gradWeight = Tensor.zeros(weight.shape, { device: weight.device });
    ops.embeddingBackward({ gradOutput: tensor('dy'), ids, gradWeight });
    await check(gradWeight, 'dweight');
  },

  async linear({ tensor, check }) {
    const x = tensor('x');
    const weight = tensor('weight');
    const dy = tensor('dy');
    await check(ops.matmul({ a: x, b: weight, transposeB: true }).output, 'y');
    await check(ops.matmul({ a: dy, b: weight }).output, 'dx');
    const output = Tensor.zeros(weight.shape, { device: weight.device });
    ops.matmul({ a: dy, b: x, transposeA: true, output, accumulate: true });
    await check(output, 'dweight', 6e-7);
  },

  async adamw({ settings, values, tensor }, dtype) {
    const { steps, size } = settings as { steps: number; size: number };
    const [beta1, beta2] = settings.betas as unknown as [number, number];
    const halves = splitFloat32(values.get('param') as Float32Array);
    const { device } = tensor('param');
    const master = dtype === 'float32';
    const parameter = master ? tensor('param') : Tensor.from(halves.upper, [size], { device });
    const masterLowBits = master ? undefined : Tensor.from(halves.lower, [size], { device });
    const firstMoment = Tensor.zeros([size], { device });
    const secondMoment = Tensor.zeros([size], { device });
    const gradients = tensor('grads', 'float32');
    const row = (name: string, step: number) =>
      values.get(name)!.subarray(step * size, (step + 1) * size);
    for (let step = 0; step < steps; step++) {
      ops.adamw({
        parameters: [parameter],
        gradients: [gradients.slice(step, step + 1).view([size])],
        firstMoments: [firstMoment],
        secondMoments: [secondMoment],
        ...(masterLowBits && { masterLowBits: [masterLowBits] }),
        learningRate: values.get('lr')![step]!,
        beta1,
        beta2,
        epsilon: settings.eps!,
        weightDecay: settings.weight_decay!,
        step: step + 1,
      });
      const actual = await parameter.readFloats();
      const expected = row('params', step);
      expect(relativeError(actual, expected)).toBeLessThan(master ? 2e-7 : 3e-3);
      expect(relativeError(await firstMoment.read(), row('exp_avg', step))).toBeLessThan(3e-7);
      expect(relativeError(await secondMoment.read(), row('exp_avg_sq', step))).toBeLessThan(3e-7);
      // The change itself, as far as float32 parameters can show it.
      const before = step === 0 ? values.get('param')! : row('params', step - 1);
      const change = Array.from(expected, (p, i) => p - before[i]!);
      const actualChange = Array.from(actual, (p, i) => p - before[i]!);
      if (master) expect(relativeError(actualChange, change)).toBeLessThan(5e-2);
    }
  },

  async grad_norm({ settings, values, tensor, check }) {
    const count = (settings.sizes as unknown as number[]).length;
    const gradients = Array.from({ length: count }, (_, i) => tensor(`grad.${i}`, 'float32'));
    const { norm, scale } = ops.gradientNorm({ gradients, maxNorm: settings.max_norm! });
    await check(norm, 'norm');
    await check(scale, 'factor');
    const [factor] = await scale.readFloats();
    for (const [i, gradient] of gradients.entries()) {
      const clipped = (await gradient.readFloats()).map((g) => g * factor!);
      expect(relativeError(clipped, values.get(`clipped.${i}`)!)).toBeLessThan(3e-7);
    }
  },
};

const device = Device.open(deviceName);
describe(deviceName, () => {
  for (const file of files) {
    test.each(['float32', 'bfloat16'] as const)(`${file} in %s`, async (dtype) => {
      const [operation, fixture] = await open(file, device, dtype);
      await checks[operation]!(fixture, dtype);
    });
  }
});
