import { ops } from '../../../lib/ops.ts';
import {
  dot,
  elements,
  type GradientCheck,
  type OperationCase,
  randomFloatType,
  randomInteger,
  randomShape,
  randomSource,
  randomValues,
  size,
} from '../case.ts';

export function swigluReference(gate: Float64Array, up: Float64Array) {
  return { output: gate.map((g, i) => (g / (1 + Math.exp(-g))) * up[i]!) };
}

export function swigluBackwardReference(dy: Float64Array, gate: Float64Array, up: Float64Array) {
  const sigmoid = gate.map((g) => 1 / (1 + Math.exp(-g)));
  return {
    gradGate: gate.map((g, i) => dy[i]! * up[i]! * sigmoid[i]! * (1 + g * (1 - sigmoid[i]!))),
    gradUp: gate.map((g, i) => dy[i]! * g * sigmoid[i]!),
  };
}

function forwardCase(
  shape: readonly number[],
  scale: number,
  dtype: 'float32' | 'bfloat16',
  target: 'output' | 'gate' | 'up',
): OperationCase {
  const random = randomSource(elements(shape) + 5);
  return {
    name: `swigluForward ${shape.join('x')} ${dtype} scale ${scale} into ${target}`,
    inputs: {
      gate: randomValues(shape, dtype, random, scale),
      up: randomValues(shape, dtype, random),
    },
    run: ({ gate, up }, output) => {
      const into = { output: output(shape, dtype), gate: gate!, up: up! }[target];
      return ops.swigluForward({ gate: gate!, up: up!, output: into });
    },
    reference: ({ gate, up }) => swigluReference(gate!.data, up!.data),
    tolerance: { output: dtype === 'float32' ? 1e-7 : 3e-3 },
    bytes: 3 * elements(shape) * size(dtype),
    flops: 5 * elements(shape),
  };
}

function backwardCase(
  shape: readonly number[],
  scale: number,
  dtype: 'float32' | 'bfloat16',
  inPlace: boolean,
): OperationCase {
  const random = randomSource(elements(shape) + 7);
  return {
    name: `swigluBackward ${shape.join('x')} ${dtype} scale ${scale}${inPlace ? ' in place' : ''}`,
    inputs: {
      gradOutput: randomValues(shape, dtype, random),
      gate: randomValues(shape, dtype, random, scale),
      up: randomValues(shape, dtype, random),
    },
    run: ({ gradOutput, gate, up }, output) =>
      ops.swigluBackward({
        gradOutput: gradOutput!,
        gate: gate!,
        up: up!,
        gradGate: inPlace ? up! : output(shape, dtype),
        gradUp: inPlace ? gate! : output(shape, dtype),
      }),
    reference: ({ gradOutput, gate, up }) =>
      swigluBackwardReference(gradOutput!.data, gate!.data, up!.data),
    tolerance: {
      gradGate: dtype === 'float32' ? (scale > 10 ? 4e-7 : 1.3e-7) : 3e-3,
      gradUp: dtype === 'float32' ? 1e-7 : 3e-3,
    },
    bytes: 5 * elements(shape) * size(dtype),
    flops: 12 * elements(shape),
  };
}

const shapes = [
  { shape: [1], scale: 1 },
  { shape: [3, 0], scale: 1 },
  { shape: [9, 173], scale: 2 },
  { shape: [2, 5, 1001], scale: 30 },
];

export const cases: OperationCase[] = shapes.flatMap(({ shape, scale }) =>
  (['float32', 'bfloat16'] as const).flatMap((dtype) => [
    ...(['output', 'gate', 'up'] as const).map((into) => forwardCase(shape, scale, dtype, into)),
    ...[false, true].map((inPlace) => backwardCase(shape, scale, dtype, inPlace)),
  ]),
);

export function randomCase(seed: number): OperationCase {
  const random = randomSource(seed);
  const shape = randomShape(random, 4, 16);
  const scale = random() < 0.5 ? 2 : 30;
  const dtype = randomFloatType(random);
  if (random() < 0.5) return backwardCase(shape, scale, dtype, random() < 0.5);
  return forwardCase(
    shape,
    scale,
    dtype,
    (['output', 'gate', 'up'] as const)[randomInteger(random, 0, 2)]!,
  );
}

function gradientChecks(): GradientCheck[] {
  const random = randomSource(4);
  const [gate, up, dy] = [2, 1, 1].map((s) => randomValues([12], 'float32', random, s).data) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  const { gradGate, gradUp } = swigluBackwardReference(dy, gate, up);
  return [
    {
      name: 'swiglu gate',
      loss: (moved) => dot(swigluReference(moved, up).output, dy),
      x: gate,
      gradient: gradGate,
    },
    {
      name: 'swiglu up',
      loss: (moved) => dot(swigluReference(gate, moved).output, dy),
      x: up,
      gradient: gradUp,
    },
  ];
}

export const gradients = gradientChecks();
