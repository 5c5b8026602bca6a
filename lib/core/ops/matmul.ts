import { operation } from '../operation.ts';
import { type Shape, Tensor } from '../tensor.ts';
import { rowCount } from './outputs.ts';

/** Arguments of {@link matmul}. */
export interface Matmul {
  /**
   * [..., K], or [..., M] with `transposeA`; float32 or bfloat16. With `batched` [..., M, K] or [..., K, M].
   */
  a: Tensor;
  /**
   * [K, N], or [N, K] with `transposeB`; dtype of a. With `batched` it may have leading dimensions, those of a; without
   * them it is the same for all.
   */
  b: Tensor;
  transposeA?: boolean;
  transposeB?: boolean;
  /** A product of its own for each index of the leading dimensions, instead of taking them together as rows. */
  batched?: boolean;
  /** Add to the output, if one is given, instead of overwriting it. */
  accumulate?: boolean;
  /** M rows of N, with `batched` [..., M, N]; float32, or bfloat16 for bfloat16 operands; memory of its own. */
  output?: Tensor;
  /** [N], dtype of the output: added to each row before the output is rounded. Its gradient is `addBiasBackward`. */
  bias?: Tensor;
  /** Dtype of an output that is not given; that of a by default. */
  outputDtype?: 'float32' | 'bfloat16';
}

const nativeMatmul = operation<
  Matmul,
  'output' | 'transposeA' | 'transposeB' | 'accumulate' | 'batched'
>('matmul');

/**
 * Matrix product `output (+)= A · B (+ bias)` with float32 sums; leading dimensions are taken together as
 * rows. A linear layer with a Hugging Face weight [out, in] is
 * `matmul({ a: x, b: weight, transposeB: true })`. With `batched` there is a product for each index of the leading
 * dimensions; its gradients are `{ a: dy, b, transposeB: true, batched: true }` of a and
 * `{ a, b: dy, transposeA: true, batched: true }` of b, the latter without `batched` if all had the same b.
 *
 * A bias is added by the product itself: on a GPU by cuBLASLt's epilogue, and where cuBLASLt has no such product by a
 * kernel of its own after it, which rounds a bfloat16 output once more.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const a = Tensor.from([1, 2, 3, 4], [2, 2]);
 * await ops.matmul({ a, b: a, transposeB: true }).output.read(); // 5, 11, 11, 25
 */
export function matmul(args: Matmul): { output: Tensor } {
  nativeMatmul.expect(args);
  const { transposeA = false, transposeB = false, batched = false } = args;
  const output = args.output ?? allocate(args);
  const accumulate = args.output ? (args.accumulate ?? false) : false;
  nativeMatmul(args, { output, transposeA, transposeB, accumulate, batched });
  return { output };
}

function allocate({ a, b, transposeA, transposeB, batched, outputDtype }: Matmul): Tensor {
  const last = (shape: Shape) => shape.at(-1) ?? 0;
  const bRows = batched ? (b.shape.at(-2) ?? 0) : rowCount(b.shape);
  const columns = transposeB ? bRows : last(b.shape);
  const leading = batched ? a.shape.slice(0, -2) : [];
  const rows = transposeA ? [...leading, last(a.shape)] : a.shape.slice(0, -1);
  return Tensor.empty([...rows, columns], { dtype: outputDtype ?? a.dtype, device: a.device });
}
