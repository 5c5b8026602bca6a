// Right arguments of every operation, and what makes each of them wrong: for the test that asks all operations
// the same questions.
import { type DType, ops, type Shape, Tensor } from '../../lib/index.ts';
import { elements } from './case.ts';

export type Value = Tensor | readonly Tensor[] | readonly number[] | number | boolean;
export type Arguments = Record<string, Value>;

export interface Face {
  /** Arguments that are right: the sizes 2, 3, 4, 6, 8 stand each for one thing. */
  right(): Arguments;
  /** Arguments that are lists of tensors: given here is the one tensor of the list. */
  lists?: readonly string[];
  /** Arguments that another argument is held against: a wrong one is named or the other is. */
  anchors: readonly string[];
  /** Dimensions that may have any size; all of them if empty. */
  free?: Record<string, readonly number[]>;
  /** Arguments that may lack their outermost dimension. */
  shorter?: readonly string[];
  /** Arguments whose float dtype is their own. */
  anyFloat?: readonly string[];
  /** Pairs that may be the same tensor. */
  inPlace?: readonly (readonly [string, string])[];
  /** A name, a wrong value, and the end of the message. */
  numbers?: readonly (readonly [string, Value, string])[];
}

/** Values that no operation leaves as they are. */
export function tensor(shape: Shape, dtype: DType = 'float32'): Tensor {
  const values = Array.from({ length: elements(shape) }, (_, i) =>
    dtype === 'int32' ? i % 2 : 0.1 + ((i * 37) % 101) / 101,
  );
  return Tensor.from(values, shape, { dtype });
}

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
] as const;
const angles = () => ({
  cos: tensor([6, 4]),
  sin: tensor([6, 4]),
  positions: tensor([2, 3], 'int32'),
});

const dimensions = [
  ['dimension', 3, 'dimension is 3, expected -3 to 2 for a tensor of shape [2, 3, 4]'],
  ['dimension', -4, 'dimension is -4, expected -3 to 2 for a tensor of shape [2, 3, 4]'],
  ['dimension', 0.5, 'dimension is 0.5, expected an integer'],
] as const;

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
const operands = () => ({ a: tensor([3, 4]), b: tensor([4]) });
const binary: Face = {
  right: () => ({ ...operands(), output: tensor([3, 4]) }),
  anchors: ['a', 'b'],
  shorter: ['b'],
  inPlace: [['output', 'a']],
};
const binaryBackward: Face = {
  right: () => ({
    gradOutput: tensor([3, 4]),
    ...operands(),
    gradA: tensor([3, 4]),
    gradB: tensor([4]),
  }),
  anchors: ['gradOutput', 'a', 'b'],
};

const activation: Face = {
  right: () => ({ input: tensor([3, 4]), output: tensor([3, 4]) }),
  anchors: ['input'],
  inPlace: [['output', 'input']],
};
const activationBackward: Face = {
  right: () => ({ gradOutput: tensor([3, 4]), input: tensor([3, 4]), gradInput: tensor([3, 4]) }),
  anchors: ['input'],
  inPlace: [
    ['gradInput', 'gradOutput'],
    ['gradInput', 'input'],
  ],
};
const compare: Face = {
  right: () => ({ a: tensor([3, 4]), b: tensor([4]), output: tensor([3, 4], 'int32') }),
  anchors: ['a', 'b'],
  shorter: ['b'],
};
const form = ['approximate', 1, 'approximate is a number, expected a boolean'] as const;

