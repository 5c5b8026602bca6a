// Parts a dump into pieces of whole pages without reading the pages, which is left to as many threads as
// there are. Where the pieces begin depends on the XML alone, so that a run that was interrupted can count
// them. Only the head and the end are read here: a dump that is cut off or of another kind is noticed.
import { LeiaError } from '../../system/error.ts';
import { utf8Xml } from './dump-text.ts';
import { DOWNLOAD } from './page-draft.ts';
import type { PageBatch } from './page-reader.ts';
import { XmlPages } from './page-xml.ts';
import type { Siteinfo } from './siteinfo.ts';

/** A piece is a little larger than this, or one page. */
export const defaultBatchBytes = 1 << 18;
/** Wikis allow pages of 2 MiB; this is a guard against files that have none. */
const maxPageBytes = 64 << 20;

export interface DumpBatches {
  siteinfo: Siteinfo;
  /**
   * To be read once, from a byte of the XML on where a piece has ended, or from the beginning. Throws
   * `format` if the dump is cut off.
   */
  batches(from?: number): AsyncGenerator<PageBatch, void, undefined>;
  /** Takes back the memory of pieces for those to come: new memory for each calls the garbage collector often. */
  reclaim(buffers: readonly ArrayBuffer[]): void;
}

/** Memory for pieces is a multiple of this, so that it fits the next one, too. */
const memoryStep = 1 << 16;
/** As many pieces as may be under way at a time, and no long ones. */
const mostSpare = 128;
const mostKept = 1 << 20;

const PAGE = Buffer.from('<page');
const PAGE_END = Buffer.from('</page>');

/** Where the first page begins, or -1. */
function findPage(bytes: Buffer): number {
  for (let at = bytes.indexOf(PAGE); at >= 0; at = bytes.indexOf(PAGE, at + 1)) {
    if (/[\s>]/.test(String.fromCharCode(bytes[at + PAGE.length] ?? 0x61))) return at;
  }
  return -1;
}

/** What may hide the end of a page, and that end. */
const parts = /<!--[\s\S]*?(?:-->|$)|<!\[CDATA\[[\s\S]*?(?:\]\]>|$)|<\/page>/g;

/** Ends of pages, comments and CDATA aside, of the whole in one pass. */
function* pageEnds(bytes: Buffer): Generator<number, void, undefined> {
  for (const match of bytes.toString('latin1').matchAll(parts)) {
    if (match[0] === '</page>') yield match.index + match[0].length;
  }
}

/** The first end of a page at `least` bytes or later; -1 if there is none yet. */
function findPageEnd(bytes: Buffer, least: number): number {
  const end = bytes.indexOf(PAGE_END, Math.max(0, least - PAGE_END.length)) + PAGE_END.length;
  if (end < PAGE_END.length) return -1;
  // Only as far as it matters: behind the end there are usually more pieces, each of which is searched again.
  if (!bytes.subarray(0, end).includes('<!')) return end;
  for (const after of pageEnds(bytes)) if (after >= least) return after;
  return -1;
}

/** The last end of a page; -1 if there is none. */
function findLastPageEnd(bytes: Buffer): number {
  if (!bytes.includes('<!')) {
    const last = bytes.lastIndexOf(PAGE_END);
    return last < 0 ? -1 : last + PAGE_END.length;
  }
  let last = -1;
  for (const end of pageEnds(bytes)) last = end;
  return last;
}

/**
 * The bytes of a file that have not been handed on, copied into memory that is used again: buffers thrown away
 * call the garbage collector, which then looks at everything else.
 */
class Pending {
  /** Where in the whole XML they begin. */
  start = 0;
  #memory = Buffer.alloc(0);
  #from = 0;
  #to = 0;
  readonly #pieces: AsyncIterator<Uint8Array>;
  /** Memory of pieces that were taken and are done with. */
  readonly #spare: ArrayBuffer[] = [];

  constructor(pieces: AsyncIterator<Uint8Array>) {
    this.#pieces = pieces;
  }

  /** Until more is read. */
  get bytes(): Buffer {
    return this.#memory.subarray(this.#from, this.#to);
  }

  get length(): number {
    return this.#to - this.#from;
  }

