// Attention at the sequence lengths and head sizes of training: large is 16384 tokens of hidden size 2048 in all,
// as the FlashAttention papers measure it. With a causal mask only the operations of the visible half count, with a
// sliding window as well only those within it: the rate says whether the time follows the window.
import { type Device, ops, type Tensor } from '../../lib/index.ts';
import {
  bytesOf,
  compare,
  type Float,
  type Prepared,
  type Sizes,
  Tensors,
  type Values,
  valuesOf,
  type Workload,
} from '../workload.ts';

interface Attention {
  batch: number;
  heads: number;
  kvHeads: number;
  sequence: number;
  headDim: number;
  causal: boolean;
  /** A causal query sees so many keys before its own. */
  window?: number;
  dtype: Float;
}

type Pass = 'forward' | 'backward';

function attention(shape: Attention, pass: Pass): Workload {
  const { batch, heads, kvHeads, sequence, headDim, causal, window, dtype } = shape;
  const groups = heads === kvHeads ? `${heads}` : `${heads}/${kvHeads}`;
  const all = causal ? sequence ** 2 / 2 : sequence ** 2;
  // The triangle of queries that see less than the whole window has the other half of its square.
  const pairs = window === undefined ? all : all - (sequence - window) ** 2 / 2;
  const product = 2 * batch * heads * pairs * headDim;
  const query = batch * sequence * heads * headDim * bytesOf(dtype);
  const key = (query / heads) * kvHeads;
  const logsumexp = 4 * batch * heads * sequence;
  return {
    name: `attention ${pass} ${batch}x${sequence} heads ${groups}x${headDim}${maskOf(shape)} ${dtype}`,
    dtype,
    bound: 'arithmetic',
    flops: (pass === 'forward' ? 2 : 5) * product,
    bytes: (pass === 'forward' ? 2 : 4) * (query + key) + logsumexp,
    rival: { kind: 'attention', pass, ...shape },
    prepare: (device) => prepare(device, shape, pass),
  };
}

function maskOf({ causal, window }: Attention): string {
  return `${causal ? ' causal' : ''}${window === undefined ? '' : ` window ${window}`}`;
}

function prepare(device: Device, shape: Attention, pass: Pass): Prepared {
  const { batch, heads, kvHeads, sequence, headDim, causal, window = -1, dtype } = shape;
  const tensors = new Tensors(device);
  const queryShape = [batch, sequence, heads, headDim];
  const keyShape = [batch, sequence, kvHeads, headDim];
  const query = tensors.random(queryShape, dtype);
  const key = tensors.random(keyShape, dtype);
  const value = tensors.random(keyShape, dtype);
  const output = tensors.empty(queryShape, dtype);
  const logsumexp = tensors.empty([batch, heads, sequence]);
  const windowSize = [window, -1] as const;
  const forwardArguments = { query, key, value, causal, windowSize, output, logsumexp };
  const forward = () => ops.flashAttentionForward(forwardArguments);
  const dispose = () => tensors.dispose();
  const sample = new Sample(shape);
  if (pass === 'forward') {
    const check = async () => {
      for (const tensor of [output, logsumexp]) ops.fill({ output: tensor, value: Number.NaN });
      forward();
      return sample.checkForward(await readFirst({ query, key, value, output, logsumexp }));
    };
    return { run: forward, check, dispose };
  }
  const gradOutput = tensors.random(queryShape, dtype);
  const gradQuery = tensors.empty(queryShape, dtype);
  const gradKey = tensors.empty(keyShape, dtype);
  const gradValue = tensors.empty(keyShape, dtype);
  const gradients = { gradQuery, gradKey, gradValue };
  forward();
  const run = () => ops.flashAttentionBackward({ ...forwardArguments, gradOutput, ...gradients });
  const check = async () => {
    for (const tensor of Object.values(gradients)) ops.fill({ output: tensor, value: Number.NaN });
    run();
    const all = { query, key, value, output, logsumexp, gradOutput, ...gradients };
    return sample.checkBackward(await readFirst(all));
  };
  return { run, check, dispose };
}

