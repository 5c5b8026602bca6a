// `npm run bench:original -- --original CHECKOUT --wikiextractor CHECKOUT …`: times the original's way from a dump to
// a dataset (the commands of its README, with two processes where it can have them) beside `leia prepare`, as whole
// commands, alternately. Both read the same dump, a real one repeated with other titles, in which every second page has
// an English name. The original also reads Wikidata's dump for names. That is not timed: it gets the resulting tables.
import { execFileSync } from 'node:child_process';
import { createWriteStream, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { finished } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { openDump } from '../../lib/corpus/dump/dump.ts';
import { Dataset } from '../../lib/leia/dataset.ts';
import { writeLargeWiki } from './large-wiki.ts';

const root = resolve(import.meta.dirname, '../..');
const { values } = parseArgs({
  options: {
    /** Checkout of github.com/studio-ousia/leia. */
    original: { type: 'string' },
    /** Checkout of WikiExtractor: the tag v3.0.7, which the paper used, or a newer one. */
    wikiextractor: { type: 'string' },
    /** With tokenizers and beautifulsoup4. */
    python: { type: 'string', default: 'python3' },
    /** At most Python 3.10, newer ones refuse WikiExtractor's regular expressions. */
    'wikiextractor-python': { type: 'string', default: 'python3.10' },
    dump: {
      type: 'string',
      default: join(root, 'examples/demo/jawiki-sample-pages-articles-multistream.xml.bz2'),
    },
    tokenizer: { type: 'string', default: join(root, 'examples/demo/tokenizer') },
    repeat: { type: 'string', default: '8' },
    runs: { type: 'string', default: '3' },
  },
});
const { original, wikiextractor } = values;
if (!original || !wikiextractor) {
  console.error(
    'bench:original: --original and --wikiextractor name the checkouts to compare with',
  );
  process.exit(1);
}
const processes = String(availableParallelism());
const folder = mkdtempSync(join(tmpdir(), 'leia-original-'));
const at = (name: string) => join(folder, name);

async function makeInput(): Promise<number> {
  let articles = 0;
  for await (const page of (await openDump(values.dump)).pages()) {
    if (page.namespace === 0 && page.redirect === undefined) articles++;
  }
  const files = { xml: at('wiki.xml'), names: at('names.sql') };
  const { xmlBytes } = await writeLargeWiki(values.dump, articles * Number(values.repeat), files);
  // The tables that the original makes of Wikidata's dump: titles and English names by item.
  const titles = createWriteStream(at('titles.tsv'));
  const english = createWriteStream(at('english.tsv'));
  for await (const { id, title, redirect } of (await openDump(files.xml)).pages()) {
    if (redirect === undefined) titles.write(`${title}\tQ${id}\n`);
    // As in the table of names.
    if (redirect === undefined && id % 2 === 1)
      english.write(`English name of page ${id}\tQ${id}\n`);
  }
  titles.end();
  english.end();
  await Promise.all([finished(titles), finished(english)]);
  execFileSync('bzip2', ['--keep', files.xml]);
  return xmlBytes;
}

function timed(name: string, command: string, args: string[], env: Record<string, string> = {}) {
  const began = performance.now();
  execFileSync(command, args, { stdio: 'ignore', env: { ...process.env, ...env } });
  return { name, seconds: (performance.now() - began) / 1000 };
}

function runOriginal() {
  rmSync(at('original'), { recursive: true, force: true });
  mkdirSync(at('original'));
  const script = (name: string, args: string[]) =>
    timed(
      name,
      values.python,
      [
        resolve(import.meta.dirname, 'original.py'),
        join(resolve(original!), 'scripts', name),
        ...args,
      ],
      { RAYON_NUM_THREADS: '1' },
    );
  return [
    timed(
      'WikiExtractor',
      values['wikiextractor-python'],
      [
        ...['-m', 'wikiextractor.WikiExtractor', at('wiki.xml.bz2'), '-o', at('original/text')],
        ...['--html-safe', '', '--links', '--no-templates', '--processes', processes, '-q'],
      ],
      { PYTHONPATH: resolve(wikiextractor!) },
    ),
    script('extract_wikipedia_redirects.py', [
      ...['--dump_file', at('wiki.xml.bz2'), '--output_file', at('original/redirects.tsv')],
    ]),
    script('preprocess_wikipedia.py', [
      ...['--wikiextractor_output_dir', at('original/text')],
      ...['--redirect_file', at('original/redirects.tsv')],
      ...['--wikidata_id_file', at('titles.tsv'), '--output_dir', at('original/preprocessed')],
    ]),
    script('build_wikipedia_dataset.py', [
      ...['--model_name', resolve(values.tokenizer)],
      ...['--preprocessed_dataset_dir', at('original/preprocessed')],
      ...['--wikidata_id_file', at('english.tsv'), '--output_dir', at('original/dataset')],
      ...['--num_workers', processes],
    ]),
  ];
}

function runOurs() {
  rmSync(at('dataset'), { recursive: true, force: true });
  return timed('leia prepare', process.execPath, [
    ...[
      '--import',
      'tsx',
      join(root, 'lib/cli/main.ts'),
      'prepare',
      '--lists',
      'drop',
      '--templates',
      'drop',
    ],
    ...['--dump', at('wiki.xml.bz2'), '--langlinks', at('names.sql'), '--language', 'xx'],
    ...['--tokenizer', values.tokenizer, '--output', at('dataset')],
  ]);
}

try {
  const bytes = await makeInput();
  console.log(
    `${processes} × ${cpus()[0]?.model.trim()}; ${(bytes / 1e6).toFixed(1)} MB of XML, bzip2`,
  );
  for (let run = 0; run < Number(values.runs); run++) {
    const steps = runOriginal();
    const theirs = steps.reduce((sum, { seconds }) => sum + seconds, 0);
    const { seconds: ours } = runOurs();
    const each = steps.map(({ name, seconds }) => `${name} ${seconds.toFixed(1)}`).join(', ');
    console.log(
      `the original ${theirs.toFixed(1)} s (${each}), leia prepare ${ours.toFixed(1)} s: ${(theirs / ours).toFixed(1)} times as fast`,
    );
  }
  const { manifest } = await Dataset.open(at('dataset'));
  console.log(`${manifest.articles} articles, ${(manifest.tokens / 1e6).toFixed(1)} M tokens`);
} finally {
  rmSync(folder, { recursive: true });
}
