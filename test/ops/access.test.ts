// Every operation says of each tensor whether it reads, overwrites or adds to it. Errors follow the data by this, so a
// wrong word would hide garbage or spoil what is sound. Here each is run, and what it does is compared with what it
// says: which tensors change; which changes depend on what a tensor held before; and where poison goes.
import { describe, expect, test } from 'vitest';
import { Device, ops, Tensor } from '../../lib/ops.ts';
import { elements } from './case.ts';
import { type Arguments, tensorsOf } from './face.ts';
import { attentionBackwardWithKeyLengths, attentionWithKeyLengths, call, faces } from './faces.ts';

type Bits = Map<string, string>;

async function bitsOf(args: Arguments): Promise<Bits> {
  const bits = tensorsOf(args).map(async ([name, tensor]): Promise<[string, string]> => {
    const { buffer, byteOffset, byteLength } = await tensor.readBits();
    return [name, Buffer.from(buffer, byteOffset, byteLength).toString('hex')];
  });
  return new Map(await Promise.all(bits));
}

/** Gives one argument other values, which the operation takes as well. */
async function change(tensor: Tensor): Promise<void> {
  const values = await tensor.read();
  const least = Math.min(...values);
  const other =
    values instanceof Int32Array ? values.map(() => least) : values.map((x) => x / 2 + 3);
  tensor.write(other);
}

/** Spoils a tensor: the output of an operation that fails. */
function poison(tensor: Tensor): void {
  const count = elements(tensor.shape);
  using row = tensor.view(tensor.dtype === 'int32' ? [count] : [1, count]);
  if (tensor.dtype === 'int32') {
    using logits = Tensor.from(new Float32Array(count).fill(Number.NaN), [count, 1]);
    ops.sampleToken({ logits, tokens: row, temperature: 0 });
  } else {
    using ids = Tensor.from(Int32Array.of(1), [1]);
    using weight = Tensor.zeros([1, count], { dtype: tensor.dtype });
    ops.embeddingForward({ ids, weight, output: row });
  }
}

async function poisonedOf(args: Arguments): Promise<string[]> {
  const names = tensorsOf(args).map(([name, tensor]) =>
    tensor.readBits().then(
      () => [],
      () => [name],
    ),
  );
  return (await Promise.all(names)).flat();
}

function difference(a: Bits, b: Bits): string[] {
  return [...a.keys()].filter((name) => a.get(name) !== b.get(name));
}

/** The tensors that a call changes, and their values then. */
async function run(
  operation: string,
  args: Arguments,
): Promise<{ written: string[]; after: Bits }> {
  const before = await bitsOf(args);
  call(operation, args);
  const after = await bitsOf(args);
  return { written: difference(before, after), after };
}

/** Of each tensor: whether it is read, overwritten or updated. */
async function observe(operation: string, right: () => Arguments): Promise<Map<string, string>> {
  const { written, after } = await run(operation, right());
  const all = new Set(written);
  const updated = new Set<string>();
  for (const [name] of tensorsOf(right())) {
    const args = right();
    await change(args[name] as Tensor);
    const other = await run(operation, args);
    for (const item of other.written) all.add(item);
    if (difference(after, other.after).includes(name)) updated.add(name);
  }
  const kindOf = (name: string) =>
    !all.has(name) ? 'read' : updated.has(name) ? 'updated' : 'overwritten';
  return new Map(tensorsOf(right()).map(([name]) => [name, kindOf(name)]));
}

const variants = Object.entries(faces).map(([operation, { right }]) => ({ operation, right }));
variants.push({
  operation: 'matmul',
  right: () => ({ ...faces.matmul!.right(), accumulate: true }),
});
variants.push({ operation: 'flashAttentionForward', right: attentionWithKeyLengths });
variants.push({ operation: 'flashAttentionBackward', right: attentionBackwardWithKeyLengths });

describe.each(variants)('$operation', ({ operation, right }) => {
  test('passes poison on, and ends it, as it reads and writes', async () => {
    const observed = await observe(operation, right);
    const written = [...observed].flatMap(([name, kind]) => (kind === 'read' ? [] : [name]));
    expect(written.length).toBeGreaterThan(0);
    for (const [name, kind] of observed) {
      const args = right();
      poison(args[name] as Tensor);
      call(operation, args);
      const expected = kind === 'overwritten' ? [] : [...new Set([name, ...written])];
      expect((await poisonedOf(args)).sort(), `${name} is ${kind}`).toEqual(expected.sort());
      // Nobody has read what an operation ended.
      await Device.open()
        .synchronize()
        .catch(() => {});
    }
  });
});
