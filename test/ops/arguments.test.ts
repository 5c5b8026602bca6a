// What every operation refuses: a tensor of another dtype or shape, one that was disposed, memory that two
// arguments share, a number out of range. The error names the operation, the argument, what came and what was
// expected, and nothing was queued: all tensors keep their values and the stream has no error.
import { describe, expect, test } from 'vitest';
import { Device, type DType, LeiaError, ops, type Shape, Tensor } from '../../lib/index.ts';
import { elements } from './case.ts';

type Value = Tensor | readonly Tensor[] | number | boolean;
type Arguments = Record<string, Value>;

interface Face {
  /** Arguments that are right: the sizes 2, 3, 4, 6, 8 stand each for one thing. */
  right(): Arguments;
  /** Arguments that are lists of tensors: given here is the one tensor of the list. */
  lists?: readonly string[];
  /** Arguments that another argument is held against: a wrong one is named or the other is. */
  anchors: readonly string[];
  /** Dimensions that may have any size; all of them if empty. */
  free?: Record<string, readonly number[]>;
  /** Arguments whose float dtype is their own. */
  anyFloat?: readonly string[];
  /** Pairs that may be the same tensor. */
  inPlace?: readonly (readonly [string, string])[];
  /** A name, a wrong value, and the end of the message. */
  numbers?: readonly (readonly [string, Value, string])[];
}

/** Values that no operation leaves as they are. */
function tensor(shape: Shape, dtype: DType = 'float32'): Tensor {
  const values = Array.from({ length: elements(shape) }, (_, i) =>
    dtype === 'int32' ? i % 2 : 0.1 + ((i * 37) % 101) / 101,
  );
  return Tensor.from(values, shape, { dtype });
}

