// Ranks that train one model: what each of them holds of it, and what they exchange in a step. Each computes some of the
// micro-batches. Its gradients are summed with the others' as soon as a pass has made them; what a rank holds in slices is
// put together one layer before a pass needs it. On a device with a stream for collectives both happen beside the passes.
//
// Every rank issues the same collectives in the same order, so passes are the same everywhere. Where gradients stay whole
// (stages 0 and 1) they are summed once in a step, after the rank's last micro-batch. From stage 2 on each micro-batch's
// are, as no rank has room for all of them; a rank without a micro-batch then takes part with one that has no labels.
import { type Allocation, allocate } from '../core/layout.ts';
import * as ops from '../core/ops.ts';
import { elementCount, Tensor } from '../core/tensor.ts';
import { sliceOf } from '../distributed/communicator.ts';
import type { World } from '../distributed/world.ts';
import type { CheckpointView } from '../llama/checkpoint.ts';
import type { LlamaModel } from '../llama/llama-model.ts';
import { loadWeights } from '../llama/load-weights.ts';
import type { TrainableParameter } from '../llama/parameters.ts';
import { type Direction, namesOf, type Part, type PassListener, partsOf } from '../llama/parts.ts';
import type { AdamW } from './adamw.ts';
import { exchangeLayout, type Sharding, shardedParts, shardingOf } from './sharding.ts';

/** What a model is allocated with so that ranks can share it so far. */
export function windowOf(sharding: Sharding) {
  const { parameters, gradients } = shardedParts(sharding);
  return { parameters, gradients };
}

export class DataParallel implements PassListener, Disposable {
  readonly world: World;
  /** What this rank updates: all parameters whole, or its slice of each. */
  readonly trainable: readonly TrainableParameter[];
  readonly #model: LlamaModel;
  readonly #memory: Allocation<ReturnType<typeof exchangeLayout>>;
  readonly #sharded: ReturnType<typeof shardedParts>;
  readonly #parts: readonly Part[];
  /** The parameters whose gradients are summed when a part's are ready. */
  readonly #namesOf: ReadonlyMap<Part, readonly string[]>;
  /** By name, of whole gradients or of those in the window: where this rank's slice of the sum is put. */
  readonly #gradientSlices = new Map<string, Tensor>();
  readonly #byName: ReadonlyMap<string, TrainableParameter>;
  /** Which parameter each place of the window holds. */
  readonly #held = new Map<Tensor, string>();
  /** The parts whose gradients have been summed in this step, where that happens once. */
  readonly #summed = new Set<Part>();
  #isLast = false;

