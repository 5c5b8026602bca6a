// Before the first step, all ranks compare what they are about to do: version, settings, and checksums of config, data
// and weights. A rank with another dataset would train without any sign of it.
import { packageVersion } from '../core/addon.ts';
import type { World } from '../distributed/world.ts';
import { LeiaError } from '../system/error.ts';
import { describeDifference, type RunIdentity } from './identity.ts';

/** @throws LeiaError `mismatch` on every rank, naming the first one that differs from rank 0, and in what. */
export async function agreeOnRun(world: World, identity: RunIdentity): Promise<void> {
  const runs = await world.gather({ version: packageVersion(), ...identity });
  const [first, ...others] = runs;
  for (const [index, other] of others.entries()) {
    const difference = describeDifference(first!, other, `rank ${index + 1} has`);
    if (difference === undefined) continue;
    throw new LeiaError(
      'mismatch',
      `rank ${index + 1} does not agree with rank 0, which would train with ${difference}; all ranks need the same command, files and version of leia`,
    );
  }
}
