import { operation } from '../operation.ts';
import { Tensor } from '../tensor.ts';
import { rowCount } from './outputs.ts';

export interface Matmul {
  /** [..., K], or [..., M] with `transposeA`; float32 or bfloat16. */
  a: Tensor;
  /** [K, N], or [N, K] with `transposeB`; dtype of a. */
  b: Tensor;
  transposeA?: boolean;
  transposeB?: boolean;
  /** Add to the output, if one is given, instead of overwriting it. */
  accumulate?: boolean;
  /** M rows of N; float32, or bfloat16 for bfloat16 operands; memory of its own. */
  output?: Tensor;
  /** Dtype of an output that is not given; that of a by default. */
  outputDtype?: 'float32' | 'bfloat16';
}

const nativeMatmul = operation<Matmul, 'output' | 'transposeA' | 'transposeB' | 'accumulate'>(
  'matmul',
);

/**
 * Matrix product `output (+)= A · B` with float32 sums; leading dimensions are taken together as
 * rows. A linear layer with a Hugging Face weight [out, in] is
 * `matmul({ a: x, b: weight, transposeB: true })`.
 */
export function matmul(args: Matmul): { output: Tensor } {
  const { transposeA = false, transposeB = false } = args;
  const output = args.output ?? allocate(args);
  const accumulate = args.output ? (args.accumulate ?? false) : false;
  nativeMatmul(args, { output, transposeA, transposeB, accumulate });
  return { output };
}

function allocate({ a, b, transposeA, transposeB, outputDtype }: Matmul): Tensor {
  const columns = transposeB ? rowCount(b.shape) : (b.shape.at(-1) ?? 0);
  const rows = transposeA ? [a.shape.at(-1) ?? 0] : a.shape.slice(0, -1);
  return Tensor.empty([...rows, columns], { dtype: outputDtype ?? a.dtype, device: a.device });
}
