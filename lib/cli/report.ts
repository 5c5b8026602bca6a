// `leia report`: one HTML page that compares training runs, from what is in their folders. A run may still be going on.
import { join } from 'node:path';
import type { Command } from 'commander';
import { z } from 'zod';
import { mostRuns, type ReportedRun, runsPage } from '../report/runs-page.ts';
import { LeiaError } from '../system/error.ts';
import { writeFileAtomically } from '../system/files.ts';
import { metricsFile, readMetrics } from '../train/metrics.ts';
import { readRunFolder } from '../train/run-folder.ts';
import { folderNames } from './folder-names.ts';
import { addSettings, readSettings } from './options.ts';

const schema = z.strictObject({
  output: z.string().default('report.html').describe('the page to write'),
});

const example = `
Example:
  leia report runs/ja-leia runs/ja-plain --output report.html`;

export function registerReport(program: Command): void {
  const command = program
    .command('report')
    .summary('compare training runs on one page')
    .description(
      'Compare training runs on one HTML page: loss, held-out loss, gradient norm, throughput, and the settings that differ. A run may still be going on.',
    )
    .argument('<run...>', 'folders that leia train writes (--output)');
  addSettings(command, schema).addHelpText('after', example);
  command.action(async (folders: readonly string[]) => {
    const { output } = readSettings(command, schema);
    await writeReport(folders, output);
  });
}

async function writeReport(folders: readonly string[], output: string): Promise<void> {
  if (folders.length > mostRuns) {
    throw new LeiaError(
      'usage',
      `${folders.length} runs, expected at most ${mostRuns}: no more can be told apart on one page`,
    );
  }
  const names = folderNames(folders);
  const runs: ReportedRun[] = [];
  for (const [i, folder] of folders.entries()) {
    const metrics = readMetrics(join(folder, metricsFile));
    runs.push({ name: names[i] as string, metrics, ...(await readRunFolder(folder)) });
  }
  await writeFileAtomically(output, runsPage(runs));
  console.log(`The report is in ${output}.`);
}
