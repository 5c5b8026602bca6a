// Reads a MediaWiki XML dump (`pages-articles*.xml`, plain, bzip2, gzip or zstd) page by page, in memory that does
// not grow with the file. A dump that is cut off, damaged, or of another kind is an error that names
// the file and the place; nothing is skipped silently.
import { inputBytes, inputName } from './input-bytes.ts';
import { type DumpBatches, readBatches } from './page-batches.ts';
import { readPages } from './page-reader.ts';
import type { Page, Siteinfo } from './siteinfo.ts';

/** A dump whose head has been read. */
export interface Dump {
  siteinfo: Siteinfo;
  /** All wikitext pages of all namespaces, in the order of the file. To be read once. */
  pages(): AsyncGenerator<Page, void, undefined>;
}

/** Reads a dump from its bytes; `file` names it in errors. */
export async function readDump(bytes: AsyncIterable<Uint8Array>, file: string): Promise<Dump> {
  const { siteinfo, batches } = await readBatches(bytes, file);
  const source = { file, namespaces: siteinfo.namespaces };
  return {
    siteinfo,
    async *pages() {
      for await (const batch of batches()) yield* readPages(batch, source);
    },
  };
}

/** Opens `…-pages-articles.xml`, plain, bzip2 (single or multistream), gzip or zstd. Throws `io` or `format`. */
export function openDump(path: string): Promise<Dump> {
  return readDump(inputBytes(path), inputName(path));
}

/**
 * The same in pieces of whole pages, for `readPages`. `onRead` is called with the number of bytes read so far.
 */
export function openBatches(
  path: string,
  options: { batchBytes?: number | undefined; onRead?: (bytes: number) => void } = {},
): Promise<DumpBatches> {
  return readBatches(inputBytes(path, options.onRead), inputName(path), options.batchBytes);
}
