// What `leia train` measures of a model on its way: the loss of articles that are held out, and scores of tasks.
import { z } from 'zod';
import { evaluateTasks } from '../evaluate/evaluate.ts';
import { type HeldOutArticle, heldOutArticles, heldOutLoss } from '../evaluate/held-out-loss.ts';
import { splitHeldOut } from '../evaluate/held-out-split.ts';
import { findTasks } from '../evaluate/tasks/definition.ts';
import { type LoadedTask, loadTask } from '../evaluate/tasks/load-task.ts';
import { Dataset } from '../leia/dataset.ts';
import type { LlamaModel } from '../llama/llama-model.ts';
import { LeiaError } from '../system/error.ts';
import { Tokenizer } from '../tokenizer/tokenizer.ts';
import type { TrainSettings } from '../train/settings.ts';
import type { TrainOptions } from '../train/train.ts';
import { warn } from './progress.ts';

/** Settings of the command line; none of them changes what is trained, but for the articles that are held out. */
export const measureSettings = {
  evaluateSteps: z
    .int()
    .min(1)
    .optional()
    .describe(
      'measure as --held-out-articles and --evaluate-tasks say after each so many steps, and after the last',
    ),
  heldOutArticles: z
    .int()
    .min(1)
    .optional()
    .describe(
      'with --evaluate-steps: so many articles of --data are not trained on, and their loss is measured; always the same of one dataset',
    ),
  evaluateTasks: z
    .array(z.string())
    .optional()
    .describe('with --evaluate-steps: tasks of leia eval whose scores are measured'),
  evaluateData: z
    .string()
    .optional()
    .describe("with --evaluate-tasks: folder of the sets' files (each task's own unless given)"),
  evaluateLimit: z
    .number()
    .positive()
    .optional()
    .describe(
      'with --evaluate-tasks: at most so many questions of each, or a share of them below 1',
    ),
};
export type MeasureSettings = z.output<z.ZodObject<typeof measureSettings>>;

/** @throws LeiaError `usage` for settings that only others give a meaning. */
export function checkMeasureSettings(settings: MeasureSettings): void {
  const { evaluateSteps, heldOutArticles: articles, evaluateTasks: tasks } = settings;
  const measuresNothing = articles === undefined && tasks === undefined;
  if (measuresNothing !== (evaluateSteps === undefined)) {
    throw new LeiaError(
      'usage',
      measuresNothing
        ? '--evaluate-steps needs something to measure: --held-out-articles or --evaluate-tasks'
        : '--held-out-articles and --evaluate-tasks need --evaluate-steps, after how many steps to measure',
    );
  }
  if (tasks === undefined && (settings.evaluateData ?? settings.evaluateLimit) !== undefined) {
    throw new LeiaError('usage', '--evaluate-data and --evaluate-limit need --evaluate-tasks');
  }
}

interface Run {
  readonly model: string;
  readonly data: string;
  readonly settings: TrainSettings;
  readonly measure: MeasureSettings;
  /** Called with what is measured after a step, and how many of its rows or requests are done. */
  onProgress?(step: number, what: string, done: number, total: number): void;
}

/** What a run gets for its measurements: the articles that are left to train on, and the measuring itself. */
export interface Measuring {
  readonly articles?: readonly number[];
  readonly measure?: NonNullable<TrainOptions['measure']>;
}

/** Reads what is measured with. Nothing if nothing is to be measured. */
export async function openMeasuring(run: Run): Promise<Measuring> {
  const { evaluateSteps } = run.measure;
  if (evaluateSteps === undefined) return {};
  const { articles, heldOut } = await holdOut(run);
  const tasks = await openTasks(run.measure);
  const tokenizer = await Tokenizer.load(run.model);
  const { maxSteps, sequenceLength } = run.settings;
  return {
    ...(articles && { articles }),
    async measure(step, model, signal) {
      if (step % evaluateSteps !== 0 && step !== maxSteps) return undefined;
      const onProgress = (what: string, done: number, total: number) => {
        if (signal?.aborted) throw new LeiaError('interrupted', `interrupted in ${what}`);
        run.onProgress?.(step, what, done, total);
      };
      const rows = {
        sequenceLength,
        // All logits of a row are there at once, which training plans no memory for.
        batchSize: 1,
        onProgress: (done: number, total: number) => onProgress('held-out loss', done, total),
      };
      return {
        ...(heldOut && { heldOutLoss: (await heldOutLoss(model, heldOut, rows)).loss }),
        ...(tasks && { tasks: await scores(model, tokenizer, tasks, run.measure, onProgress) }),
      };
    },
  };
}

/** Chosen by their numbers in the dataset, so that no article has to be read. */
async function holdOut({ data, measure }: Run) {
  const count = measure.heldOutArticles;
  if (count === undefined) return {};
  using dataset = await Dataset.open(data);
  const names = Array.from({ length: dataset.articleCount }, (_, index) => String(index));
  if (count >= names.length) {
    throw new LeiaError(
      'usage',
      `--held-out-articles ${count} leaves none of the ${names.length} articles of ${data} to train on`,
    );
  }
  const split = splitHeldOut(names, { fraction: count / names.length, seed: 0 });
  const heldOut: HeldOutArticle[] = heldOutArticles(dataset, split.heldOut);
  return { articles: split.training, heldOut };
}

async function openTasks(settings: MeasureSettings): Promise<LoadedTask[] | undefined> {
  const { evaluateTasks: names, evaluateData: data } = settings;
  if (names === undefined) return undefined;
  const tasks: LoadedTask[] = [];
  for (const definition of findTasks(names)) tasks.push(await loadTask(definition, { data }));
  return tasks;
}

/** Of each task its first metric. */
async function scores(
  model: LlamaModel,
  tokenizer: Tokenizer,
  tasks: readonly LoadedTask[],
  { evaluateLimit }: MeasureSettings,
  onProgress: (task: string, done: number, total: number) => void,
): Promise<Record<string, number>> {
  const { results } = await evaluateTasks({
    ...{ model, tokenizer, tasks, onNote: warn, onProgress },
    ...(evaluateLimit !== undefined && { limit: evaluateLimit }),
  });
  return Object.fromEntries(
    Object.entries(results.results).map(([task, values]) => {
      const [metric] = Object.keys(results.higher_is_better[task] ?? {});
      return [task, Number(values[`${metric},none`])];
    }),
  );
}
