// Child process of copies.test.ts: casts to the same dtype between places of every alignment, and prints what came out
// wrong: values, or elements beside the output that were written.
import { Device, ops, Tensor } from '../../../lib/ops.ts';
import { elements } from '../../ops/case.ts';

const device = Device.open('emulated');
const margin = 9;
let runs = 0;
for (const dtype of ['float32', 'bfloat16', 'int32'] as const) {
  for (const count of [0, 1, 7, 8, 333]) {
    for (const from of [0, 1, 3, 8]) {
      for (const to of [0, 1, 2, 8]) {
        const input = Tensor.from(
          Array.from({ length: from + count }, (_, i) => (i % 200) - 100),
          [from + count],
          { dtype, device },
        );
        const output = Tensor.from(
          new Array<number>(to + count + margin).fill(77),
          [to + count + margin],
          {
            dtype,
            device,
          },
        );
        ops.cast({ input: input.view([count], from), output: output.view([count], to) });
        const values = [...(await output.read())];
        const expected = [
          ...new Array<number>(to).fill(77),
          ...Array.from({ length: count }, (_, i) => ((i + from) % 200) - 100),
          ...new Array<number>(margin).fill(77),
        ];
        runs++;
        if (
          values.length !== elements(output.shape) ||
          values.some((value, i) => value !== expected[i])
        ) {
          console.log(`${dtype}, ${count} elements from ${from} to ${to}`);
        }
      }
    }
  }
}
console.log(`${runs} copies`);
