// The bytes of a dump's XML, decompressed.
import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';

/** Chunks of the file's content. */
export async function* dumpBytes(path: string): AsyncGenerator<Uint8Array, void, undefined> {
  yield* path.endsWith('.bz2') ? spawn('bunzip2', ['-c', path]).stdout : createReadStream(path);
}
