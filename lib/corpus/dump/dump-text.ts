// Decodes the bytes of an XML file, in the encoding that the file declares. Bytes that are no character are an error: a
// replacement character would end up in someone's training data.
import { LeiaError } from '../../system/error.ts';
import { inputName, standardInput } from './input-bytes.ts';
import { encodingHead, encodingOf, type XmlDecoder, xmlDecoder } from './xml-encoding.ts';

/** What people give in place of a dump, by how such a file begins. */
const MAGIC: readonly [string, string][] = [
  ['1f8b', 'gzip data'],
  ['fd377a585a', 'xz data'],
  ['377abcaf', 'a 7z archive'],
  ['504b0304', 'a zip archive'],
];
const OTHER_TEXT: readonly [RegExp, string][] = [
  [/^\s*[[{]/, 'JSON'],
  [/^\s*(?:--|\/\*|DROP|CREATE|INSERT)/, 'SQL'],
  [/^\s*<!doctype html|^\s*<html/i, 'a web page'],
];

function decoderFor(head: Uint8Array, file: string): XmlDecoder {
  const start = Buffer.from(head.subarray(0, 64)).toString('latin1');
  const magic = Buffer.from(start, 'latin1').toString('hex');
  const kind =
    MAGIC.find(([bytes]) => magic.startsWith(bytes))?.[1] ??
    OTHER_TEXT.find(([pattern]) => pattern.test(start))?.[1];
  const encoding = encodingOf(head);
  const xml = kind === undefined && (encoding !== 'utf-8' || /^(?:\xef\xbb\xbf)?\s*</.test(start));
  if (!xml) {
    const nothing =
      file === inputName(standardInput)
        ? 'nothing: the command before the pipe wrote nothing'
        : 'an empty file';
    const what = kind ?? `'${start.slice(0, 12).replace(/[^\x20-\x7e]/g, '?')}…'`;
    throw new LeiaError(
      'format',
      `${file}: expected the XML of a MediaWiki dump (.xml, .xml.bz2, .xml.gz or .xml.zst), got ${head.length === 0 ? nothing : what}`,
    );
  }
  try {
    return xmlDecoder(encoding);
  } catch (cause) {
    throw new LeiaError('format', `${file}: unknown encoding '${encoding}'`, { cause });
  }
}

/**
 * The XML in UTF-8, whatever its encoding, without a byte order mark. Files in UTF-8 pass unchecked.
 * Throws `format`.
 */
export async function* utf8Xml(
  bytes: AsyncIterable<Uint8Array>,
  file: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  let decoder: XmlDecoder | undefined;
  let offset = 0;
  const encode = (chunk: Uint8Array, last: boolean): Uint8Array => {
    try {
      return Buffer.from(decoder!.decode(chunk, { stream: !last }));
    } catch (cause) {
      const end = offset + chunk.length;
      throw new LeiaError(
        'format',
        `${file}: not valid ${decoder!.encoding} between byte ${offset} and ${end} of the XML`,
        { cause },
      );
    }
  };
  for await (const chunk of beginningWith(encodingHead, bytes)) {
    decoder ??= decoderFor(chunk, file);
    if (decoder.encoding !== 'utf-8') yield encode(chunk, false);
    else if (offset === 0 && chunk[0] === 0xef && chunk[1] === 0xbb) yield chunk.subarray(3);
    else yield chunk;
    offset += chunk.length;
  }
  if (!decoder) decoderFor(new Uint8Array(0), file);
  else if (decoder.encoding !== 'utf-8') yield encode(new Uint8Array(0), true);
}

/** The same bytes, the first piece of at least `length` unless there are no more. */
async function* beginningWith(
  length: number,
  bytes: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  let head: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of bytes) {
    if (head === undefined) {
      yield chunk;
      continue;
    }
    head = Buffer.concat([head, chunk]);
    if (head.length < length) continue;
    yield head;
    head = undefined;
  }
  if (head !== undefined && head.length > 0) yield head;
}
