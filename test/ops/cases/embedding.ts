import { ops } from '../../../lib/ops.ts';
import {
  dot,
  elements,
  type GradientCheck,
  type OperationCase,
  type Random,
  randomFloatType,
  randomInteger,
  randomShape,
  randomSource,
  randomValues,
  size,
  type Values,
} from '../case.ts';

export function embeddingReference(ids: Float64Array, weight: Float64Array, hidden: number) {
  const output = new Float64Array(ids.length * hidden);
  ids.forEach((id, row) => {
    for (let i = 0; i < hidden; i++) output[row * hidden + i] = weight[id * hidden + i]!;
  });
  return { output };
}

export function embeddingBackwardReference(
  dy: Float64Array,
  ids: Float64Array,
  gradWeight: Float64Array,
) {
  const hidden = dy.length / ids.length;
  const sum = Float64Array.from(gradWeight);
  ids.forEach((id, row) => {
    for (let i = 0; i < hidden; i++) sum[id * hidden + i]! += dy[row * hidden + i]!;
  });
  return { gradWeight: sum };
}

/** Ids of which a few are frequent, as in text. */
function randomIds(shape: readonly number[], vocabulary: number, random: Random): Values {
  const data = Float64Array.from({ length: elements(shape) }, () =>
    Math.floor(vocabulary * random() ** 3),
  );
  return { shape, dtype: 'int32', data };
}

function forwardCase(
  shape: readonly number[],
  vocabulary: number,
  hidden: number,
  dtype: 'float32' | 'bfloat16',
): OperationCase {
  const random = randomSource(vocabulary * 1009 + hidden);
  const outputShape = [...shape, hidden];
  return {
    name: `embeddingForward ${shape.join('x')} of ${vocabulary}x${hidden} ${dtype}`,
    inputs: {
      ids: randomIds(shape, vocabulary, random),
      weight: randomValues([vocabulary, hidden], dtype, random),
    },
    run: ({ ids, weight }, output) =>
      ops.embeddingForward({ ids: ids!, weight: weight!, output: output(outputShape, dtype) }),
    reference: ({ ids, weight }) => embeddingReference(ids!.data, weight!.data, hidden),
    tolerance: { output: 0 },
    bytes: elements(shape) * (4 + 2 * hidden * size(dtype)),
    flops: 0,
  };
}

function backwardCase(
  shape: readonly number[],
  vocabulary: number,
  hidden: number,
  dtype: 'float32' | 'bfloat16',
): OperationCase {
  const random = randomSource(vocabulary * 2003 + hidden);
  return {
    name: `embeddingBackward ${shape.join('x')} of ${vocabulary}x${hidden} ${dtype}`,
    inputs: {
      gradOutput: randomValues([...shape, hidden], dtype, random),
      ids: randomIds(shape, vocabulary, random),
      gradWeight: randomValues([vocabulary, hidden], 'float32', random),
    },
    run: ({ gradOutput, ids, gradWeight }) =>
      ops.embeddingBackward({ gradOutput: gradOutput!, ids: ids!, gradWeight: gradWeight! }),
    reference: ({ gradOutput, ids, gradWeight }) =>
      embeddingBackwardReference(gradOutput!.data, ids!.data, gradWeight!.data),
    tolerance: { gradWeight: dtype === 'float32' ? 2.4e-7 : 6e-8 },
    bytes: elements(shape) * (4 + hidden * (size(dtype) + 8)),
    flops: elements(shape) * hidden,
  };
}

const shapes = [
  { shape: [3], vocabulary: 2, hidden: 1 },
  { shape: [2, 7], vocabulary: 40, hidden: 33 },
  { shape: [], vocabulary: 5, hidden: 16 },
  { shape: [0], vocabulary: 5, hidden: 16 },
  { shape: [2, 65], vocabulary: 61, hidden: 1500 },
];

export const cases: OperationCase[] = shapes.flatMap(({ shape, vocabulary, hidden }) =>
  (['float32', 'bfloat16'] as const).flatMap((dtype) => [
    forwardCase(shape, vocabulary, hidden, dtype),
    backwardCase(shape, vocabulary, hidden, dtype),
  ]),
);

export function randomCase(seed: number): OperationCase {
  const random = randomSource(seed);
  const make = random() < 0.5 ? forwardCase : backwardCase;
  const vocabulary = randomInteger(random, 1, 50);
  return make(
    randomShape(random, 3, 0),
    vocabulary,
    randomInteger(random, 8, 70),
    randomFloatType(random),
  );
}

function gradientChecks(): GradientCheck[] {
  const random = randomSource(2);
  const ids = randomIds([9], 4, random).data;
  const weight = randomValues([4, 3], 'float32', random).data;
  const dy = randomValues([9, 3], 'float32', random).data;
  return [
    {
      name: 'embedding weight',
      loss: (moved) => dot(embeddingReference(ids, moved, 3).output, dy),
      x: weight,
      gradient: embeddingBackwardReference(dy, ids, new Float64Array(12)).gradWeight,
    },
  ];
}

export const gradients = gradientChecks();
