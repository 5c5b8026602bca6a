// `npm run bench:corpus -- [--dump FILE] [--tokenizer FOLDER] [--repeat N,…] [--workers N,…] [--runs N]
// [--stages STAGE,…] [--templates drop,inline]`: measures how fast each stage of `leia prepare` is and how much memory it
// takes, and how both grow with the threads and with the input, which is the dump repeated with other titles. Making
// text is measured with each treatment of templates, and compared. Runs alternate, and the least time and the least
// processor time count, since other work on the machine only makes both larger. The bzip2 command compresses the input, if
// it is installed; lbzip2 is measured beside our decompression, if it is installed.
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { openDump } from '../../lib/corpus/dump/dump.ts';
import type { TemplateTreatment } from '../../lib/corpus/wikitext/extract.ts';
import { writeLargeWiki } from './large-wiki.ts';
import { type Measured, type Request, type Stage, stages } from './stages.ts';

const demo = resolve(import.meta.dirname, '../../examples/demo');
const cores = availableParallelism();

const { values } = parseArgs({
  options: {
    dump: {
      type: 'string',
      default: join(demo, 'jawiki-sample-pages-articles-multistream.xml.bz2'),
    },
    tokenizer: { type: 'string', default: join(demo, 'tokenizer') },
    repeat: { type: 'string', default: '1,4' },
    workers: { type: 'string', default: [...new Set([1, cores])].join() },
    runs: { type: 'string', default: '3' },
    stages: { type: 'string', default: stages.join() },
    templates: { type: 'string', default: 'drop,inline' },
  },
});
const treatments = values.templates
  .split(',')
  .map((one): TemplateTreatment => (one === 'drop' ? 'drop' : 'inline'));
const numbers = (text: string): number[] => text.split(',').map(Number);

interface Input {
  name: string;
  xml: string;
  names: string;
  bz2: string | undefined;
}

async function articlesOf(dump: string): Promise<number> {
  let count = 0;
  for await (const page of (await openDump(dump)).pages()) {
    if (page.namespace === 0 && page.redirect === undefined) count++;
  }
  return count;
}

async function makeInput(folder: string, repeat: number, articles: number): Promise<Input> {
  const xml = join(folder, `${repeat}.xml`);
  const names = join(folder, `${repeat}.sql`);
  const { xmlBytes } = await writeLargeWiki(values.dump, repeat * articles, { xml, names });
  let bz2: string | undefined;
  try {
    execFileSync('bzip2', ['--keep', xml]);
    bz2 = `${xml}.bz2`;
  } catch {
    console.log('no bzip2 command: nothing is measured from .bz2');
  }
  return { name: `${(xmlBytes / 1e6).toFixed(1)} MB`, xml, names, bz2 };
}

const best = new Map<
  string,
  { request: Request; input: Input; from: string; measured: Measured }
>();

async function measure(
  stage: Stage,
  input: Input,
  from: 'xml' | 'bz2',
  workers: number,
  templates: TemplateTreatment = 'inline',
) {
  const dump = input[from];
  if (dump === undefined || !values.stages.split(',').includes(stage)) return;
  const request: Request = {
    stage,
    dump,
    workers,
    templates,
    tokenizer: values.tokenizer,
    names: input.names,
  };
  const script = resolve(import.meta.dirname, 'measure.ts');
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import', 'tsx', script, JSON.stringify(request)],
    // The tokenizer's own threads.
    { env: { ...process.env, RAYON_NUM_THREADS: String(workers) } },
  );
  const measured = JSON.parse(stdout) as Measured;
  const key = keyOf(request);
  const before = best.get(key)?.measured ?? measured;
  // The quickest run need not be the one of the least processor time.
  const quickest = measured.seconds < before.seconds ? measured : before;
  const cpuSeconds = Math.min(measured.cpuSeconds, before.cpuSeconds);
  best.set(key, { request, input, from, measured: { ...quickest, cpuSeconds } });
}

