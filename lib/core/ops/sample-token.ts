import { operation } from '../operation.ts';
import { Tensor } from '../tensor.ts';

/** Arguments of {@link sampleToken}. */
export interface SampleToken {
  /** [rows, vocabulary], float32 or bfloat16; a NaN is an error. */
  logits: Tensor;
  /** Divides the logits; 0 takes the likeliest token. 1 unless given. */
  temperature?: number;
  /** Draws only from so many likeliest tokens; from all unless given. */
  topK?: number;
  /** Draws only from the likeliest tokens that together reach this probability, at most 1. */
  topP?: number;
  /** A whole number; with `position` it decides the draw. 0 unless given. */
  seed?: number;
  /** Which number of the seed's sequence is drawn; every row has a sequence of its own. */
  position?: number;
  /** [rows], int32. */
  tokens?: Tensor;
}

const nativeSampleToken = operation<
  SampleToken,
  'tokens' | 'temperature' | 'topK' | 'topP' | 'seed' | 'position'
>('sampleToken');

/**
 * Chooses one token for each row of logits: the likeliest, or one drawn after temperature, top-k (Fan
 * et al. 2018) and top-p (Holtzman et al. 2020). The same arguments give the same tokens on every
 * device, but where the last bit of a weight decides.
 *
 * @throws LeiaError with code `argument` if a shape, dtype or number is not as said above.
 * @example
 * const logits = Tensor.from([1, 5, 2, 7, 0, 3], [2, 3]);
 * await ops.sampleToken({ logits, temperature: 0 }).tokens.read(); // 1, 0
 */
export function sampleToken(args: SampleToken): { tokens: Tensor } {
  nativeSampleToken.expect(args);
  const { logits, temperature = 1, topK = Number.MAX_SAFE_INTEGER, topP = 1 } = args;
  const { seed = 0, position = 0 } = args;
  const tokens =
    args.tokens ??
    Tensor.empty(logits.shape.slice(0, 1), { dtype: 'int32', device: logits.device });
  nativeSampleToken(args, { tokens, temperature, topK, topP, seed, position });
  return { tokens };
}
