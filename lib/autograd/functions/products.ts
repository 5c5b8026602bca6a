// Products of matrices, and rows of a table.
import * as ops from '../../core/ops.ts';
import type { Tensor } from '../../core/tensor.ts';
import { LeiaError } from '../../system/error.ts';
import { type Operand, record, tensorOf, type Variable, wantsGradient } from '../variable.ts';

/** What {@link matmul} takes beside its operands. */
export interface MatmulOptions {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  /** A product of its own for each index of the leading dimensions, instead of taking them together as rows. */
  readonly batched?: boolean;
  /** [N], added to each row; dtype of the result. */
  readonly bias?: Operand | undefined;
}

/**
 * The product of matrices, as {@link ops.matmul}; `matmul(x, weight, { transposeB: true, bias })` is a linear layer.
 * @throws LeiaError `unsupported` for `batched` with `transposeA` and one b for all, `argument` as the operation.
 * @example
 * const x = new Variable(Tensor.from([1, 2], [1, 2]), { requiresGrad: true });
 * const weight = Tensor.from([1, 2, 3, 4], [2, 2]);
 * const y = matmul(x, weight, { transposeB: true });
 * y.backward();
 * await y.read(); // 5, 11
 * await x.gradient.read(); // 4, 6
 */
export function matmul(a: Operand, b: Operand, options: MatmulOptions = {}): Variable {
  const { transposeA = false, transposeB = false, bias } = options;
  const [valueA, valueB] = [tensorOf(a), tensorOf(b)];
  const isShared = options.batched === true && valueB.shape.length === 2;
  if (isShared && transposeA) {
    throw new LeiaError(
      'unsupported',
      'matmul: batched with transposeA and one b for all has no backward; transpose a before',
    );
  }
  // With one b for all the products are those of all rows together.
  const batched = options.batched === true && !isShared;
  const { output } = ops.matmul({
    ...{ a: valueA, b: valueB, transposeA, transposeB, batched },
    ...(bias && { bias: tensorOf(bias) }),
  });
  const saved = [
    wantsGradient(b) ? valueA : undefined,
    wantsGradient(a) ? valueB : undefined,
  ] as const;
  const inputs = [a, b, bias] as const;
  const [result] = record(inputs, [output], saved, ([gradient], sums, [keptA, keptB]) => {
    if (gradient === undefined) return;
    const [sumA, sumB, sumBias] = sums;
    sumBias?.inFloat32((gradBias) => ops.addBiasBackward({ gradOutput: gradient, gradBias }));
    if (sumB && keptA) {
      const transposed = { a: gradient, transposeA: true, b: keptA, transposeB: transposeA };
      const straight = { a: keptA, transposeA: !transposeA, b: gradient };
      ops.matmul({ ...(transposeB ? transposed : straight), batched, ...sumB.target() });
    }
    if (sumA && keptB) {
      const transposed = { a: keptB, transposeA: transposeB, b: gradient, transposeB: true };
      const straight = { a: gradient, b: keptB, transposeB: !transposeB };
      ops.matmul({ ...(transposeA ? transposed : straight), batched, ...sumA.target() });
    }
  });
  return result;
}

/**
 * Rows of a table, as {@link ops.embeddingForward}.
 *
 * @throws LeiaError with code `argument` as the operation.
 * @example
 * const weight = Tensor.from([1, 2, 3, 4, 5, 6], [3, 2]);
 * await embedding(Tensor.from(Int32Array.of(2, 0), [2]), weight).read(); // 5, 6, 1, 2
 */
export function embedding(ids: Tensor, weight: Operand): Variable {
  const { output } = ops.embeddingForward({ ids, weight: tensorOf(weight) });
  const [result] = record([weight], [output], [ids], ([gradOutput], [sum], [keptIds]) => {
    sum?.inFloat32((gradWeight) => {
      if (gradOutput) ops.embeddingBackward({ gradOutput, ids: keptIds, gradWeight });
    });
  });
  return result;
}
