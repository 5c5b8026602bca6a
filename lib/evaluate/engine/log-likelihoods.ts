// Log-likelihoods of continuations given contexts, many at once. Requests become the tree of what they share at their
// beginning (`prefix-tree.ts`): its nodes are computed in batches of similar lengths, each behind the cached keys and
// values of the node above. Log-probabilities are taken on the device: three numbers are read for each token.
import { ignoredLabel } from '../../core/ops/cross-entropy.ts';
import * as ops from '../../core/ops.ts';
import { Tensor } from '../../core/tensor.ts';
import { Inference, type PassOutput } from '../../llama/inference.ts';
import { KeyValueCache } from '../../llama/key-value-cache.ts';
import type { LlamaModel } from '../../llama/llama-model.ts';
import { LeiaError } from '../../system/error.ts';
import { type BatchPlan, planBatches } from './batch-tokens.ts';
import { type PrefixNode, prefixTree } from './prefix-tree.ts';
import {
  checkLogLikelihoods,
  type EngineOptions,
  type LogLikelihood,
  type LogLikelihoodRequest,
  logLikelihoodSchema,
} from './requests.ts';

/** A request on its way. */
interface Item {
  readonly index: number;
  /** All tokens but the last, which nothing is predicted from. */
  readonly fed: readonly number[];
  /** The position from which the first of the targets is predicted. */
  readonly from: number;
  readonly targets: readonly number[];
  logLikelihood: number;
  isGreedy: boolean;
  /** Targets that are still to be scored. */
  left: number;
}

type Node = PrefixNode<Item>;

/** A node to compute, and which row of the cache above has the tokens before it. */
interface Task {
  readonly node: Node;
  readonly row: number;
}

/**
 * Sums of the continuations' log-probabilities, in the order of the requests.
 *
 * @throws LeiaError `argument` for what does not fit into the model: an empty part, ids outside the vocabulary, more
 *   tokens than the model takes; `execution` if the model's output is not finite.
 */
export async function logLikelihoods(
  model: LlamaModel,
  requests: readonly LogLikelihoodRequest[],
  options: EngineOptions,
): Promise<LogLikelihood[]> {
  checkLogLikelihoods(model, requests, options);
  const plan = planBatches(model, options.batchTokens);
  const results = requests.map((request) => keptResult(request, options));
  const items = requests.flatMap((request, index) =>
    results[index] === undefined ? [itemOf(request, index)] : [],
  );
  const total = requests.length;
  let done = total - items.length;
  if (done > 0) options.onProgress?.(done, total);
  const finish = async (finished: readonly Item[]) => {
    for (const item of finished) results[item.index] = resultOf(item);
    await options.keep?.add(
      finished.map(({ index }) => [keyOf(requests[index]!), results[index]] as const),
    );
    done += finished.length;
    options.onProgress?.(done, total);
  };
  using scorer = new Scorer(model, plan, finish);
  await scorer.score(items, options.sharePrefixes ?? true);
  return results as LogLikelihood[];
}

function keyOf({ context, continuation }: LogLikelihoodRequest): object {
  return { logLikelihood: [context, continuation] };
}

function keptResult(
  request: LogLikelihoodRequest,
  { keep }: EngineOptions,
): LogLikelihood | undefined {
  return logLikelihoodSchema.safeParse(keep?.get(keyOf(request))).data;
}

function itemOf({ context, continuation }: LogLikelihoodRequest, index: number): Item {
  return {
    index,
    fed: [...context, ...continuation.slice(0, -1)],
    from: context.length - 1,
    targets: continuation,
    logLikelihood: 0,
    isGreedy: true,
    left: continuation.length,
  };
}

function resultOf({ logLikelihood, isGreedy, targets }: Item): LogLikelihood {
  return { logLikelihood, isGreedy, tokens: targets.length };
}

class Scorer implements Disposable {
  readonly #inference: Inference;
  readonly #plan: BatchPlan;
  readonly #finish: (items: readonly Item[]) => Promise<void>;

  constructor(
    model: LlamaModel,
    plan: BatchPlan,
    finish: (items: readonly Item[]) => Promise<void>,
  ) {
    this.#inference = new Inference(model);
    this.#plan = plan;
    this.#finish = finish;
  }

  [Symbol.dispose](): void {
    this.#inference[Symbol.dispose]();
  }

  async score(items: readonly Item[], share: boolean): Promise<void> {
    const roots = prefixTree(items, share).map((node) => ({ node, row: 0 }));
    // Those with nothing below need no cache.
    await this.#compute(roots.filter(({ node }) => node.children.length > 0));
    await this.#compute(roots.filter(({ node }) => node.children.length === 0));
  }

