// Collectives of ranks on GPUs, against float64, and what is said when ranks do not agree: on the emulator's stand-in
// for NCCL, which checks what NCCL only assumes.
import { setTimeout } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { HostArray } from '../../lib/core/addon.ts';
import { Device } from '../../lib/core/device.ts';
import * as ops from '../../lib/core/ops.ts';
import { Tensor } from '../../lib/core/tensor.ts';
import { Communicator, ncclId, sliceOf } from '../../lib/distributed/communicator.ts';
import { deviceName } from '../ops/case.ts';
import { isFull } from '../support/extent.ts';
import { mostRanks, openRanks, type Rank, together } from './gpu-ranks.ts';

const counts = Array.from({ length: mostRanks }, (_, i) => i + 1);

/** Numbers whose sum depends on the order in which they are added. */
function valuesOf(seed: number, count: number): Float32Array {
  let bits = 2 * seed + 1;
  return Float32Array.from({ length: count }, () => {
    bits = (Math.imul(bits, 1664525) + 1013904223) | 0;
    return bits / 2 ** 31;
  });
}

/** In float64, and how far a sum in float32 may be off, in whatever order it is made. */
function sumOf(all: readonly Float32Array[]): { value: number; tolerance: number }[] {
  return Array.from(all[0]!, (_, i) => ({
    value: all.reduce((sum, one) => sum + one[i]!, 0),
    tolerance: all.length * 2 ** -24 * all.reduce((sum, one) => sum + Math.abs(one[i]!), 0),
  }));
}

function expectSums(came: ArrayLike<number>, sums: ReturnType<typeof sumOf>): void {
  expect(came.length).toBe(sums.length);
  const wrong = sums.findIndex(
    ({ value, tolerance }, i) => !(Math.abs(came[i]! - value) <= tolerance),
  );
  expect({ wrong, came: came[wrong] }).toEqual({ wrong: -1, came: undefined });
}

/** Bit by bit, which the test runner itself takes seconds for. */
function expectSame(came: Float32Array, expected: Float32Array): void {
  const [one, other] = [came, expected].map(({ buffer, byteOffset, byteLength }) =>
    Buffer.from(buffer, byteOffset, byteLength),
  ) as [Buffer, Buffer];
  expect(one.equals(other)).toBe(true);
}

const poisoned = (count: number) => new Float32Array(count).fill(Number.NaN);

/** Every collective once, apart and in place; gives what a rank has in the end. */
async function everyCollective(
  { rank, device, communicator }: Rank,
  all: readonly Float32Array[],
): Promise<Float32Array[]> {
  const own = all[rank]!;
  const count = own.length;
  const sums = sumOf(all);
  const { begin, end } = sliceOf(count, rank, communicator.size);
  const results: Float32Array[] = [];
  const read = async (tensor: Tensor) => {
    const values = await tensor.readFloats();
    results.push(values);
    return values;
  };
  using tensor = Tensor.from(own, [count], { device });
  communicator.allReduce(tensor, 'sum');
  expectSums(await read(tensor), sums);

  tensor.write(own);
  using part = Tensor.from(poisoned(end - begin), [end - begin], { device });
  communicator.reduceScatter(tensor, part, 'slices of the sum');
  expectSums(await read(part), sums.slice(begin, end));
  expectSame(await tensor.readFloats(), own);
  using slice = tensor.view([end - begin], begin);
  communicator.reduceScatter(tensor, slice, 'slices of the sum');
  expectSame(await slice.readFloats(), await part.readFloats());

  using whole = Tensor.from(poisoned(count), [count], { device });
  communicator.allGather(part, whole, 'all slices');
  expectSums(await read(whole), sums);
  communicator.allGather(slice, tensor, 'all slices');
  expectSame(await tensor.readFloats(), await whole.readFloats());

  for (let root = 0; root < communicator.size; root++) {
    tensor.write(own);
    communicator.broadcast(tensor, root, 'what one rank has');
    expectSame(await tensor.readFloats(), all[root]!);
  }
  return results;
}

