// Rows of a table by their ids, and the sum of gradients into those rows. Large is 8192 tokens of LLaMA-7B.
import { ops } from '../../lib/index.ts';
import { embeddingBackwardReference, embeddingReference } from '../../test/ops/cases/embedding.ts';
import { rowsWorkload } from '../rows.ts';
import { bytesOf, type Float, type Sizes, type Workload } from '../workload.ts';

/** The first ids are of the first rows, in another order, and no other id is: those rows are checked. */
const firstIds = [2, 0, 3, 1];

function drawIds(count: number, vocabulary: number): Int32Array {
  const spread = (i: number) => firstIds.length + ((i * 7919) % (vocabulary - firstIds.length));
  return Int32Array.from({ length: count }, (_, i) => firstIds[i] ?? spread(i));
}

interface Problem {
  count: number;
  vocabulary: number;
  hidden: number;
  dtype: Float;
}

function forward({ count, vocabulary, hidden, dtype }: Problem): Workload {
  return rowsWorkload({
    name: `embedding forward ${count} of ${vocabulary}x${hidden} ${dtype}`,
    dtype,
    flops: 0,
    bytes: 2 * count * hidden * bytesOf(dtype) + 4 * count,
    rival: { kind: 'embedding', pass: 'forward', count, vocabulary, hidden, dtype },
    make: (tensors) => {
      const weight = tensors.random([vocabulary, hidden], dtype);
      const ids = tensors.integers(drawIds(count, vocabulary));
      const output = tensors.empty([count, hidden], dtype);
      return {
        inputs: [weight],
        output,
        run: () => ops.embeddingForward({ ids, weight, output }),
        expected: (table) => embeddingReference(Float64Array.from(firstIds), table!, hidden).output,
      };
    },
  });
}

function backward({ count, vocabulary, hidden, dtype }: Problem): Workload {
  return rowsWorkload({
    name: `embedding backward ${count} of ${vocabulary}x${hidden} ${dtype}`,
    dtype,
    flops: count * hidden,
    // What it adds to is read and written.
    bytes: count * hidden * (bytesOf(dtype) + 8) + 4 * count,
    rival: { kind: 'embedding', pass: 'backward', count, vocabulary, hidden, dtype },
    poison: 7,
    make: (tensors) => {
      const gradOutput = tensors.random([count, hidden], dtype);
      const ids = tensors.integers(drawIds(count, vocabulary));
      const gradWeight = tensors.empty([vocabulary, hidden]);
      return {
        inputs: [gradOutput],
        output: gradWeight,
        run: () => ops.embeddingBackward({ gradOutput, ids, gradWeight }),
        expected: (dy) => {
          const before = new Float64Array(dy!.length).fill(7);
          return embeddingBackwardReference(dy!, Float64Array.from(firstIds), before).gradWeight;
        },
      };
    },
  });
}

export function workloads(sizes: Sizes): Workload[] {
  const problem = {
    tiny: { count: 9, vocabulary: 20, hidden: 88 },
    small: { count: 4096, vocabulary: 32_000, hidden: 1024 },
    large: { count: 8192, vocabulary: 32_000, hidden: 4096 },
  }[sizes];
  return (['float32', 'bfloat16'] as const).flatMap((dtype) => [
    forward({ ...problem, dtype }),
    backward({ ...problem, dtype }),
  ]);
}
