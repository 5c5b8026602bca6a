// Functions that a program hangs into the layers of a model: each is called where an activation is there and may change it
// in place, and in backward where its gradient is there. On frozen weights that is enough for adapters of any kind.
import type { Tensor } from '../core/tensor.ts';
import { LeiaError } from '../system/error.ts';

/** Points at which a projection has given its output; hooks there see its input too. */
export const projectionPoints = [
  'query',
  'key',
  'value',
  'attentionOutput',
  'gate',
  'up',
  'mlpOutput',
] as const;
/**
 * - `query`, `key`, `value`: before the rotary embedding, [rows, heads * headDim].
 * - `attentionOutput`, `mlpOutput`: before they are added to the residual stream, [rows, hidden].
 * - `gate`, `up`: before SwiGLU, [rows, intermediate].
 */
export type ProjectionPoint = (typeof projectionPoints)[number];

export const streamPoints = [
  'input',
  'attentionInput',
  'attention',
  'afterAttention',
  'mlpInput',
  'activated',
] as const;
/**
 * - `input`: the residual stream before the layer, in layer 0 the embeddings; [rows, hidden].
 * - `attentionInput`, `mlpInput`: after the norm, [rows, hidden].
 * - `attention`: before its output projection, [rows, heads * headDim].
 * - `afterAttention`: the residual stream between attention and MLP, [rows, hidden].
 * - `activated`: after SwiGLU, [rows, intermediate].
 */
export type StreamPoint = (typeof streamPoints)[number];

/** A point of a layer that can be listened at. */
export type LayerPoint = ProjectionPoint | StreamPoint;

/** Where a hook is called. */
export interface HookPlace {
  /** The number of the layer, from 0. */
  readonly layer: number;
}

export interface ProjectionPlace extends HookPlace {
  /** What the projection read: [rows, in], dtype of the model. It is there in backward too. */
  readonly input: Tensor;
}

/**
 * A pair of functions that are called at a point of layers, with tensors of dtype of the model in the model's own memory,
 * which it uses again: they are to queue what reads them at once, and to wait for nothing.
 */
export interface LayerHook<Point extends LayerPoint = LayerPoint> {
  readonly point: Point;
  /** The numbers of the layers; all unless given. */
  readonly layers?: readonly number[];
  /**
   * Called in every forward pass, generation's too, with the activation, which may be overwritten or added to. With
   * `recompute`, backward calls it again for what it computes again: it must then do the same.
   */
  forward?(activation: Tensor, place: PlaceOf<Point>): void;
  /**
   * Called in every backward pass, with the gradient of the activation as `forward` left it, which may be overwritten or
   * added to before it goes on down. Backward comes down to here, though nothing below trains.
   */
  backward?(gradient: Tensor, place: PlaceOf<Point>): void;
}

/** Hooks at projections see what these read. */
export type PlaceOf<Point extends LayerPoint> = Point extends ProjectionPoint
  ? ProjectionPlace
  : HookPlace;

const points: readonly string[] = [...projectionPoints, ...streamPoints];

/** The hooks of a model. */
export class LayerHooks {
  readonly #layers: number;
  /** A hook may be added twice. */
  readonly #added = new Set<{ readonly hook: LayerHook }>();

  constructor(layers: number) {
    this.#layers = layers;
  }

  /**
   * Adds a hook behind those of its point.
   *
   * @returns what removes it again.
   * @throws LeiaError `argument` for a point or layer that there is none of.
   */
  add(hook: LayerHook): Disposable {
    if (!points.includes(hook.point)) {
      throw new LeiaError(
        'argument',
        `addHook: there is no point "${hook.point}", expected one of ${points.join(', ')}`,
      );
    }
    for (const layer of hook.layers ?? []) {
      if (Number.isInteger(layer) && layer >= 0 && layer < this.#layers) continue;
      throw new LeiaError(
        'argument',
        `addHook: there is no layer ${layer}, expected 0 to ${this.#layers - 1}`,
      );
    }
    const entry = { hook };
    this.#added.add(entry);
    return { [Symbol.dispose]: () => void this.#added.delete(entry) };
  }

  /** The hooks as they are now, for a pass: backward then calls those that its forward called, whatever comes or goes. */
  snapshot(): LayerHooks {
    const now = new LayerHooks(this.#layers);
    for (const entry of this.#added) now.#added.add(entry);
    return now;
  }

  /** The lowest layer in which a hook wants a gradient; infinity if none does. */
  get lowest(): number {
    const layers = [...this.#added]
      .filter(({ hook }) => hook.backward)
      .map(({ hook }) => Math.min(...(hook.layers ?? [0])));
    return Math.min(...layers);
  }

  /** Those of one layer; undefined if there are none. */
  of(layer: number): HooksOfLayer | undefined {
    const own = [...this.#added]
      .map(({ hook }) => hook)
      .filter(({ layers }) => layers === undefined || layers.includes(layer));
    return own.length > 0 ? new HooksOfLayer(layer, own) : undefined;
  }
}

export class HooksOfLayer {
  readonly #layer: number;
  readonly #hooks: readonly LayerHook[];

  constructor(layer: number, hooks: readonly LayerHook[]) {
    this.#layer = layer;
    this.#hooks = hooks;
  }

  /** Whether a hook wants the gradient at one of these points. */
  wants(...points: readonly LayerPoint[]): boolean {
    return this.#hooks.some(({ point, backward }) => backward && points.includes(point));
  }

  /** Calls the hooks of a point in forward; tells whether there were any. */
  forward(point: StreamPoint, activation: Tensor): boolean;
  forward(point: ProjectionPoint, activation: Tensor, input: Tensor): boolean;
  forward(point: LayerPoint, activation: Tensor, input?: Tensor): boolean {
    return this.#call(point, activation, 'forward', input);
  }

  /** Calls the hooks of a point in backward, those first that forward called last. */
  backward(point: StreamPoint, gradient: Tensor): boolean;
  backward(point: ProjectionPoint, gradient: Tensor, input: Tensor): boolean;
  backward(point: LayerPoint, gradient: Tensor, input?: Tensor): boolean {
    return this.#call(point, gradient, 'backward', input);
  }

  #call(
    point: LayerPoint,
    tensor: Tensor,
    pass: 'forward' | 'backward',
    input: Tensor | undefined,
  ): boolean {
    const called = this.#hooks.filter((hook) => hook.point === point && hook[pass]);
    for (const hook of pass === 'forward' ? called : called.toReversed()) {
      // Who hooks a projection gets its input: the overloads above see to that.
      const place = { layer: this.#layer, ...(input && { input }) };
      const result: unknown = hook[pass]?.(tensor, place);
      if (!(result instanceof Promise)) continue;
      throw new LeiaError(
        'usage',
        `the ${pass} hook at "${point}" returned a promise, expected a function that does not wait for anything`,
      );
    }
    return called.length > 0;
  }
}
