// The tape: every operation on variables is noted with what its backward needs, and `backward` goes through the notes from
// the last to the first. What a note keeps, the values between leaves and loss, and every gradient but those of leaves are
// freed as soon as they have been used.
//
// JavaScript counts no references, so the rules of memory are few and plain: a result lives until `backward` has passed
// it, or until the end of `noGrad`; what is wanted longer is taken with `detach`.
import type { Device } from '../core/device.ts';
import * as ops from '../core/ops.ts';
import { type DType, type NumberArray, type Shape, Tensor } from '../core/tensor.ts';
import { LeiaError } from '../system/error.ts';
import { GradientSum } from './gradient-sum.ts';
import { isRecording, madeResult } from './recording.ts';

/** What operations of the tape take: a variable, or a tensor that has no gradient. */
export type Operand = Variable | Tensor;

/** What arrives at the result of an operation: a gradient of its shape, or one number for every element of it. */
export type Arriving = Tensor | number;

/** One operation that was recorded. */
interface Note {
  /** Later operations have larger numbers. */
  readonly place: number;
  readonly inputs: readonly (Variable | undefined)[];
  readonly results: readonly Variable[];
  readonly saved: readonly (Tensor | undefined)[];
  readonly backward: (gradients: readonly (Arriving | undefined)[]) => void;
}

let places = 0;

/**
 * A tensor whose gradient can be taken. One that is made with `new` is a leaf, such as a parameter: its gradient is
 * summed in float32 over all calls of `backward` until {@link zeroGradient}. The others are results of operations.
 *
 * @example
 * const weight = new Variable(Tensor.from([1, 2], [2, 1]), { requiresGrad: true });
 * const output = matmul(Tensor.from([3, 4], [1, 2]), weight);
 * output.backward();
 * await weight.gradient.read(); // 3, 4
 */
export class Variable implements Disposable {
  /** What operations compute with. */
  readonly value: Tensor;
  /** Where gradients arrive; undefined if none is wanted. */
  #sum: GradientSum | undefined;
  /** Whether it is neither the result of an operation that was recorded nor stands for one. */
  #isLeaf = true;
  /** How it was computed; `used` once backward has been there. */
  #note: Note | 'used' | undefined;

  /** @throws LeiaError `argument` for a gradient of whole numbers. */
  constructor(value: Tensor, { requiresGrad = false }: { readonly requiresGrad?: boolean } = {}) {
    this.value = value;
    this.#sum = requiresGrad ? leafSum(value) : undefined;
  }

  get shape(): Shape {
    return this.value.shape;
  }

  get dtype(): DType {
    return this.value.dtype;
  }

  get device(): Device {
    return this.value.device;
  }

  get requiresGrad(): boolean {
    return this.#sum !== undefined;
  }

