#!/usr/bin/env node
// The `leia` command. Each command has a file of its own that registers it; this one sets up help,
// turns errors into one line, and decides the exit code: 0 done, 1 failed, 2 wrong use, 130 interrupted.
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Command, CommanderError, type Option } from 'commander';
import { packageVersion } from '../core/addon.ts';
import { LeiaError } from '../system/error.ts';

type Register = (program: Command) => void;

/** Every command, in the order of the help. Only what a command line names is loaded: it starts in half the time. */
const commands: Readonly<Record<string, () => Promise<Register>>> = {
  prepare: async () => (await import('./prepare.ts')).registerPrepare,
  extract: async () => (await import('./extract.ts')).registerExtract,
  data: async () => (await import('./data.ts')).registerData,
  preview: async () => (await import('./preview.ts')).registerPreview,
  train: async () => (await import('./train.ts')).registerTrain,
  report: async () => (await import('./report.ts')).registerReport,
  score: async () => (await import('./score.ts')).registerScore,
  eval: async () => (await import('./eval.ts')).registerEval,
  compare: async () => (await import('./compare.ts')).registerCompare,
  generate: async () => (await import('./generate.ts')).registerGenerate,
  export: async () => (await import('./export.ts')).registerExport,
  replicate: async () => (await import('./replicate.ts')).registerReplicate,
  doctor: async () => (await import('./doctor.ts')).registerDoctor,
  bench: async () => (await import('./bench.ts')).registerBench,
  build: async () => (await import('./build.ts')).registerBuild,
  demo: async () => (await import('./demo.ts')).registerDemo,
};

/** The program with the commands of these names, by default all. */
export async function createProgram(names = Object.keys(commands)): Promise<Command> {
  const program = new Command('leia')
    .description('Adapt a LLaMA to another language with its Wikipedia (LEIA, Yamada & Ri 2024).')
    .version(packageVersion())
    .option('--debug', 'show the stack trace of an error')
    .addHelpText('after', '\nEach command explains itself: leia train --help')
    .showHelpAfterError('(see --help)');
  for (const name of names) (await commands[name]!())(program);
  for (const command of commandsOf(program)) {
    command.exitOverride();
    for (const option of command.options) takeOnce(option);
  }
  return program;
}

/** A command and all below it. What is set for a command is not set for those below. */
function commandsOf(command: Command): Command[] {
  return [command, ...command.commands.flatMap(commandsOf)];
}

/**
 * Refuses a file or text that is given twice, since the first would be ignored without a word. Of numbers and choices,
 * which have parsers of their own, the last one counts: scripts add them to a command that has them.
 */
function takeOnce(option: Option): void {
  const takesText = option.required && !option.variadic;
  if (!takesText || option.parseArg !== undefined) return;
  let first: string | undefined;
  option.argParser((text) => {
    if (first !== undefined) {
      throw new LeiaError(
        'usage',
        `${option.long} is given twice, '${first}' and '${text}'; expected one`,
      );
    }
    first = text;
    return text;
  });
}

/** Runs one command line and returns the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  const name = argv[0] === '--debug' ? argv[1] : argv[0];
  const program = await createProgram(
    name !== undefined && Object.hasOwn(commands, name) ? [name] : undefined,
  );
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    report(error, program.opts<{ debug?: boolean }>().debug ?? false);
    if (!(error instanceof LeiaError)) return 1;
    return { usage: 2, interrupted: 130 }[error.code as string] ?? 1;
  }
}

function report(error: unknown, debug: boolean): void {
  if (debug) {
    console.error(error);
    return;
  }
  const message = error instanceof Error ? error.message : String(error);
  const line = message.replaceAll(/\s*\n\s*/g, ' ');
  const hint =
    error instanceof LeiaError ? '' : ' (unexpected; run with --debug for the stack trace)';
  console.error(`leia: ${line}${hint}`);
}

/**
 * A reader that closes the pipe early, such as `head`, has read what it wants: the program ends. When the terminal has
 * been closed, writing fails too; such failures are ignored, so that a long run still saves its state.
 */
function allowClosedOutput(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    if (error.code !== 'EIO') throw error;
  });
  process.stderr.on('error', () => {});
}

const invoked = process.argv[1];
if (invoked !== undefined && realpathSync(invoked) === fileURLToPath(import.meta.url)) {
  allowClosedOutput();
  const code = await main(process.argv.slice(2));
  // A command that starts others as its own work sets their code.
  process.exitCode = code === 0 ? (process.exitCode ?? 0) : code;
  // After a failure, nobody waits for the rest of the input.
  if (process.exitCode !== 0) process.stdin.destroy();
}
