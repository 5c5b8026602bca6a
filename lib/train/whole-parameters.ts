// Lets the first rank read parameters that no rank holds whole, one after the other, so that it can write a model that has
// no room in its memory. It says which one it needs next, and all ranks put that one together.
import { joinFloat32 } from '../core/bfloat16.ts';
import type { HostArray } from '../core/tensor.ts';
import type { SaveModelOptions } from '../llama/model-options.ts';
import { LeiaError } from '../system/error.ts';
import type { AdamW } from './adamw.ts';
import type { DataParallel } from './data-parallel.ts';

type Whole = Required<Pick<SaveModelOptions, 'parameters' | 'masters'>>;

/** What the first rank asks the others for. */
type Request =
  | { readonly what: 'parameter'; readonly name: string }
  | { readonly what: 'master'; readonly name: string }
  | { readonly what: 'nothing'; readonly failed: boolean };

/**
 * Does work that reads whole parameters and the float32 values behind them. In ranks that share them only the first one
 * does it, and the others help until it is done.
 *
 * @returns what the work gives; undefined in the other ranks.
 * @throws what the work throws; in the other ranks that it failed.
 */
export async function lendWhole<Result>(
  ranks: DataParallel,
  optimizer: AdamW,
  work: (whole: Whole) => Promise<Result>,
): Promise<Result | undefined> {
  const { world } = ranks;
  const wholes = new Wholes(ranks, optimizer);
  if (!ranks.isShared) return world.isFirst ? await work(wholes.own) : undefined;
  if (!world.isFirst) return await help(ranks, wholes);
  const ask = async (request: Request) => await world.share(() => request);
  let failed = true;
  try {
    const result = await work({
      parameters: async (name) => {
        await ask({ what: 'parameter', name });
        return await wholes.parameter(name);
      },
      masters: async (name) => {
        await ask({ what: 'master', name });
        return await wholes.master(name);
      },
    });
    failed = false;
    return result;
  } finally {
    await ask({ what: 'nothing', failed });
  }
}

async function help({ world }: DataParallel, wholes: Wholes): Promise<undefined> {
  for (;;) {
    const request = await world.share((): Request => ({ what: 'nothing', failed: true }));
    if (request.what === 'parameter') await wholes.parameter(request.name);
    else if (request.what === 'master') await wholes.master(request.name);
    else if (!request.failed) return undefined;
    else throw new LeiaError('execution', 'rank 0 failed to write the model');
  }
}

/** Parameters and masters, put together by all ranks when each calls the same method. */
class Wholes {
  readonly #ranks: DataParallel;
  readonly #optimizer: AdamW;

  constructor(ranks: DataParallel, optimizer: AdamW) {
    this.#ranks = ranks;
    this.#optimizer = optimizer;
  }

  /** Where nothing is to be put together. */
  get own(): Whole {
    return {
      parameters: (name) => this.#ranks.wholeParameter(name).readBits(),
      masters: (name) => this.#optimizer.master(name),
    };
  }

  async parameter(name: string): Promise<HostArray> {
    return await this.#ranks.wholeParameter(name).readBits();
  }

  async master(name: string): Promise<Float32Array> {
    const upper = await this.parameter(name);
    const { masterLowBits } = this.#optimizer.state(name);
    if (masterLowBits === undefined) return upper as Float32Array;
    using lower = this.#ranks.wholeOf(name, masterLowBits);
    return joinFloat32(upper as Uint16Array, (await lower.readBits()) as Uint16Array);
  }
}
