import { connect } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { Watch, type WatchOptions } from '../../lib/distributed/watch.ts';
import type { LeiaError } from '../../lib/system/error.ts';

interface Member {
  watch: Watch;
  /** Resolves with what ended the run. */
  failed: Promise<LeiaError>;
}

function options(rank: number, size: number, more: Partial<WatchOptions> = {}) {
  let onFailure: WatchOptions['onFailure'] = () => {};
  const failed = new Promise<LeiaError>((done) => {
    onFailure = done;
  });
  return { failed, options: { rank, size, timeout: 60, token: 'secret', onFailure, ...more } };
}

const here = { host: '127.0.0.1', port: 0 };

/** So many ranks in this process. */
async function ranks(size: number, more: Partial<WatchOptions> = {}): Promise<Member[]> {
  const own = Array.from({ length: size }, (_, rank) => options(rank, size, more));
  const { port, join } = await Watch.host(own[0]!.options, here);
  const others = own.slice(1).map((one) => Watch.join(one.options, { ...here, port }));
  const watches = await Promise.all([join(), ...others]);
  onTestFinished(() => watches[0]?.fail('the test is over'));
  return watches.map((watch, rank) => ({ watch, failed: own[rank]!.failed }));
}

test('all ranks get the values of all, whoever comes first', async () => {
  const members = await ranks(3);
  for (const order of [
    [0, 1, 2],
    [2, 1, 0],
  ]) {
    const gathered = order.map((rank) => members[rank]!.watch.gather(`${order}`, { rank }));
    for (const values of await Promise.all(gathered)) {
      expect(values).toEqual([{ rank: 0 }, { rank: 1 }, { rank: 2 }]);
    }
  }
  const nothing = members.map(({ watch }) => watch.gather('nothing', undefined));
  expect(await Promise.all(nothing)).toEqual(Array(3).fill([null, null, null]));
  await Promise.all(members.map(({ watch }) => watch.close()));
  expect(members.map(({ watch }) => watch.failure)).toEqual(Array(3).fill(undefined));
});

test.each([0, 1, 2])('when rank %i fails, all learn why', async (rank) => {
  const members = await ranks(3);
  const waiting = members[rank === 1 ? 2 : 1]!.watch.gather('never', 1);
  members[rank]!.watch.fail('the disk is full');
  const reason = `rank ${rank} failed: the disk is full`;
  for (const { failed } of members) expect((await failed).message).toBe(reason);
  await expect(waiting).rejects.toThrow(reason);
  await expect(members[0]!.watch.gather('later', 1)).rejects.toThrow(reason);
});

test('what a rank says at once with its name is heard', async () => {
  const own = options(0, 2);
  const { port, join } = await Watch.host(own.options, here);
  const other = connect({ ...here, port });
  other.on('error', () => {});
  other.write(
    '{"type":"hello","rank":1,"token":"secret"}\n{"type":"failed","reason":"rank 1 failed: early"}\n',
  );
  void join();
  expect((await own.failed).message).toBe('rank 1 failed: early');
});

test('a rank that does not come is named', async () => {
  const one = options(0, 3, { timeout: 0.05 });
  const { join } = await Watch.host(one.options, here);
  await expect(join()).rejects.toThrow('ranks 1, 2 did not come to rank 0 within 0.05 s');
  const other = options(1, 2, { timeout: 0.05 });
  await expect(Watch.join(other.options, { host: '127.0.0.1', port: 1 })).rejects.toThrow(
    'rank 1 does not reach rank 0 at 127.0.0.1:1 within 0.05 s',
  );
});

test.each([
  ['another protocol', 'GET / HTTP/1.1\r\n\r\n'],
  ['another run', '{"type":"hello","rank":1,"token":"guessed"}\n'],
  ['a rank that is none', '{"type":"hello","rank":7,"token":"secret"}\n'],
  ['a value before its rank', '{"type":"value","name":"0","value":1}\n'],
  ['an endless line', 'x'.repeat(2 ** 21)],
])('%s is sent away, and the ranks go on', async (_, text) => {
  const own = [0, 1].map((rank) => options(rank, 2));
  const { port, join } = await Watch.host(own[0]!.options, here);
  const stranger = connect({ ...here, port });
  stranger.on('error', () => {}).end(text);
  await new Promise((closed) => stranger.once('close', closed).resume());
  const watches = await Promise.all([join(), Watch.join(own[1]!.options, { ...here, port })]);
  const values = await Promise.all(watches.map((watch, rank) => watch.gather('0', rank)));
  expect(values[0]).toEqual([0, 1]);
  await Promise.all(watches.map((watch) => watch.close()));
});