  /**
   * The gradient of a leaf: its shape, float32; zeros before the first `backward`. It is always the same tensor.
   * @throws LeiaError `usage` for a result of an operation, or a variable that has none.
   */
  get gradient(): Tensor {
    if (this.#isLeaf && this.#sum) return this.#sum.total();
    const what = this.#isLeaf ? 'does not require a gradient' : 'is the result of an operation';
    throw new LeiaError(
      'usage',
      `gradient: this variable ${what}, expected a leaf with requiresGrad`,
    );
  }

  /** Whether no operation made it: a parameter, or a constant. */
  get isLeaf(): boolean {
    return this.#isLeaf && this.#note === undefined;
  }

  /**
   * Whether the next operations on this leaf are recorded for its gradient; what there is of that is freed by `false`, as
   * for a frozen parameter.
   * @throws LeiaError `usage` for the result of an operation, `argument` for whole numbers.
   */
  setRequiresGrad(requiresGrad: boolean): void {
    if (!this.isLeaf) {
      throw new LeiaError('usage', `setRequiresGrad: ${this} is no leaf, expected a parameter`);
    }
    if (requiresGrad === this.requiresGrad) return;
    this.#sum?.take()?.dispose();
    this.#sum = requiresGrad ? leafSum(this.value) : undefined;
  }

  /** Sets the gradient of a leaf to zero, for the next step. */
  zeroGradient(): void {
    ops.fill({ output: this.gradient, value: 0 });
  }

  /**
   * Adds the gradient of `scale` times the sum of this variable's elements to every leaf that it was computed from. What
   * was recorded is used up: each backward needs a forward of its own. The values of operations in between are freed,
   * this variable's own is not.
   *
   * @throws LeiaError `usage` if nothing was recorded, or backward has been there.
   */
  backward({ scale = 1 }: { readonly scale?: number } = {}): void {
    if (this.#note === undefined) {
      throw new LeiaError(
        'usage',
        'backward: this variable is of no operation on what requires a gradient',
      );
    }
    propagate([this], scale);
  }

  /** The same value without a past: no gradient flows through it, and its memory stays until `dispose`. */
  detach(): Variable {
    return new Variable(this.value.view(this.shape));
  }

  /** Another shape over the same memory; see {@link Tensor.view}. */
  view(shape: Shape): Variable {
    const [result] = record([this], [this.value.view(shape)], [], ([gradient], [input]) => {
      if (gradient) input?.share(gradient);
    });
    return result;
  }

  /** See {@link Tensor.read}. */
  read(): Promise<NumberArray> {
    return this.value.read();
  }

  /** See {@link Tensor.item}. */
  item(): Promise<number> {
    return this.value.item();
  }

  /** Frees the value early, once no queued work needs it. What backward needs of it stays. */
  dispose(): void {
    this.value.dispose();
  }

  /** At the end of a block of `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  toString(): string {
    return `Variable(${this.value}${this.requiresGrad ? ', requires a gradient' : ''})`;
  }

  /** For the tape: a variable between leaf and loss, whose gradient has its dtype. */
  static between(value: Tensor): { readonly variable: Variable; readonly sum: GradientSum } {
    const variable = new Variable(value);
    const sum = new GradientSum(value, false);
    variable.#sum = sum;
    variable.#isLeaf = false;
    return { variable, sum };
  }

  /** For the tape: the sum that gradients of an operand are added to. */
  static sumOf(operand: Operand | undefined): GradientSum | undefined {
    return operand instanceof Variable ? operand.#sum : undefined;
  }

  /** For the tape: how a variable was computed. */
  static noteOf(variable: Variable | undefined): Note | 'used' | undefined {
    return variable === undefined ? undefined : variable.#note;
  }

  /** Keeps something beside a variable, for functions that pass it on. */
  static setNote(variable: Variable, note: Note | 'used'): void {
    variable.#note = note;
  }
}

/** Whether operations compute in a dtype, and so may have gradients in it. */
export function isDifferentiable(dtype: DType): boolean {
  return dtype === 'float32' || dtype === 'bfloat16';
}

function leafSum(value: Tensor): GradientSum {
  if (isDifferentiable(value.dtype)) return new GradientSum(value, true);
  throw new LeiaError(
    'argument',
    `Variable: ${value} has no gradient, expected float32 or bfloat16`,
  );
}

type Each<Items extends readonly unknown[], To> = { [Index in keyof Items]: To };

/** What an operation adds to its inputs' gradients, given its results' gradients. */
type Backward<
  Inputs extends readonly unknown[],
  Results extends readonly unknown[],
  Saved,
  Arrived,
> = (
  gradients: Each<Results, Arrived | undefined>,
  inputs: Each<Inputs, GradientSum | undefined>,
  saved: Saved,
) => void;

/**
 * Makes variables of an operation's results, and notes its backward if an input wants a gradient.
 *
 * @param saved tensors that the backward needs; undefined for those that it does not. The tape holds them by handles of
 *   its own, so whoever has the others may dispose of them.
 * @param backward gets the gradients of the results, undefined for those that nothing was computed from; where the
 *   gradients of the inputs are summed, undefined for those that want none; and what was saved.
 */
export function record<
  const Inputs extends readonly (Operand | undefined)[],
  const Results extends readonly Tensor[],
  const Saved extends readonly (Tensor | undefined)[],
>(
  inputs: Inputs,
  values: Results,
  saved: Saved,
  backward: Backward<Inputs, Results, Saved, Tensor>,
): Each<Results, Variable> {
  return recordForNumbers(inputs, values, saved, (arrived, sums, kept) => {
    const gradients = arrived.map((gradient, i) =>
      typeof gradient === 'number' ? filled(values[i] as Tensor, gradient) : gradient,
    );
    backward(gradients as Each<Results, Tensor | undefined>, sums, kept);
    for (const [i, gradient] of gradients.entries()) {
      if (gradient !== arrived[i]) gradient?.dispose();
    }
  });
}

function filled({ shape, dtype, device }: Tensor, value: number): Tensor {
  return ops.fill({ output: Tensor.empty(shape, { dtype, device }), value }).output;
}

/** {@link record} for operations whose backward takes one number for a whole gradient: losses. */
export function recordForNumbers<
  const Inputs extends readonly (Operand | undefined)[],
  const Results extends readonly Tensor[],
  const Saved extends readonly (Tensor | undefined)[],
>(
  inputs: Inputs,
  values: Results,
  saved: Saved,
  backward: Backward<Inputs, Results, Saved, Arriving>,
): Each<Results, Variable> {
  if (isRecording() && inputs.some(wantsGradient)) return note(inputs, values, saved, backward);
  const results = values.map((value) => new Variable(value));
  for (const result of results) madeResult(result);
  return results as Each<Results, Variable>;
}

/** {@link recordForNumbers} for what is noted in any case. */
export function note<
  const Inputs extends readonly (Operand | undefined)[],
  const Results extends readonly Tensor[],
  const Saved extends readonly (Tensor | undefined)[],
>(
  inputs: Inputs,
  values: Results,
  saved: Saved,
  backward: Backward<Inputs, Results, Saved, Arriving>,
): Each<Results, Variable> {
  const results = values.map((value) => Variable.between(value).variable);
  const kept = saved.map((tensor) => tensor?.view(tensor.shape));
  const sums = inputs.map(Variable.sumOf) as Each<Inputs, GradientSum | undefined>;
  const made: Note = {
    place: places++,
    inputs: inputs.map((input) => (input instanceof Variable ? input : undefined)),
    results,
    saved: kept,
    backward: (gradients) =>
      backward(gradients as Each<Results, Arriving | undefined>, sums, kept as unknown as Saved),
  };
  for (const result of results) {
    Variable.setNote(result, made);
    madeResult(result);
  }
  return results as Each<Results, Variable>;
}

/** Whether a gradient is to be computed for this operand. */
export function wantsGradient(operand: Operand | undefined): boolean {
  return Variable.sumOf(operand) !== undefined;
}

/** What an operation computes with. */
export function tensorOf(operand: Operand): Tensor {
  return operand instanceof Variable ? operand.value : operand;
}

/**
 * Runs the backward of every note that the roots hang on, from the last to the first. What has arrived at the roots is
 * in their sums, or is the one number given.
 */
export function propagate(roots: readonly Variable[], arrived?: number): void {
  const notes = notesOf(roots);
  let next = 0;
  try {
    for (; next < notes.length; next++) {
      const { results, backward } = notes[next] as Note;
      const gradients = results.map((result) =>
        arrived !== undefined && result === roots[0] ? arrived : Variable.sumOf(result)?.take(),
      );
      if (gradients.some((gradient) => gradient !== undefined)) backward(gradients);
      for (const gradient of gradients) if (gradient instanceof Tensor) gradient.dispose();
      release(notes[next] as Note, roots);
    }
  } finally {
    for (; next < notes.length; next++) release(notes[next] as Note, roots);
  }
}

/** Frees what a note holds, and the values of its results. */
function release({ saved, results }: Note, roots: readonly Variable[]): void {
  for (const tensor of saved) tensor?.dispose();
  for (const result of results) {
    Variable.setNote(result, 'used');
    Variable.sumOf(result)?.take()?.dispose();
    if (!roots.includes(result)) result.dispose();
  }
}

/** All notes that the variables hang on, the last first. */
function notesOf(roots: readonly Variable[]): Note[] {
  const found = new Set<Note>();
  const open: (Variable | undefined)[] = [...roots];
  while (open.length > 0) {
    const note = Variable.noteOf(open.pop());
    if (note === 'used') {
      throw new LeiaError(
        'usage',
        'backward: it has run already for a part of what made this variable; each backward needs a forward of its own',
      );
    }
    if (note === undefined || found.has(note)) continue;
    found.add(note);
    open.push(...note.inputs);
  }
  return [...found].sort((a, b) => b.place - a.place);
}