describe.each(counts)('%i ranks', (size) => {
  const sizes = [0, 1, 7, 8 * size, 8 * size + 1, 1001];
  test.each(isFull ? [...sizes, 400_003] : sizes)(
    'every collective of %i numbers, twice with the same bits',
    async (count) => {
      const ranks = openRanks(size);
      const all = ranks.map(({ rank }) => valuesOf(size * count + rank, count));
      const first = await together(ranks, (one) => everyCollective(one, all));
      // Sums are the same bits on all ranks.
      for (const [sum] of first) expectSame(sum!, first[0]![0]!);
      const again = await together(ranks, (one) => everyCollective(one, all));
      for (const [i, values] of again.flat().entries()) expectSame(values, first.flat()[i]!);
      for (const { communicator } of ranks) communicator.close();
    },
  );

  test.each(['bfloat16', 'int32'] as const)('gather and broadcast of %s', async (dtype) => {
    const ranks = openRanks(size);
    const bits = (of: number) => Array.from({ length: 41 }, (_, i) => 64 * of + i);
    const arrayOf = (values: number[]): HostArray =>
      dtype === 'int32' ? Int32Array.from(values) : Uint16Array.from(values);
    await together(ranks, async ({ rank, device, communicator }) => {
      using tensor = Tensor.from(arrayOf(bits(rank)), [41], { dtype, device });
      communicator.broadcast(tensor, size - 1, dtype);
      expect([...(await tensor.readBits())]).toEqual(bits(size - 1));
      const { begin, end } = sliceOf(41, rank, size);
      tensor.write(arrayOf(bits(0)));
      using slice = tensor.view([end - begin], begin);
      slice.write(arrayOf(bits(rank + 1).slice(begin, end)));
      communicator.allGather(slice, tensor, dtype);
      const expected = ranks.flatMap((of) => {
        const part = sliceOf(41, of.rank, size);
        return bits(of.rank + 1).slice(part.begin, part.end);
      });
      expect([...(await tensor.readBits())]).toEqual(expected);
      communicator.close();
    });
  });
});

// What follows would make NCCL itself wait for ever.
describe.skipIf(deviceName !== 'emulated')('ranks that do not agree', () => {
  const three = ({ device }: Rank) => Tensor.from([1, 2, 3], [3], { device });

  test.each<[string, (rank: Rank, isLast: boolean) => void, string]>([
    [
      'another size',
      (rank, isLast) =>
        rank.communicator.allReduce(
          isLast ? Tensor.from([1, 2], [2], { device: rank.device }) : three(rank),
          'gradient of x',
        ),
      'ncclAllReduce of 2 float32 as number 0, expected ncclAllReduce of 3 float32 as number 0',
    ],
    [
      'another collective',
      (rank, isLast) =>
        isLast
          ? rank.communicator.broadcast(three(rank), 0, 'x')
          : rank.communicator.allReduce(three(rank), 'x'),
      'ncclBroadcast of 12 bytes with root 0 as number 0, expected ncclAllReduce of 3 float32 as number 0',
    ],
    [
      'another root',
      (rank, isLast) => rank.communicator.broadcast(three(rank), isLast ? 1 : 0, 'x'),
      'ncclBroadcast of 12 bytes with root 1 as number 0, expected ncclBroadcast of 12 bytes with root 0 as number 0',
    ],
    [
      'another order',
      (rank, isLast) => {
        const calls = [
          () => rank.communicator.allReduce(three(rank), 'x'),
          () => rank.communicator.barrier(rank.device, 'y'),
        ];
        for (const call of isLast ? calls.reverse() : calls) call();
      },
      'ncclAllReduce of 1 float32 as number 0, expected ncclAllReduce of 3 float32 as number 0',
    ],
  ])('a rank with %s is named on all', async (_, call, difference) => {
    const ranks = openRanks(3);
    await together(ranks, async (rank) => {
      call(rank, rank.rank === 2);
      await expect(rank.device.synchronize()).rejects.toThrow(
        `rank 2 issued another collective than the other ranks: ${difference}`,
      );
      // What comes later fails with the same reason.
      rank.communicator.barrier(rank.device, 'later');
      await expect(rank.device.synchronize()).rejects.toThrow('rank 2 issued another collective');
    });
  });

  test('an error says what the collective was for', async () => {
    const ranks = openRanks(2);
    await together(ranks, async (rank) => {
      using tensor = three(rank);
      if (rank.rank === 0) rank.communicator.allReduce(tensor, 'gradient of x');
      else rank.communicator.broadcast(tensor, 0, 'x');
      await expect(tensor.readFloats()).rejects.toThrow(
        rank.rank === 0
          ? /^all_reduce of 3 float32 \(gradient of x\): NCCL: .*rank 1 issued another/
          : /^broadcast of 3 float32 from rank 0 \(x\): NCCL: .*rank 1 issued another/,
      );
      await rank.device.synchronize();
    });
  });

  test('a rank that does not come is named when patience ends', async () => {
    const ranks = openRanks(3);
    for (const { communicator, device } of ranks) communicator.barrier(device, 'all are here');
    await together(ranks, ({ device }) => device.synchronize());
    process.env.LEIA_EMULATOR_NCCL_TIMEOUT = '1';
    onTestFinished(() => {
      delete process.env.LEIA_EMULATOR_NCCL_TIMEOUT;
    });
    const [first, second] = ranks as [Rank, Rank, Rank];
    for (const rank of [first, second]) rank.communicator.allReduce(three(rank), 'x');
    for (const { device } of [first, second]) {
      await expect(device.synchronize()).rejects.toThrow(
        'rank 2 did not come to ncclAllReduce of 3 float32 as number 1',
      );
    }
    const [alone] = openRanks(2) as [Rank];
    alone.communicator.barrier(alone.device, 'all are here');
    await expect(alone.device.synchronize()).rejects.toThrow(
      'rank 1 did not come to ncclCommInitRankConfig',
    );
  });

  test('abort ends waiting, for ranks and for the first meeting, and what comes later', async () => {
    const ranks = openRanks(2);
    for (const { communicator, device } of ranks) communicator.barrier(device, 'all are here');
    await together(ranks, ({ device }) => device.synchronize());
    const [first] = ranks as [Rank, Rank];
    first.communicator.allReduce(three(first), 'x');
    const [alone] = openRanks(2) as [Rank];
    alone.communicator.barrier(alone.device, 'all are here');
    for (const { communicator } of [first, alone]) communicator.abort('rank 1 was lost');
    await expect(first.device.synchronize()).rejects.toThrow(/rank 1 was lost$/);
    first.communicator.barrier(first.device, 'later');
    await expect(first.device.synchronize()).rejects.toThrow(/rank 1 was lost$/);
  });

  test('ranks that count themselves differently are named', async () => {
    const id = ncclId();
    const devices = [3, 2].map((size, rank) => {
      const device = Device.open(`${deviceName}:${rank}`);
      Communicator.openNccl(device, { id, rank, size }).barrier(device, 'x');
      return device;
    });
    for (const device of devices) {
      await expect(device.synchronize()).rejects.toThrow(
        /rank \d joined as one of \d, others as one/,
      );
    }
  });
});

