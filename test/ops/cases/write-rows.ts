import { ops } from '../../../lib/ops.ts';
import {
  elements,
  type OperationCase,
  randomFloatType,
  randomInteger,
  randomSource,
  randomValues,
  size,
} from '../case.ts';

export function writeRowsReference(rows: Float64Array, input: Float64Array, table: Float64Array) {
  const hidden = input.length / rows.length;
  const after = Float64Array.from(table);
  rows.forEach((row, r) => {
    for (let i = 0; i < hidden; i++) after[row * hidden + i] = input[r * hidden + i]!;
  });
  return { table: after };
}

/** Some rows of a table, none twice, in any order. */
function writeCase(
  shape: readonly number[],
  count: number,
  hidden: number,
  dtype: 'float32' | 'bfloat16',
): OperationCase {
  const random = randomSource(count * 3001 + hidden);
  const order = Array.from({ length: count }, (_, row) => row);
  for (let i = count - 1; i > 0; i--) {
    const j = randomInteger(random, 0, i);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  const written = elements(shape);
  return {
    name: `writeRows ${shape.join('x')} of ${count}x${hidden} ${dtype}`,
    inputs: {
      rows: { shape, dtype: 'int32', data: Float64Array.from(order.slice(0, written)) },
      input: randomValues([...shape, hidden], dtype, random),
      table: randomValues([count, hidden], dtype, random),
    },
    run: ({ rows, input, table }) => ops.writeRows({ rows: rows!, input: input!, table: table! }),
    reference: ({ rows, input, table }) => writeRowsReference(rows!.data, input!.data, table!.data),
    tolerance: { table: 0 },
    bytes: written * (4 + 2 * hidden * size(dtype)),
    flops: 0,
  };
}

const shapes = [
  { shape: [1], count: 1, hidden: 1 },
  { shape: [2, 7], count: 40, hidden: 33 },
  { shape: [], count: 5, hidden: 16 },
  { shape: [0], count: 5, hidden: 16 },
  { shape: [3, 1], count: 61, hidden: 1500 },
];

export const cases: OperationCase[] = shapes.flatMap(({ shape, count, hidden }) =>
  (['float32', 'bfloat16'] as const).map((dtype) => writeCase(shape, count, hidden, dtype)),
);

export function randomCase(seed: number): OperationCase {
  const random = randomSource(seed);
  const count = randomInteger(random, 1, 50);
  const shape = [randomInteger(random, 0, count)];
  return writeCase(shape, count, randomInteger(random, 8, 70), randomFloatType(random));
}
