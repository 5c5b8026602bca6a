// Programs differ in how they turn the same prompt into token ids, and give different numbers for the same model: in
// where BOS stands, in what an empty context becomes, in whether context and continuation are encoded together, and in
// what a too long input loses. A protocol is a row of these choices under a name, which the results repeat.
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';
import { joinParts, type PromptParts } from './prompt.ts';

export const protocols = {
  /** The LEIA paper's own code for log-likelihoods, llm-jp-eval for generation. */
  paper: {
    contextBos: 'none',
    emptyContext: 'eos',
    join: 'apart',
    dropsExamples: true,
    metrics: ['acc'],
  },
  /** lm-evaluation-harness, version 0.4.13. */
  'lm-eval': {
    contextBos: 'default',
    emptyContext: 'bos',
    join: 'together',
    dropsExamples: false,
    metrics: ['acc', 'acc_norm', 'acc_bytes'],
  },
} as const satisfies Readonly<Record<string, Protocol>>;

/** How questions become token ids. */
export type ProtocolName = keyof typeof protocols;
export const protocolNames = Object.keys(protocols) as ProtocolName[];

export interface Protocol {
  /** What stands before a context that is scored: nothing, or BOS where the tokenizer puts it by default. */
  readonly contextBos: 'none' | 'default';
  /** What stands for an empty context: EOS, or the tokenizer's BOS. */
  readonly emptyContext: 'eos' | 'bos';
  /**
   * `apart`: context and continuation are encoded each by itself. `together`: blanks at the end of the context move to
   * the continuation, both are encoded as one text, and the continuation is what follows as many tokens as the context
   * alone has.
   */
  readonly join: 'apart' | 'together';
  /** Whether a too long prompt first loses its few-shot examples, from the front. What remains is cut on the left. */
  readonly dropsExamples: boolean;
  /** Accuracy by the sums of log-probabilities, by sums per character and per byte of the choices. */
  readonly metrics: readonly ('acc' | 'acc_norm' | 'acc_bytes')[];
}

/** What a prompt lost because the model is too short for it. */
export interface Losses {
  /** Few-shot examples left out. */
  readonly examples: number;
  /** Tokens cut on the left: of the choice that lost most. */
  readonly tokens: number;
}

export interface EncodedChoices {
  /** The context as text, after examples were dropped and before tokens were cut. */
  readonly context: string;
  readonly requests: readonly { readonly context: number[]; readonly continuation: number[] }[];
  readonly losses: Losses;
}

export interface EncodedPrompt {
  readonly text: string;
  readonly prompt: number[];
  readonly losses: Losses;
}

type Encoder = Pick<Tokenizer, 'bosId' | 'eosId' | 'addsBos' | 'encodeBatch'>;

/**
 * The token ids to score for each choice, fitted to a model that takes `maxLength` tokens and predicts one more. A
 * continuation is never cut: one of more than `maxLength` tokens stays too long, for the caller to see.
 */
export async function encodeChoices(
  protocol: Protocol,
  tokenizer: Encoder,
  parts: PromptParts,
  continuations: readonly string[],
  maxLength: number,
): Promise<EncodedChoices> {
  const encode = async (kept: PromptParts) => {
    const context = joinParts(kept);
    return { context, requests: await pairs(protocol, tokenizer, context, continuations) };
  };
  const fits = ({ requests }: { requests: Pair[] }) =>
    requests.every(
      ({ context, continuation }) => context.length + continuation.length <= maxLength + 1,
    );
  const { result, dropped } = await fitExamples(protocol, parts, encode, fits);
  let tokens = 0;
  const requests = result.requests.map(({ context, continuation }) => {
    const room = Math.max(1, maxLength + 1 - continuation.length);
    tokens = Math.max(tokens, context.length - room);
    return { context: context.slice(-room), continuation };
  });
  return { context: result.context, requests, losses: { examples: dropped, tokens } };
}

