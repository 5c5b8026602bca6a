// What encoding an XML file is in, by its first bytes and its declaration, and decoders for all that the
// platform knows and UTF-32 (https://www.w3.org/TR/xml/#sec-guessing).
import { TextDecoder } from 'node:util';

/** How many bytes {@link encodingOf} needs if the file has so many: a byte order mark or the declaration. */
export const encodingHead = 256;

/** The name of the encoding of XML that begins with these bytes, declared or guessed. */
export function encodingOf(head: Uint8Array): string {
  const start = Buffer.from(head.subarray(0, 4)).toString('hex');
  if (start === '0000feff' || start === '0000003c') return 'utf-32be';
  if (start === 'fffe0000' || start === '3c000000') return 'utf-32le';
  if (start.startsWith('fffe') || start.startsWith('3c00')) return 'utf-16le';
  if (start.startsWith('feff') || start.startsWith('003c')) return 'utf-16be';
  if (start.startsWith('efbbbf')) return 'utf-8';
  const text = Buffer.from(head.subarray(0, encodingHead)).toString('latin1');
  return /^\s*<\?xml[^>]*\bencoding\s*=\s*["']([\w.:-]+)["']/.exec(text)?.[1] ?? 'utf-8';
}

/** Decodes piece by piece; throws `TypeError` on bytes that are no characters. */
export interface XmlDecoder {
  readonly encoding: string;
  decode(bytes: Uint8Array, options: { stream: boolean }): string;
}

/** @throws RangeError if the encoding is unknown. */
export function xmlDecoder(encoding: string): XmlDecoder {
  if (encoding === 'utf-32le' || encoding === 'utf-32be') return new Utf32Decoder(encoding);
  const decoder = new TextDecoder(encoding, { fatal: true });
  return decoder.encoding === 'windows-1252' ? new Windows1252Decoder() : decoder;
}

/** Node's own decoder takes the bytes 80 to 9f for control characters. */
class Windows1252Decoder implements XmlDecoder {
  readonly encoding = 'windows-1252';
  static readonly #special = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ';

  decode(bytes: Uint8Array): string {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
    return text.replace(
      /[\x80-\x9f]/g,
      (control) => Windows1252Decoder.#special[control.charCodeAt(0) - 0x80]!,
    );
  }
}

class Utf32Decoder implements XmlDecoder {
  readonly encoding: 'utf-32le' | 'utf-32be';
  /** Up to three bytes of a character that is not complete. */
  #rest: Uint8Array = new Uint8Array(0);
  #first = true;

  constructor(encoding: 'utf-32le' | 'utf-32be') {
    this.encoding = encoding;
  }

  decode(bytes: Uint8Array, { stream }: { stream: boolean }): string {
    const all = Buffer.concat([this.#rest, bytes]);
    const whole = all.length - (all.length % 4);
    this.#rest = Uint8Array.from(all.subarray(whole));
    if (!stream && this.#rest.length > 0) throw new TypeError('it ends inside a character');
    const characters: string[] = [];
    for (let at = 0; at < whole; at += 4) {
      const code = this.encoding === 'utf-32le' ? all.readUInt32LE(at) : all.readUInt32BE(at);
      if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
        throw new TypeError(`${code.toString(16)} is no character`);
      }
      const mark = this.#first && code === 0xfeff;
      this.#first = false;
      if (!mark) characters.push(String.fromCodePoint(code));
    }
    return characters.join('');
  }
}
