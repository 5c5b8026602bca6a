// The command line as its user runs it: a process of its own, with exit code, output and signals.
import { type ChildProcess, spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { plainEnvironment } from '../support/child.ts';

export interface Finished {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Where `leia` runs. */
export const root = resolve(import.meta.dirname, '../..');
/** What node runs; `test/support/build-commands.ts` has made it of the sources before the tests. */
export const command = [resolve(root, 'dist/cli/main.js')];

export interface ChildOptions {
  /** Largest file it may write, in blocks of 1024 bytes: a full disk that needs no disk. */
  readonly fileBlocks?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** What it reads from standard input; nothing unless given. */
  readonly stdin?: string | Uint8Array;
  /** Gets the process when it has started, to send it signals. */
  readonly onStart?: (child: ChildProcess) => void;
}

/** Runs `leia` with these arguments. */
export function leia(args: readonly string[], options: ChildOptions = {}): Promise<Finished> {
  const { fileBlocks, env, stdin, onStart } = options;
  const [program, argv] =
    fileBlocks === undefined
      ? [process.execPath, [...command, ...args]]
      : [
          'bash',
          // Node ignores SIGXFSZ, so a write beyond the limit fails with EFBIG.
          ['-c', `ulimit -f ${fileBlocks}; exec "$0" "$@"`, process.execPath, ...command, ...args],
        ];
  const child = spawn(program, argv, { cwd: root, env: { ...plainEnvironment, ...env } });
  onStart?.(child);
  child.stdin.on('error', () => {}).end(stdin); // a program that does not read it closes it
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  return new Promise((done, fail) => {
    child.on('error', fail);
    child.on('close', (code) => done({ code, stdout, stderr }));
  });
}