test.skipIf(mostRanks < 2)('poison goes on to what a rank gets, and to nobody else', async () => {
  const ranks = openRanks(2);
  await together(ranks, async ({ rank, device, communicator }) => {
    using ids = Tensor.from(Int32Array.of(rank === 0 ? 9 : 1), [1], { dtype: 'int32', device });
    using table = Tensor.from([1, 2, 3, 4], [2, 2], { device });
    using row = Tensor.empty([1, 2], { device });
    ops.embeddingForward({ ids, weight: table, output: row });
    communicator.allReduce(row, 'sum');
    using other = Tensor.from([5], [1], { device });
    communicator.allReduce(other, 'another sum');
    if (rank === 0) await expect(row.readFloats()).rejects.toThrow(/^embedding.*9/);
    expect([...(await other.readFloats())]).toEqual([10]);
    await device.synchronize().catch(() => {});
    communicator.close();
  });
});

test.skipIf(mostRanks < 2)(
  'the time in collectives counts waiting for the other ranks, and nothing twice',
  async () => {
    const ranks = openRanks(2);
    await together(ranks, async ({ device, communicator }) => {
      communicator.barrier(device, 'all are here');
      await device.synchronize();
    });
    const spent = ranks.map(({ communicator }) => communicator.secondsSpent);
    const began = performance.now();
    const wait = 0.2;
    await together(ranks, async ({ rank, device, communicator }) => {
      if (rank === 1) await setTimeout(1000 * wait);
      using tensor = Tensor.from([1, 2, 3], [3], { device });
      for (let i = 0; i < 20; i++) communicator.allReduce(tensor, 'one of many');
      await device.synchronize();
    });
    const passed = (performance.now() - began) / 1000;
    for (const { rank, communicator } of ranks) {
      const seconds = communicator.secondsSpent - spent[rank]!;
      expect(seconds).toBeLessThan(passed);
      // Timers are a little early.
      if (rank === 0) expect(seconds).toBeGreaterThan(0.9 * wait);
      communicator.close();
    }
  },
);
