// Messages between two ranks: lines of JSON over a connection. What is no such line ends the connection, as whoever
// sent it is no rank of this run.
import type { Socket } from 'node:net';
import { z } from 'zod';
import { position } from './positions.ts';

const message = z.discriminatedUnion('type', [
  /** The first of a rank to rank 0. */
  z.strictObject({ type: z.literal('hello'), rank: z.int().min(1), token: z.string() }),
  /** A sign of life, with where the rank is; and rank 0's wish for one. */
  z.strictObject({ type: z.literal('alive'), at: position }),
  z.strictObject({ type: z.literal('where') }),
  /** One rank's value under a name, to rank 0; and those of all ranks, back. */
  z.strictObject({ type: z.literal('value'), name: z.string(), value: z.unknown() }),
  z.strictObject({ type: z.literal('values'), name: z.string(), values: z.array(z.unknown()) }),
  /** A rank that failed or is lost, and why: from it to rank 0, and from there to all. */
  z.strictObject({ type: z.literal('failed'), reason: z.string() }),
]);

export type Message = z.infer<typeof message>;

/** Longer ones have no sense: hashes, settings, reasons. */
const longestLine = 2 ** 20;

export function send(socket: Socket, one: Message): void {
  // What is sent to a rank that is gone is lost; its end is noticed elsewhere.
  if (!socket.destroyed) socket.write(`${JSON.stringify(one)}\n`);
}

/** Calls back for each message, in order, until the connection ends. */
export function listen(socket: Socket, hear: (one: Message) => void): void {
  let rest = '';
  socket.setEncoding('utf8');
  socket.setNoDelay(true);
  socket.on('error', () => {}); // 'close' follows
  socket.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop()!;
    for (const line of lines) {
      const parsed = line.length > longestLine ? undefined : parse(line);
      if (parsed === undefined) return void socket.destroy();
      hear(parsed);
      if (socket.destroyed) return;
    }
    if (rest.length > longestLine) socket.destroy();
  });
}

function parse(line: string): Message | undefined {
  try {
    return message.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
