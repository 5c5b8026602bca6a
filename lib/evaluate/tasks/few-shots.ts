// Which questions are asked, in which order, and with which examples before them.
import { LeiaError } from '../../system/error.ts';
import type { Item } from './items.ts';
import { countExamples, type LoadedTask } from './load-task.ts';
import { PythonRandom } from './python-random.ts';

export interface AskedQuestion {
  readonly item: Item;
  readonly examples: readonly Item[];
}

export interface AskOptions {
  /** At most so many questions, or a share of them below 1. */
  readonly limit?: number | undefined;
  readonly numFewShot?: number | undefined;
  readonly seed?: number | undefined;
}

/**
 * The questions of a task with their examples, as the code that the paper used draws them: one generator shuffles the
 * questions and then draws examples for each in that order. A limit takes the first questions of that order and
 * changes nothing of their prompts.
 *
 * @throws LeiaError `usage` if there are too few examples, or for a limit that means nothing.
 */
export function askedQuestions(task: LoadedTask, options: AskOptions = {}): AskedQuestion[] {
  const { definition, items, examples, examplesAreQuestions: own } = task;
  const random = new PythonRandom(options.seed ?? definition.seed);
  const order = [...items];
  if (definition.order === 'shuffled') random.shuffle(order);
  const count = countExamples(definition, options.numFewShot);
  const asked = order.slice(0, countQuestions(items.length, options.limit));
  if (count > examples.length - (own ? 1 : 0)) {
    throw new LeiaError(
      'usage',
      `${definition.task}: ${count} few-shot examples are asked for, and there are ${examples.length - (own ? 1 : 0)}`,
    );
  }
  // As the paper's code has it, examples are drawn from the shuffled questions.
  const pool = own ? order.map(({ index }) => examples[index] as Item) : examples;
  const draw = (item: Item): Item[] => {
    if (count === 0) return [];
    const others = (list: readonly Item[]) =>
      list.filter(({ index }) => !own || index !== item.index);
    if (definition.fewShot?.choose === 'first') return others(examples).slice(0, count);
    return others(random.sample(pool, own ? count + 1 : count)).slice(0, count);
  };
  return asked.map((item) => ({ item, examples: draw(item) }));
}

function countQuestions(all: number, limit: number | undefined): number {
  if (limit === undefined) return all;
  if (limit > 0 && limit < 1) return Math.ceil(limit * all);
  if (Number.isInteger(limit) && limit >= 1) return Math.min(all, limit);
  throw new LeiaError(
    'usage',
    `--limit is ${limit}, expected a whole number of questions or a share between 0 and 1`,
  );
}
