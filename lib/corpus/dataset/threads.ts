// What all work of threads on an input has in common: pieces are handed out, results come back in order, and every
// thread has the tokenizer.
import { addon } from '../../core/addon.ts';
import type { TaskMemory, Work, WorkerPool } from '../../system/worker-pool.ts';
import { type BpeTables, BpeTokenizer } from '../../tokenizer/bpe-tokenizer.ts';
import type { TextTokenizer, Tokenizer } from '../../tokenizer/tokenizer.ts';

/** A tokenizer that threads share. Without `tables`, each thread loads its own, one after the other. */
export interface SharedTokenizer {
  bosId: number;
  vocabSize: number;
  tables: BpeTables | undefined;
  folder: string;
  /** 0, or 1 while a thread loads its tokenizer. */
  turn: Int32Array<SharedArrayBuffer>;
}

/** In milliseconds; a tokenizer is loaded in a third of a second. */
const longestWait = 30_000;

export function shareTokenizer(tokenizer: Tokenizer): SharedTokenizer {
  const { bosId, vocabSize, tables, folder } = tokenizer;
  return { bosId, vocabSize, tables, folder, turn: new Int32Array(new SharedArrayBuffer(4)) };
}

/** The tokenizer in a thread. */
export async function openShared(shared: SharedTokenizer): Promise<TextTokenizer> {
  const { bosId, vocabSize, tables } = shared;
  if (tables === undefined) return await loadInTurn(shared);
  const bpe = new BpeTokenizer(tables);
  return { bosId, vocabSize, encodeBatch: async (texts) => texts.map((text) => bpe.encode(text)) };
}

/**
 * A thread's own tokenizer. Loading takes several times the memory that the tokenizer needs afterwards. So threads load
 * one after the other, each gives back what it no longer needs, and those that have loaded work meanwhile. A thread may
 * end while it loads; so the others wait for a limited time only, which can cost memory but nothing else.
 */
async function loadInTurn({ folder, turn }: SharedTokenizer): Promise<Tokenizer> {
  const patience = performance.now() + longestWait;
  while (Atomics.compareExchange(turn, 0, 0, 1) !== 0) {
    const left = patience - performance.now();
    if (left <= 0) break;
    Atomics.wait(turn, 0, 1, left);
  }
  try {
    // Most threads do not need this module, and it takes megabytes in each.
    const module = await import('../../tokenizer/tokenizer.ts');
    return await module.Tokenizer.load(folder);
  } finally {
    addon().releaseFreeMemory();
    Atomics.store(turn, 0, 0);
    Atomics.notify(turn, 0, 1);
  }
}

/**
 * The results of a job over all pieces, in order. `here` does an input of one piece without threads, which would take
 * longer to start.
 */
export async function* workInThreads<Piece, Result>(
  pieces: AsyncGenerator<Piece, void, undefined>,
  job: unknown,
  pool: WorkerPool,
  here: () => Promise<Work<Piece, Result>>,
  memory?: TaskMemory<Piece>,
): AsyncGenerator<Result, void, undefined> {
  const first = await pieces.next();
  const second = first.done ? first : await pieces.next();
  if (first.done) return;
  if (second.done) {
    const { result } = await (await here())(first.value);
    yield result;
    return;
  }
  const all = async function* (): AsyncGenerator<Piece, void, undefined> {
    yield first.value;
    yield second.value;
    yield* pieces;
  };
  yield* pool.map<Piece, Result>(job, all(), memory);
}
