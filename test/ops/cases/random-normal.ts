import { ops } from '../../../lib/ops.ts';
import {
  elements,
  type OperationCase,
  randomFloatType,
  randomInteger,
  randomShape,
  randomSource,
  rounded,
  size,
} from '../case.ts';

const word = 0x100000000n;

/** Word index % 4 of Philox4x32-10 with key = seed and counter = (index / 4, high) (Salmon et al. 2011). */
export function philox(seed: bigint, index: bigint, high = 0n): number {
  const block = index / 4n;
  let counter = [block % word, block / word, high % word, high / word] as [
    bigint,
    bigint,
    bigint,
    bigint,
  ];
  let key = [seed % word, seed / word] as [bigint, bigint];
  for (let round = 0; round < 10; round++) {
    const a = 0xd2511f53n * counter[0];
    const b = 0xcd9e8d57n * counter[2];
    counter = [
      (b / word) ^ counter[1] ^ key[0],
      b % word,
      (a / word) ^ counter[3] ^ key[1],
      a % word,
    ];
    key = [(key[0] + 0x9e3779b9n) % word, (key[1] + 0xbb67ae85n) % word];
  }
  return Number(counter[Number(index % 4n)]!);
}

function polynomial(coefficients: readonly number[], x: number): number {
  return coefficients.reduce((result, coefficient) => result * x + coefficient, 0);
}

/** log(x) in the order of operations that native/ops/random_normal/random_normal_value.h fixes. */
function fixedLog(x: number): number {
  let exponent = 0;
  let m = x;
  for (; m < 1; m *= 2) exponent--;
  if (m > 1.4375) {
    m *= 0.5;
    exponent++;
  }
  const s = (m - 1) / (m + 1);
  const square = s * s;
  let series = 0;
  for (let k = 23; k >= 1; k -= 2) series = series * square + 1 / k;
  return exponent * Math.LN2 + 2 * s * series;
}

/** The inverse of the normal distribution, algorithm AS 241 (Wichura 1988), for 2^-33 <= u <= 1 - 2^-33. */
export function inverseNormal(u: number): number {
  const q = u - 0.5;
  if (Math.abs(q) <= 0.425) {
    const r = 0.180625 - q * q;
    const numerator = [
      2509.0809287301227, 33430.57558358813, 67265.7709270087, 45921.95393154987, 13731.69376550946,
      1971.5909503065513, 133.14166789178438, 3.3871328727963665,
    ];
    const denominator = [
      5226.495278852546, 28729.085735721943, 39307.89580009271, 21213.794301586597,
      5394.196021424751, 687.1870074920579, 42.31333070160091, 1,
    ];
    return (q * polynomial(numerator, r)) / polynomial(denominator, r);
  }
  const r = Math.sqrt(-fixedLog(q < 0 ? u : 1 - u)) - 1.6;
  const numerator = [
    0.0007745450142783414, 0.022723844989269184, 0.2417807251774506, 1.2704582524523684,
    3.6478483247632045, 5.769497221460691, 4.630337846156546, 1.4234371107496835,
  ];
  const denominator = [
    1.0507500716444169e-9, 0.0005475938084995345, 0.015198666563616457, 0.14810397642748008,
    0.6897673349851, 1.6763848301838038, 2.053191626637759, 1,
  ];
  const z = polynomial(numerator, r) / polynomial(denominator, r);
  return q < 0 ? -z : z;
}

/** The same float64 arithmetic as the native code, so that the float32 values agree bit for bit. */
export function randomNormalReference(
  count: number,
  seed: number,
  offset = 0,
  mean = 0,
  standardDeviation = 1,
): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => {
    const u = (philox(BigInt(seed), BigInt(offset) + BigInt(i)) + 0.5) / 2 ** 32;
    return Math.fround(mean + standardDeviation * inverseNormal(u));
  });
}

function normalCase(
  shape: readonly number[],
  dtype: 'float32' | 'bfloat16',
  seed: number,
  offset: number,
  mean: number,
  standardDeviation: number,
): OperationCase {
  return {
    name: `randomNormal ${shape.join('x')} ${dtype} seed ${seed} offset ${offset}`,
    inputs: {},
    run: (_inputs, output) =>
      ops.randomNormal({ output: output(shape, dtype), seed, offset, mean, standardDeviation }),
    reference: () => {
      const data = randomNormalReference(elements(shape), seed, offset, mean, standardDeviation);
      return { output: rounded({ shape, dtype, data }).data };
    },
    tolerance: { output: 0 },
    bytes: elements(shape) * size(dtype),
    flops: 0,
  };
}

export const cases: OperationCase[] = (['float32', 'bfloat16'] as const).flatMap((dtype) => [
  normalCase([], dtype, 0, 0, 0, 1),
  normalCase([0, 4], dtype, 0, 0, 0, 1),
  normalCase([3, 5], dtype, 1, 2, 0, 1),
  normalCase([4099], dtype, Number.MAX_SAFE_INTEGER, 0, 0.5, 0.02),
  normalCase([9], dtype, 7, Number.MAX_SAFE_INTEGER, 0, 1),
  normalCase([1001], dtype, 5000000000, 2 ** 34 - 500, 0, 3),
]);

export function randomCase(seed: number): OperationCase {
  const random = randomSource(seed);
  return normalCase(
    randomShape(random, 3, 0),
    randomFloatType(random),
    randomInteger(random, 0, 2 ** 40),
    randomInteger(random, 0, 2 ** 40),
    random() - 0.5,
    2 * random(),
  );
}
