// Flash attention against results that PyTorch computed in float64 (test/fixtures/attention): grouped
// queries, packed documents, few queries on many keys, scores that overflow a careless softmax.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { SafetensorsFile } from '../../lib/llama/safetensors.ts';
import { Device, ops, Tensor } from '../../lib/ops.ts';
import { deviceName, relativeError } from './case.ts';
import { startsOf } from './cases/flash-attention.ts';

const folder = fileURLToPath(new URL('../fixtures/attention/', import.meta.url));
const files = readdirSync(folder).filter((name) => name.endsWith('.safetensors'));
/** What plain attention in bfloat16 gives. */
const plain = JSON.parse(readFileSync(`${folder}bfloat16.json`, 'utf8')) as Record<
  string,
  Record<string, number>
>;
const float32Tolerance = { out: 1e-6, lse: 1e-6, dq: 5e-6, dk: 5e-6, dv: 5e-6 } as const;

const device = Device.open(deviceName);
describe(deviceName, () => {
  for (const name of files) {
    test.each(['float32', 'bfloat16'] as const)(`${name} in %s`, async (dtype) => {
      await using file = await SafetensorsFile.open(`${folder}${name}`);
      const { causal, documents, window, softcap, lengths } = JSON.parse(file.metadata.case!) as {
        causal: boolean;
        documents?: number[];
        window?: [number, number];
        softcap?: number;
        lengths?: number[];
      };
      const read = async (key: string) => {
        const { shape } = file.entry(key);
        const batched = documents ? [1, ...shape] : shape;
        return Tensor.from(await file.readFloat32(key), batched, { device, dtype });
      };
      const [query, key, value] = [await read('q'), await read('k'), await read('v')];
      const starts = documents && startsOf(documents);
      const args = {
        query,
        key,
        value,
        causal,
        ...(starts && {
          documentStarts: Tensor.from(Int32Array.from(starts), [1, starts.length], { device }),
        }),
        ...(lengths && {
          keyLengths: Tensor.from(Int32Array.from(lengths), [lengths.length], { device }),
        }),
        ...(window && { windowSize: window }),
        ...(softcap && { softcap }),
      };
      const { output, logsumexp } = ops.flashAttentionForward(args);
      const gradOutput = await read('dout');
      const grads = ops.flashAttentionBackward({ ...args, output, logsumexp, gradOutput });
      const actual = {
        out: output,
        lse: logsumexp,
        dq: grads.gradQuery,
        dk: grads.gradKey,
        dv: grads.gradValue,
      };
      const measured = plain[name.replace('.safetensors', '')]!;
      for (const [result, tensor] of Object.entries(actual)) {
        const error = relativeError(await tensor.read(), await file.readFloat32(result));
        const exact = float32Tolerance[result as keyof typeof actual];
        // The log-sum-exp is float32 in both.
        const allowed = dtype === 'float32' || result === 'lse' ? exact : 2 * measured[result]!;
        expect(error, result).toBeLessThanOrEqual(allowed);
      }
    });
  }

  test.each([
    [[0, 0, 1, 1], 'documentStarts[1, 2] is 1, expected the start of the document before or 2'],
    [[-1, -1, 2, 3], 'documentStarts[1, 0] is -1, expected the start of the document before or 0'],
    [[0, 1, 2, 9], 'documentStarts[1, 3] is 9, expected the start of the document before or 3'],
  ])('document starts %j are refused', async (starts, message) => {
    const heads = () => Tensor.from(new Float32Array(2 * 4 * 8), [2, 4, 1, 8], { device });
    const { output } = ops.flashAttentionForward({
      query: heads(),
      key: heads(),
      value: heads(),
      documentStarts: Tensor.from(Int32Array.of(0, 0, 2, 2, ...starts), [2, 4], { device }),
    });
    await expect(output.read()).rejects.toThrow(message);
  });

  test.each([
    [[4, 1], { causal: true }, 'keyLengths[1] is 1, expected 0 or 2 to 5'],
    [[6, 5], { causal: true }, 'keyLengths[0] is 6, expected 0 or 2 to 5'],
    [[0, 1], { windowSize: [9, 9] }, 'keyLengths[1] is 1, expected 0 or 2 to 5'],
    [[1, 6], {}, 'keyLengths[1] is 6, expected 0 to 5'],
    [[-1, 5], {}, 'keyLengths[0] is -1, expected 0 to 5'],
  ] as const)('key lengths %j are refused with %j', async (lengths, options, message) => {
    const heads = (positions: number) =>
      Tensor.from(new Float32Array(2 * positions * 8), [2, positions, 1, 8], { device });
    const args = { query: heads(2), key: heads(5), value: heads(5), ...options };
    const keyLengths = Tensor.from(Int32Array.from(lengths), [2], { device });
    const { output } = ops.flashAttentionForward({ ...args, keyLengths });
    await expect(output.read()).rejects.toThrow(message);
    const forward = ops.flashAttentionForward(args);
    const gradOutput = heads(2);
    const { gradKey } = ops.flashAttentionBackward({ ...args, ...forward, keyLengths, gradOutput });
    await expect(gradKey.read()).rejects.toThrow(message);
  });
});
