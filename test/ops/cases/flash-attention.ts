import { ops } from '../../../lib/ops.ts';
import {
  dot,
  elements,
  type GradientCheck,
  lazyValues,
  type OperationCase,
  type Random,
  randomFloatType,
  randomInteger,
  randomSource,
  randomValues,
  relativeError,
  size,
  type Values,
} from '../case.ts';

export interface AttentionShape {
  batch: number;
  heads: number;
  kvHeads: number;
  queries: number;
  keys: number;
  headDim: number;
  causal: boolean;
  scale: number;
  /** Start of each position's document, [batch, queries]. */
  starts?: ArrayLike<number>;
  /** How many keys each row of the batch has, [batch]. */
  lengths?: readonly number[];
  window?: readonly [left: number, right: number];
  softcap?: number;
}

/** Calls visit with offsets of every visible (query, key) pair's rows, head by head. */
function forEachQuery(
  shape: AttentionShape,
  visit: (at: { query: number; lse: number; keys: number[]; key: (j: number) => number }) => void,
): void {
  const { batch, heads, kvHeads, queries, keys, headDim, causal, starts, lengths } = shape;
  const [left, right] = (shape.window ?? [-1, -1]).map((n) => (n < 0 ? Infinity : n));
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      const kv = Math.floor(h / (heads / kvHeads));
      for (let i = 0; i < queries; i++) {
        const count = lengths?.[b] ?? keys;
        const position = i + count - queries;
        const seen = Array.from({ length: count }, (_, j) => j).filter(
          (j) =>
            (!causal || j <= position) &&
            position - left! <= j &&
            j <= position + right! &&
            (!starts || starts[b * queries + i] === starts[b * queries + j]),
        );
        visit({
          query: ((b * queries + i) * heads + h) * headDim,
          lse: (b * heads + h) * queries + i,
          keys: seen,
          key: (j) => ((b * keys + j) * kvHeads + kv) * headDim,
        });
      }
    }
  }
}

/** A score from a product of a query and a key, and its derivative by the product. */
function scoreOf({ scale, softcap = 0 }: AttentionShape, product: number) {
  if (softcap === 0) return { score: product * scale, slope: scale };
  const tangent = Math.tanh((product * scale) / softcap);
  return { score: softcap * tangent, slope: scale * (1 - tangent ** 2) };
}

export function attentionReference(
  shape: AttentionShape,
  query: Float64Array,
  key: Float64Array,
  value: Float64Array,
) {
  const { headDim } = shape;
  const output = new Float64Array(query.length);
  const logsumexp = new Float64Array(shape.batch * shape.heads * shape.queries);
  forEachQuery(shape, (at) => {
    const scores = at.keys.map((j) => {
      let sum = 0;
      for (let d = 0; d < headDim; d++) sum += query[at.query + d]! * key[at.key(j) + d]!;
      return scoreOf(shape, sum).score;
    });
    // A query that sees no key.
    if (scores.length === 0) logsumexp[at.lse] = -Infinity;
    if (scores.length === 0) return;
    const top = Math.max(...scores);
    const total = scores.reduce((sum, score) => sum + Math.exp(score - top), 0);
    logsumexp[at.lse] = top + Math.log(total);
    at.keys.forEach((j, n) => {
      const p = Math.exp(scores[n]! - top) / total;
      for (let d = 0; d < headDim; d++) output[at.query + d]! += p * value[at.key(j) + d]!;
    });
  });
  return { output, logsumexp };
}

export function attentionBackwardReference(
  shape: AttentionShape,
  gradOutput: Float64Array,
  query: Float64Array,
  key: Float64Array,
  value: Float64Array,
) {
  const { headDim } = shape;
  const { output, logsumexp } = attentionReference(shape, query, key, value);
  const gradQuery = new Float64Array(query.length);
  const gradKey = new Float64Array(key.length);
  const gradValue = new Float64Array(value.length);
  forEachQuery(shape, (at) => {
    let delta = 0;
    for (let d = 0; d < headDim; d++) delta += gradOutput[at.query + d]! * output[at.query + d]!;
    for (const j of at.keys) {
      let product = 0;
      let gradP = 0;
      for (let d = 0; d < headDim; d++) {
        product += query[at.query + d]! * key[at.key(j) + d]!;
        gradP += gradOutput[at.query + d]! * value[at.key(j) + d]!;
      }
      const { score, slope } = scoreOf(shape, product);
      const p = Math.exp(score - logsumexp[at.lse]!);
      const gradScore = p * (gradP - delta) * slope;
      for (let d = 0; d < headDim; d++) {
        gradQuery[at.query + d]! += gradScore * key[at.key(j) + d]!;
        gradKey[at.key(j) + d]! += gradScore * query[at.query + d]!;
        gradValue[at.key(j) + d]! += p * gradOutput[at.query + d]!;
      }
    }
  });
  return { gradQuery, gradKey, gradValue };
}

