// Child process of lock.test.ts: takes the locks of the folders that it is given, one every 20 ms from a moment on
// that its input names, and keeps those that it gets. Says for each what came of it; ends when its input does.
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { lockFolder } from '../../../lib/system/lock.ts';

console.log('ready');
const [moment] = await once(process.stdin, 'data');
for (const [index, folder] of process.argv.slice(2).entries()) {
  await setTimeout(Number(moment) + 20 * index - Date.now());
  const warnings: string[] = [];
  try {
    await lockFolder(folder, { onWarning: (message) => warnings.push(message) });
    console.log(JSON.stringify({ folder, got: true, messages: warnings }));
  } catch (error) {
    console.log(JSON.stringify({ folder, got: false, messages: [(error as Error).message] }));
  }
}
console.log('done');
