// A rank whose launcher tells it to stop once more when its work is done.
import { preemptible } from '../../../lib/cli/interrupt.ts';
import { preemptSignal, stopSignal } from '../../../lib/distributed/launch.ts';

await preemptible(async () => {});
process.kill(process.pid, preemptSignal);
process.kill(process.pid, stopSignal);
console.log('has ended well');
