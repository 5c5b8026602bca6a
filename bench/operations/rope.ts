// Rotary positions forward and backward. Large is 4 x 2048 tokens of LLaMA-7B.
import { ops, Tensor } from '../../lib/index.ts';
import { ropeReference, ropeTables } from '../../test/ops/cases/rope.ts';
import { rowsWorkload } from '../rows.ts';
import { bytesOf, type Float, type Sizes, type Workload } from '../workload.ts';

type Shape = readonly [batch: number, sequence: number, heads: number, headDim: number];

function rope(shape: Shape, dtype: Float, pass: 'forward' | 'backward'): Workload {
  const [batch, sequence, heads, headDim] = shape;
  const count = batch * sequence * heads * headDim;
  return rowsWorkload({
    name: `rope ${pass} ${shape.join('x')} ${dtype}`,
    dtype,
    flops: 3 * count,
    bytes: 2 * count * bytesOf(dtype) + 4 * sequence * headDim,
    rival: { kind: 'rope', pass, shape: [...shape], dtype },
    sample: 1,
    make: (tensors) => {
      const input = tensors.random(shape, dtype);
      const output = tensors.empty(shape, dtype);
      const tables = ropeTables(sequence, headDim);
      const [cos, sin] = [tables.cos, tables.sin].map(({ shape, data }) =>
        tensors.keep(Tensor.from(Float32Array.from(data), shape, { device: input.device })),
      ) as [Tensor, Tensor];
      const run =
        pass === 'forward'
          ? () => ops.ropeForward({ input, cos, sin, output })
          : () => ops.ropeBackward({ gradOutput: input, cos, sin, gradInput: output });
      return {
        inputs: [input],
        tables: [cos, sin],
        output,
        run,
        expected: (x, c, s) => {
          const direction = pass === 'forward' ? 1 : -1;
          return ropeReference(x!, [1, sequence, heads, headDim], c!, s!, undefined, direction);
        },
      };
    },
  });
}

export function workloads(sizes: Sizes): Workload[] {
  const shape = (
    { tiny: [2, 6, 2, 8], small: [4, 512, 16, 64], large: [4, 2048, 32, 128] } as const
  )[sizes];
  return (['float32', 'bfloat16'] as const).flatMap((dtype) =>
    (['forward', 'backward'] as const).map((pass) => rope(shape, dtype, pass)),
  );
}
