// Memory is described before it is allocated. A layout is an object whose leaves say the shape and dtype of a
// tensor; it can be nested and hold arrays. Counting bytes, listing names and allocating all read the same
// layout, so what a plan counts is what a run takes. Counting touches no device.

import { LeiaError } from '../system/error.ts';
import type { Device } from './device.ts';
import { bytesPerElement, type DType, elementCount, type Shape, Tensor } from './tensor.ts';

/**
 * One tensor of a layout. It owns its memory, or sees that of another one (`viewOf`), or the beginning of it, in
 * another shape. The same object in two places of a layout is one tensor.
 */
export class TensorLayout {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly viewOf: TensorLayout | undefined;

  constructor(shape: Shape, dtype: DType, viewOf?: TensorLayout) {
    this.shape = shape;
    this.dtype = dtype;
    this.viewOf = viewOf;
  }

  /** The same memory in another shape; its beginning if that is smaller. */
  view(shape: Shape): TensorLayout {
    return new TensorLayout(shape, this.dtype, this.viewOf ?? this);
  }
}

/** A layout's tensors once they are allocated: the same object, with tensors for leaves. */
export type Allocated<Layout> = Layout extends TensorLayout
  ? Tensor
  : Layout extends object
    ? { readonly [Key in keyof Layout]: Allocated<Layout[Key]> }
    : Layout;

/** One place of a layout. */
export interface LayoutEntry {
  /** The path through the layout: `layers.0.query.rows`. */
  readonly name: string;
  readonly shape: Shape;
  readonly dtype: DType;
  /** Of memory of its own; 0 if it shares another's. */
  readonly bytes: number;
  /** The name of the entry whose memory this is, if it is another's. */
  readonly sharesWith?: string;
}

/** Every place of a layout that holds a tensor, in its order. */
export function listTensors(layout: object): LayoutEntry[] {
  const places = [...placesOf(layout, '')];
  const owners = new Map<TensorLayout, string>();
  for (const [name, tensor] of places) {
    if (tensor.viewOf === undefined && !owners.has(tensor)) owners.set(tensor, name);
  }
  return places.map(([name, tensor]) => {
    const { shape, dtype } = tensor;
    const owner = owners.get(tensor.viewOf ?? tensor);
    if (owner === undefined) {
      throw new LeiaError('argument', `layout: ${name} is a view of a tensor that is not in it`);
    }
    if (owner !== name) return { name, shape, dtype, bytes: 0, sharesWith: owner };
    return { name, shape, dtype, bytes: elementCount(shape) * bytesPerElement(dtype) };
  });
}

/** What allocating the layout takes, in bytes. */
export function bytesOf(layout: object): number {
  return listTensors(layout).reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Tensors that were allocated together, and are freed together. */
export interface Allocation<Layout> extends Disposable {
  readonly tensors: Allocated<Layout>;
  readonly bytes: number;
}

/**
 * Allocates every tensor of a layout, uninitialised.
 *
 * @throws LeiaError `execution` when the memory does not suffice; then nothing stays allocated.
 */
export function allocate<Layout extends object>(
  layout: Layout,
  device: Device,
): Allocation<Layout> {
  const bytes = bytesOf(layout);
  const made = new Map<TensorLayout, Tensor>();
  const make = (leaf: TensorLayout): Tensor => {
    const { shape, dtype, viewOf } = leaf;
    const tensor =
      made.get(leaf) ??
      (viewOf ? make(viewOf).view(shape) : Tensor.empty(shape, { dtype, device }));
    made.set(leaf, tensor);
    return tensor;
  };
  const dispose = () => {
    for (const tensor of made.values()) tensor.dispose();
  };
  try {
    const tensors = replaceTensors(layout, make) as Allocated<Layout>;
    return { tensors, bytes, [Symbol.dispose]: dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}

function* placesOf(layout: unknown, path: string): Generator<[string, TensorLayout]> {
  if (layout instanceof TensorLayout) {
    yield [path, layout];
  } else if (typeof layout === 'object' && layout !== null) {
    for (const [key, value] of Object.entries(layout)) {
      yield* placesOf(value, path === '' ? key : `${path}.${key}`);
    }
  }
}

function replaceTensors(layout: unknown, make: (leaf: TensorLayout) => Tensor): unknown {
  if (layout instanceof TensorLayout) return make(layout);
  if (Array.isArray(layout)) return layout.map((item) => replaceTensors(item, make));
  if (typeof layout !== 'object' || layout === null) return layout;
  return Object.fromEntries(
    Object.entries(layout).map(([key, value]) => [key, replaceTensors(value, make)]),
  );
}