/** Document starts of rows made of documents of these lengths. */
export function startsOf(lengths: readonly number[]): number[] {
  let start = 0;
  return lengths.flatMap((length) => {
    const row = new Array<number>(length).fill(start);
    start += length;
    return row;
  });
}

function inputs(shape: AttentionShape, dtype: 'float32' | 'bfloat16', size: number) {
  const { batch, heads, kvHeads, queries, keys, headDim } = shape;
  const random = randomSource(queries * 31 + keys * 7 + headDim);
  // Memory that was never written lies behind a row's own keys.
  const partlyFilled = (values: Values) =>
    lazyValues(values.shape, dtype, () => {
      const row = keys * kvHeads * headDim;
      shape.lengths?.forEach((length, b) => {
        values.data.fill(Number.NaN, b * row + length * kvHeads * headDim, (b + 1) * row);
      });
      return values.data;
    });
  const query = randomValues([batch, queries, heads, headDim], dtype, random, size);
  const key = partlyFilled(randomValues([batch, keys, kvHeads, headDim], dtype, random, size));
  const value = partlyFilled(randomValues([batch, keys, kvHeads, headDim], dtype, random));
  const gradOutput = randomValues([batch, queries, heads, headDim], dtype, random);
  const integers = (shape: readonly number[], data: ArrayLike<number>): Values => ({
    shape,
    dtype: 'int32',
    data: Float64Array.from(data),
  });
  const documents = {
    ...(shape.starts && { documentStarts: integers([batch, queries], shape.starts) }),
    ...(shape.lengths && { keyLengths: integers([batch], shape.lengths) }),
  };
  return { query, key, value, gradOutput, documents };
}

function nameOf(shape: AttentionShape, dtype: string): string {
  const { batch, heads, kvHeads, queries, keys, headDim, causal, scale, starts, lengths } = shape;
  const { window, softcap } = shape;
  const kind = [
    causal ? ' causal' : '',
    starts ? ' packed' : '',
    lengths ? ' lengths' : '',
    scale === 1 / Math.sqrt(headDim) ? '' : ` scale ${scale}`,
    window ? ` window ${window.join(':')}` : '',
    softcap ? ` softcap ${softcap}` : '',
  ].join('');
  return `b${batch} h${heads}/${kvHeads} ${queries}x${keys} d${headDim}${kind} ${dtype}`;
}

/** The log-sum-exp of a query that sees no key is minus infinity. */
function withoutEqualInfinities(...[actual, expected]: [ArrayLike<number>, ArrayLike<number>]) {
  const kept = Array.from(expected, (x, i) => x !== -Infinity || actual[i] !== x);
  const of = (values: ArrayLike<number>) => Array.from(values).filter((_, i) => kept[i]);
  return [of(actual), of(expected)] as const;
}

/** What the operation is given of a shape beside tensors. */
function optionsOf({ causal, scale, window, softcap }: AttentionShape) {
  return { causal, scale, ...(window && { windowSize: window }), ...(softcap && { softcap }) };
}

/** Pairs of a query and a key that sees it, of one head: all of them without a mask. */
function pairsOf(shape: AttentionShape): number {
  const { causal, queries, keys, window } = shape;
  const seen = window?.every((n) => n >= 0) ? Math.min(keys, 1 + window[0] + window[1]) : keys;
  return (queries * seen) / (causal ? 2 : 1);
}

