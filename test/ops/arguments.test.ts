// What every operation refuses: a tensor of another dtype or shape, one that was disposed, memory that two
// arguments share, a number out of range. The error names the operation, the argument, what came and what was
// expected, and nothing was queued: all tensors keep their values and the stream has no error.
import { describe, expect, test } from 'vitest';
import { Variable } from '../../lib/autograd.ts';
import { addon } from '../../lib/core/addon.ts';
import { Device, type DType, LeiaError, ops, type Tensor } from '../../lib/ops.ts';
import { dtypes, elements } from './case.ts';
import { type Arguments, type Face, tensor, tensorsOf } from './face.ts';
import { attention, attentionWithKeyLengths, call, faces } from './faces.ts';

/** Arguments that are written to. */
const outputs = new Set([
  'output',
  'losses',
  'logsumexp',
  'inverseRms',
  'mean',
  'inverseDeviation',
  'indices',
  'norm',
  'scale',
  'sum',
  'tokens',
  'parameters',
  'masterLowBits',
  'firstMoments',
  'secondMoments',
  'table',
]);

function isOutput(operation: string, name: string): boolean {
  if (!operation.endsWith('Backward')) return outputs.has(name);
  return name.startsWith('grad') && name !== 'gradOutput' && name !== 'gradSum';
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

/** The message names the wrong argument, or one that is held against it if others take their shape from it. */
function expectNamed(face: Face, operation: string, name: string, args: Arguments, error: Error) {
  const named = face.anchors.includes(name) ? Object.keys(args) : [name];
  expect(error.message).toMatch(new RegExp(`^${operation}: `));
  expect(error.message).toMatch(new RegExp(`\\b(${named.join('|')})\\b`));
}

/** Each tensor in turn with one dimension longer, one more, and one less. */
function wrongShapes(face: Face): { name: string; args: Arguments }[] {
  return tensorsOf(face.right()).flatMap(([name, { shape, dtype }]) => {
    const free = face.free?.[name];
    if (free?.length === 0) return [];
    const longer = shape.flatMap((size, i) => (free?.includes(i) ? [] : [shape.with(i, size + 2)]));
    const shorter = face.shorter?.includes(name) ? [] : [shape.slice(1)];
    return [...longer, [...shape, 1], ...shorter].map((other) => ({
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

/** What JavaScript lets pass for a tensor, and what is said of it. */
const strangers = [
  [new Variable(tensor([2])), 'an object (Variable)'],
  [null, 'null'],
  // Native code says no more than that it is an object.
  [[1, 2], 'an object (Array)'],
] as const;

describe.each(Object.entries(faces))('%s', (operation, face) => {
  test('takes the right arguments', async () => {
    call(operation, face.right());
    await expect(Device.open().synchronize()).resolves.toBeUndefined();
  });

  test('refuses other dtypes', () => {
    for (const [name, { shape, dtype }] of tensorsOf(face.right())) {
      if (face.anyDtype?.includes(name)) continue;
      const own = face.anyFloat?.includes(name) ? ['float32', 'bfloat16'] : [dtype];
      for (const other of dtypes.filter((each) => !own.includes(each))) {
        const args = { ...face.right(), [name]: tensor(shape, other) };
        const error = refusal(operation, args);
        expect(error.code, error.message).toBe('argument');
        expectNamed(face, operation, name, args, error);
        expect(error.message).toContain(other);
        expect(error.message).toContain('expected');
      }
    }
  });

  test('takes dtypes for storing alone only if it stores', () => {
    const stored = { float16: 'float32', int64: 'int32', uint8: 'int32' } as const;
    for (const [dtype, computed] of Object.entries(stored) as [keyof typeof stored, DType][]) {
      const args = face.right();
      const names = tensorsOf(args).flatMap(([name, { shape, dtype: own }]) => {
        if (!(face.storesOnly || own === computed)) return [];
        args[name] = tensor(shape, dtype);
        return [name];
      });
      if (names.length === 0) continue;
      if (face.storesOnly) {
        call(operation, args);
      } else {
        const { code, message } = refusal(operation, args);
        expect(code, message).toBe('argument');
        expect(message).toMatch(new RegExp(`^${operation}: .* ${dtype}, expected `));
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
      const what = `${operation}: ${name}${item}`;
      expect(error.message).toBe(`${what} was disposed, expected a tensor with memory`);
      expect(error.code).toBe('usage');
      const { device, dtype, shape } = face.right()[name] as Tensor;
      const foreign = { device, dtype, shape, handle: {} } as unknown as Tensor;
      const message = refusal(operation, { ...face.right(), [name]: foreign }).message;
      expect(message).toBe(`${what} is an object, expected a Tensor`);
    }
  });

  test('refuses variables of the tape, null and arrays by the name of the argument', () => {
    const { inputs } = addon().operations[operation]!;
    for (const name of inputs) {
      const isList = face.lists?.includes(name) === true;
      for (const [value, kind] of strangers) {
        const args = { ...face.right(), [name]: isList ? [value] : value };
        const { code, message } = refusal(operation, args as Arguments);
        const place = `${operation}: ${name}${isList ? '[0]' : ''}`;
        const [said] = message.split(', expected a Tensor');
        expect([`${place} is ${kind}`, `${place} is an object`]).toContain(said);
        expect(code).toBe('argument');
      }
    }
  });

  test('names what is missing', () => {
    const { inputs } = addon().operations[operation]!;
    const refused = (args: Arguments, expected: readonly string[]) => {
      const error = refusal(operation, args);
      expect(error.code).toBe('argument');
      expect(error.message).toMatch(
        new RegExp(`^${operation}: (${expected.join('|')}) is missing`),
      );
    };
    const all = Object.keys(face.right());
    refused({}, all);
    for (const name of inputs) {
      const { [name]: _, ...args } = face.right();
      refused(args, [name]);
      // Without outputs, which a face then allocates by the shape of what is missing.
      const given = Object.entries(args).filter(([other]) => !isOutput(operation, other));
      refused(Object.fromEntries(given), [
        name,
        ...all.filter((other) => isOutput(operation, other)),
      ]);
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
        for (const name of pair) expect(message).toMatch(new RegExp(`\\b${name}\\b`));
        if (!same) continue;
        args[output] = memory.view(shape);
        call(operation, args);
      }
    }
  });

  test.each(face.numbers ?? [])('refuses %s %s', (name, value, end) => {
    const error = refusal(operation, { ...face.right(), [name]: value });
    expect(error.message).toBe(`${operation}: ${end}`);
    expect(error.code).toBe('argument');
  });
});

test.each([
  [
    'adamw',
    'parameters are bfloat16, expected masterLowBits with their lower 16 bits',
    'masterLowBits',
    undefined,
  ],
  [
    'adamw',
    'masterLowBits given with float32 parameters, expected none',
    'parameters',
    tensor([3, 4]),
  ],
  ['adamw', 'parameters is empty, expected at least one tensor', 'parameters', []],
  ['adamw', 'gradients has 0 tensors, expected 1, one for each of parameters', 'gradients', []],
  [
    'adamw',
    'masterLowBits has 2 tensors, expected 1, one for each of parameters',
    'masterLowBits',
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
  expect(error.message).toBe(`${operation}: ${message}`);
});

test('attention takes key lengths or documents, and one length for each row', () => {
  const args = attentionWithKeyLengths();
  const both = { ...attention(), keyLengths: args.keyLengths! };
  expect(refusal('flashAttentionForward', both).message).toBe(
    'flashAttentionForward: keyLengths and documentStarts, expected at most one of them',
  );
  const longer = { ...args, keyLengths: tensor([3], 'int32') };
  expect(refusal('flashAttentionForward', longer).message).toBe(
    'flashAttentionForward: keyLengths has shape [3], expected [2]',
  );
  const floats = { ...args, keyLengths: tensor([2]) };
  expect(refusal('flashAttentionForward', floats).message).toContain('keyLengths');
});

test.each([
  [{ causal: true }, 'causal attention'],
  [{ windowSize: [-1, 3] }, 'attention with a window'],
] as const)('attention with %j needs as many keys as queries', (options, what) => {
  const { documentStarts: _, ...args } = attention();
  const query = tensor([2, 5, 4, 8]);
  const error = refusal('flashAttentionForward', {
    ...args,
    ...options,
    query,
    output: tensor([2, 5, 4, 8]),
    logsumexp: tensor([2, 4, 5]),
  });
  expect(error.message).toBe(
    `flashAttentionForward: 5 queries but 3 keys; ${what} is aligned to the last key and needs at least as many keys`,
  );
});
