// Causal attention, forward alone and with backward.
import type { Values } from '../test/ops/case.ts';
import {
  type AttentionShape,
  attentionBackwardReference,
  attentionReference,
  backwardCase,
  forwardCase,
  shapeOf,
} from '../test/ops/cases/flash-attention.ts';
import type { BenchCase, Outputs, Part } from './bench-case.ts';

/** The heads that are checked: the first key-value head and the query heads that use it, in row 0. */
function firstGroup(shape: AttentionShape): AttentionShape {
  return { ...shape, batch: 1, heads: shape.heads / shape.kvHeads, kvHeads: 1 };
}

/** The first `count` heads of row 0 of a tensor [batch, positions, heads, headDim]. */
function headsOf(data: ArrayLike<number>, shape: readonly number[], count: number): Float64Array {
  const [, positions = 0, heads = 0, headDim = 0] = shape;
  return Float64Array.from({ length: positions * count * headDim }, (_, i) => {
    const position = Math.floor(i / (count * headDim));
    return data[position * heads * headDim + (i % (count * headDim))]!;
  });
}

function group(shape: AttentionShape, inputs: Record<string, Values>) {
  const own = firstGroup(shape);
  const of = (name: string) => {
    const { data, shape: whole } = inputs[name]!;
    return headsOf(data, whole, name === 'key' || name === 'value' ? 1 : own.heads);
  };
  return { own, of };
}

function forward(shape: AttentionShape, dtype: 'float32' | 'bfloat16'): BenchCase {
  const operation = forwardCase(shape, dtype, 1);
  return {
    operation,
    unit: 'GFLOP/s',
    part: (inputs, outputs) => {
      const { own, of } = group(shape, inputs);
      const expected = attentionReference(own, of('query'), of('key'), of('value'));
      const actual = headsOf(outputs.get('output')!, inputs.query!.shape, own.heads);
      const logsumexp = Array.from(expected.logsumexp, (_, i) => outputs.get('logsumexp')![i]!);
      return {
        output: { actual, expected: expected.output },
        logsumexp: { actual: logsumexp, expected: expected.logsumexp },
      };
    },
  };
}

/** The case runs the forward pass, too. */
function both(shape: AttentionShape, dtype: 'float32' | 'bfloat16'): BenchCase {
  const operation = backwardCase(shape, dtype, 1);
  return {
    operation: {
      ...operation,
      name: operation.name.replace('Backward', 'Forward+Backward'),
      flops: operation.flops + forwardCase(shape, dtype, 1).flops,
    },
    unit: 'GFLOP/s',
    part: (inputs, outputs) => gradientParts(shape, inputs, outputs),
  };
}

function gradientParts(
  shape: AttentionShape,
  inputs: Record<string, Values>,
  outputs: Outputs,
): Record<string, Part> {
  const { own, of } = group(shape, inputs);
  const expected = attentionBackwardReference(
    own,
    of('gradOutput'),
    of('query'),
    of('key'),
    of('value'),
  );
  const part = (name: keyof typeof expected, input: string, heads: number): Part => ({
    actual: headsOf(outputs.get(name)!, inputs[input]!.shape, heads),
    expected: expected[name],
  });
  return {
    gradQuery: part('gradQuery', 'query', own.heads),
    gradKey: part('gradKey', 'key', 1),
    gradValue: part('gradValue', 'value', 1),
  };
}

const shapes = [
  shapeOf([1, 12, 12, 2048, 2048, 64], true),
  shapeOf([1, 8, 2, 1024, 1024, 128], true),
];

export const cases: BenchCase[] = shapes.flatMap((shape) =>
  (['float32', 'bfloat16'] as const).flatMap((dtype) => [
    forward(shape, dtype),
    both(shape, dtype),
  ]),
);