  /**
   * @param model allocated with {@link windowOf} the same stage.
   * @throws LeiaError `execution` when the memory does not suffice.
   */
  constructor(model: LlamaModel, world: World, stage = 0) {
    const { config, dtype, device } = model;
    this.#model = model;
    this.world = world;
    const sharding = shardingOf(stage, world);
    this.#sharded = shardedParts(sharding);
    this.#parts = partsOf(config);
    this.#memory = allocate(exchangeLayout(config, dtype, sharding), device);
    const norms = this.#memory.tensors.norms;
    if (norms) ops.fill({ output: norms.all, value: 0 });
    this.trainable = model.trainableParameters().map((whole) => this.#own(whole));
    this.#byName = new Map(this.trainable.map((item) => [item.name, item]));
    this.#namesOf = new Map(this.#parts.map((part) => [part, this.#namesToSum(part)]));
    if (world.size > 1) model.listener = this;
  }

  /** float32 [2] for the loss and the number of interrupted ranks; only with other ranks. */
  get totals(): Tensor | undefined {
    return this.#memory.tensors.totals;
  }

  /** Whether all ranks have to make equally many passes. */
  get inStep(): boolean {
    return this.#sharded.gradients;
  }

  /** Whether each rank holds and saves a slice of the state only. */
  get isShared(): boolean {
    return this.#sharded.states;
  }

  /** Whether no rank can make a pass without the others. */
  get sharesParameters(): boolean {
    return this.#sharded.parameters;
  }

  #own(whole: TrainableParameter): TrainableParameter {
    if (!this.#sharded.states) return whole;
    const { name, parameter, gradient, decay } = whole;
    const { rank, size } = this.world;
    const { begin, end } = sliceOf(elementCount(parameter.shape), rank, size);
    const { slices } = this.#memory.tensors;
    const gradientSlice = gradient.view([end - begin], begin);
    this.#gradientSlices.set(name, gradientSlice);
    return {
      name,
      parameter: slices.parameters?.[name] ?? parameter.view([end - begin], begin),
      gradient: slices.gradients?.[name] ?? gradientSlice,
      decay,
      first: begin,
    };
  }

  /** A gradient that two parts add to is summed after the second, unless each has it in the window for itself. */
  #namesToSum(part: Part): readonly string[] {
    const { config } = this.#model;
    const names = namesOf(config, part).filter((name) => this.#byName.has(name));
    if (part !== 'output' || this.#sharded.gradients) return names;
    return names.filter((name) => !namesOf(config, 'embedding').includes(name));
  }

  /** Reads a checkpoint: each rank what it holds of it. See `loadWeights`. */
  async load(checkpoint: CheckpointView, optimizer: AdamW): Promise<void> {
    const { parameters } = this.#memory.tensors.slices;
    await loadWeights(
      checkpoint,
      parameters ? Object.entries(parameters) : this.#model.weights.entries(),
      (name) => optimizer.state(name).masterLowBits,
      (name) => this.#byName.get(name)!.first ?? 0,
    );
  }

  /** The begin of a step. */
  zeroGradients(): void {
    this.#summed.clear();
    this.#isLast = false;
    if (!this.#sharded.gradients) this.#model.zeroGradients();
    else for (const { gradient } of this.trainable) ops.fill({ output: gradient, value: 0 });
  }

  /** Before each pass with gradients. @param isLast whether it is this rank's last one in the step. */
  beginMicroBatch({ isLast }: { readonly isLast: boolean }): void {
    this.#isLast = isLast;
  }

  begin(part: Part, direction: Direction): void {
    if (this.#sharded.parameters) this.#bring(part, direction);
    if (direction === 'backward' && this.#sharded.gradients) {
      for (const name of this.#namesOf.get(part)!) {
        ops.fill({ output: this.#model.gradient(name), value: 0 });
      }
    }
  }

  gradientsReady(part: Part): void {
    if (this.#sharded.gradients || this.#isLast) this.#sum(part);
  }

  /** Sums what no pass has made this rank sum, as it had none or was interrupted. */
  finishGradients(): void {
    if (this.world.size === 1 || this.#sharded.gradients) return;
    for (const part of this.#parts.toReversed()) if (!this.#summed.has(part)) this.#sum(part);
  }

  #sum(part: Part): void {
    const { communicator } = this.world;
    for (const name of this.#namesOf.get(part)!) {
      const gradient = this.#model.gradient(name);
      const place = `gradient of ${name}`;
      if (!this.#sharded.states) {
        communicator.allReduce(gradient, place);
        continue;
      }
      const slice = this.#gradientSlices.get(name)!;
      communicator.reduceScatter(gradient, slice, place);
      if (!this.#sharded.gradients) continue;
      const sum = this.#byName.get(name)!.gradient;
      ops.residualAdd({ a: sum, b: slice, output: sum });
    }
    this.#summed.add(part);
  }

  /** The parameters that a pass needs now, and then those that it needs next. */
  #bring(part: Part, direction: Direction): void {
    // Backward only adds to the embedding's gradient.
    if (part === 'embedding' && direction === 'backward') return;
    const next = this.#parts.indexOf(part) + (direction === 'forward' ? 1 : -1);
    this.#gather(part);
    const following = this.#parts[next];
    if (following !== undefined && following !== 'embedding') this.#gather(following);
  }

  #gather(part: Part): void {
    for (const name of namesOf(this.#model.config, part)) this.#gatherParameter(name);
  }

  #gatherParameter(name: string): void {
    const place = this.#model.parameter(name);
    if (this.#held.get(place) === name) return;
    const { parameters } = this.#memory.tensors.slices;
    this.world.communicator.allGather(parameters![name]!, place, name);
    this.#held.set(place, name);
  }

  /** After the parameters' slices have changed: whole parameters follow; what the window holds is out of date. */
  slicesChanged(): void {
    this.#held.clear();
    if (!this.#sharded.states || this.#sharded.parameters) return;
    for (const { name, parameter } of this.trainable) {
      this.world.communicator.allGather(parameter, this.#model.parameter(name), name);
    }
  }

  /** The norm of the whole gradient, and what clips it to `maxNorm`: float32 [1] each, the same bits in all ranks. */
  gradientNorm(output: { maxNorm: number; norm: Tensor; scale: Tensor }): void {
    const gradients = this.trainable.map(({ gradient }) => gradient);
    const { norms } = this.#memory.tensors;
    if (norms === undefined) return void ops.gradientNorm({ gradients, ...output });
    const { all, unused: scale } = norms;
    // The others' places get what the others put there: a sum with zeros is exact.
    ops.fill({ output: all, value: 0 });
    using norm = all.view([1], this.world.rank);
    ops.gradientNorm({ gradients, maxNorm: Number.POSITIVE_INFINITY, norm, scale });
    this.world.communicator.allReduce(all, 'norm of the gradient');
    ops.gradientNorm({ gradients: [all], ...output });
  }

  /** One parameter as all ranks have it together, until the next pass or call. Every rank has to come here. */
  wholeParameter(name: string): Tensor {
    if (this.#sharded.parameters) this.#gatherParameter(name);
    return this.#model.parameter(name);
  }

  /** The whole that the ranks' slices make, as a new tensor. Every rank has to come here. */
  wholeOf(name: string, slice: Tensor): Tensor {
    const { shape } = this.#model.parameter(name);
    const whole = Tensor.empty(shape, { dtype: slice.dtype, device: this.#model.device });
    this.world.communicator.allGather(slice, whole, name);
    return whole;
  }

  [Symbol.dispose](): void {
    if (this.#model.listener === this) this.#model.listener = undefined;
    for (const slice of this.#gradientSlices.values()) slice.dispose();
    // Views would keep the model's memory.
    if (this.#sharded.states) for (const { parameter } of this.trainable) parameter.dispose();
    this.#memory[Symbol.dispose]();
  }
}
