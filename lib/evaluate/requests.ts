// Scoring requests as JSON Lines: one object a line with `context` and `continuation`, each a text or an
// array of token ids. Texts are tokenised as lm-evaluation-harness does it: context and continuation as one
// text, so that no token boundary is forced between them, and without BOS.
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { LeiaError } from '../system/error.ts';
import { fileError } from '../system/files.ts';
import { parseChecked } from '../system/json.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import type { ScoreRequest } from './score.ts';

const part = z.union([z.string(), z.array(z.int().nonnegative())], {
  error: 'expected a text or an array of token ids',
});
const schema = z.object({ context: part, continuation: part });

export type RawRequest = z.output<typeof schema>;

/** @throws LeiaError `io`, or `format` naming the line. */
export async function readRequests(path: string): Promise<RawRequest[]> {
  const requests: RawRequest[] = [];
  let number = 0;
  try {
    const lines = createInterface({ input: createReadStream(path), crlfDelay: Infinity });
    for await (const line of lines) {
      number++;
      if (line.trim() !== '') requests.push(parseChecked(schema, line, `${path}:${number}`));
    }
  } catch (error) {
    throw fileError('read', path, error);
  }
  if (requests.length > 0) return requests;
  throw new LeiaError('format', `${path} has no requests, expected one JSON object a line`);
}

/** Whether any request has text, for which a tokenizer is needed. */
export function needsTokenizer(requests: readonly RawRequest[]): boolean {
  return requests.some(
    ({ context, continuation }) => typeof context === 'string' || typeof continuation === 'string',
  );
}

/** Turns texts into ids. */
export async function encodeRequests(
  requests: readonly RawRequest[],
  tokenizer: Tokenizer | undefined,
): Promise<ScoreRequest[]> {
  const encode = async (text: string) => {
    if (tokenizer === undefined) throw new LeiaError('argument', 'a text needs a tokenizer');
    return [...(await tokenizer.encode(text)).ids];
  };
  const result: ScoreRequest[] = [];
  for (const { context, continuation } of requests) {
    if (typeof context === 'string' && typeof continuation === 'string' && context !== '') {
      // Spaces at the end of the context belong to the first word that follows.
      const trimmed = context.trimEnd();
      const before = await encode(trimmed);
      const all = await encode(context + continuation);
      result.push({ context: before, continuation: all.slice(before.length) });
    } else {
      result.push({
        context: typeof context === 'string' ? await encode(context) : context,
        continuation: typeof continuation === 'string' ? await encode(continuation) : continuation,
      });
    }
  }
  return result;
}
