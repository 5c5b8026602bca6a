// What reading a dump has in the addon.

/** Native decoder of one bzip2 file; decodes on threads of its own. */
export interface NativeBzip2Decoder {
  /**
   * Takes the next compressed bytes (copied before this returns) and writes decoded ones. Their number: less than
   * there is room for only if further input is needed, or at the end. One call at a time.
   */
  decode(bytes: Uint8Array, last: boolean, output: Uint8Array): Promise<number>;
}

export interface DumpAddon {
  NativeBzip2Decoder: new (threads: number) => NativeBzip2Decoder;
  /**
   * The pages in a piece of a dump, in valid UTF-8, or undefined if it is not of the shape that Wikimedia writes. Of
   * each page 21 numbers: where in the piece the text of title, namespace, id, model, wikitext, target of the redirect,
   * size of the wikitext, and number and time of the version begins, and its length, -1 if there is none; 1 if it has a redirect; 1 if the wikitext was
   * deleted; where the page ends. References are resolved in the piece, which has no other use after that.
   */
  scanPages(xml: Uint8Array): Int32Array | undefined;
  /** HTML character references replaced by what they stand for. */
  decodeEntities(text: string): string;
}