const attention = () => ({
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

const faces: Record<string, Face> = {
  adamw: {
    right: () => ({
      parameters: tensor([3, 4], 'bfloat16'),
      remainders: tensor([3, 4], 'bfloat16'),
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
    }),
    lists: ['parameters', 'remainders', 'gradients', 'firstMoments', 'secondMoments'],
    anchors: ['parameters'],
    numbers: [
      ['learningRate', -1, 'learning_rate is -1, expected a finite number of 0 or more'],
      ['beta1', 1, 'beta1 is 1, expected 0 or more and less than 1'],
      ['beta2', Number.NaN, 'beta2 is nan, expected 0 or more and less than 1'],
      ['epsilon', -1e-9, 'epsilon is -1e-09, expected a finite number of 0 or more'],
      ['weightDecay', Infinity, 'weight_decay is inf, expected a finite number of 0 or more'],
      ['step', 0, 'step is 0, expected 1 or more'],
      ['step', 1.5, 'step is 1.5, expected an integer'],
    ],
  },
  cast: {
    right: () => ({ input: tensor([3, 4]), output: tensor([3, 4], 'bfloat16') }),
    anchors: ['input'],
    anyFloat: ['input', 'output'],
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
      ['maxNorm', 0, 'max_norm is 0, expected more than 0'],
      ['maxNorm', Number.NaN, 'max_norm is nan, expected more than 0'],
      ['gradients', [], 'gradients is empty, expected a tensor'],
    ],
  },
  matmul: {
    right: () => ({ a: tensor([3, 4]), b: tensor([4, 6]), output: tensor([3, 6]) }),
    anchors: ['a', 'b'],
    numbers: [
      ['transposeA', true, 'a transposed [3, 4] has K = 3, but b [4, 6] has K = 4'],
      ['transposeB', true, 'a [3, 4] has K = 4, but b transposed [4, 6] has K = 6'],
      ['accumulate', 1, 'accumulate is a number, expected a boolean'],
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
      ['standardDeviation', -1, 'standard_deviation is -1, expected a finite number of 0 or more'],
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
      ['topK', 0, 'top_k is 0, expected 1 or more'],
      ['topK', 1.5, 'top_k is 1.5, expected an integer'],
      ['topP', 0, 'top_p is 0, expected more than 0 and at most 1'],
      ['topP', 1.5, 'top_p is 1.5, expected more than 0 and at most 1'],
      ['seed', Number.NaN, 'seed is nan, expected an integer'],
      ['position', -1, 'position is -1, expected 0 or more'],
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
};

/** Arguments that are written to. */
const outputs = new Set([
  'output',
  'losses',
  'logsumexp',
  'inverseRms',
  'norm',
  'scale',
  'sum',
  'tokens',
  'parameters',
  'remainders',
  'firstMoments',
  'secondMoments',
]);

function isOutput(operation: string, name: string): boolean {
  if (!operation.endsWith('Backward')) return outputs.has(name);
  return name.startsWith('grad') && name !== 'gradOutput' && name !== 'gradSum';
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function call(name: string, args: Arguments): void {
  const functions = ops as unknown as Record<string, (args: Arguments) => unknown>;
  const { lists } = faces[name]!;
  const values = Object.entries(args).map(([key, value]): [string, Value] =>
    lists?.includes(key) && !Array.isArray(value) ? [key, [value as Tensor]] : [key, value],
  );
  functions[name]!(Object.fromEntries(values));
}

/** The error of a call, which must be a LeiaError. */
function refusal(name: string, args: Arguments): LeiaError {
  try {
    call(name, args);
  } catch (error) {
    expect(error).toBeInstanceOf(LeiaError);
    return error as LeiaError;
  }
  throw new Error(`${name} took what it should refuse`);
}

function tensorsOf(args: Arguments): [string, Tensor][] {
  return Object.entries(args).flatMap(([name, value]): [string, Tensor][] =>
    value instanceof Tensor ? [[name, value]] : [],
  );
}

/** The message names the wrong argument, or one that is held against it if it is an anchor. */
function expectNamed(face: Face, operation: string, name: string, args: Arguments, error: Error) {
  const named = face.anchors.includes(name) ? Object.keys(args) : [name];
  expect(error.message).toMatch(new RegExp(`^${snake(operation)}: `));
  expect(error.message).toMatch(new RegExp(`\\b(${named.map(snake).join('|')})\\b`));
}

/** Each tensor in turn with one dimension longer, one more, and one less. */
function wrongShapes(face: Face): { name: string; args: Arguments }[] {
  return tensorsOf(face.right()).flatMap(([name, { shape, dtype }]) => {
    const free = face.free?.[name];
    if (free?.length === 0) return [];
    const longer = shape.flatMap((size, i) => (free?.includes(i) ? [] : [shape.with(i, size + 2)]));
    return [...longer, [...shape, 1], shape.slice(1)].map((other) => ({
      name,
      args: { ...face.right(), [name]: tensor(other, dtype) },
    }));
  });
}

test('every operation is here', () => {
  const functions = Object.entries(ops).flatMap(([name, value]) =>
    typeof value === 'function' ? [name] : [],
  );
  expect(Object.keys(faces).sort()).toEqual(functions.sort());
});

describe.each(Object.entries(faces))('%s', (operation, face) => {
  test('takes the right arguments', async () => {
    call(operation, face.right());
    await expect(Device.open().synchronize()).resolves.toBeUndefined();
  });

  test('refuses other dtypes', () => {
    if (operation === 'fill') return;
    for (const [name, { shape, dtype }] of tensorsOf(face.right())) {
      const others: DType[] = dtype === 'int32' ? ['float32'] : ['int32'];
      if (dtype !== 'int32' && !face.anyFloat?.includes(name)) {
        others.push(dtype === 'float32' ? 'bfloat16' : 'float32');
      }
      for (const other of others) {
        const args = { ...face.right(), [name]: tensor(shape, other) };
        const error = refusal(operation, args);
        expect(error.code, error.message).toBe('argument');
        expectNamed(face, operation, name, args, error);
        expect(error.message).toContain(other);
        expect(error.message).toContain('expected');
      }
    }
  });

  test('refuses other shapes, and queues nothing', async () => {
    for (const { name, args } of wrongShapes(face)) {
      const before = await Promise.all(tensorsOf(args).map(([, value]) => value.readBits()));
      const error = refusal(operation, args);
      expect(error.code, error.message).toBe('argument');
      expectNamed(face, operation, name, args, error);
      expect(error.message).toMatch(/[[\d].*(expected|but) /);
      await expect(Device.open().synchronize()).resolves.toBeUndefined();
      const after = await Promise.all(tensorsOf(args).map(([, value]) => value.readBits()));
      expect(after).toEqual(before);
    }
  });

  test('refuses disposed tensors and what is no tensor', () => {
    for (const [name] of tensorsOf(face.right())) {
      const args = face.right();
      (args[name] as Tensor).dispose();
      const error = refusal(operation, args);
      const item = face.lists?.includes(name) ? '[0]' : '';
      const what = `${snake(operation)}: ${snake(name)}${item}`;
      expect(error.message).toBe(`${what} was disposed, expected a tensor with memory`);
      expect(error.code).toBe('usage');
      const { device, dtype, shape } = face.right()[name] as Tensor;
      const foreign = { device, dtype, shape, handle: {} } as unknown as Tensor;
      const message = refusal(operation, { ...face.right(), [name]: foreign }).message;
      expect(message).toBe(`${what} is an object, expected a Tensor`);
    }
  });

  test('refuses an output on memory of another argument', () => {
    const names = tensorsOf(face.right()).map(([name]) => name);
    for (const output of names.filter((name) => isOutput(operation, name))) {
      for (const other of names.filter((name) => name !== output)) {
        const args = face.right();
        const { shape, dtype } = args[output] as Tensor;
        const { shape: otherShape, dtype: otherDtype } = args[other] as Tensor;
        if (dtype !== otherDtype) continue;
        const pair = [output, other];
        const same = face.inPlace?.some((allowed) => allowed.every((name) => pair.includes(name)));
        const memory = tensor([elements(shape) + elements(otherShape)], dtype);
        args[other] = memory.view(otherShape);
        // One element further if the very same memory is allowed.
        args[output] = memory.view(shape, same ? 1 : 0);
        const { code, message } = refusal(operation, args);
        expect(code, message).toBe('argument');
        expect(message).toMatch(
          / (shares memory with|overlaps) [\w[\]]+, expected .*memory of its own$/,
        );
        for (const name of pair) expect(message).toMatch(new RegExp(`\\b${snake(name)}\\b`));
        if (!same) continue;
        args[output] = memory.view(shape);
        call(operation, args);
      }
    }
  });

  test.each(face.numbers ?? [])('refuses %s %s', (name, value, end) => {
    const error = refusal(operation, { ...face.right(), [name]: value });
    expect(error.message).toBe(`${snake(operation)}: ${end}`);
    expect(error.code).toBe('argument');
  });
});

test.each([
  [
    'adamw',
    'parameters are bfloat16, expected remainders with their lower 16 bits',
    'remainders',
    undefined,
  ],
  [
    'adamw',
    'remainders given with float32 parameters, expected none',
    'parameters',
    tensor([3, 4]),
  ],
  ['adamw', 'parameters is empty, expected at least one tensor', 'parameters', []],
  ['adamw', 'gradients has 0 tensors, expected 1, one for each of parameters', 'gradients', []],
  [
    'adamw',
    'remainders has 2 tensors, expected 1, one for each of parameters',
    'remainders',
    [tensor([3, 4], 'bfloat16'), tensor([3, 4], 'bfloat16')],
  ],
  [
    'flashAttentionForward',
    'query has head size 7, expected an even number up to 256',
    'query',
    tensor([2, 3, 4, 7]),
  ],
  [
    'flashAttentionForward',
    'query has head size 258, expected an even number up to 256',
    'query',
    tensor([2, 3, 4, 258]),
  ],
  [
    'flashAttentionForward',
    "key has 2 heads, expected a divisor of query's 3 (grouped-query attention)",
    'query',
    tensor([2, 3, 3, 8]),
  ],
  [
    'rmsNormForward',
    'input has shape [2, 0], expected at least one element a row',
    'input',
    tensor([2, 0]),
  ],
  ['rmsNormForward', 'expected residual and sum both, or neither', 'residual', undefined],
  [
    'crossEntropyForward',
    'logits has shape [3, 0], expected at least one logit a row',
    'logits',
    tensor([3, 0]),
  ],
] as const)('%s: %s', (operation, message, name, value) => {
  const { [name]: _, ...args } = faces[operation]!.right();
  const error = refusal(operation, { ...args, ...(value && { [name]: value }) });
  expect(error.message).toBe(`${snake(operation)}: ${message}`);
});

test('causal attention needs as many keys as queries', () => {
  const { documentStarts: _, ...args } = attention();
  const query = tensor([2, 5, 4, 8]);
  const error = refusal('flashAttentionForward', {
    ...args,
    causal: true,
    query,
    output: tensor([2, 5, 4, 8]),
    logsumexp: tensor([2, 4, 5]),
  });
  expect(error.message).toBe(
    'flash_attention_forward: 5 queries but 3 keys; causal attention is aligned to the last key and needs at least as many keys',
  );
});
