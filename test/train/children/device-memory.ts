// Child process of choices.test.ts: what a run would do with an emulated device of little memory.
import { Device, LeiaError } from '../../../lib/ops.ts';
import { checkMemory, completeChoices } from '../../../lib/train/choices.ts';
import { trainSettings } from '../../../lib/train/settings.ts';
import { smallConfig as config } from '../../llama/small-config.ts';

const settings = trainSettings.parse(JSON.parse(process.env.SETTINGS ?? ''));
const chosen = completeChoices(config, settings);
const free = Device.open(settings.device).properties.freeBytes;
let refused: string | undefined;
try {
  checkMemory(config, chosen);
} catch (error) {
  if (!(error instanceof LeiaError)) throw error;
  refused = `${error.code} ${error.message}`;
}
console.log(JSON.stringify({ chosen: chosen.microBatchSize, free, refused }));
