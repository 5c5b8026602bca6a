// Right arguments of every operation, and what makes each of them wrong: for the test that asks all operations
// the same questions.
import { ops, Tensor } from '../../lib/ops.ts';
import { type Arguments, type Face, tensor, type Value } from './face.ts';
import { elementwise } from './faces/elementwise.ts';
import { rows } from './faces/rows.ts';

export const attention = () => ({
  query: tensor([2, 3, 4, 8]),
  key: tensor([2, 3, 2, 8]),
  value: tensor([2, 3, 2, 8]),
  documentStarts: Tensor.from(Int32Array.of(0, 0, 0, 0, 0, 2), [2, 3]),
  output: tensor([2, 3, 4, 8]),
  logsumexp: tensor([2, 4, 3]),
});
const attentionNumbers = [
  ['scale', Number.NaN, 'scale is nan, expected a finite number'],
  ['causal', 1, 'causal is a number, expected a boolean'],
  ['softcap', -1, 'softcap is -1, expected a positive number, or 0 for none'],
  ['softcap', Number.NaN, 'softcap is nan, expected a positive number, or 0 for none'],
  [
    'windowSize',
    [3],
    'windowSize has 1 numbers, expected 2: how many keys to the left and to the right of its own a query sees',
  ],
  ['windowSize', [-2, 0], 'windowSize is [-2, 0], expected numbers of keys, or -1 for no bound'],
  ['windowSize', 3, 'windowSize is a number, expected an array of integers'],
  ['windowSize', [1.5, 0], 'windowSize[0] is 1.5, expected an integer'],
] as const;
const angles = () => ({
  cos: tensor([6, 4]),
  sin: tensor([6, 4]),
  positions: tensor([2, 3], 'int32'),
});

const vocabularies = [
  ['vocabulary', 0, 'vocabulary is 0, expected 1 to 4, the logits of a row'],
  ['vocabulary', 5, 'vocabulary is 5, expected 1 to 4, the logits of a row'],
] as const;

/** Of a part with 4 of the 6 in dimension 1 of a whole. */
const slices = (part: string, whole: string) =>
  [
    ['dimension', -3, 'dimension is -3, expected -2 to 1 for a tensor of shape [3, 6]'],
    ['dimension', 2, 'dimension is 2, expected -2 to 1 for a tensor of shape [3, 6]'],
    ...[-1, 3].map((start) => {
      const why = `as ${part} takes 4 of ${whole}'s 6 in dimension 1`;
      return ['start', start, `start is ${start}, expected 0 to 2, ${why}`] as const;
    }),
  ] as const;