function print(): void {
  const rate = (value: number, unit: string) =>
    value > 0 ? `${value.toPrecision(3)} ${unit}` : '';
  const rows = [
    [
      'stage',
      'templates',
      'from',
      'input',
      'threads',
      'XML',
      'per core',
      'articles',
      'tokens',
      'peak',
    ],
  ];
  for (const { request, input, from, measured } of best.values()) {
    const { seconds, cpuSeconds, bytes, articles, tokens, peakMiB } = measured;
    rows.push([
      request.stage,
      request.stage === 'text' ? request.templates : '',
      from,
      input.name,
      String(request.workers),
      rate(bytes / seconds / 1e6, 'MB/s'),
      rate(bytes / cpuSeconds / 1e6, 'MB/s'),
      rate(articles / seconds, '/s'),
      rate(tokens / seconds / 1e6, 'M/s'),
      `${Math.round(peakMiB)} MiB`,
    ]);
  }
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  for (const row of rows) console.log(row.map((cell, i) => cell.padEnd(widths[i]!)).join('  '));
}

/** Runs of one key are compared, and the best counts. */
function keyOf({ stage, dump, workers, templates }: Request): string {
  return `${stage} ${dump} ${workers} ${templates}`;
}

/** What known templates cost: processor time of making text with them, beside dropping them. */
function printTemplates(): void {
  for (const { request, input, from, measured } of best.values()) {
    if (request.stage !== 'text' || request.templates !== 'inline') continue;
    const dropped = best.get(keyOf({ ...request, templates: 'drop' }))?.measured;
    if (dropped === undefined) continue;
    const ratio = (measured.cpuSeconds / dropped.cpuSeconds).toFixed(3);
    console.log(
      `text from .${from} (${input.name}), ${request.workers} thread(s): with templates inline ${ratio} of the processor time of drop`,
    );
  }
}

/** How many seconds lbzip2, which only decompresses, takes in parallel, by dump and threads. */
const lbzip2 = new Map<string, number>();

function measureLbzip2({ bz2 }: Input, threads: number): void {
  if (bz2 === undefined) return;
  const began = performance.now();
  const { status } = spawnSync('lbzip2', ['-n', String(threads), '-dc', bz2], { stdio: 'ignore' });
  const seconds = (performance.now() - began) / 1000;
  const key = `${bz2} ${threads}`;
  if (status === 0) lbzip2.set(key, Math.min(seconds, lbzip2.get(key) ?? seconds));
}

/** The speed of making text from .bz2, as a share of the speed of decompression alone on as many threads. */
function printShares(): void {
  for (const { request, input, measured } of best.values()) {
    const { stage, dump, workers } = request;
    const alone = best.get(keyOf({ ...request, stage: 'bzip2', templates: 'inline' }))?.measured;
    if (stage !== 'text' || alone === undefined) continue;
    const share = (seconds: number) => `${Math.round((100 * seconds) / measured.seconds)} %`;
    const other = lbzip2.get(`${dump} ${workers}`);
    const rate = other && `${(measured.bytes / other / 1e6).toPrecision(3)} MB/s`;
    console.log(
      `text from .bz2 (${input.name}, templates: ${request.templates}), ${workers} thread(s): ${share(alone.seconds)} of the speed of our decompression alone` +
        (other === undefined ? '' : `, ${share(other)} of lbzip2's (${rate})`),
    );
  }
  if (lbzip2.size === 0)
    console.log('no lbzip2 command: decompression is compared with ours alone');
}

const folder = mkdtempSync(join(tmpdir(), 'leia-bench-'));
try {
  const articles = await articlesOf(values.dump);
  const inputs: Input[] = [];
  for (const repeat of numbers(values.repeat))
    inputs.push(await makeInput(folder, repeat, articles));
  const load = () => loadavg()[0]!.toFixed(1);
  console.log(
    `${cores} × ${cpus()[0]?.model.trim()}, load ${load()}; text and titles with threads that run already`,
  );
  for (let i = 0; i < Number(values.runs); i++) {
    for (const input of inputs) {
      for (const workers of numbers(values.workers)) {
        if (values.stages.split(',').includes('bzip2')) measureLbzip2(input, workers);
        await measure('bzip2', input, 'bz2', workers);
        for (const templates of treatments) {
          await measure('text', input, 'bz2', workers, templates);
          await measure('text', input, 'xml', workers, templates);
        }
        await measure('titles', input, 'xml', workers);
        await measure('library', input, 'xml', workers);
        await measure('tokens', input, 'xml', workers);
        await measure('prepare', input, 'bz2', workers);
        await measure('prepare', input, 'xml', workers);
      }
    }
  }
  print();
  printTemplates();
  printShares();
  console.log(`load at the end ${load()}`);
} finally {
  rmSync(folder, { recursive: true });
}
