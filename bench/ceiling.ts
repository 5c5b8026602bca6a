// Measures what this very device can do in this run: a large matrix product for arithmetic, a large copy for memory.
// Every other rate is given as a share of these, since data sheets promise more than any program gets. If a rival runs,
// the faster of both is the ceiling.
import { type Device, ops } from '../lib/index.ts';
import { product } from './operations/matmul.ts';
import { bytesOf, type Float, type Sizes, Tensors, type Workload } from './workload.ts';

/** Elements of the copied tensor, and the side of the square product. */
const scale: Record<Sizes, { copied: number; side: number }> = {
  tiny: { copied: 10_000, side: 64 },
  small: { copied: 64 * 2 ** 20, side: 2048 },
  large: { copied: 2 ** 30, side: 8192 },
};

export function largeProduct(sizes: Sizes, dtype: Float): Workload {
  const { side } = scale[sizes];
  return product({ m: side, k: side, n: side, dtype });
}

export function largeCopy(sizes: Sizes): Workload {
  const dtype = 'bfloat16';
  const { copied } = scale[sizes];
  return {
    name: `copy ${copied} ${dtype}`,
    dtype,
    bound: 'memory',
    flops: 0,
    bytes: 2 * copied * bytesOf(dtype),
    rival: { kind: 'copy', count: copied, dtype },
    prepare: (device: Device) => {
      const tensors = new Tensors(device);
      const input = tensors.random([copied], dtype);
      const output = tensors.empty([copied], dtype);
      return {
        run: () => ops.cast({ input, output }),
        check: async () => undefined,
        dispose: () => tensors.dispose(),
      };
    },
  };
}