  /** Reads on; false at the end of the file. */
  async more(): Promise<boolean> {
    const piece = await this.#pieces.next();
    if (piece.done) return false;
    const { length } = this;
    const needed = length + piece.value.length;
    const to = needed > this.#memory.length ? Buffer.allocUnsafeSlow(2 * needed) : this.#memory;
    this.#memory.copy(to, 0, this.#from, this.#to);
    this.#memory = to;
    this.#memory.set(piece.value, length);
    this.#from = 0;
    this.#to = needed;
    return true;
  }

  take(length: number): Uint8Array<ArrayBuffer> {
    let memory = this.#spare.pop();
    if (memory === undefined || memory.byteLength < length) {
      memory = Buffer.allocUnsafeSlow(Math.ceil(length / memoryStep) * memoryStep).buffer;
    }
    const taken = new Uint8Array(memory, 0, length);
    taken.set(this.bytes.subarray(0, length));
    this.drop(length);
    return taken;
  }

  reclaim(buffers: readonly ArrayBuffer[]): void {
    for (const buffer of buffers) {
      if (this.#spare.length < mostSpare && buffer.byteLength <= mostKept) this.#spare.push(buffer);
    }
  }

  drop(length: number): void {
    this.#from += length;
    this.start += length;
  }
}

/** Reads the head of a dump from its bytes, in whatever encoding; `file` names it in errors. */
export async function readBatches(
  bytes: AsyncIterable<Uint8Array>,
  file: string,
  batchBytes: number = defaultBatchBytes,
): Promise<DumpBatches> {
  const pieces = utf8Xml(bytes, file)[Symbol.asyncIterator]();
  const frame = new XmlPages(file);
  const pending = new Pending(pieces);
  const tooLong = (what: string): LeiaError =>
    new LeiaError(
      'format',
      `${file}: no end of ${what} in ${maxPageBytes >> 20} MiB from byte ${pending.start} of the XML; ${DOWNLOAD}`,
    );
  const readFrame = (length: number, last = false): void => {
    const { start } = pending;
    const taken = pending.take(length);
    const decoder = new TextDecoder('utf-8', { fatal: true });
    const decode = (bytes: Uint8Array | undefined, stream: boolean): string => {
      try {
        return decoder.decode(bytes, { stream });
      } catch (cause) {
        throw new LeiaError(
          'format',
          `${file}: not valid utf-8 between byte ${start} and ${pending.start} of the XML`,
          { cause },
        );
      }
    };
    frame.write(decode(taken, last), start);
    if (!last) return;
    // That a file is cut off matters more than that this was within a character.
    frame.end();
    decode(undefined, false);
  };

  let page = -1;
  for (let more = true; page < 0 && more; ) {
    more = await pending.more();
    page = findPage(pending.bytes);
    // What is complete is read at once: a file of another kind is soon found out.
    const complete = pending.bytes.lastIndexOf('>') + 1;
    if (page < 0 && more && complete > 0) readFrame(complete);
    if (pending.length > maxPageBytes) throw tooLong('a tag');
  }
  readFrame(page < 0 ? pending.length : page, page < 0);
  if (page < 0) {
    throw new LeiaError('format', `${file}: a MediaWiki export without pages; ${DOWNLOAD}`);
  }

  return {
    siteinfo: frame.endHead(),
    reclaim: (buffers) => pending.reclaim(buffers),
    async *batches(from = 0) {
      try {
        while (pending.start < from) {
          pending.drop(Math.min(pending.length, from - pending.start));
          if (pending.start < from && !(await pending.more())) break;
        }
        for (;;) {
          const end = findPageEnd(pending.bytes, batchBytes);
          if (end >= 0) {
            const { start } = pending;
            yield { bytes: pending.take(end), start };
          } else {
            if (pending.length > maxPageBytes + batchBytes) throw tooLong('a page');
            if (!(await pending.more())) break;
          }
        }
        const end = findLastPageEnd(pending.bytes);
        if (end >= 0) {
          const { start } = pending;
          yield { bytes: pending.take(end), start };
        }
        readFrame(pending.length, true);
      } finally {
        await pieces.return?.(undefined);
      }
    },
  };
}
