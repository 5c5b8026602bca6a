// Runs a checkout of WikiExtractor on a dump: its text and links, to be measured as ours are.
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';

export interface ExtractedText {
  text: string;
  /** Titles that links lead to, as they are written. */
  targets: string[];
}

export interface Extraction {
  /** By page number. */
  pages: Map<number, ExtractedText>;
  /** Of the whole command, with as many processes as asked for. */
  seconds: number;
}

const LINK = /<a href="([^"]*)">(.*?)<\/a>/gs;

/**
 * What `checkout` makes of a dump, with templates dropped and links kept: the settings of LEIA's authors, with which text
 * is not written as HTML. 3.0.7 needs Python 3.10 or older.
 */
export async function runWikiExtractor(
  checkout: string,
  dump: string,
  { python, processes }: { python: string; processes: number },
): Promise<Extraction> {
  const began = performance.now();
  const child = spawn(
    python,
    [
      ...['-m', 'wikiextractor.WikiExtractor', resolve(dump), '-o', '-', '--json', '--links'],
      ...['--no-templates', '--html-safe', '', '--processes', String(processes), '-q'],
    ],
    { cwd: checkout, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let errors = '';
  child.stderr.on('data', (piece) => {
    errors = (errors + piece).slice(-2000);
  });
  const ended = new Promise<number | null>((done, failed) => {
    child.once('error', failed);
    child.once('close', done);
  });
  const pages = new Map<number, ExtractedText>();
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === '') continue;
    const { id, text } = JSON.parse(line) as { id: string; text: string };
    pages.set(Number(id), withoutLinks(text));
  }
  const code = await ended;
  if (code !== 0) throw new Error(`${checkout} ended with ${code}: ${errors.trim()}`);
  return { pages, seconds: (performance.now() - began) / 1000 };
}

function withoutLinks(html: string): ExtractedText {
  const targets: string[] = [];
  const text = html.replace(LINK, (_, target: string, label: string) => {
    targets.push(decoded(target));
    return label;
  });
  return { text, targets };
}

/** A target as a title; what is no encoded text stays as it is. */
function decoded(target: string): string {
  try {
    return decodeURIComponent(target);
  } catch {
    return target;
  }
}