export const faces: Record<string, Face> = {
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
    ],
  },
  gelu: { ...activation, numbers: [form] },
  silu: activation,
  relu: activation,
  tanh: activation,
  sigmoid: activation,
  geluBackward: { ...activationBackward, numbers: [form] },
  siluBackward: activationBackward,
  reluBackward: activationBackward,
  tanhBackward: activationBackward,
  sigmoidBackward: activationBackward,
  addBias: {
    right: () => ({ input: tensor([2, 3, 4]), bias: tensor([4]), output: tensor([2, 3, 4]) }),
    anchors: ['input'],
    inPlace: [['output', 'input']],
  },
  addBiasBackward: {
    right: () => ({ gradOutput: tensor([2, 3, 4]), gradBias: tensor([4]) }),
    anchors: ['gradOutput'],
    free: { gradOutput: [0, 1] },
    shorter: ['gradOutput'],
    anyFloat: ['gradOutput'],
  },
  equal: compare,
  notEqual: compare,
  less: compare,
  lessEqual: compare,
  greater: compare,
  greaterEqual: compare,
  where: {
    right: () => ({
      condition: tensor([3, 1], 'int32'),
      a: tensor([3, 4]),
      b: tensor([4]),
      output: tensor([3, 4]),
    }),
    anchors: ['condition', 'a', 'b', 'output'],
    shorter: ['condition', 'a', 'b'],
    inPlace: [['output', 'a']],
  },
  add: binary,
  subtract: binary,
  multiply: binary,
  divide: binary,
  addBackward: binaryBackward,
  subtractBackward: binaryBackward,
  multiplyBackward: binaryBackward,
  divideBackward: binaryBackward,
  argmax: {
    right: () => ({ input: tensor([2, 3, 4]), indices: tensor([2, 4], 'int32'), dimension: 1 }),
    anchors: ['input'],
    free: { input: [1] },
    anyFloat: ['input'],
    numbers: dimensions,
  },
  cast: {
    right: () => ({ input: tensor([3, 4]), output: tensor([3, 4], 'bfloat16') }),
    anchors: ['input'],
    anyFloat: ['input', 'output'],
  },
  concatenate: {
    right: () => ({ inputs: tensor([3, 4]), dimension: 1, output: tensor([3, 4]) }),
    lists: ['inputs'],
    anchors: ['inputs'],
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
  dropout: {
    right: () => ({ input: tensor([3, 4]), p: 0.5, seed: 1, output: tensor([3, 4]) }),
    anchors: ['input'],
    inPlace: [['output', 'input']],
    numbers: [
      ['p', 1, 'p is 1, expected 0 or more and less than 1'],
      ['p', -0.1, 'p is -0.1, expected 0 or more and less than 1'],
      ['p', Number.NaN, 'p is nan, expected 0 or more and less than 1'],
      ['seed', -1, 'seed is -1, expected 0 or more'],
      ['offset', 0.5, 'offset is 0.5, expected an integer'],
    ],
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
    free: { output: [] },
    anyFloat: ['output'],
    numbers: [
      ['value', 0.5, 'value is 0.5, expected a 32-bit integer for an int32 output'],
      ['value', 2 ** 31, 'value is 2147483648, expected a 32-bit integer for an int32 output'],
      ['value', Number.NaN, 'value is nan, expected a 32-bit integer for an int32 output'],
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
  layerNormForward: {
    right: () => ({
      input: tensor([2, 3, 4]),
      weight: tensor([4]),
      bias: tensor([4]),
      epsilon: 1e-6,
      output: tensor([2, 3, 4]),
      mean: tensor([6]),
      inverseDeviation: tensor([6]),
    }),
    anchors: ['input'],
    inPlace: [['output', 'input']],
    numbers: [
      ['epsilon', -1, 'epsilon is -1, expected 0 or more'],
      ['epsilon', Number.NaN, 'epsilon is nan, expected 0 or more'],
    ],
  },
  layerNormBackward: {
    right: () => ({
      gradOutput: tensor([2, 3, 4]),
      input: tensor([2, 3, 4]),
      weight: tensor([4]),
      mean: tensor([6]),
      inverseDeviation: tensor([6]),
      gradInput: tensor([2, 3, 4]),
      gradWeight: tensor([4]),
      gradBias: tensor([4]),
    }),
    anchors: ['input'],
    inPlace: [
      ['gradInput', 'gradOutput'],
      ['gradInput', 'input'],
    ],
  },
  logSoftmaxForward: {
    right: () => ({ input: tensor([2, 3, 4]), output: tensor([2, 3, 4]) }),
    anchors: ['input'],
    inPlace: [['output', 'input']],
  },
  logSoftmaxBackward: {
    right: () => ({
      gradOutput: tensor([2, 3, 4]),
      output: tensor([2, 3, 4]),
      gradInput: tensor([2, 3, 4]),
    }),
    anchors: ['output'],
    inPlace: [
      ['gradInput', 'gradOutput'],
      ['gradInput', 'output'],
    ],
  },
  matmul: {
    right: () => ({ a: tensor([3, 4]), b: tensor([4, 6]), output: tensor([3, 6]) }),
    anchors: ['a', 'b'],
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
  maxForward: {
    right: () => ({
      input: tensor([2, 3, 4]),
      output: tensor([2, 1, 4]),
      indices: tensor([2, 1, 4], 'int32'),
      dimension: 1,
    }),
    anchors: ['input', 'output'],
    free: { input: [1] },
    numbers: dimensions,
  },
  maxBackward: {
    right: () => ({
      gradOutput: tensor([2, 4]),
      indices: tensor([2, 4], 'int32'),
      gradInput: tensor([2, 3, 4]),
      dimension: 1,
    }),
    anchors: ['gradInput'],
    free: { gradInput: [1] },
    numbers: dimensions,
  },
  meanForward: {
    right: () => ({ input: tensor([2, 3, 4]), output: tensor([2, 4]), dimension: 1 }),
    anchors: ['input'],
    free: { input: [1] },
    numbers: dimensions,
  },
  meanBackward: {
    right: () => ({ gradOutput: tensor([2, 4]), gradInput: tensor([2, 3, 4]), dimension: 1 }),
    anchors: ['gradInput'],
    free: { gradInput: [1] },
    numbers: dimensions,
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
  residualAdd: {
    right: () => ({ a: tensor([3, 4]), b: tensor([3, 4]), output: tensor([3, 4]) }),
    anchors: ['a'],
    inPlace: [
      ['output', 'a'],
      ['output', 'b'],
    ],
  },
  rmsNormForward: {
    right: () => ({
      input: tensor([2, 3, 4]),
      weight: tensor([4]),
      residual: tensor([2, 3, 4]),
      sum: tensor([2, 3, 4]),
      epsilon: 1e-6,
      output: tensor([2, 3, 4]),
      inverseRms: tensor([6]),
    }),
    anchors: ['input'],
    inPlace: [
      ['output', 'input'],
      ['sum', 'input'],
      ['sum', 'residual'],
    ],
    numbers: [
      ['epsilon', -1, 'epsilon is -1, expected 0 or more'],
      ['epsilon', Number.NaN, 'epsilon is nan, expected 0 or more'],
    ],
  },
  rmsNormBackward: {
    right: () => ({
      gradOutput: tensor([2, 3, 4]),
      input: tensor([2, 3, 4]),
      weight: tensor([4]),
      inverseRms: tensor([6]),
      gradSum: tensor([2, 3, 4]),
      gradInput: tensor([2, 3, 4]),
      gradWeight: tensor([4]),
    }),
    anchors: ['input'],
    inPlace: [
      ['gradInput', 'gradSum'],
      ['gradInput', 'gradOutput'],
      ['gradInput', 'input'],
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
    free: { input: [1], output: [1] },
    numbers: slices('output', 'input'),
  },
  softmaxForward: {
    right: () => ({ input: tensor([2, 3, 4]), output: tensor([2, 3, 4]) }),
    anchors: ['input'],
    inPlace: [['output', 'input']],
  },
  softmaxBackward: {
    right: () => ({
      gradOutput: tensor([2, 3, 4]),
      output: tensor([2, 3, 4]),
      gradInput: tensor([2, 3, 4]),
    }),
    anchors: ['output'],
    inPlace: [
      ['gradInput', 'gradOutput'],
      ['gradInput', 'output'],
    ],
  },
  sumForward: {
    right: () => ({ input: tensor([2, 3, 4]), output: tensor([2, 4]), dimension: 1 }),
    anchors: ['input'],
    free: { input: [1] },
    numbers: dimensions,
  },
  sumBackward: {
    right: () => ({ gradOutput: tensor([2, 4]), gradInput: tensor([2, 3, 4]), dimension: 1 }),
    anchors: ['gradInput'],
    free: { gradInput: [1] },
    numbers: dimensions,
  },
  swigluForward: {
    right: () => ({ gate: tensor([3, 4]), up: tensor([3, 4]), output: tensor([3, 4]) }),
    anchors: ['gate'],
    inPlace: [
      ['output', 'gate'],
      ['output', 'up'],
    ],
  },
  swigluBackward: {
    right: () => ({
      gradOutput: tensor([3, 4]),
      gate: tensor([3, 4]),
      up: tensor([3, 4]),
      gradGate: tensor([3, 4]),
      gradUp: tensor([3, 4]),
    }),
    anchors: ['gate'],
    inPlace: ['gradOutput', 'gate', 'up'].flatMap((input) =>
      ['gradGate', 'gradUp'].map((output) => [output, input] as const),
    ),
  },
  topKForward: {
    right: () => ({
      input: tensor([2, 3, 8]),
      output: tensor([2, 3, 4]),
      indices: tensor([2, 3, 4], 'int32'),
      k: 4,
    }),
    anchors: ['input'],
    free: { input: [2] },
    numbers: [
      ['k', 0, 'k is 0, expected 1 to 8, the elements of a row'],
      ['k', 9, 'k is 9, expected 1 to 8, the elements of a row'],
      ['k', 1.5, 'k is 1.5, expected an integer'],
    ],
  },
  topKBackward: {
    right: () => ({
      gradOutput: tensor([2, 3, 2]),
      indices: Tensor.from(Int32Array.of(0, 1, 2, 3, 4, 5, 6, 7, 1, 0, 3, 2), [2, 3, 2]),
      gradInput: tensor([2, 3, 8]),
    }),
    anchors: ['gradInput', 'gradOutput'],
    free: { gradInput: [2] },
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

/** Calls an operation. */
export function call(name: string, args: Arguments): void {
  const functions = ops as unknown as Record<string, (args: Arguments) => unknown>;
  const { lists } = faces[name]!;
  const values = Object.entries(args).map(([key, value]): [string, Value] =>
    lists?.includes(key) && !Array.isArray(value) ? [key, [value as Tensor]] : [key, value],
  );
  functions[name]!(Object.fromEntries(values));
}

export function tensorsOf(args: Arguments): [string, Tensor][] {
  return Object.entries(args).flatMap(([name, value]): [string, Tensor][] =>
    value instanceof Tensor ? [[name, value]] : [],
  );
}
