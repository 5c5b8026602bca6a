// The processes of a run of several ranks, as the system lists them.
import { readdirSync, readFileSync } from 'node:fs';

export interface RankProcess {
  readonly id: number;
  /** Undefined for a launcher. */
  readonly rank: number | undefined;
}

/** Those that have the folder among their arguments, other than this one. */
export function processesOf(output: string): RankProcess[] {
  return readdirSync('/proc').flatMap((name) => {
    const id = Number(name);
    if (!(id > 0) || id === process.pid) return [];
    try {
      if (!readFileSync(`/proc/${id}/cmdline`, 'utf8').split('\0').includes(output)) return [];
      const environment = readFileSync(`/proc/${id}/environ`, 'utf8').split('\0');
      // As Open MPI and leia's own launcher say it.
      const [rank] = environment.flatMap(
        (one) => /^(?:OMPI_COMM_WORLD_)?RANK=(\d+)$/.exec(one)?.[1] ?? [],
      );
      return [{ id, rank: rank === undefined ? undefined : Number(rank) }];
    } catch {
      return []; // it has ended since, or is another user's
    }
  });
}
