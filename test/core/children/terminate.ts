// Child process of device.test.ts: worker threads ended at any moment while native code throws in them.
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { packageRoot } from '../../../lib/core/addon.ts';

/** The addon itself, so that a thread is at it within milliseconds. */
const script = `
  const addon = { exports: {} };
  process.dlopen(addon, require('node:worker_threads').workerData);
  for (;;) {
    try {
      addon.exports.decodeEntities('&amp;');
      new addon.exports.NativeBpe('no table');
    } catch {}
  }`;

const { path } = createRequire(import.meta.url)('node-gyp-build') as {
  path(folder: string): string;
};
const workerData = resolve(process.env.LEIA_ADDON ?? path(packageRoot));
for (let thread = 0; thread < 40; thread++) {
  const worker = new Worker(script, { eval: true, workerData });
  await setTimeout(10 + Math.random() * 30);
  await worker.terminate();
}
console.log('ended');