export function forwardCase(
  shape: AttentionShape,
  dtype: 'float32' | 'bfloat16',
  scoreSize: number,
): OperationCase {
  const { query, key, value, documents } = inputs(shape, dtype, scoreSize);
  const { batch, heads, queries } = shape;
  return {
    name: `flashAttentionForward ${nameOf(shape, dtype)} size ${scoreSize}`,
    inputs: { query, key, value, ...documents },
    run: ({ query, key, value, documentStarts, keyLengths }, output) =>
      ops.flashAttentionForward({
        query: query!,
        key: key!,
        value: value!,
        ...optionsOf(shape),
        ...(documentStarts && { documentStarts }),
        ...(keyLengths && { keyLengths }),
        output: output(query!.shape, dtype),
        logsumexp: output([batch, heads, queries]),
      }),
    reference: ({ query, key, value }) =>
      attentionReference(shape, query!.data, key!.data, value!.data),
    tolerance: { output: dtype === 'float32' ? 2e-6 : 2.5e-3, logsumexp: 1e-6 },
    error: (_name, actual, expected) => relativeError(...withoutEqualInfinities(actual, expected)),
    bytes: (2 * elements(query.shape) + 2 * elements(key.shape)) * size(dtype),
    flops: 4 * batch * heads * pairsOf(shape) * shape.headDim,
  };
}

export function backwardCase(
  shape: AttentionShape,
  dtype: 'float32' | 'bfloat16',
  scoreSize: number,
): OperationCase {
  const { query, key, value, gradOutput, documents } = inputs(shape, dtype, scoreSize);
  return {
    name: `flashAttentionBackward ${nameOf(shape, dtype)} size ${scoreSize}`,
    inputs: { gradOutput, query, key, value, ...documents },
    run: (tensors, output) => {
      const { gradOutput, query, key, value, documentStarts, keyLengths } = tensors;
      const args = {
        query: query!,
        key: key!,
        value: value!,
        ...optionsOf(shape),
        ...(documentStarts && { documentStarts }),
        ...(keyLengths && { keyLengths }),
      };
      return ops.flashAttentionBackward({
        ...args,
        ...ops.flashAttentionForward(args),
        gradOutput: gradOutput!,
        gradQuery: output(query!.shape, dtype),
        gradKey: output(key!.shape, dtype),
        gradValue: output(key!.shape, dtype),
      });
    },
    reference: ({ gradOutput, query, key, value }) =>
      attentionBackwardReference(shape, gradOutput!.data, query!.data, key!.data, value!.data),
    tolerance: Object.fromEntries(
      ['gradQuery', 'gradKey', 'gradValue'].map((name) => [
        name,
        dtype === 'float32' ? 1e-5 : 8e-3,
      ]),
    ),
    bytes: (4 * elements(query.shape) + 4 * elements(key.shape)) * size(dtype),
    flops: 10 * shape.batch * shape.heads * pairsOf(shape) * shape.headDim,
  };
}

export function shapeOf(
  [batch, heads, kvHeads, queries, keys, headDim]: readonly [
    number,
    number,
    number,
    number,
    number,
    number,
  ],
  causal: boolean,
  starts?: number[],
): AttentionShape {
  const scale = 1 / Math.sqrt(headDim);
  return {
    batch,
    heads,
    kvHeads,
    queries,
    keys,
    headDim,
    causal,
    scale,
    ...(starts && { starts }),
  };
}

const shapes: AttentionShape[] = [
  shapeOf([1, 1, 1, 1, 1, 2], true),
  shapeOf([2, 4, 2, 37, 37, 16], true),
  shapeOf([1, 2, 1, 67, 67, 40], false),
  shapeOf([1, 3, 1, 5, 97, 64], true),
  shapeOf([1, 1, 1, 1, 130, 32], true),
  shapeOf([1, 2, 2, 130, 130, 64], true),
  shapeOf([1, 2, 1, 33, 65, 128], false),
  shapeOf([1, 1, 1, 70, 70, 256], true),
  shapeOf([1, 1, 1, 70, 3, 6], false),
  shapeOf([1, 2, 1, 200, 200, 32], true, startsOf([1, 63, 64, 72])),
  shapeOf([2, 1, 1, 90, 90, 16], false, [...startsOf([40, 17, 33]), ...startsOf([90])]),
  // Few queries on keys that are divided; a head size between two powers; scores that shrink as products grow.
  shapeOf([2, 4, 1, 2, 530, 32], true),
  shapeOf([1, 2, 1, 1, 530, 96], true),
  shapeOf([1, 2, 1, 1, 530, 128], true),
  shapeOf([1, 1, 1, 1, 530, 256], true),
  shapeOf([1, 2, 1, 45, 80, 96], true),
  // Several blocks of keys, which add to the gradients of the same queries in turn.
  shapeOf([1, 2, 1, 270, 270, 64], false),
  shapeOf([1, 1, 1, 140, 300, 128], true),
  shapeOf([2, 2, 2, 260, 260, 128], true, [...startsOf([3, 130, 127]), ...startsOf([200, 60])]),
  // The same on a smaller scale, for runs of one case a kernel.
  shapeOf([1, 2, 1, 150, 150, 128], true, startsOf([3, 80, 67])),
  shapeOf([1, 2, 1, 200, 200, 96], false, startsOf([64, 1, 70, 65])),
  shapeOf([1, 1, 1, 150, 150, 256], true),
  // More heads than an emulated GPU takes abreast.
  shapeOf([1, 6, 3, 130, 260, 32], true),
  { ...shapeOf([1, 2, 1, 40, 40, 32], true), scale: -0.3 },
  { ...shapeOf([1, 1, 1, 20, 20, 8], false), scale: 0 },
];

