// Operations whose every element depends on the elements at its place.
import { type Face, tensor } from '../face.ts';

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

export const elementwise: Record<string, Face> = {
  add: binary,
  addBackward: binaryBackward,
  subtract: binary,
  subtractBackward: binaryBackward,
  multiply: binary,
  multiplyBackward: binaryBackward,
  divide: binary,
  divideBackward: binaryBackward,
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
  cast: {
    right: () => ({ input: tensor([3, 4]), output: tensor([3, 4], 'bfloat16') }),
    anchors: ['input'],
    anyDtype: ['input', 'output'],
    storesOnly: true,
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
  equal: compare,
  notEqual: compare,
  less: compare,
  lessEqual: compare,
  greater: compare,
  greaterEqual: compare,
  gelu: { ...activation, numbers: [form] },
  geluBackward: { ...activationBackward, numbers: [form] },
  silu: activation,
  siluBackward: activationBackward,
  relu: activation,
  reluBackward: activationBackward,
  tanh: activation,
  tanhBackward: activationBackward,
  sigmoid: activation,
  sigmoidBackward: activationBackward,
  residualAdd: {
    right: () => ({ a: tensor([3, 4]), b: tensor([3, 4]), output: tensor([3, 4]) }),
    anchors: ['a'],
    inPlace: [
      ['output', 'a'],
      ['output', 'b'],
    ],
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
};
