// Reductions of the innermost dimension, and of one in the middle, whose columns stay: what the benchmarks of sums, means
// and maxima have in common. Each reads its input once, or writes its gradient once, and is judged by bandwidth. Large is
// 268 MB.
import { reduced, spreadElements } from '../test/ops/cases/sum.ts';
import { rowsWorkload } from './rows.ts';
import { bytesOf, type Float, type Sizes, type Tensors, type Workload } from './workload.ts';

type Tensor = ReturnType<Tensors['random']>;
type Shape = readonly [number, number, number];
type Dimension = 1 | 2;

export interface Reduction {
  name: string;
  /** What PyTorch's side calls it. */
  rival: string;
  /** Allocates the output, and says what is timed and what comes of some of the groups. */
  make(
    tensors: Tensors,
    input: Tensor,
    outputs: readonly number[],
    dimension: number,
  ): { output: Tensor; run(): void; expected(x: Float64Array, shape: number[]): Float64Array };
  /** Absent where there is none: says what is timed, and what an element gets of its output's gradient. */
  backward?: (
    tensors: Tensors,
    gradOutput: Tensor,
    gradInput: Tensor,
    dimension: Dimension,
  ) => { run(): void; share(index: number, size: number): number };
}

function backward(
  { name, rival, backward: make }: Reduction,
  shape: Shape,
  dimension: Dimension,
  dtype: Float,
): Workload[] {
  if (make === undefined) return [];
  const count = shape[0] * shape[1] * shape[2];
  const outputs = reduced(shape, dimension, false);
  const workload = rowsWorkload({
    name: `${name} backward ${shape.join('x')} over ${dimension} ${dtype}`,
    dtype,
    flops: 0,
    bytes: (count + count / shape[dimension]) * bytesOf(dtype),
    rival: {
      ...{ kind: 'reduction', name: rival, pass: 'backward' },
      ...{ shape: shape.join('x'), dimension, dtype },
    },
    make: (tensors) => {
      const gradOutput = tensors.random(outputs, dtype);
      const gradInput = tensors.empty(shape, dtype);
      const { run, share } = make(tensors, gradOutput, gradInput, dimension);
      const expected = (dy: Float64Array) => {
        const rows = (dy.length * shape[dimension]) / shape[1] / shape[2];
        return spreadElements(
          [rows, shape[1], shape[2]],
          dimension,
          (output, index) => dy[output]! * share(index, shape[dimension]),
        );
      };
      return { inputs: [gradOutput], output: gradInput, run, expected: (dy) => expected(dy!) };
    },
  });
  return [workload];
}

function forward(
  { name, rival, make }: Reduction,
  shape: Shape,
  dimension: Dimension,
  dtype: Float,
): Workload {
  const count = shape[0] * shape[1] * shape[2];
  return rowsWorkload({
    name: `${name} ${shape.join('x')} over ${dimension} ${dtype}`,
    dtype,
    flops: count,
    bytes: count * bytesOf(dtype),
    rival: {
      ...{ kind: 'reduction', name: rival, pass: 'forward' },
      ...{ shape: shape.join('x'), dimension, dtype },
    },
    make: (tensors) => {
      const input = tensors.random(shape, dtype, 1);
      const made = make(tensors, input, reduced(shape, dimension, false), dimension);
      const expected = (x: Float64Array) =>
        made.expected(x, [x.length / shape[1] / shape[2], shape[1], shape[2]]);
      return { ...made, inputs: [input], expected };
    },
  });
}

export function reductions(operation: Reduction, sizes: Sizes): Workload[] {
  const shape = ({ tiny: [6, 9, 72], small: [16, 1024, 768], large: [32, 1024, 4096] } as const)[
    sizes
  ];
  const dtypes = sizes === 'large' ? (['bfloat16'] as const) : (['float32', 'bfloat16'] as const);
  return dtypes.flatMap((dtype) =>
    ([2, 1] as const).flatMap((dimension) => [
      forward(operation, shape, dimension, dtype),
      ...backward(operation, shape, dimension, dtype),
    ]),
  );
}
