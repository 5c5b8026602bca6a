import { joinFloat32, splitFloat32 } from '../../../lib/core/bfloat16.ts';
import { ops } from '../../../lib/index.ts';
import {
  elements,
  type OperationCase,
  randomInteger,
  randomShape,
  randomSource,
  randomValues,
  rounded,
  type Values,
} from '../case.ts';

export interface AdamwSettings {
  learningRate: number;
  beta1: number;
  beta2: number;
  epsilon: number;
  weightDecay: number;
  step: number;
}

export interface AdamwState {
  parameter: Float64Array;
  firstMoment: Float64Array;
  secondMoment: Float64Array;
}

export function adamwReference(
  state: AdamwState,
  gradient: Float64Array,
  { learningRate, beta1, beta2, epsilon, weightDecay, step }: AdamwSettings,
): AdamwState {
  const firstMoment = state.firstMoment.map((m, i) => beta1 * m + (1 - beta1) * gradient[i]!);
  const secondMoment = state.secondMoment.map(
    (v, i) => beta2 * v + (1 - beta2) * gradient[i]! ** 2,
  );
  const parameter = state.parameter.map((p, i) => {
    const mean = firstMoment[i]! / (1 - beta1 ** step);
    const deviation = Math.sqrt(secondMoment[i]! / (1 - beta2 ** step));
    return p * (1 - learningRate * weightDecay) - (learningRate * mean) / (deviation + epsilon);
  });
  return { parameter, firstMoment, secondMoment };
}

export function adamwCase(
  shape: readonly number[],
  settings: AdamwSettings,
  split: boolean,
  gradientScale: number | undefined,
): OperationCase {
  const random = randomSource(elements(shape) + settings.step);
  const first = settings.step === 1 ? 0 : 1;
  const single = randomValues(shape, 'float32', random);
  const halves = splitFloat32(Float32Array.from(single.data));
  const bits = (half: Uint16Array): Values => ({
    shape,
    dtype: 'bfloat16',
    data: Float64Array.from(joinFloat32(half, new Uint16Array(half.length))),
  });
  const moments = randomValues(shape, 'float32', random, first).data.map((v) => v * v);
  return {
    name: `adamw ${shape.join('x')} step ${settings.step}${split ? ' split' : ''}${
      gradientScale === undefined ? '' : ' scaled'
    }`,
    inputs: {
      ...(split
        ? { parameter: bits(halves.upper), remainder: bits(halves.lower) }
        : { parameter: single }),
      gradient: randomValues(shape, 'float32', random),
      firstMoment: randomValues(shape, 'float32', random, first),
      secondMoment: rounded({ shape, dtype: 'float32', data: moments }),
      ...(gradientScale !== undefined && {
        gradientScale: { shape: [1], dtype: 'float32', data: Float64Array.of(gradientScale) },
      }),
    },
    run: (tensors) => {
      const { parameter, remainder, gradient, firstMoment, secondMoment, gradientScale } = tensors;
      ops.adamw({
        parameter: parameter!,
        gradient: gradient!,
        firstMoment: firstMoment!,
        secondMoment: secondMoment!,
        ...(remainder && { remainder }),
        ...(gradientScale && { gradientScale }),
        ...settings,
      });
      return { parameter: parameter!, firstMoment: firstMoment!, secondMoment: secondMoment! };
    },
    reference: ({ gradient, firstMoment, secondMoment }) => ({
      ...adamwReference(
        {
          parameter: single.data,
          firstMoment: firstMoment!.data,
          secondMoment: secondMoment!.data,
        },
        gradient!.data.map((g) => g * (gradientScale ?? 1)),
        settings,
      ),
    }),
    tolerance: { parameter: split ? 3e-3 : 8e-8, firstMoment: 9e-8, secondMoment: 7.5e-8 },
    bytes: 28 * elements(shape),
    flops: 14 * elements(shape),
  };
}

export const usual = {
  learningRate: 1e-2,
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-6,
  weightDecay: 0.1,
};
const plain = { learningRate: 1e-3, beta1: 0, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 };

export const cases: OperationCase[] = [[], [1], [0, 2], [7, 33], [20001]].flatMap((shape) =>
  [true, false].flatMap((split) => [
    adamwCase(shape, { ...usual, step: 1 }, split, undefined),
    adamwCase(shape, { ...usual, step: 1000 }, split, 0.25),
    adamwCase(shape, { ...plain, step: 3 }, split, 0.5),
  ]),
);

export function randomCase(seed: number): OperationCase {
  const random = randomSource(seed);
  const settings = { ...(random() < 0.5 ? usual : plain), step: randomInteger(random, 1, 30) };
  const scale = random() < 0.5 ? undefined : 2 ** -randomInteger(random, 0, 4);
  return adamwCase(randomShape(random, 3, 8), settings, random() < 0.5, scale);
}
