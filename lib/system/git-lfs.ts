// What `git clone` leaves in place of a large file where Git LFS is not installed: a text of some lines that names it.
import { LeiaError } from './error.ts';

const beginning = 'version https://git-lfs.github.com/spec/';

/** Bytes that are enough to know a pointer by. */
export const pointerBytes = beginning.length;

/** The {@link LeiaError} (code `format`) for a file that begins like this, if it is such a pointer. */
export function lfsPointer(path: string, content: string | Uint8Array): LeiaError | undefined {
  const start =
    typeof content === 'string'
      ? content.slice(0, pointerBytes)
      : Buffer.from(content.subarray(0, pointerBytes)).toString('latin1');
  if (start !== beginning) return undefined;
  return new LeiaError(
    'format',
    `${path} is a pointer of Git LFS in place of the file; install git-lfs and run 'git lfs pull' in that folder, or download the file`,
  );
}
