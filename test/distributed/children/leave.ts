// Two ranks on emulated devices, of which one waits in a collective when the process ends.
import { Device } from '../../../lib/core/device.ts';
import { Tensor } from '../../../lib/core/tensor.ts';
import { freePort } from '../../../lib/distributed/launch.ts';
import { World } from '../../../lib/distributed/world.ts';

const address = { host: '127.0.0.1', port: await freePort() };
const worlds = await Promise.all(
  [0, 1].map((rank) =>
    World.open(
      {
        ...{ rank, size: 2, localRank: rank, localSize: 2 },
        ...{ launcher: 'a test', address, token: 'of the test' },
      },
      { device: `emulated:${rank}`, timeout: 300 },
    ),
  ),
);
const { communicator } = worlds[0]!;
const tensor = Tensor.from([1, 2, 3], [3], { device: Device.open('emulated:0') });
communicator.allReduce(tensor, 'what the other one does not come to');
while (communicator.position.inside === undefined) await new Promise(setImmediate);
process.exit(130);
