// The demo as its user runs it, with few steps: interrupted, gone on with, found finished, and on another dump.
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { LlamaModel } from '../../lib/llama/llama-model.ts';
import { dumpXml } from '../corpus/small-wiki.ts';
import { temporaryFolder } from '../llama/fixtures.ts';
import { byClass, find, parse, textOf } from '../report/parse.ts';
import { metricsOf } from '../train/runs.ts';
import { leia } from './child.ts';

interface Summary {
  corpus: { articles: number; anchors: number; linked: number; entities: number };
  runs: { steps: number; tokens: number; insertedTokens: number; heldOut: Point[] }[];
}
interface Point {
  step: number;
  loss: number;
  tokens: number;
}

async function summaryOf(output: string): Promise<Summary> {
  return JSON.parse(await readFile(join(output, 'summary.json'), 'utf8')) as Summary;
}

async function appears(path: string): Promise<void> {
  while ((await stat(path).catch(() => undefined)) === undefined) await setTimeout(20);
}

describe('leia demo', () => {
  test('goes from the dump to two models and a page, also when interrupted', async () => {
    const output = join(await temporaryFolder(), 'demo');
    const args = ['demo', '--output', output, '--steps', '16'];
    const interrupted = await leia(args, {
      onStart: (child) => {
        // The second run has measured, so it has taken steps.
        void appears(join(output, 'leia', 'held-out.jsonl')).then(() => child.kill('SIGINT'));
      },
    });
    expect(interrupted.code).toBe(130);
    expect(interrupted.stderr).toMatch(
      /leia: interrupted after \d+ of 16 steps; run the same command/,
    );
    expect(await readdir(output)).not.toContain('report.html');
    const plain = await readFile(join(output, 'plain', 'metrics.jsonl'), 'utf8');

    const run = await leia(args);
    expect(run).toMatchObject({ code: 0 });
    expect(run.stderr).toContain('resuming after step');
    expect((await readdir(output)).sort()).toEqual([
      ...['data', 'leia', 'plain', 'report.html', 'start', 'summary.json'],
    ]);

    // Three passages before and after, and in the end where all is and what it means.
    expect(run.stdout.match(/^ {2}before {2}/gm)).toHaveLength(3);
    const after = run.stdout.split('\n').filter((line) => line.startsWith('  after   '));
    for (const line of after) {
      expect(line.match(/<translate>[^<]+<\/translate>/g)?.length).toBeGreaterThanOrEqual(3);
    }
    expect(run.stdout).toContain(join(output, 'report.html'));
    expect(run.stdout).toContain('It does not show what LEIA is good for.');
    const next = /npx leia (generate --model \S+ --max-new-tokens \d+) --prompt '?([^'\n]+)/;
    const [, command = '', prompt = ''] = next.exec(run.stdout) ?? [];
    const generated = await leia([...command.split(' '), '--prompt', prompt]);
    expect(generated.stdout.length).toBeGreaterThan(10);
    expect(generated.code).toBe(0);

    // Both began alike, and only LEIA's has the two tokens.
    expect(await readFile(join(output, 'plain', 'metrics.jsonl'), 'utf8')).toBe(plain);
    for (const [folder, vocabSize] of [
      ['start', 4096],
      ['plain', 4096],
      ['leia', 4098],
    ] as const) {
      using model = await LlamaModel.load(join(output, folder));
      expect(model.config.vocabSize).toBe(vocabSize);
      if (folder === 'start') continue;
      expect((await metricsOf(join(output, folder))).length).toBe(16);
      expect(await readdir(join(output, folder))).toContain('tokenizer.json');
    }
    const summary = await summaryOf(output);
    expect(summary.corpus).toMatchObject({ articles: 94, anchors: 27172, linked: 6203 });
    for (const { heldOut, steps } of summary.runs) {
      expect(steps).toBe(16);
      expect(heldOut.map(({ step }) => step)).toEqual([0, 2, 4, 6, 8, 10, 12, 14, 16]);
      expect(new Set(heldOut.map(({ tokens }) => tokens)).size).toBe(1);
      expect(Math.abs(heldOut[0]!.loss - Math.log(4096))).toBeLessThan(0.1);
      expect(heldOut.at(-1)!.loss).toBeLessThan(7.5);
    }
    expect(summary.runs.map(({ tokens }) => tokens)).toEqual([32768, 32768]);
    expect(summary.runs[0]?.insertedTokens).toBe(0);
    expect(summary.runs[1]?.insertedTokens).toBeGreaterThan(300);

    const text = await readFile(join(output, 'report.html'), 'utf8');
    const page = parse(text.replace('<!DOCTYPE html>', ''));
    expect(byClass(page, 'passage').length).toBe(3);
    expect(byClass(page, 'name').length).toBeGreaterThanOrEqual(10);
    expect(find(page, 'circle').length).toBe(18);
    expect(summary.corpus.entities).toBeGreaterThan(6100);
    expect(textOf(page)).toContain(`${summary.corpus.entities}`);
    expect(text).not.toMatch(/NaN|undefined|\/tmp\//);

    const again = await leia(args);
    expect(again.code).toBe(0);
    expect(await readFile(join(output, 'report.html'), 'utf8')).toBe(text);
    expect(await summaryOf(output)).toEqual(summary);

    const other = await leia([...args, '--seed', '2']);
    expect(other).toMatchObject({ code: 2 });
    expect(other.stderr).toContain('with seed 1, this one has 2');

    const measured = join(output, 'plain', 'held-out.jsonl');
    await writeFile(measured, '{"step":0,"loss":null}\n');
    const damaged = await leia(args);
    expect(damaged).toMatchObject({ code: 1 });
    expect(damaged.stderr).toMatch(/^leia: \S+held-out\.jsonl is damaged; delete it .*\n$/m);
  });

  test('takes a dump of another language', async () => {
    const folder = await temporaryFolder();
    const dump = join(folder, 'ptwiki.xml');
    const titles = join(folder, 'titles.tsv');
    const articles = ['Lisboa', 'Porto', 'Braga', 'Faro'].map((title) => ({
      title,
      text: `${title} é uma cidade de [[Portugal]], perto do [[mar]]. `.repeat(60),
    }));
    await writeFile(dump, dumpXml(articles));
    await writeFile(titles, 'Portugal\tPortugal\nMar\tSea\n');
    const output = join(folder, 'demo');
    const args = ['demo', '--output', output, '--steps', '8', '--dump', dump];
    const run = await leia([...args, '--language', 'pt', '--titles', titles]);
    expect(run.stderr).not.toContain('leia:');
    expect(run.code).toBe(0);
    const summary = await summaryOf(output);
    expect(summary.corpus).toMatchObject({ articles: 4, linked: 480 });
    // The same sentence over and over is soon known.
    expect(summary.runs[0]!.heldOut.at(-1)!.loss).toBeLessThan(7);
    expect(await readFile(join(output, 'report.html'), 'utf8')).toContain('lang="pt"');
  });

  test('names what another dump lacks', async () => {
    const output = join(await temporaryFolder(), 'demo');
    const run = await leia(['demo', '--output', output, '--dump', 'other.xml.bz2']);
    expect(run).toMatchObject({ code: 2 });
    expect(run.stderr).toBe('leia: another dump needs all of --dump, --language and --titles\n');
    const few = await leia(['demo', '--output', output, '--steps', '2']);
    expect(few).toMatchObject({ code: 2 });
    expect(few.stderr).toContain('--steps');
  });
});
