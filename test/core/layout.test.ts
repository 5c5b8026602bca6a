import { expect, test } from 'vitest';
import { Device } from '../../lib/core/device.ts';
import { allocate, bytesOf, listTensors, TensorLayout } from '../../lib/core/layout.ts';
import { expectError } from '../llama/fixtures.ts';

function example() {
  const rows = new TensorLayout([6, 8], 'bfloat16');
  const heads = rows.view([2, 3, 8]);
  return {
    // A view may come before what it is a view of.
    early: rows.view([48]),
    layers: [{ rows, heads }, { rows }],
    deeper: heads.view([3, 16]),
    ids: new TensorLayout([5], 'int32'),
    absent: undefined,
  };
}

test('every place of a layout has a name, and memory that is shared counts once', () => {
  const list = listTensors(example());
  expect(
    list.map(({ name, shape, bytes, sharesWith }) => [name, shape, bytes, sharesWith]),
  ).toEqual([
    ['early', [48], 0, 'layers.0.rows'],
    ['layers.0.rows', [6, 8], 96, undefined],
    ['layers.0.heads', [2, 3, 8], 0, 'layers.0.rows'],
    ['layers.1.rows', [6, 8], 0, 'layers.0.rows'],
    ['deeper', [3, 16], 0, 'layers.0.rows'],
    ['ids', [5], 20, undefined],
  ]);
  expect(list.map(({ dtype }) => dtype)).toEqual([...new Array(5).fill('bfloat16'), 'int32']);
  expect(bytesOf(example())).toBe(116);
  expect(bytesOf({})).toBe(0);
});

test('what is allocated has the shapes and shares the memory that the layout says', async () => {
  const device = Device.open('cpu');
  const before = device.liveBytes;
  const memory = allocate(example(), device);
  expect(device.liveBytes - before).toBe(116);
  expect(memory.bytes).toBe(116);
  const { early, layers, deeper, ids, absent } = memory.tensors;
  expect(absent).toBeUndefined();
  expect([ids.shape, ids.dtype]).toEqual([[5], 'int32']);
  expect([deeper.shape, deeper.dtype]).toEqual([[3, 16], 'bfloat16']);
  const values = Float32Array.from({ length: 48 }, (_, i) => i);
  layers[1]!.rows.write(values);
  for (const tensor of [early, layers[0]!.rows, deeper]) {
    expect(await tensor.readFloats()).toEqual(values);
  }
  memory[Symbol.dispose]();
  expect(device.liveBytes).toBe(before);
});

test('a view of a tensor that is elsewhere is refused, as nobody would count its memory', async () => {
  const { rows } = example().layers[0]!;
  const message = 'lost.0 is a view of a tensor that is not in it';
  await expectError(() => bytesOf({ lost: [rows.view([48])] }), 'argument', message);
  await expectError(
    () => allocate({ lost: [rows.view([48])] }, Device.open()),
    'argument',
    message,
  );
});

test('memory that does not suffice leaves nothing allocated', async () => {
  const device = Device.open('cpu');
  const before = device.liveBytes;
  const layout = {
    small: new TensorLayout([1000], 'float32'),
    huge: new TensorLayout([2 ** 31 - 1, 2 ** 20], 'float32'),
  };
  await expectError(() => allocate(layout, device), 'execution', 'out of memory on cpu');
  expect(device.liveBytes).toBe(before);
});
