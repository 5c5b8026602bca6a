// Which GPU is whose, on a machine with four of them.
import { expect, test } from 'vitest';
import { deviceCount } from '../../lib/distributed/communicator.ts';
import { checkRankDevices, deviceOfRank } from '../../lib/distributed/rank-device.ts';
import { deviceName } from '../ops/case.ts';

test('a rank has the GPU of its number on its machine', () => {
  const count = deviceCount();
  for (let localRank = 0; localRank < count; localRank++) {
    const own = deviceOfRank(deviceName, { localRank, localSize: count });
    // The only one that it sees may be another one for each rank.
    expect(own).toBe(count === 1 ? deviceName : `${deviceName}:${localRank}`);
  }
  expect(deviceOfRank('cpu', { localRank: 9, localSize: 10 })).toBe('cpu');
});

test('too few GPUs are counted, and one by its number is no choice', () => {
  const count = deviceCount();
  const tooFew = `${count + 1} ranks on this machine need as many GPUs, and it shows ${count}; start ${count}`;
  expect(() => checkRankDevices(deviceName, count + 1)).toThrow(tooFew);
  checkRankDevices(deviceName, count);
  checkRankDevices('cpu', 99);
  if (count > 1) {
    const place = { localRank: count, localSize: count + 1 };
    expect(() => deviceOfRank(deviceName, place)).toThrow(tooFew);
  }
  for (const check of [
    () => deviceOfRank(`${deviceName}:1`, { localRank: 1, localSize: 2 }),
    () => checkRankDevices(`${deviceName}:1`, 2),
  ]) {
    expect(check).toThrow(
      `--device ${deviceName}:1: several ranks have a GPU each, expected --device ${deviceName}`,
    );
  }
});