export const faces: Record<string, Face> = {
  ...elementwise,
  ...rows,
  adamw: {
    right: () => ({
      parameters: tensor([3, 4], 'bfloat16'),
      masterLowBits: tensor([3, 4], 'bfloat16'),
      gradients: tensor([3, 4]),
      firstMoments: tensor([3, 4]),
      secondMoments: tensor([3, 4]),
      gradientScale: tensor([1]),
      learningRate: 1e-3,
      beta1: 0.9,
      beta2: 0.95,
      epsilon: 1e-6,
      weightDecay: 0.1,
      step: 1,
      seed: 5,
      firstParameter: 0,
      firstElements: [0],
    }),
    lists: ['parameters', 'masterLowBits', 'gradients', 'firstMoments', 'secondMoments'],
    // The moments' dtype is the first one's.
    anchors: ['parameters', 'firstMoments'],
    numbers: [
      ['learningRate', -1, 'learningRate is -1, expected a finite number of 0 or more'],
      ['beta1', 1, 'beta1 is 1, expected 0 or more and less than 1'],
      ['beta2', Number.NaN, 'beta2 is nan, expected 0 or more and less than 1'],
      ['epsilon', -1e-9, 'epsilon is -1e-09, expected a finite number of 0 or more'],
      ['weightDecay', Infinity, 'weightDecay is inf, expected a finite number of 0 or more'],
      ['step', 0, 'step is 0, expected 1 or more'],
      ['step', 1.5, 'step is 1.5, expected an integer'],
      ['seed', -1, 'seed is -1, expected 0 or more'],
      ['firstParameter', -1, 'firstParameter is -1, expected 0 or more'],
      ['firstElements', [2], 'firstElements has 2, expected multiples of 4'],
      [
        'firstElements',
        [0, 4],
        'firstElements has 2 numbers, expected none or 1, one for each of parameters',
      ],
    ],
  },
  concatenate: {
    right: () => ({ inputs: tensor([3, 4]), dimension: 1, output: tensor([3, 4]) }),
    lists: ['inputs'],
    anchors: ['inputs'],
    storesOnly: true,
    numbers: [
      ['inputs', [], 'inputs is empty, expected at least one tensor'],
      ['dimension', 2, 'dimension is 2, expected -2 to 1 for a tensor of shape [3, 4]'],
    ],
  },
  crossEntropyForward: {
    right: () => ({
      logits: tensor([3, 4]),
      labels: tensor([3], 'int32'),
      losses: tensor([3]),
      logsumexp: tensor([3]),
    }),
    anchors: ['logits'],
    free: { logits: [1] },
    anyFloat: ['logits'],
    numbers: vocabularies,
  },
  crossEntropyBackward: {
    right: () => ({
      logits: tensor([3, 4]),
      labels: tensor([3], 'int32'),
      logsumexp: tensor([3]),
      scale: 0.5,
      gradLogits: tensor([3, 4]),
    }),
    anchors: ['logits'],
    inPlace: [['gradLogits', 'logits']],
    numbers: vocabularies,
  },
  crossEntropy: {
    right: () => ({
      logits: tensor([3, 4]),
      labels: tensor([3], 'int32'),
      scale: 0.5,
      losses: tensor([3]),
      gradLogits: tensor([3, 4]),
    }),
    anchors: ['logits'],
    inPlace: [['gradLogits', 'logits']],
    numbers: vocabularies,
  },
  embeddingForward: {
    right: () => ({
      ids: tensor([2, 3], 'int32'),
      weight: tensor([6, 4]),
      output: tensor([2, 3, 4]),
    }),
    anchors: ['ids', 'weight'],
    free: { weight: [0] },
  },
  embeddingBackward: {
    right: () => ({
      gradOutput: tensor([2, 3, 4]),
      ids: tensor([2, 3], 'int32'),
      gradWeight: tensor([6, 4]),
    }),
    anchors: ['ids', 'gradWeight'],
    free: { gradWeight: [0] },
    anyFloat: ['gradOutput'],
  },
  fill: {
    right: () => ({ output: tensor([3], 'int32'), value: 7 }),
    anchors: [],
    storesOnly: true,
    free: { output: [] },
    anyDtype: ['output'],
    numbers: [
      ['value', 0.5, 'value is 0.5, expected a 32-bit integer for an output of int32'],
      ['value', 2 ** 31, 'value is 2147483648, expected a 32-bit integer for an output of int32'],
      ['value', Number.NaN, 'value is nan, expected a 32-bit integer for an output of int32'],
    ],
  },
  flashAttentionForward: {
    right: attention,
    anchors: ['query', 'key'],
    numbers: attentionNumbers,
  },
  flashAttentionBackward: {
    right: () => ({
      ...attention(),
      gradOutput: tensor([2, 3, 4, 8]),
      gradQuery: tensor([2, 3, 4, 8]),
      gradKey: tensor([2, 3, 2, 8]),
      gradValue: tensor([2, 3, 2, 8]),
    }),
    anchors: ['query', 'key'],
    numbers: attentionNumbers,
  },
  gradientNorm: {
    right: () => ({
      gradients: [tensor([3, 4]), tensor([2])],
      maxNorm: 1,
      norm: tensor([1]),
      scale: tensor([1]),
    }),
    anchors: [],
    numbers: [
      ['maxNorm', 0, 'maxNorm is 0, expected more than 0'],
      ['maxNorm', Number.NaN, 'maxNorm is nan, expected more than 0'],
      ['gradients', [], 'gradients is empty, expected a tensor'],
    ],
  },
  matmul: {
    right: () => ({
      a: tensor([3, 4]),
      b: tensor([4, 6]),
      output: tensor([3, 6]),
      bias: tensor([6]),
    }),
    anchors: ['a', 'b', 'output'],
    numbers: [
      ['transposeA', true, 'a transposed [3, 4] has K = 3, but b [4, 6] has K = 4'],
      ['transposeB', true, 'a [3, 4] has K = 4, but b transposed [4, 6] has K = 6'],
      ['accumulate', 1, 'accumulate is a number, expected a boolean'],
      ['batched', 1, 'batched is a number, expected a boolean'],
    ],
  },
  permute: {
    right: () => ({ input: tensor([2, 3, 4]), order: [2, 0, 1], output: tensor([4, 2, 3]) }),
    anchors: ['input'],
    storesOnly: true,
    numbers: [
      [
        'order',
        [0, 1],
        'order is [0, 1], expected each dimension of input [2, 3, 4] once, counted from 0',
      ],
      [
        'order',
        [0, 1, 1],
        'order is [0, 1, 1], expected each dimension of input [2, 3, 4] once, counted from 0',
      ],
      [
        'order',
        [0, 1, 3],
        'order is [0, 1, 3], expected each dimension of input [2, 3, 4] once, counted from 0',
      ],
      ['order', [0, 1, 0.5], 'order[2] is 0.5, expected an integer'],
      ['order', 1, 'order is a number, expected an array of integers'],
    ],
  },
  randomNormal: {
    right: () => ({
      output: tensor([3]),
      mean: 0,
      standardDeviation: 1,
      seed: 1,
      offset: 0,
    }),
    anchors: [],
    free: { output: [] },
    anyFloat: ['output'],
    numbers: [
      ['mean', Infinity, 'mean is inf, expected a finite number'],
      ['standardDeviation', -1, 'standardDeviation is -1, expected a finite number of 0 or more'],
      ['seed', -1, 'seed is -1, expected 0 or more'],
      ['seed', 2 ** 53, 'seed is 9007199254740992, expected an integer'],
      ['offset', 0.5, 'offset is 0.5, expected an integer'],
    ],
  },
  ropeForward: {
    right: () => ({ input: tensor([2, 3, 4, 8]), ...angles(), output: tensor([2, 3, 4, 8]) }),
    anchors: ['input', 'cos'],
    inPlace: [['output', 'input']],
  },
  ropeBackward: {
    right: () => ({
      gradOutput: tensor([2, 3, 4, 8]),
      ...angles(),
      gradInput: tensor([2, 3, 4, 8]),
    }),
    anchors: ['gradOutput', 'cos'],
    inPlace: [['gradInput', 'gradOutput']],
  },
  sampleToken: {
    right: () => ({ logits: tensor([3, 4]), tokens: tensor([3], 'int32'), topK: 2, seed: 1 }),
    anchors: ['logits'],
    free: { logits: [1] },
    anyFloat: ['logits'],
    numbers: [
      ['temperature', -1, 'temperature is -1, expected a finite number of 0 or more'],
      ['temperature', Infinity, 'temperature is inf, expected a finite number of 0 or more'],
      ['topK', 0, 'topK is 0, expected 1 or more'],
      ['topK', 1.5, 'topK is 1.5, expected an integer'],
      ['topP', 0, 'topP is 0, expected more than 0 and at most 1'],
      ['topP', 1.5, 'topP is 1.5, expected more than 0 and at most 1'],
      ['seed', Number.NaN, 'seed is nan, expected an integer'],
      ['position', -1, 'position is -1, expected 0 or more'],
    ],
  },
  slice: {
    right: () => ({ input: tensor([3, 6]), dimension: 1, start: 1, output: tensor([3, 4]) }),
    anchors: ['input'],
    storesOnly: true,
    free: { input: [1], output: [1] },
    numbers: slices('output', 'input'),
  },
  writeRows: {
    right: () => ({
      rows: Tensor.from(Int32Array.of(5, 0, 2, 1, 4, 3), [2, 3]),
      input: tensor([2, 3, 4]),
      table: tensor([8, 4]),
    }),
    anchors: ['rows', 'table'],
    free: { table: [0] },
  },
  writeSlice: {
    right: () => ({ input: tensor([3, 4]), dimension: 1, start: 1, output: tensor([3, 6]) }),
    anchors: ['output'],
    storesOnly: true,
    free: { input: [1], output: [1] },
    numbers: [
      ...slices('input', 'output'),
      ['accumulate', 1, 'accumulate is a number, expected a boolean'],
    ],
  },
};

/** Right arguments of attention where the rows of a batch have keys of their own number. */
export const attentionWithKeyLengths = (): Arguments => {
  const { documentStarts: _, ...args } = attention();
  const key = tensor([2, 6, 2, 8]);
  const value = tensor([2, 6, 2, 8]);
  return { ...args, key, value, keyLengths: Tensor.from(Int32Array.of(4, 3), [2]) };
};

export const attentionBackwardWithKeyLengths = (): Arguments => ({
  ...attentionWithKeyLengths(),
  gradOutput: tensor([2, 3, 4, 8]),
  gradQuery: tensor([2, 3, 4, 8]),
  gradKey: tensor([2, 6, 2, 8]),
  gradValue: tensor([2, 6, 2, 8]),
});

/** Calls an operation. */
export function call(name: string, args: Arguments): void {
  const functions = ops as unknown as Record<string, (args: Arguments) => unknown>;
  const { lists } = faces[name]!;
  const values = Object.entries(args).map(([key, value]): [string, Value] =>
    lists?.includes(key) && !Array.isArray(value) ? [key, [value as Tensor]] : [key, value],
  );
  functions[name]!(Object.fromEntries(values));
}
