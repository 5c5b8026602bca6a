// Scoring requests as JSON Lines: one object a line with `context` and `continuation`, each a text or an
// array of token ids. Texts are tokenised as lm-evaluation-harness does it: context and continuation as one
// text, so that no token boundary is forced between them, and without BOS. What is too long is cut on the left.
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { LeiaError } from '../system/error.ts';
import { fileError } from '../system/files.ts';
import { parseChecked } from '../system/json.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import type { LogLikelihoodRequest } from './engine/requests.ts';
import { encodeTogether } from './tasks/protocol.ts';

const part = z.union([z.string(), z.array(z.int().nonnegative())], {
  error: 'expected a text or an array of token ids',
});
const schema = z.object({ context: part, continuation: part });

/** A request whose parts are texts or token ids. */
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
): Promise<LogLikelihoodRequest[]> {
  const known = (): Tokenizer => {
    if (tokenizer === undefined) throw new LeiaError('argument', 'a text needs a tokenizer');
    return tokenizer;
  };
  const encode = async (text: string) => [...(await known().encode(text)).ids];
  const result: LogLikelihoodRequest[] = [];
  for (const { context, continuation } of requests) {
    if (typeof context === 'string' && typeof continuation === 'string' && context !== '') {
      const { before, after } = await encodeTogether(known(), context, [continuation]);
      result.push({ context: before, continuation: after[0]! });
    } else {
      result.push({
        context: typeof context === 'string' ? await encode(context) : context,
        continuation: typeof continuation === 'string' ? await encode(continuation) : continuation,
      });
    }
  }
  return result;
}

/**
 * Requests as a model takes them: of context and continuation together as many tokens as it can score, from the right;
 * in place of an empty context a token, so that the continuation's first has something before it.
 *
 * @throws LeiaError `argument` for a continuation that is empty or longer than the model takes, or an empty context
 *   that nothing stands for.
 */
export function fitRequests(
  requests: readonly LogLikelihoodRequest[],
  { maxLength, emptyContext }: { maxLength: number; emptyContext: number | undefined },
): LogLikelihoodRequest[] {
  return requests.map(({ context, continuation }, index) => {
    const refuse = (what: string): never => {
      throw new LeiaError('argument', `request ${index + 1}: ${what}`);
    };
    const { length } = continuation;
    if (length === 0) refuse('the continuation is empty');
    if (length > maxLength) {
      refuse(`the continuation has ${length} tokens, the model takes ${maxLength}`);
    }
    if (context.length > 0) return { context: context.slice(length - maxLength - 1), continuation };
    if (emptyContext !== undefined) return { context: [emptyContext], continuation };
    return refuse('the context is empty and the model has neither BOS nor EOS to stand for it');
  });
}
