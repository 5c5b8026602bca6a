import { connect } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import type { Position } from '../../lib/distributed/positions.ts';
import { Watch, type WatchOptions } from '../../lib/distributed/watch.ts';
import type { LeiaError } from '../../lib/system/error.ts';
import { runChild } from '../support/child.ts';

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
async function ranks(
  size: number,
  more: Partial<WatchOptions> = {},
  positions: readonly (() => Position)[] = [],
): Promise<Member[]> {
  const own = Array.from({ length: size }, (_, rank) =>
    options(rank, size, { ...more, ...(positions[rank] && { position: positions[rank] }) }),
  );
  const { port, join } = await Watch.host(own[0]!.options, here);
  const others = own.slice(1).map((one) => Watch.join(one.options, { ...here, port }));
  const watches = await Promise.all([join(), ...others]);
  onTestFinished(async () => void (await watches[0]?.fail('the test is over')));
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

const inside = (number: number, seconds: number): Position => ({
  begun: number + 1,
  inside: { number, what: "barrier for 'x'", seconds },
  quiet: seconds,
});

test('a rank that lets the others wait too long is named, one that shows progress is waited for', async () => {
  let quiet = 0;
  const positions = [inside(4, 99), inside(4, 99), { begun: 4, quiet: 99 }];
  const members = await ranks(3, {}, [
    () => positions[0]!,
    () => positions[1]!,
    () => ({ begun: 4, quiet }),
  ]);
  for (const { watch } of members) watch.patience = 0.1;
  await setTimeout(300);
  expect(members.map(({ watch }) => watch.failure)).toEqual(Array(3).fill(undefined));
  quiet = 99;
  for (const { failed } of members) {
    expect((await failed).message).toBe(
      "rank 2 has not come to collective 4, barrier for 'x', to which ranks 0 and 1 came 99 s ago",
    );
  }
});

test('when a rank is lost, the others say where they wait for it, and what fails then is no cause', async () => {
  let number = 3;
  const own = [0, 1].map((rank) => options(rank, 3, { position: () => inside(number, 2) }));
  const { port, join } = await Watch.host(own[0]!.options, here);
  const lost = connect({ ...here, port });
  lost.on('error', () => {}).write('{"type":"hello","rank":2,"token":"secret"}\n');
  const watches = await Promise.all([join(), Watch.join(own[1]!.options, { ...here, port })]);
  number = 7; // as they have gone on since
  // This is told before the end of the connection is noticed.
  const failed = watches[1]!.fail('the connection to rank 2 broke');
  await setTimeout(50);
  lost.destroy();
  const reason =
    "rank 2 was lost: its connection ended; ranks 0 and 1 wait in collective 7, barrier for 'x', for 2 s";
  expect((await failed)?.message).toBe(reason);
  for (const { failed } of own) expect((await failed).message).toBe(reason);
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

test('a rank that does not come is named, in the ranks that have come too', async () => {
  const one = options(0, 3, { timeout: 0.5 });
  const { port, join } = await Watch.host(one.options, here);
  const come = options(1, 3);
  await Watch.join(come.options, { ...here, port });
  const missing = 'rank 2 did not come to rank 0 within 0.5 s';
  await expect(join()).rejects.toThrow(missing);
  expect((await come.failed).message).toContain(missing);
  const other = options(1, 2, { timeout: 0.05 });
  await expect(Watch.join(other.options, { host: '127.0.0.1', port: 1 })).rejects.toThrow(
    'rank 1 does not reach rank 0 at 127.0.0.1:1 within 0.05 s',
  );
});

test('a second process of one rank learns that it is that', async () => {
  const { port } = await Watch.host(options(0, 3).options, here);
  const [first, second] = [options(1, 3), options(1, 3)];
  await Watch.join(first.options, { ...here, port });
  await Watch.join(second.options, { ...here, port });
  const failure = await Promise.race([first.failed, second.failed]);
  expect(failure.message).toContain('another process has come as rank 1 before');
});

test('of what ends a connection without a word it is said that it may be another run', async () => {
  const { port } = await Watch.host(options(0, 2, { token: 'of another run' }).options, here);
  const own = options(1, 2);
  await Watch.join(own.options, { ...here, port });
  expect((await own.failed).message).toContain('or another run has its port');
});

test('a stranger that says nothing does not keep rank 0 from its end', async () => {
  const ended = await runChild('distributed/children/stranger.ts');
  expect(ended).toEqual({ code: 0, signal: null, output: 'all have left\n', errors: '' });
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
