// AdamW over one large parameter, a stream that is judged by bandwidth. It moves 28 bytes a parameter with float32
// parameters, or with bfloat16 ones and the lower 16 bits of their masters; 20 with moments in bfloat16, which have to be
// rounded at random. Large is a layer of LLaMA-7B.
import { joinFloat32 } from '../../lib/core/bfloat16.ts';
import { type Device, ops, type Tensor } from '../../lib/index.ts';
import { adamwReference, roundedMoments, usual } from '../../test/ops/cases/adamw.ts';
import {
  compare,
  type Float,
  firstRows,
  type Prepared,
  type Sizes,
  Tensors,
  type Workload,
} from '../workload.ts';

const settings = { ...usual, learningRate: 1e-3, step: 10 };
/** How many elements are checked. */
const sample = 4096;

function adamw(count: number, split: boolean, moments: Float = 'float32'): Workload {
  const half = moments === 'bfloat16';
  return {
    name: `adamw ${count}${split ? ' split bfloat16' : ' float32'}${half ? ' half moments' : ''}`,
    dtype: split ? 'bfloat16' : 'float32',
    bound: 'memory',
    flops: 14 * count,
    bytes: (half ? 20 : 28) * count,
    rival: { kind: 'adamw', count },
    prepare: (device) => prepare(device, count, split, moments),
  };
}

function prepare(device: Device, count: number, split: boolean, moments: Float): Prepared {
  const tensors = new Tensors(device);
  const parameter = tensors.random([count], split ? 'bfloat16' : 'float32');
  const masterLowBits = split ? tensors.empty([count], 'bfloat16') : undefined;
  // Its 16 bits are all zero, as they are at the start of training.
  if (masterLowBits) ops.fill({ output: masterLowBits, value: 0 });
  const state = {
    gradient: tensors.random([count], 'float32'),
    firstMoment: tensors.random([count], moments),
    // These are squares, so they must be positive.
    secondMoment: tensors.random([count], moments, 1, 0.1),
  };
  const run = () =>
    ops.adamw({
      parameters: [parameter],
      ...(masterLowBits && { masterLowBits: [masterLowBits] }),
      gradients: [state.gradient],
      firstMoments: [state.firstMoment],
      secondMoments: [state.secondMoment],
      ...settings,
    });
  const read = async () => ({
    parameter: await masterOf(parameter, masterLowBits),
    firstMoment: await firstRows(state.firstMoment, sample),
    secondMoment: await firstRows(state.secondMoment, sample),
  });
  return {
    run,
    check: async () => {
      const before = await read();
      run();
      const after = await read();
      const expected = adamwReference(before, await firstRows(state.gradient, sample), settings);
      const half = moments === 'bfloat16';
      const { firstMoment, secondMoment } = half
        ? roundedMoments(expected, { seed: 0, step: settings.step, parameter: 0 })
        : expected;
      // Of rounded ones, few go the other way than in float64.
      const tolerance = half ? 3e-4 : 1e-6;
      return compare(
        ['parameter', after.parameter, expected.parameter, 1e-6],
        ['firstMoment', after.firstMoment, firstMoment, tolerance],
        ['secondMoment', after.secondMoment, secondMoment, tolerance],
      );
    },
    dispose: () => tensors.dispose(),
  };
}

/** The first float32 parameters, joined from their two halves where they are split. */
async function masterOf(parameter: Tensor, masterLowBits?: Tensor): Promise<Float64Array> {
  if (masterLowBits === undefined) return firstRows(parameter, sample);
  const [upper, lower] = await Promise.all(
    [parameter, masterLowBits].map(async (tensor) => {
      const part = tensor.slice(0, Math.min(sample, tensor.shape[0] ?? 0));
      const bits = await part.readBits();
      part.dispose();
      return bits as Uint16Array;
    }),
  );
  return Float64Array.from(joinFloat32(upper!, lower!));
}

export function workloads(sizes: Sizes): Workload[] {
  const count = { tiny: 5000, small: 16_000_000, large: 202_375_168 }[sizes];
  return [adamw(count, false), adamw(count, true), adamw(count, true, 'bfloat16')];
}
