// UTF-8 to strings and back at several times the speed of TextDecoder and TextEncoder: validation and
// transcoding run on vectors in Node's own library, and V8 only has to copy UTF-16.
import { isAscii, isUtf8, transcode } from 'node:buffer';

/** The text, a byte order mark kept; undefined if the bytes are not valid UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  const { buffer, byteOffset, length } = bytes;
  const view = Buffer.from(buffer, byteOffset, length);
  if (isAscii(view)) return view.toString('latin1');
  if (!isUtf8(view)) return undefined;
  return transcode(view, 'utf8', 'ucs2').toString('ucs2');
}

/** The bytes of a text without lone surrogates, such as JSON. */
export function encodeUtf8(text: string): Uint8Array {
  return transcode(Buffer.from(text, 'ucs2'), 'ucs2', 'utf8');
}