/** Several tiles of keys to each of queries, in the head sizes that matter; forward in bfloat16 alone. */
const manyTiles: AttentionShape[] = [
  shapeOf([1, 2, 1, 140, 420, 128], true),
  shapeOf([2, 1, 1, 400, 400, 64], true, [
    ...startsOf([1, 130, 5, 200, 64]),
    ...startsOf([299, 101]),
  ]),
  shapeOf([1, 1, 1, 300, 300, 128], false, startsOf([129, 40, 131])),
  shapeOf([1, 2, 1, 19, 520, 64], false),
];

/** Rows of a batch that have keys of their own number. */
const partlyFilled: AttentionShape[] = [
  { ...shapeOf([3, 4, 2, 1, 70, 16], true), lengths: [1, 70, 33] },
  { ...shapeOf([2, 3, 1, 5, 97, 64], true), lengths: [5, 64] },
  { ...shapeOf([3, 2, 1, 20, 140, 32], true), lengths: [20, 139, 65] },
  { ...shapeOf([2, 1, 1, 70, 200, 64], true), lengths: [199, 71] },
  { ...shapeOf([2, 2, 2, 9, 130, 40], false), lengths: [1, 129] },
  { ...shapeOf([2, 2, 1, 2, 530, 128], true), lengths: [3, 400] },
  { ...shapeOf([2, 1, 1, 130, 300, 128], true), lengths: [130, 261] },
];

/** Windows, lengths and caps, with what they meet: each other, documents, groups, ends of blocks, and no key at all. */
const bounded: AttentionShape[] = [
  { ...shapeOf([1, 2, 1, 37, 37, 16], true), window: [0, 0] },
  { ...shapeOf([2, 4, 2, 37, 67, 24], true), window: [9, -1] },
  { ...shapeOf([1, 2, 1, 67, 67, 40], false), window: [3, 20], softcap: 2 },
  { ...shapeOf([1, 2, 1, 20, 33, 8], false), window: [-1, 4] },
  { ...shapeOf([1, 1, 1, 30, 30, 32], true), window: [500, 500], softcap: 30 },
  { ...shapeOf([1, 2, 1, 300, 300, 64], true), window: [70, 0] },
  { ...shapeOf([1, 2, 1, 140, 300, 128], false), window: [40, 9], softcap: 5 },
  {
    ...shapeOf([1, 2, 1, 200, 200, 32], false, startsOf([1, 63, 64, 72])),
    ...{ window: [20, 30], softcap: 4 },
  },
  { ...shapeOf([3, 2, 1, 37, 70, 64], false), lengths: [0, 1, 69] },
  { ...shapeOf([3, 4, 2, 33, 150, 90], true), lengths: [33, 0, 131], window: [40, 0], softcap: 1 },
  { ...shapeOf([1, 1, 1, 100, 100, 256], true), window: [33, 0], softcap: 50 },
  // A cap at the one head size that has other tiles for it.
  { ...shapeOf([1, 1, 1, 67, 67, 64], true), softcap: 2 },
  // Few queries, of which the keys are divided.
  { ...shapeOf([3, 4, 1, 2, 530, 32], true), lengths: [0, 530, 301], window: [260, 0] },
  { ...shapeOf([1, 4, 2, 3, 600, 128], false), window: [280, 1], softcap: 3 },
];

