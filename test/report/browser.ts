// A real browser, driven over its debugging protocol: what a page looks like once it is laid out, at any width, light or
// dark. Chromium speaks the protocol over two pipes, so no package is needed. https://chromedevtools.github.io/devtools-protocol/
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

/** The browser that is installed, if one is: `LEIA_BROWSER`, or Debian's. */
export const browser = [
  process.env.LEIA_BROWSER,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
].find((path) => path !== undefined && existsSync(path));

type Reply = Record<string, unknown>;

export interface Page {
  /** Lays the page out anew. */
  show(view: { width: number; scheme: 'light' | 'dark' }): Promise<void>;
  /** The value of an expression in the page. */
  evaluate<T>(expression: string): Promise<T>;
  /** What the page asked for, and what the browser complained of. */
  readonly requests: readonly string[];
  readonly complaints: readonly string[];
}

/** Opens a page in a browser of its own, gives it to `use`, and ends the browser. */
export async function inBrowser<T>(url: string, use: (page: Page) => Promise<T>): Promise<T> {
  const profile = await mkdtemp(join(tmpdir(), 'leia-browser-'));
  const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run'];
  const child = spawn(
    browser as string,
    [...flags, '--remote-debugging-pipe', `--user-data-dir=${profile}`],
    { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] },
  );
  const ended = new Promise((done) => child.on('close', done));
  try {
    const [to, from] = [child.stdio[3] as Writable, child.stdio[4] as Readable];
    return await use(await openPage(new Connection(to, from), url));
  } finally {
    child.kill('SIGKILL');
    await ended;
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function openPage(connection: Connection, url: string): Promise<Page> {
  const { targetId } = await connection.call('Target.createTarget', { url: 'about:blank' });
  const { sessionId } = await connection.call('Target.attachToTarget', { targetId, flatten: true });
  const call = (method: string, params: Reply = {}) =>
    connection.call(method, params, sessionId as string);
  for (const domain of ['Page', 'Network', 'Log', 'Runtime']) await call(`${domain}.enable`);
  const loaded = connection.next('Page.loadEventFired');
  await call('Page.navigate', { url });
  await loaded;
  const texts = (method: string, text: (params: never) => string) =>
    connection.events
      .filter((event) => event.method === method)
      .map(({ params }) => text(params as never));
  return {
    get requests() {
      return texts(
        'Network.requestWillBeSent',
        ({ request }: { request: { url: string } }) => request.url,
      );
    },
    get complaints() {
      return texts('Log.entryAdded', ({ entry }: { entry: { text: string } }) => entry.text);
    },
    async show({ width, scheme }) {
      await call('Emulation.setDeviceMetricsOverride', {
        ...{ width, height: 900, deviceScaleFactor: 1, mobile: false },
      });
      await call('Emulation.setEmulatedMedia', {
        features: [{ name: 'prefers-color-scheme', value: scheme }],
      });
    },
    async evaluate<T>(expression: string) {
      const { result } = await call('Runtime.evaluate', { expression, returnByValue: true });
      return (result as { value: T }).value;
    },
  };
}

/** Messages of JSON, each ended by a zero byte. */
class Connection {
  readonly events: { method: string; params: unknown }[] = [];
  readonly #to: Writable;
  readonly #waiting = new Map<number, { done: (reply: Reply) => void; fail: (e: Error) => void }>();
  readonly #heard = new Map<string, () => void>();
  #count = 0;

  constructor(to: Writable, from: Readable) {
    this.#to = to;
    let text = '';
    from.setEncoding('utf8').on('data', (part: string) => {
      const messages = (text + part).split('\0');
      text = messages.pop() as string;
      for (const message of messages) this.#take(JSON.parse(message));
    });
    from.on('close', () => {
      for (const { fail } of this.#waiting.values()) fail(new Error('the browser has ended'));
    });
  }

  call(method: string, params: Reply, sessionId?: string): Promise<Reply> {
    const id = ++this.#count;
    this.#to.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return new Promise((done, fail) => this.#waiting.set(id, { done, fail }));
  }

  next(method: string): Promise<void> {
    return new Promise((done) => this.#heard.set(method, done));
  }

  #take(message: { id?: number; method: string; params: unknown; result: Reply; error?: Reply }) {
    if (message.id === undefined) {
      this.events.push(message);
      this.#heard.get(message.method)?.();
      return;
    }
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.error) waiting?.fail(new Error(JSON.stringify(message.error)));
    else waiting?.done(message.result);
  }
}