/** The first row of the batch of each tensor. */
async function readFirst<Name extends string>(
  tensors: Record<Name, Tensor>,
): Promise<Record<Name, Values>> {
  const read: Partial<Record<Name, Values>> = {};
  for (const name of Object.keys(tensors) as Name[]) {
    const row = tensors[name].slice(0, 1);
    read[name] = await valuesOf(row);
    row.dispose();
  }
  return read as Record<Name, Values>;
}

/** Attention of a few positions and heads of the first row, in float64. */
class Sample {
  readonly #shape: Attention;
  readonly #scale: number;
  readonly #positions: number[];
  readonly #heads: number[];

  constructor(shape: Attention) {
    this.#shape = shape;
    this.#scale = 1 / Math.sqrt(shape.headDim);
    const last = shape.sequence - 1;
    this.#positions = [...new Set([0, Math.floor(last / 2), Math.floor((3 * last) / 4), last])];
    this.#heads = [...new Set([0, shape.heads - 1])];
  }

  /** Where the row of a position and a head begins, in a tensor of so many heads. */
  #row(position: number, head: number, heads: number): number {
    return (position * heads + head) * this.#shape.headDim;
  }

  #kvHead(head: number): number {
    const { heads, kvHeads } = this.#shape;
    return Math.floor(head / (heads / kvHeads));
  }

  #dot(a: Values, aStart: number, b: Values, bStart: number): number {
    let sum = 0;
    for (let d = 0; d < this.#shape.headDim; d++) sum += a.at(aStart + d) * b.at(bStart + d);
    return sum;
  }

  /** Probabilities of one query, and the logarithm of their sum. */
  #probabilities(read: Record<'query' | 'key', Values>, position: number, head: number) {
    const { sequence, heads, kvHeads, causal, window = sequence } = this.#shape;
    const start = this.#row(position, head, heads);
    const first = Math.max(0, position - window);
    const last = causal ? position + 1 : sequence;
    const scores = Float64Array.from({ length: last - first }, (_, j) => {
      const keyStart = this.#row(first + j, this.#kvHead(head), kvHeads);
      return this.#dot(read.query, start, read.key, keyStart) * this.#scale;
    });
    const top = scores.reduce((a, b) => Math.max(a, b));
    const total = scores.reduce((sum, score) => sum + Math.exp(score - top), 0);
    const logsumexp = top + Math.log(total);
    return { start, first, logsumexp, probabilities: scores.map((s) => Math.exp(s - logsumexp)) };
  }

  /** Adds `factor` times a row of values. */
  #add(sum: Float64Array, factor: number, values: Values, start: number): void {
    for (let d = 0; d < sum.length; d++) sum[d]! += factor * values.at(start + d);
  }

  checkForward(read: Record<'query' | 'key' | 'value' | 'output' | 'logsumexp', Values>): number {
    const { sequence, headDim, kvHeads, dtype } = this.#shape;
    const output = new Comparator(dtype === 'float32' ? 1e-5 : 8e-3);
    const logsumexp = new Comparator(1e-5);
    for (const head of this.#heads) {
      for (const position of this.#positions) {
        const own = this.#probabilities(read, position, head);
        const expected = new Float64Array(headDim);
        own.probabilities.forEach((p, j) => {
          const key = this.#row(own.first + j, this.#kvHead(head), kvHeads);
          this.#add(expected, p, read.value, key);
        });
        output.row(read.output, own.start, expected);
        logsumexp.row(read.logsumexp, head * sequence + position, [own.logsumexp]);
      }
    }
    return compare(output.result('output'), logsumexp.result('logsumexp'));
  }

  checkBackward(
    read: Record<
      | 'query'
      | 'key'
      | 'value'
      | 'output'
      | 'logsumexp'
      | 'gradOutput'
      | 'gradQuery'
      | 'gradKey'
      | 'gradValue',
      Values
    >,
  ): number {
    const { sequence, headDim, heads, kvHeads, causal, window = sequence, dtype } = this.#shape;
    const tolerance = dtype === 'float32' ? 1e-4 : 1.6e-2;
    const [gradQuery, gradKey, gradValue] = [0, 1, 2].map(() => new Comparator(tolerance)) as [
      Comparator,
      Comparator,
      Comparator,
    ];
    const { query, key, value, output, gradOutput } = read;
    const gradScore = (p: number, start: number, keyStart: number) => {
      const gradP = this.#dot(gradOutput, start, value, keyStart);
      return p * (gradP - this.#dot(gradOutput, start, output, start)) * this.#scale;
    };
    for (const head of this.#heads) {
      for (const position of this.#positions) {
        const own = this.#probabilities(read, position, head);
        const expected = new Float64Array(headDim);
        own.probabilities.forEach((p, j) => {
          const keyStart = this.#row(own.first + j, this.#kvHead(head), kvHeads);
          this.#add(expected, gradScore(p, own.start, keyStart), key, keyStart);
        });
        gradQuery.row(read.gradQuery, own.start, expected);
      }
    }
    const group = heads / kvHeads;
    for (const kvHead of new Set(this.#heads.map((head) => this.#kvHead(head)))) {
      for (const position of this.#positions) {
        const keyStart = this.#row(position, kvHead, kvHeads);
        const [expectedKey, expectedValue] = [new Float64Array(headDim), new Float64Array(headDim)];
        for (let head = kvHead * group; head < (kvHead + 1) * group; head++) {
          const last = Math.min(sequence, position + window + 1);
          for (let i = causal ? position : 0; i < last; i++) {
            const start = this.#row(i, head, heads);
            const score = this.#dot(query, start, key, keyStart) * this.#scale;
            const p = Math.exp(score - read.logsumexp.at(head * sequence + i));
            this.#add(expectedKey, gradScore(p, start, keyStart), query, start);
            this.#add(expectedValue, p, gradOutput, start);
          }
        }
        gradKey.row(read.gradKey, keyStart, expectedKey);
        gradValue.row(read.gradValue, keyStart, expectedValue);
      }
    }
    return compare(
      gradQuery.result('gradQuery'),
      gradKey.result('gradKey'),
      gradValue.result('gradValue'),
    );
  }
}

/** Collects rows of an output and what they should be. */
class Comparator {
  readonly #actual: number[] = [];
  readonly #expected: number[] = [];
  readonly #tolerance: number;

  constructor(tolerance: number) {
    this.#tolerance = tolerance;
  }

  row(values: Values, start: number, expected: ArrayLike<number>): void {
    for (let i = 0; i < expected.length; i++) {
      this.#actual.push(values.at(start + i));
      this.#expected.push(expected[i]!);
    }
  }

  result(name: string) {
    return [name, this.#actual, this.#expected, this.#tolerance] as const;
  }
}

function bothPasses(shape: Attention): Workload[] {
  return [attention(shape, 'forward'), attention(shape, 'backward')];
}

export function workloads(sizes: Sizes): Workload[] {
  if (sizes === 'large') {
    return [64, 128].flatMap((headDim) =>
      [2048, 4096, 8192, 16384].flatMap((sequence) =>
        [true, false].flatMap((causal) => {
          const [batch, heads] = [16384 / sequence, 2048 / headDim];
          const shape = { batch, heads, kvHeads: heads, sequence, headDim, causal };
          const windowed = causal && sequence === 16384 ? [1024] : [];
          return [undefined, ...windowed].flatMap((window) =>
            bothPasses({ ...shape, ...(window && { window }), dtype: 'bfloat16' }),
          );
        }),
      ),
    );
  }
  const shapes =
    sizes === 'tiny'
      ? [
          { batch: 1, heads: 2, kvHeads: 2, sequence: 40, headDim: 64, causal: true },
          { batch: 2, heads: 2, kvHeads: 1, sequence: 24, headDim: 128, causal: false },
          { batch: 1, heads: 2, kvHeads: 2, sequence: 40, headDim: 64, causal: true, window: 7 },
        ]
      : [
          { batch: 1, heads: 12, kvHeads: 12, sequence: 2048, headDim: 64, causal: true },
          {
            batch: 1,
            heads: 12,
            kvHeads: 12,
            sequence: 2048,
            headDim: 64,
            causal: true,
            window: 256,
          },
          { batch: 1, heads: 8, kvHeads: 2, sequence: 1024, headDim: 128, causal: false },
        ];
  return shapes.flatMap((shape) =>
    (['float32', 'bfloat16'] as const).flatMap((dtype) => bothPasses({ ...shape, dtype })),
  );
}