/** The token ids of a prompt to continue by `maxNewTokens`, fitted to a model of `maxLength` positions. */
export async function encodePrompt(
  protocol: Protocol,
  tokenizer: Encoder,
  parts: PromptParts,
  { maxNewTokens, maxLength }: { readonly maxNewTokens: number; readonly maxLength: number },
): Promise<EncodedPrompt> {
  const room = Math.max(1, maxLength - maxNewTokens);
  const encode = async (kept: PromptParts) => {
    const text = joinParts(kept);
    const [encoding] = await tokenizer.encodeBatch([text]);
    const bos = tokenizer.addsBos ? [tokenizer.bosId] : [];
    return { text, prompt: [...bos, ...encoding!.ids] };
  };
  const fits = ({ prompt }: { prompt: number[] }) => prompt.length <= room;
  const { result, dropped } = await fitExamples(protocol, parts, encode, fits);
  const { text, prompt } = result;
  const losses = { examples: dropped, tokens: Math.max(0, prompt.length - room) };
  return { text, prompt: prompt.slice(-room), losses };
}

/** Leaves out examples from the front until what is encoded fits, where the protocol does so. */
async function fitExamples<T>(
  { dropsExamples }: Protocol,
  parts: PromptParts,
  encode: (kept: PromptParts) => Promise<T>,
  fits: (result: T) => boolean,
): Promise<{ result: T; dropped: number }> {
  const last = dropsExamples ? parts.examples.length : 0;
  for (let dropped = 0; ; dropped++) {
    const result = await encode({ ...parts, examples: parts.examples.slice(dropped) });
    if (dropped >= last || fits(result)) return { result, dropped };
  }
}

type Pair = { readonly context: number[]; readonly continuation: number[] };

async function pairs(
  protocol: Protocol,
  tokenizer: Encoder,
  context: string,
  continuations: readonly string[],
): Promise<Pair[]> {
  const stand = protocol.emptyContext === 'eos' ? tokenizer.eosId : tokenizer.bosId;
  if (context === '') {
    const encodings = await tokenizer.encodeBatch(continuations);
    return encodings.map(({ ids }) => ({ context: [stand], continuation: [...ids] }));
  }
  const bos = protocol.contextBos === 'default' && tokenizer.addsBos ? [tokenizer.bosId] : [];
  const begin = (ids: ArrayLike<number>) =>
    bos.length + ids.length > 0 ? [...bos, ...Array.from(ids)] : [stand];
  if (protocol.join === 'apart') {
    const [before, ...after] = await tokenizer.encodeBatch([context, ...continuations]);
    const ids = begin(before!.ids);
    return after.map((encoding) => ({ context: ids, continuation: [...encoding.ids] }));
  }
  const { before, after } = await encodeTogether(tokenizer, context, continuations);
  const ids = begin(before);
  return after.map((continuation) => ({ context: ids, continuation }));
}

/**
 * Encodes a context and each of its continuations as one text, so that no token boundary is forced between them. The
 * context's ids are those of the context alone, without blanks at its end, which belong to what follows; a
 * continuation's are those after as many.
 */
export async function encodeTogether(
  tokenizer: Pick<Tokenizer, 'encodeBatch'>,
  context: string,
  continuations: readonly string[],
): Promise<{ before: number[]; after: number[][] }> {
  const whole = continuations.map((continuation) => context + continuation);
  const [first, ...all] = await tokenizer.encodeBatch([trimBlanks(context), ...whole]);
  const before = [...first!.ids];
  return { before, after: all.map(({ ids }) => [...ids.slice(before.length)]) };
}

/** Removes what Python's `str.rstrip` removes: not quite what JavaScript calls white space. */
function trimBlanks(text: string): string {
  let end = text.length;
  while (end > 0 && isBlank(text[end - 1] as string)) end--;
  return text.slice(0, end);
}

function isBlank(character: string): boolean {
  const code = character.charCodeAt(0);
  const isSeparator = (code >= 0x1c && code <= 0x1f) || code === 0x85;
  return isSeparator || (/\s/.test(character) && character !== '\ufeff');
}