export const cases: OperationCase[] = [
  ...shapes.flatMap((shape) =>
    (['float32', 'bfloat16'] as const).flatMap((dtype) => [
      forwardCase(shape, dtype, 1),
      backwardCase(shape, dtype, 1),
      // With one query, the error of a single large score is all there is: a matter of luck, for naive code too.
      ...(shape.queries > 1 ? [forwardCase(shape, dtype, 4)] : []),
    ]),
  ),
  ...partlyFilled.flatMap((shape) =>
    (['float32', 'bfloat16'] as const).map((dtype) => forwardCase(shape, dtype, 1)),
  ),
  ...manyTiles.map((shape) => forwardCase(shape, 'bfloat16', 1)),
  ...bounded.flatMap((shape) =>
    (['float32', 'bfloat16'] as const).flatMap((dtype) => [
      forwardCase(shape, dtype, 1),
      backwardCase(shape, dtype, 1),
    ]),
  ),
];

/** Documents of random lengths that fill a row. */
function randomLengths(random: Random, length: number): number[] {
  const lengths: number[] = [];
  for (let left = length; left > 0; left -= lengths.at(-1)!) {
    lengths.push(randomInteger(random, 1, left));
  }
  return lengths;
}

export function randomCase(seed: number): OperationCase {
  const random = randomSource(seed);
  const batch = randomInteger(random, 1, 2);
  const kvHeads = randomInteger(random, 1, 2);
  const heads = kvHeads * randomInteger(random, 1, 3);
  const headDim = random() < 0.2 ? 256 : 2 * randomInteger(random, 4, 64);
  const queries = randomInteger(random, 1, 90);
  const causal = random() < 0.6;
  const packed = random() < 0.4;
  // Causal queries are the last of the keys.
  const more = randomInteger(random, 0, 60);
  const keys = packed ? queries : causal ? queries + more : randomInteger(random, 1, 90);
  const starts = packed
    ? Array.from({ length: batch }, () => startsOf(randomLengths(random, queries))).flat()
    : undefined;
  const shape = shapeOf([batch, heads, kvHeads, queries, keys, headDim], causal, starts);
  const dtype = randomFloatType(random);
  // Queries with a window are the last of the keys too.
  if (queries <= keys && random() < 0.4) {
    shape.window = [randomInteger(random, -1, 50), randomInteger(random, -1, 50)];
  }
  if (random() < 0.3) shape.softcap = 0.5 + 20 * random();
  if (!packed && random() < 0.4) {
    const least = causal || shape.window ? queries : 1;
    const lengthOf = () => (random() < 0.1 ? 0 : randomInteger(random, least, keys));
    shape.lengths = Array.from({ length: batch }, lengthOf);
  }
  const large = !shape.lengths && random() < 0.5;
  if (random() < 0.5) return forwardCase(shape, dtype, large ? 4 : 1);
  return backwardCase(shape, dtype, 1);
}

function gradientChecks(): GradientCheck[] {
  const plain = checksOf('flashAttention', shapeOf([1, 2, 1, 7, 7, 4], true, startsOf([3, 4])));
  const bounds = { lengths: [6, 0], window: [2, 1], softcap: 0.7 } as const;
  const bounded = { ...shapeOf([2, 2, 1, 5, 7, 4], false), ...bounds };
  return [...plain, ...checksOf('flashAttention with a window and a softcap', bounded)];
}

function checksOf(name: string, shape: AttentionShape): GradientCheck[] {
  const { query, key, value, gradOutput } = inputs(shape, 'float32', 1);
  const grads = attentionBackwardReference(
    shape,
    gradOutput.data,
    query.data,
    key.data,
    value.data,
  );
  const loss = (q: Float64Array, k: Float64Array, v: Float64Array) =>
    dot(attentionReference(shape, q, k, v).output, gradOutput.data);
  return [
    {
      name: `${name} query`,
      loss: (moved) => loss(moved, key.data, value.data),
      x: query.data,
      gradient: grads.gradQuery,
    },
    {
      name: `${name} key`,
      loss: (moved) => loss(query.data, moved, value.data),
      x: key.data,
      gradient: grads.gradKey,
    },
    {
      name: `${name} value`,
      loss: (moved) => loss(query.data, key.data, moved),
      x: value.data,
      gradient: grads.gradValue,
    },
  ];
}

export const gradients = gradientChecks();
