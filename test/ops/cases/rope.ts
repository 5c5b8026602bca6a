import { ops } from '../../../lib/ops.ts';
import {
  dot,
  elements,
  type GradientCheck,
  type OperationCase,
  randomFloatType,
  randomInteger,
  randomSource,
  randomValues,
  rounded,
  size,
  type Values,
} from '../case.ts';

/** Rotates pairs (i, i + headDim / 2) by direction × the angle of their position. */
export function ropeReference(
  x: Float64Array,
  [batch, sequence, heads, headDim]: readonly [number, number, number, number],
  cos: Float64Array,
  sin: Float64Array,
  positions: Float64Array | undefined,
  direction: 1 | -1,
): Float64Array {
  const half = headDim / 2;
  const output = new Float64Array(x.length);
  for (let row = 0; row < batch * sequence; row++) {
    const position = positions ? positions[row]! : row % sequence;
    for (let head = 0; head < heads; head++) {
      const at = (row * heads + head) * headDim;
      for (let i = 0; i < half; i++) {
        const c = cos[position * half + i]!;
        const s = sin[position * half + i]! * direction;
        output[at + i] = x[at + i]! * c - x[at + half + i]! * s;
        output[at + half + i] = x[at + half + i]! * c + x[at + i]! * s;
      }
    }
  }
  return output;
}

/** Tables of a row per position, rounded to float32. */
export function ropeTables(rows: number, headDim: number): { cos: Values; sin: Values } {
  const half = headDim / 2;
  const angles = Float64Array.from(
    { length: rows * half },
    (_, i) => Math.floor(i / half) * 10000 ** (-(i % half) / half),
  );
  const table = (of: (angle: number) => number) =>
    rounded({ shape: [rows, half], dtype: 'float32', data: angles.map(of) });
  return { cos: table(Math.cos), sin: table(Math.sin) };
}

type Shape4 = readonly [number, number, number, number];

function makeCase(
  shape: Shape4,
  dtype: 'float32' | 'bfloat16',
  jumping: boolean,
  inPlace: boolean,
  backward: boolean,
): OperationCase {
  const [batch, sequence, , headDim] = shape;
  const random = randomSource(elements(shape) + (backward ? 1 : 0));
  const rows = sequence + 11;
  const positions: Values = {
    shape: [batch, sequence],
    dtype: 'int32',
    data: Float64Array.from({ length: batch * sequence }, () => Math.floor(random() * rows)),
  };
  const tolerance = dtype === 'float32' ? 7e-8 : 3e-3;
  return {
    name: `rope${backward ? 'Backward' : 'Forward'} ${shape.join('x')} ${dtype}${
      jumping ? ' positions' : ''
    }${inPlace ? ' in place' : ''}`,
    inputs: {
      x: randomValues(shape, dtype, random),
      ...ropeTables(rows, headDim),
      ...(jumping && { positions }),
    },
    run: ({ x, cos, sin, positions }, output) => {
      const target = inPlace ? x! : output(shape, dtype);
      const angles = { cos: cos!, sin: sin!, ...(positions && { positions }) };
      return backward
        ? {
            output: ops.ropeBackward({ gradOutput: x!, ...angles, gradInput: target }).gradInput,
          }
        : ops.ropeForward({ input: x!, ...angles, output: target });
    },
    reference: ({ x, cos, sin, positions }) => ({
      output: ropeReference(
        x!.data,
        shape,
        cos!.data,
        sin!.data,
        positions?.data,
        backward ? -1 : 1,
      ),
    }),
    tolerance: { output: tolerance },
    bytes: 2 * elements(shape) * size(dtype),
    flops: 3 * elements(shape),
  };
}

const shapes: Shape4[] = [
  [1, 1, 1, 2],
  [2, 7, 3, 6],
  [1, 19, 2, 64],
  [2, 33, 4, 72],
  [1, 5, 2, 256],
];

export const cases: OperationCase[] = shapes.flatMap((shape, i) =>
  (['float32', 'bfloat16'] as const).flatMap((dtype) =>
    [false, true].flatMap((backward) => [
      makeCase(shape, dtype, i % 2 === 0, false, backward),
      makeCase(shape, dtype, i % 2 === 1, true, backward),
    ]),
  ),
);

export function randomCase(seed: number): OperationCase {
  const random = randomSource(seed);
  const integer = (low: number, high: number) => randomInteger(random, low, high);
  const shape = [integer(1, 3), integer(1, 20), integer(1, 4), 2 * integer(4, 70)] as const;
  return makeCase(shape, randomFloatType(random), random() < 0.5, random() < 0.5, random() < 0.5);
}

function gradientChecks(): GradientCheck[] {
  const random = randomSource(3);
  const shape = [2, 3, 2, 4] as const;
  const x = randomValues(shape, 'float32', random).data;
  const dy = randomValues(shape, 'float32', random).data;
  const tables = ropeTables(3, 4);
  const rotate = (values: Float64Array, direction: 1 | -1) =>
    ropeReference(values, shape, tables.cos.data, tables.sin.data, undefined, direction);
  return [
    { name: 'rope input', loss: (moved) => dot(rotate(moved, 1), dy), x, gradient: rotate(dy, -1) },
  ];
}

export const gradients = gradientChecks();
