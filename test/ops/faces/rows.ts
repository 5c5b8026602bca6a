// Operations over one dimension.
import { Tensor } from '../../../lib/ops.ts';
import { type Face, tensor } from '../face.ts';

const dimensions = [
  ['dimension', 3, 'dimension is 3, expected -3 to 2 for a tensor of shape [2, 3, 4]'],
  ['dimension', -4, 'dimension is -4, expected -3 to 2 for a tensor of shape [2, 3, 4]'],
  ['dimension', 0.5, 'dimension is 0.5, expected an integer'],
] as const;

const softmax: Face = {
  right: () => ({ input: tensor([2, 3, 4]), output: tensor([2, 3, 4]) }),
  anchors: ['input'],
  inPlace: [['output', 'input']],
};

const softmaxBackward: Face = {
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
};

const sum: Face = {
  right: () => ({ input: tensor([2, 3, 4]), output: tensor([2, 4]), dimension: 1 }),
  anchors: ['input'],
  free: { input: [1] },
  numbers: dimensions,
};

const sumBackward: Face = {
  right: () => ({ gradOutput: tensor([2, 4]), gradInput: tensor([2, 3, 4]), dimension: 1 }),
  anchors: ['gradInput'],
  free: { gradInput: [1] },
  numbers: dimensions,
};

export const rows: Record<string, Face> = {
  argmax: {
    right: () => ({ input: tensor([2, 3, 4]), indices: tensor([2, 4], 'int32'), dimension: 1 }),
    anchors: ['input'],
    free: { input: [1] },
    anyFloat: ['input'],
    numbers: dimensions,
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
  logSoftmaxForward: softmax,
  logSoftmaxBackward: softmaxBackward,
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
  meanForward: sum,
  meanBackward: sumBackward,
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
  softmaxForward: softmax,
  softmaxBackward,
  sumForward: sum,
  sumBackward,
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
};
