// Recognises the tokenizers that native code executes, LLaMA's (byte-pair encoding with byte fallback, without
// pre-tokeniser), and makes the tables that it takes. A `tokenizer.json` that may mean anything else is left to Hugging
// Face's library.
import { z } from 'zod';
import type { BpeTables } from './bpe-tokenizer.ts';
import { idLimit, type TokenizerJson, tokenIds } from './tokenizer-json.ts';

/** What SentencePiece writes for a space. */
const SPACE = '▁';

/** Puts a space before the text, then replaces all spaces. */
const normalizer = z.strictObject({
  type: z.literal('Sequence'),
  normalizers: z.tuple([
    z.strictObject({ type: z.literal('Prepend'), prepend: z.literal(SPACE) }),
    z.strictObject({
      type: z.literal('Replace'),
      pattern: z.strictObject({ String: z.literal(' ') }),
      content: z.literal(SPACE),
    }),
  ]),
});
const absent = z.union([z.null(), z.literal('')]).optional();
const model = z.looseObject({
  type: z.literal('BPE'),
  dropout: z.union([z.null(), z.literal(0)]).optional(),
  continuing_subword_prefix: absent,
  end_of_word_suffix: absent,
  byte_fallback: z.literal(true),
  ignore_merges: z.literal(false).optional(),
});

/** No vocabulary in use has more ids, and tables grow with their number. */
const mostIds = 1 << 20;

const byteToken = /^<0x([0-9A-F]{2})>$/;
const BYTES = 256;

/** The tables of a tokenizer (see `textOnly`), if they are all there is to it; otherwise undefined. */
export function bpeTables(json: TokenizerJson): BpeTables | undefined {
  const { added_tokens, normalizer: steps, pre_tokenizer, model: bpe } = json;
  if (added_tokens.length > 0 || (pre_tokenizer ?? null) !== null) return undefined;
  if (!normalizer.safeParse(steps).success || !model.safeParse(bpe).success) return undefined;
  const limit = idLimit(json);
  if (limit > mostIds) return undefined;
  const tokens = sharedNumbers(3 * limit);
  const bytes = sharedNumbers(BYTES).fill(-1);
  const ofText = new Map<string, number>();
  for (const [token, id] of tokenIds(json)) {
    const byte = byteToken.exec(token)?.[1];
    if (byte !== undefined) {
      bytes[Number.parseInt(byte, 16)] = id;
      continue;
    }
    const points = Array.from(token, (character) => character.codePointAt(0)!);
    if (points.length === 0) continue;
    tokens.set([points[0]!, points.at(-1)!, points.length], 3 * id);
    ofText.set(token, id);
  }
  const merges = mergesOf(bpe.merges ?? [], ofText);
  return bytes.includes(-1) || merges === undefined ? undefined : { tokens, merges, bytes };
}

/** Undefined if a merge names a token that the vocabulary does not have. */
function mergesOf(
  merges: readonly (string | readonly [string, string])[],
  ids: ReadonlyMap<string, number>,
): BpeTables['merges'] | undefined {
  const numbers = sharedNumbers(3 * merges.length);
  for (const [rank, merge] of merges.entries()) {
    const [left, right, ...more] = typeof merge === 'string' ? merge.split(' ') : merge;
    const triple = [left, right, `${left}${right}`].map((token) => ids.get(token ?? '') ?? -1);
    if (more.length > 0 || triple.includes(-1)) return undefined;
    numbers.set(triple, 3 * rank);
  }
  return numbers;
}

function sharedNumbers(length: number): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT * length));
}
