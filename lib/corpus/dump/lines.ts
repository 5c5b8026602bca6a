// Reads the lines of a file of any size, compressed or not, for the readers of Wikidata's and MediaWiki's dumps. Errors
// name the file and the line.
import { LeiaError } from '../../system/error.ts';
import { inputBytes } from './input-bytes.ts';

/** Longer than any line of a real dump; a guard against files that have none. */
const maxLineLength = 256 * 1024 * 1024;

export interface Line {
  text: string;
  /** Counted from 1. */
  number: number;
}

/**
 * Lines of text without their line ends. `onRead` is called with the number of bytes read so far.
 * @throws LeiaError `io` (not readable), `format` (damaged compression, not UTF-8, no lines).
 */
export async function* readLines(
  path: string,
  onRead?: (bytes: number) => void,
  encoding: 'utf-8' | 'latin1' = 'utf-8',
): AsyncGenerator<Line, void, undefined> {
  const decoder = new TextDecoder(encoding, { fatal: true });
  const decode = (bytes: Uint8Array | undefined, line: number): string => {
    try {
      return bytes ? decoder.decode(bytes, { stream: true }) : decoder.decode();
    } catch (error) {
      throw new LeiaError('format', `${path}: near line ${line}: not UTF-8 text`, { cause: error });
    }
  };
  // The pieces of an unfinished line are joined once, when it ends, so that a long line takes linear time.
  let pieces: string[] = [];
  let length = 0;
  let number = 1;
  for await (const bytes of inputBytes(path, onRead)) {
    const parts = decode(bytes, number).split('\n');
    for (const [i, part] of parts.entries()) {
      pieces.push(part);
      length += part.length;
      if (length > maxLineLength) {
        throw new LeiaError('format', `${path}: line ${number} is longer than 256 MiB`);
      }
      if (i === parts.length - 1) continue;
      yield { text: withoutReturn(pieces.join('')), number };
      pieces = [];
      length = 0;
      number++;
    }
  }
  const rest = pieces.join('') + decode(undefined, number);
  if (rest !== '') yield { text: withoutReturn(rest), number };
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line;
}
