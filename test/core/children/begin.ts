// Child process of tests that set the environment: the least for which the CPU device begins, a product.
import { ops, Tensor } from '../../../lib/ops.ts';

const a = Tensor.from([2], [1, 1]);
console.log(await ops.matmul({ a, b: a }).output.item());
