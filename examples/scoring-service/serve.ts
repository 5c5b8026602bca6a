// A service that scores texts: HTTP in front, one model behind, and a bounded queue between the two. The model computes what has
// arrived together; meanwhile the event loop is free to accept and to refuse, as no operation blocks it.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { parseArgs } from 'node:util';
import { LlamaModel, Tokenizer } from 'leia';
import { encodeRequests, fitRequests, type LogLikelihood, logLikelihoods } from 'leia/evaluate';

const { values: args } = parseArgs({
  options: {
    model: { type: 'string', default: 'Llama-2-7b-hf' },
    tokenizer: { type: 'string' },
    device: { type: 'string', default: 'cpu' },
    port: { type: 'string', default: '8080' },
    /** Requests that wait or are computed, at most. */
    queue: { type: 'string', default: '64' },
    /** Requests that are computed together, at most. */
    batch: { type: 'string', default: '16' },
  },
});
const model = await LlamaModel.load(args.model, { device: args.device });
const tokenizer = await Tokenizer.load(args.tokenizer ?? args.model);
const { maxPositionEmbeddings: maxLength, bosTokenId } = model.config;
const mostBytes = 1e6;

/** What the client did wrong, with the status that says so. */
class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

interface Waiting {
  request: Parameters<typeof logLikelihoods>[1][number];
  resolve(score: LogLikelihood): void;
  reject(error: unknown): void;
}
const waiting: Waiting[] = [];
let accepted = 0;
let computing = false;
let closing = false;

/** Computes what waits, some requests at a time, until nothing does. */
async function compute(): Promise<void> {
  if (computing) return;
  computing = true;
  while (waiting.length > 0) {
    const batch = waiting.splice(0, Number(args.batch));
    try {
      const requests = batch.map(({ request }) => request);
      const scores = await logLikelihoods(model, requests, { batchTokens: 'auto' });
      for (const [i, score] of scores.entries()) batch[i]?.resolve(score);
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
  computing = false;
}

async function bodyOf(
  request: IncomingMessage,
): Promise<{ context: string; continuation: string }> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    // Read to its end, since whoever still sends would not see the answer; but not kept.
    if (bytes <= mostBytes) chunks.push(chunk);
  }
  if (bytes > mostBytes) throw new Refusal(413, `expected at most ${mostBytes} bytes`);
  const expected = new Refusal(400, 'expected {"context": text, "continuation": text}');
  try {
    const { context, continuation } = JSON.parse(Buffer.concat(chunks).toString());
    if (typeof context === 'string' && typeof continuation === 'string') {
      return { context, continuation };
    }
  } catch {
    // Answered below.
  }
  throw expected;
}

async function score(request: IncomingMessage): Promise<LogLikelihood> {
  if (request.method !== 'POST' || request.url !== '/score') {
    throw new Refusal(404, 'expected POST /score');
  }
  const encoded = await encodeRequests([await bodyOf(request)], tokenizer);
  let fitting: typeof encoded;
  try {
    fitting = fitRequests(encoded, { maxLength, emptyContext: bosTokenId ?? undefined });
  } catch (error) {
    throw new Refusal(400, error instanceof Error ? error.message : String(error));
  }
  return await new Promise((resolve, reject) => {
    for (const each of fitting) waiting.push({ request: each, resolve, reject });
    void compute();
  });
}

function answer(response: ServerResponse, status: number, body: object): void {
  const headers = { 'content-type': 'application/json', connection: 'close' };
  if (status === 503) response.setHeader('retry-after', '1');
  response.writeHead(status, status === 200 ? { ...headers, connection: 'keep-alive' } : headers);
  response.end(`${JSON.stringify(body)}\n`);
}

const server = createServer(async (request, response) => {
  // The place in the queue is taken before anything is read.
  if (closing || accepted >= Number(args.queue)) {
    const error = closing ? 'the service ends' : 'too many requests are waiting';
    answer(response, 503, { error });
    return;
  }
  accepted++;
  try {
    answer(response, 200, await score(request));
  } catch (error) {
    const status = error instanceof Refusal ? error.status : 500;
    answer(response, status, { error: error instanceof Error ? error.message : String(error) });
  } finally {
    accepted--;
  }
});

process.once('SIGTERM', () => {
  closing = true;
  server.close();
  server.closeIdleConnections();
});
server.listen(Number(args.port), '127.0.0.1', () => {
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  console.log(`listening on http://127.0.0.1:${port}`);
});
