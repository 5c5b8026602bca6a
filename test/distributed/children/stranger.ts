// Two ranks in one process, and a connection to rank 0 that never says whose it is.
import { connect } from 'node:net';
import { Watch } from '../../../lib/distributed/watch.ts';

const options = { size: 2, timeout: 60, token: 'secret', onFailure: () => {} };
const here = { host: '127.0.0.1', port: 0 };
const { port, join } = await Watch.host({ ...options, rank: 0 }, here);
const stranger = connect({ ...here, port });
await new Promise((connected) => stranger.once('connect', connected));
stranger.unref();
const watches = await Promise.all([join(), Watch.join({ ...options, rank: 1 }, { ...here, port })]);
await Promise.all(watches.map((watch) => watch.close()));
console.log('all have left');
