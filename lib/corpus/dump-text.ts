// Bytes of an XML file to text, in the encoding that the file declares, strictly: a byte that is no
// character is an error, not a replacement character in someone's training data.
import { TextDecoder } from 'node:util';
import { LeiaError } from '../core/error.ts';

/** Files that people take for dumps, by how they begin. */
const MAGIC: readonly [string, string][] = [
  ['1f8b', 'gzip data'],
  ['fd377a585a', 'xz data'],
  ['377abcaf', 'a 7z archive'],
  ['28b52ffd', 'zstd data'],
  ['504b0304', 'a zip archive'],
];
const OTHER_TEXT: readonly [RegExp, string][] = [
  [/^\s*[[{]/, 'JSON'],
  [/^\s*(?:--|\/\*|DROP|CREATE|INSERT)/, 'SQL'],
  [/^\s*<!doctype html|^\s*<html/i, 'a web page'],
];

/** The encoding of XML that begins with these bytes (https://www.w3.org/TR/xml/#sec-guessing). */
function encodingOf(head: Uint8Array): string {
  const [a, b, c] = head;
  if (a === 0xff && b === 0xfe) return 'utf-16le';
  if (a === 0xfe && b === 0xff) return 'utf-16be';
  if (a === 0xef && b === 0xbb && c === 0xbf) return 'utf-8';
  if (a === 0x3c && b === 0) return 'utf-16le';
  if (a === 0 && b === 0x3c) return 'utf-16be';
  const declaration = Buffer.from(head.subarray(0, 200)).toString('latin1');
  return /^\s*<\?xml[^>]*\bencoding\s*=\s*["']([\w.:-]+)["']/.exec(declaration)?.[1] ?? 'utf-8';
}

function decoderFor(head: Uint8Array, file: string): TextDecoder {
  const start = Buffer.from(head.subarray(0, 64)).toString('latin1');
  const magic = Buffer.from(start, 'latin1').toString('hex');
  const kind =
    MAGIC.find(([bytes]) => magic.startsWith(bytes))?.[1] ??
    OTHER_TEXT.find(([pattern]) => pattern.test(start))?.[1];
  const encoding = encodingOf(head);
  const xml = kind === undefined && (encoding !== 'utf-8' || /^(?:\xef\xbb\xbf)?\s*</.test(start));
  if (!xml) {
    const what = kind ?? `'${start.slice(0, 12).replace(/[^\x20-\x7e]/g, '?')}…'`;
    throw new LeiaError(
      'format',
      `${file}: expected the XML of a MediaWiki dump (.xml, .xml.bz2 or .xml.gz), got ${head.length === 0 ? 'an empty file' : what}`,
    );
  }
  try {
    return new TextDecoder(encoding, { fatal: true });
  } catch (cause) {
    throw new LeiaError('format', `${file}: unknown encoding '${encoding}'`, { cause });
  }
}

/** Decodes chunk by chunk; characters may be cut anywhere. Throws `format`. */
export async function* decodeXml(
  bytes: AsyncIterable<Uint8Array>,
  file: string,
): AsyncGenerator<string, void, undefined> {
  let decoder: TextDecoder | undefined;
  let offset = 0;
  const invalid = (cause: unknown, end: number): LeiaError =>
    new LeiaError(
      'format',
      `${file}: not valid ${decoder?.encoding ?? ''} between byte ${offset} and ${end} of the XML`,
      { cause },
    );
  for await (const chunk of bytes) {
    if (chunk.length === 0) continue;
    decoder ??= decoderFor(chunk, file);
    let text: string;
    try {
      text = decoder.decode(chunk, { stream: true });
    } catch (cause) {
      throw invalid(cause, offset + chunk.length);
    }
    offset += chunk.length;
    yield text;
  }
  if (!decoder) decoderFor(new Uint8Array(0), file);
  try {
    const rest = decoder?.decode();
    if (rest) yield rest;
  } catch (cause) {
    throw invalid(cause, offset);
  }
}