  /** Scores nodes and all below them. */
  async #compute(tasks: readonly Task[], above?: KeyValueCache): Promise<void> {
    for (const batch of this.#batches(tasks)) {
      const nodes = batch.map(({ node }) => node);
      using cache = this.#cacheOf(batch, above);
      const rows = nodes.map(({ tokens }) => tokens);
      const output =
        cache && above
          ? this.#inference.extend(
              cache,
              rows,
              nodes.map(({ depth }) => depth),
            )
          : this.#inference.begin(rows, cache);
      await this.#scoreNodes(nodes, output);
      const below = nodes.flatMap(({ children }, row) => children.map((node) => ({ node, row })));
      if (cache && below.length > 0) await this.#compute(below, cache);
    }
  }

  /** The cache that a batch computes into, if it continues others or others continue it. */
  #cacheOf(batch: readonly Task[], above: KeyValueCache | undefined): KeyValueCache | undefined {
    const { model } = this.#inference;
    const sequence = Math.max(...batch.map(({ node }) => node.tokens.length));
    if (above) {
      const depth = Math.max(...batch.map(({ node }) => node.depth));
      return KeyValueCache.copy(
        above,
        batch.map(({ row }) => row),
        depth + sequence,
      );
    }
    if (batch.every(({ node }) => node.children.length === 0)) return undefined;
    return new KeyValueCache(model, { rows: batch.length, capacity: sequence });
  }

  /** Similar lengths together, the longest first: what does not fit into memory fails at once, not at the end. */
  *#batches(tasks: readonly Task[]): Generator<Task[]> {
    const { batchTokens, cacheTokens } = this.#plan;
    const sorted = tasks.toSorted((a, b) => b.node.tokens.length - a.node.tokens.length);
    let batch: Task[] = [];
    let depth = 0;
    for (const task of sorted) {
      const longest = (batch[0] ?? task).node.tokens.length;
      const rows = batch.length + 1;
      const deepest = Math.max(depth, task.node.depth);
      const fits = rows * longest <= batchTokens && rows * (deepest + longest) <= cacheTokens;
      if (batch.length > 0 && !fits) {
        yield batch;
        batch = [];
      }
      depth = batch.length === 0 ? task.node.depth : deepest;
      batch.push(task);
    }
    if (batch.length > 0) yield batch;
  }

  /** Adds the log-probabilities of all targets that are predicted from tokens of these nodes. */
  async #scoreNodes(nodes: readonly Node[], output: PassOutput): Promise<void> {
    const targets = nodes.flatMap((node, row) => targetsOf(node, row * output.sequence));
    // Several continuations of one context are predicted from the same place.
    const places = [...new Set(targets.map(({ place }) => place))];
    const { logitsRows } = this.#plan;
    for (let start = 0; start < places.length; start += logitsRows) {
      const chunk = places.slice(start, start + logitsRows);
      const rowOf = new Map(chunk.map((place, row) => [place, row]));
      const inChunk = targets.filter(({ place }) => rowOf.has(place));
      using logits = this.#inference.logits(output, chunk);
      await this.#scoreTargets(inChunk, rowOf, logits);
    }
    const finished = targets.map(({ item }) => item).filter(({ left }) => left === 0);
    await this.#finish([...new Set(finished)]);
  }

  async #scoreTargets(
    targets: readonly Target[],
    rowOf: ReadonlyMap<number, number>,
    logits: Tensor,
  ): Promise<void> {
    const { device } = logits;
    const [rows = 0, vocabulary = 0] = logits.shape;
    const row = ({ place }: Target) => rowOf.get(place) as number;
    const elements = targets.map((target) => row(target) * vocabulary + target.token);
    using labels = Tensor.from(new Int32Array(rows).fill(ignoredLabel), [rows], { device });
    using ids = Tensor.from(Int32Array.from(elements), [targets.length], { device });
    using column = logits.view([rows * vocabulary, 1]);
    using losses = Tensor.empty([rows], { device });
    using logsumexp = Tensor.empty([rows], { device });
    ops.crossEntropyForward({ logits, labels, losses, logsumexp });
    using chosen = ops.embeddingForward({ ids, weight: column }).output;
    using likeliest = ops.sampleToken({ logits, temperature: 0 }).tokens;
    const reading = likeliest.read();
    // Its error, of a logit that is no number, shows in the sums as well.
    reading.catch(() => {});
    const [scores, totals] = await Promise.all([chosen.readFloats(), logsumexp.readFloats()]);
    const logProbabilities = targets.map(
      (target, i) => (scores[i] as number) - (totals[row(target)] as number),
    );
    const broken = logProbabilities.findIndex((value) => !Number.isFinite(value));
    if (broken >= 0) {
      const { index } = (targets[broken] as Target).item;
      throw new LeiaError('execution', `request ${index + 1}: the model's output is not finite`);
    }
    const greedy = await reading;
    for (const [i, target] of targets.entries()) {
      const { item, token } = target;
      item.logLikelihood += logProbabilities[i] as number;
      item.isGreedy &&= greedy[row(target)] === token;
      item.left--;
    }
  }
}

/** A token whose probability is asked for, and the place in the batch that it is predicted from. */
interface Target {
  readonly item: Item;
  readonly token: number;
  readonly place: number;
}

function targetsOf({ depth, tokens, members }: Node, firstPlace: number): Target[] {
  const targets: Target[] = [];
  for (const item of members) {
    const end = Math.min(depth + tokens.length, item.from + item.targets.length);
    for (let at = Math.max(depth, item.from); at < end; at++) {
      const token = item.targets[at - item.from] as number;
      targets.push({ item, token, place: firstPlace + at - depth });
    }
  }
  return targets;
}
