import { ops } from '../../../lib/ops.ts';
import {
  elements,
  type OperationCase,
  randomInteger,
  randomShape,
  randomSource,
  randomValues,
  type Values,
} from '../case.ts';

export function gradientNormReference(gradients: readonly Float64Array[], maxNorm: number) {
  const sum = gradients.reduce((total, g) => total + g.reduce((a, x) => a + x * x, 0), 0);
  const norm = Math.sqrt(sum);
  const scale = maxNorm === Number.POSITIVE_INFINITY ? 1 : Math.min(1, maxNorm / (norm + 1e-6));
  return { norm: Float64Array.of(norm), scale: Float64Array.of(scale) };
}

function normCase(
  shapes: readonly (readonly number[])[],
  scale: number,
  maxNorm: number,
): OperationCase {
  const random = randomSource(shapes.length);
  const inputs: Record<string, Values> = {};
  for (const [i, shape] of shapes.entries()) {
    inputs[`gradient${i}`] = randomValues(shape, 'float32', random, scale);
  }
  return {
    name: `gradientNorm ${shapes.map((shape) => shape.join('x')).join(' ')} scale ${scale} to ${maxNorm}`,
    inputs,
    run: (tensors, output) =>
      ops.gradientNorm({
        gradients: Object.values(tensors),
        maxNorm,
        norm: output([1]),
        scale: output([1]),
      }),
    reference: (values) =>
      gradientNormReference(
        Object.values(values).map(({ data }) => data),
        maxNorm,
      ),
    tolerance: { norm: 1e-7, scale: 1.5e-7 },
    bytes: 4 * shapes.reduce((sum, shape) => sum + elements(shape), 0),
    flops: 2 * shapes.reduce((sum, shape) => sum + elements(shape), 0),
  };
}

export const cases: OperationCase[] = [
  normCase([[1]], 1, 1),
  normCase([[0], []], 1, 0.5),
  normCase([[3, 5], [7], [4095], [4097]], 1, 1),
  normCase([[3, 5], [7]], 1e-9, 1),
  normCase([[33, 1000], [300001]], 0.01, 1),
  normCase([[33, 1000], [300001]], 0.01, Number.POSITIVE_INFINITY),
];

export function randomCase(seed: number): OperationCase {
  const random = randomSource(seed);
  const shapes = Array.from({ length: randomInteger(random, 1, 6) }, () =>
    randomShape(random, 3, 0),
  );
  return normCase(shapes, 10 ** randomInteger(random, -6, 3), random() < 0.3 ? 1e9 : 0.5);
}
