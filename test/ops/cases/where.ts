import { type DType, ops } from '../../../lib/ops.ts';
import {
  dot,
  elements,
  type GradientCheck,
  type OperationCase,
  randomInteger,
  randomSource,
  randomValues,
  rounded,
  size,
  type Values,
} from '../case.ts';
import { broadcast, sourceIndices } from './binary.ts';
import { fewValues } from './compare.ts';

/** The shape of a tensor, or a number. */
type Operand = readonly number[] | number;
type Source = Pick<Values, 'shape' | 'data'>;

const shapeOf = (operand: Operand) => (typeof operand === 'number' ? [] : operand);

export function whereReference(condition: Source, a: Source, b: Source): Float64Array {
  const whole = broadcast(condition.shape, broadcast(a.shape, b.shape));
  const [ia, ib] = [sourceIndices(a.shape, whole), sourceIndices(b.shape, whole)];
  return Float64Array.from(sourceIndices(condition.shape, whole), (at, i) =>
    condition.data[at] !== 0 ? a.data[ia[i]!]! : b.data[ib[i]!]!,
  );
}

function whereCase(
  condition: readonly number[],
  a: Operand,
  b: Operand,
  dtype: DType,
  into: 'output' | 'a' | 'b' = 'output',
): OperationCase {
  const whole = broadcast(condition, broadcast(shapeOf(a), shapeOf(b)));
  const random = randomSource(elements(whole) + 41);
  const inputs: Record<string, Values> = { condition: fewValues(condition, 'int32', random) };
  for (const [key, operand] of Object.entries({ a, b })) {
    if (typeof operand === 'number') continue;
    const values = randomValues(operand, dtype === 'int32' ? 'float32' : dtype, random, 9);
    inputs[key] =
      dtype === 'int32' ? { ...values, dtype, data: values.data.map(Math.round) } : values;
  }
  const sourceOf = (operand: Operand, values: Values | undefined): Source => {
    if (values) return values;
    const number = { shape: [], dtype, data: Float64Array.of(operand as number) };
    return dtype === 'int32' ? number : rounded(number);
  };
  const written = [condition, a, b].map((one) =>
    typeof one === 'number' ? one : `[${one.join('x')}]`,
  );
  return {
    name: `where ${written.join(' ')} ${dtype} into ${into}`,
    inputs,
    run: (tensors, output) =>
      ops.where({
        condition: tensors.condition!,
        a: typeof a === 'number' ? a : tensors.a!,
        b: typeof b === 'number' ? b : tensors.b!,
        output: into === 'output' ? output(whole, dtype) : tensors[into]!,
      }),
    reference: (values) => ({
      output: whereReference(values.condition!, sourceOf(a, values.a), sourceOf(b, values.b)),
    }),
    tolerance: { output: 0 },
    bytes: elements(whole) * (3 * size(dtype) + 4),
    flops: elements(whole),
  };
}

const dtypes = ['float32', 'bfloat16', 'int32'] as const;

export const cases: OperationCase[] = dtypes.flatMap((dtype) => [
  whereCase([3, 5, 7], [3, 5, 7], [3, 5, 7], dtype),
  whereCase([], [], [], dtype),
  whereCase([2, 0], [1], [], dtype),
  whereCase([5, 1, 1], [6, 1], [7], dtype),
  whereCase([17, 3], [17, 3], -3, dtype, 'a'),
  whereCase([3], 2, [17, 3], dtype, 'b'),
  whereCase([9, 11], [1, 11], 0, dtype),
]);

export function randomCase(seed: number): OperationCase {
  const random = randomSource(seed);
  const whole = Array.from({ length: randomInteger(random, 0, 4) }, () =>
    randomInteger(random, 1, 9),
  );
  const part = () => whole.map((one) => (random() < 0.4 ? 1 : one));
  return whereCase(part(), part(), part(), dtypes[randomInteger(random, 0, 2)]!);
}

/** Backward is the operation itself, with 0 in the place of what is not differentiated. */
function gradientChecks(): GradientCheck[] {
  const random = randomSource(1);
  const shape = [4, 6];
  const condition = fewValues(shape, 'int32', random);
  const [a, b, dy] = [0, 1, 2].map(() => randomValues(shape, 'float32', random));
  const zero = { shape: [], data: Float64Array.of(0) };
  return [
    {
      name: 'where a',
      loss: (moved) => dot(whereReference(condition, { shape, data: moved }, b!), dy!.data),
      x: a!.data,
      gradient: whereReference(condition, dy!, zero),
    },
    {
      name: 'where b',
      loss: (moved) => dot(whereReference(condition, a!, { shape, data: moved }), dy!.data),
      x: b!.data,
      gradient: whereReference(condition, zero, dy!),
    },
  ];
}

export const gradients = gradientChecks();
