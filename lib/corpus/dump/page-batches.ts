// Splits a dump into pieces of whole pages. Threads then read the pages; here only the head and the end are read, to
// notice a dump that is cut off or of another kind. Where pieces begin depends on the XML alone, so that an interrupted
// run can count them.
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
   * The pieces from a byte of the XML on, which is 0 or where a piece has ended. They can be read once. Throws
   * `format` if the dump is cut off.
   */
  batches(from?: number): AsyncGenerator<PageBatch, void, undefined>;
  /** Closes the file, for one who reads no piece. */
  close(): Promise<void>;
  /** Takes the memory of a finished piece for later ones: new memory for each often starts the garbage collector. */
  reclaim(buffers: readonly ArrayBuffer[]): void;
}

/** The memory of pieces is a multiple of this, so that it fits later pieces too. */
const memoryStep = 1 << 16;
/** The memory of so many pieces is kept, as many as may be in use at a time, but none that is longer than `mostKept`. */
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

/** The end of a page, and what may contain its text without ending a page: comments and CDATA. */
const parts = /<!--[\s\S]*?(?:-->|$)|<!\[CDATA\[[\s\S]*?(?:\]\]>|$)|<\/page>/g;

/** Finds the ends of pages in one pass, passing over comments and CDATA. */
function* pageEnds(bytes: Buffer): Generator<number, void, undefined> {
  for (const match of bytes.toString('latin1').matchAll(parts)) {
    if (match[0] === '</page>') yield match.index + match[0].length;
  }
}

/** The first end of a page at `least` bytes or later; -1 if there is none yet. */
function findPageEnd(bytes: Buffer, least: number): number {
  const end = bytes.indexOf(PAGE_END, Math.max(0, least - PAGE_END.length)) + PAGE_END.length;
  if (end < PAGE_END.length) return -1;
  // It searches no farther than it must: the rest is searched for the next pieces.
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
 * The bytes of a file that are not yet part of a piece, copied into memory that is used again: buffers that are thrown
 * away start the garbage collector, which then looks at everything else.
 */
class Pending {
  /** Where in the whole XML they begin. */
  start = 0;
  #memory = Buffer.alloc(0);
  #from = 0;
  #to = 0;
  readonly #pieces: AsyncIterator<Uint8Array>;
  /** Memory of finished pieces. */
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
    // Say that the file is cut off, not that it was cut within a character.
    frame.end();
    decode(undefined, false);
  };

  const readHead = async (): Promise<Siteinfo> => {
    let page = -1;
    for (let more = true; page < 0 && more; ) {
      more = await pending.more();
      page = findPage(pending.bytes);
      // Whatever is complete is read at once, so that a file of another kind is noticed early.
      const complete = pending.bytes.lastIndexOf('>') + 1;
      if (page < 0 && more && complete > 0) readFrame(complete);
      if (pending.length > maxPageBytes) throw tooLong('a tag');
    }
    readFrame(page < 0 ? pending.length : page, page < 0);
    if (page < 0) {
      throw new LeiaError('format', `${file}: a MediaWiki export without pages; ${DOWNLOAD}`);
    }
    return frame.endHead();
  };
  const close = async (): Promise<void> => {
    await pieces.return?.(undefined);
  };
  const siteinfo = await readHead().catch(async (error) => {
    await close();
    throw error;
  });

  return {
    siteinfo,
    close,
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
        await close();
      }
    },
  };
}
