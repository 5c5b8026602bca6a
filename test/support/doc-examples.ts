// The examples in the comments of public declarations, as programs: they import what they use from the package as its users
// do, and what stands behind an expression, `await output.read(); // 3, 4`, is what it gives.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as autograd from '../../lib/autograd.ts';
import * as leia from '../../lib/index.ts';
import * as nn from '../../lib/nn.ts';
import * as operations from '../../lib/ops.ts';

const lib = join(import.meta.dirname, '../../lib');

/** One comment of the form `/** … *\/`, without its stars. */
export interface DocComment {
  readonly file: string;
  readonly line: number;
  readonly text: string;
  /** What is declared behind it: the first line. */
  readonly declaration: string;
}

export function docComments(): DocComment[] {
  const files = readdirSync(lib, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  return files.flatMap((file) => {
    const source = readFileSync(join(lib, file), 'utf8');
    return [...source.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n\s*(.*)/g)].map((match) => ({
      file,
      line: source.slice(0, match.index).split('\n').length,
      text: match[1]!.replaceAll(/^\s*\* ?/gm, ''),
      declaration: match[2]!,
    }));
  });
}

/** The code behind each `@example`. */
export function examplesIn({ text }: DocComment): string[] {
  return [...text.matchAll(/^@example\s*\n((?:(?!@\w)[\s\S])*)/gm)].map(([, code]) => code!.trim());
}

type Entry = 'ops' | 'autograd' | 'nn' | 'index';

function entryOf(file: string): Entry {
  if (file.startsWith('core/')) return 'ops';
  return (['autograd', 'nn'] as const).find((entry) => file.startsWith(`${entry}/`)) ?? 'index';
}

/** Where the examples of an entry find names: the first that has one. */
const sources: Readonly<Record<Entry, readonly (readonly [string, object])[]>> = {
  ops: [['leia/ops', operations]],
  autograd: [
    ['leia/autograd', autograd],
    ['leia/ops', operations],
    ['leia/nn', nn],
  ],
  nn: [
    ['leia/nn', nn],
    ['leia/autograd', autograd],
    ['leia/ops', operations],
  ],
  index: [
    ['leia', leia],
    ['leia/nn', nn],
    ['leia/autograd', autograd],
  ],
};

/** What examples of models use without making it. */
const given = {
  folder: "const folder = mkdtempSync(join(tmpdir(), 'leia-example-'));",
  model: `const model = LlamaModel.initialize(
    parseLlamaConfig(
      { model_type: 'llama', vocab_size: 70, hidden_size: 32, intermediate_size: 52, num_hidden_layers: 4, num_attention_heads: 4 },
      'config.json',
    ),
    { seed: 1 },
  );`,
  ids: 'const ids = [5, 6, 7, 8, 9];',
  labels: 'const labels = [5, 6, 7, 8, 9];',
} as const;

const uses = (code: string, name: string) => new RegExp(`(?<![.\\w'])${name}\\b(?!:)`).test(code);
const declares = (code: string, name: string) =>
  new RegExp(
    `\\b(?:const|let|using|class|function) (?:[{[][^=]*\\b${name}\\b[^=]*[}\\]] =|${name}\\b)`,
  ).test(code);

/** A program that runs the examples of an entry and prints, as JSON, what gave something else than it says. */
function programOf(entry: Entry, comments: readonly DocComment[]): string {
  const imports = new Map<string, Set<string>>();
  const functions = comments.flatMap((comment) =>
    examplesIn(comment).map((code) => {
      const made = Object.entries(given).filter(
        ([name]) => uses(code, name) && !declares(code, name),
      );
      const whole = [...made.map(([, text]) => text), code].join('\n');
      for (const [path, names] of sources[entry].toReversed()) {
        for (const name of Object.keys(names)) {
          if (!uses(whole, name) || declares(code, name)) continue;
          for (const used of imports.values()) used.delete(name);
          imports.set(path, (imports.get(path) ?? new Set()).add(name));
        }
      }
      const shown = whole.replaceAll(
        /^(?!const |let |using |\/\/)(\S.*); \/\/ (.*)$/gm,
        (_, expression, expected) => `show(${expression}, ${JSON.stringify(expected)});`,
      );
      const place = JSON.stringify(`${comment.file}:${comment.line}`);
      return `await example(${place}, async (show) => {\n${shown}\n});`;
    }),
  );
  const lines = [...imports]
    .filter(([, names]) => names.size > 0)
    .map(([path, names]) => `import { ${[...names].sort().join(', ')} } from '${path}';`);
  return `${lines.join('\n')}
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

type Show = (actual: unknown, expected: string) => void;
const round = (value: unknown) => (typeof value === 'number' ? Number(value.toFixed(3)) : value);
const text = (value: unknown): string =>
  typeof value === 'object' && value !== null && Symbol.iterator in value
    ? [...(value as Iterable<unknown>)].map(round).join(', ')
    : String(round(value));
const wrong: object[] = [];
async function example(place: string, run: (show: Show) => Promise<void>): Promise<void> {
  try {
    await run((actual, expected) => {
      if (text(actual) !== expected) wrong.push({ place, actual: text(actual), expected });
    });
  } catch (error) {
    wrong.push({ place, actual: String(error), expected: 'no error' });
  }
}
void [mkdtempSync, tmpdir, join];

${functions.join('\n')}
console.log(JSON.stringify(wrong));
`;
}

/** By the names of their files: the programs of all examples. */
export function examplePrograms(): Map<string, string> {
  const comments = docComments();
  return new Map(
    (Object.keys(sources) as Entry[]).map((entry) => [
      `${entry}.ts`,
      programOf(
        entry,
        comments.filter(({ file }) => entryOf(file) === entry),
      ),
    ]),
  );
}
