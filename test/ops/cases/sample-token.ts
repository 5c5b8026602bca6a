import { ops } from '../../../lib/ops.ts';
import {
  type OperationCase,
  randomFloatType,
  randomInteger,
  randomSource,
  randomValues,
} from '../case.ts';

export interface Settings {
  temperature?: number;
  topK?: number;
  topP?: number;
  seed?: number;
  position?: number;
}

const all = 0xffffffffffffffffn;

/** The output function of SplitMix64. */
function mixed(value: bigint): bigint {
  let z = value;
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & all;
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & all;
  return z ^ (z >> 31n);
}

export function sampleReference(logits: Float64Array, vocabulary: number, settings: Settings) {
  const { temperature = 1, topK = Infinity, topP = 1, seed = 0, position = 0 } = settings;
  return Float64Array.from({ length: logits.length / vocabulary }, (_, row) => {
    const own = logits.subarray(row * vocabulary, (row + 1) * vocabulary);
    const ids = Array.from(own.keys()).sort((a, b) => own[b]! - own[a]! || a - b);
    if (temperature === 0) return ids[0]!;
    const highest = own[ids[0]!]!;
    const weights = ids
      .slice(0, topK)
      .map((id) =>
        own[id] === highest
          ? 2 ** 32
          : Math.floor(2 ** 32 * Math.exp((own[id]! - highest) / temperature) + 0.5),
      );
    const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);
    const enough = Math.ceil(topP * sum(weights));
    let kept = 1;
    while (sum(weights.slice(0, kept)) < enough) kept++;
    const state = BigInt.asUintN(64, BigInt(seed)) + mixed(BigInt(row));
    const bits = mixed((state + BigInt(position + 1) * 0x9e3779b97f4a7c15n) & all) >> 11n;
    const target = Math.floor((Number(bits) / 2 ** 53) * sum(weights.slice(0, kept)));
    let place = 0;
    while (sum(weights.slice(0, place + 1)) <= target) place++;
    return ids[place]!;
  });
}

export function sampleCase(
  rows: number,
  vocabulary: number,
  dtype: 'float32' | 'bfloat16',
  settings: Settings,
  prepare: (logits: Float64Array) => void = () => {},
): OperationCase {
  const logits = randomValues([rows, vocabulary], dtype, randomSource(rows + vocabulary), 3);
  prepare(logits.data);
  return {
    name: `sampleToken ${rows}x${vocabulary} ${dtype} ${JSON.stringify(settings)}`,
    inputs: { logits },
    run: ({ logits }, output) =>
      ops.sampleToken({ logits: logits!, ...settings, tokens: output([rows], 'int32') }),
    reference: ({ logits }) => ({
      tokens: sampleReference(logits!.data, vocabulary, settings),
    }),
    tolerance: { tokens: 0 },
    bytes: rows * vocabulary * (dtype === 'float32' ? 4 : 2),
    flops: 0,
  };
}

/** The same logits in pairs, so that half of the order is decided by ids. */
const ties = (logits: Float64Array) => {
  for (let i = 1; i < logits.length; i += 2) logits[i] = logits[i - 1]!;
};
const masked = (logits: Float64Array) => {
  for (let i = 0; i < logits.length; i += 3) logits[i] = -Infinity;
};

export const cases: OperationCase[] = (['float32', 'bfloat16'] as const).flatMap((dtype) => [
  sampleCase(1, 1, dtype, {}),
  sampleCase(5, 7, dtype, { temperature: 0 }, ties),
  sampleCase(10, 16, dtype, { seed: 3 }),
  sampleCase(10, 16, dtype, { seed: 3, position: 1 }),
  sampleCase(4, 33, dtype, { seed: -1, topK: 5, temperature: 2 }, ties),
  sampleCase(3, 64, dtype, { seed: 2 ** 50, topP: 0.3, temperature: 5 }, masked),
  sampleCase(3, 1000, dtype, { seed: 8, topK: 50, topP: 0.9, temperature: 0.7, position: 1e9 }),
  sampleCase(2, 5003, dtype, { seed: 9, temperature: 1.5 }),
  sampleCase(2, 64, dtype, { temperature: 100 }, (logits) => logits.fill(-Infinity)),
  sampleCase(2, 64, dtype, { topK: 3 }, (logits) => logits.set([Infinity, 1, Infinity], 20)),
]);

export function randomCase(seed: number): OperationCase {
  const random = randomSource(seed);
  const rows = randomInteger(random, 1, 6);
  const settings = {
    temperature: random() < 0.2 ? 0 : 0.2 + 3 * random(),
    topK: randomInteger(random, 1, 80),
    topP: 1 - random() * 0.9,
    seed: randomInteger(random, -1000, 1000),
    position: randomInteger(random, 0, 1000),
  };
  const dtype = randomFloatType(random);
  return sampleCase(rows, randomInteger(random, 1, 300), dtype, settings);
}
