// The qualitative sheet of the paper's Table 4: questions that one model got right and another wrong, drawn at random from
// all of them by a seed, so that nobody picks the ones that look good.
import { z } from 'zod';
import { RandomStream } from '../../leia/random.ts';
import { excerpt } from '../../system/error.ts';
import { checkJson } from '../../system/json.ts';
import { likeliestChoice } from '../tasks/metrics.ts';

export interface Example {
  /** The item's identity in its task. */
  readonly id: string;
  /** What the model was asked, without the few-shot examples where they can be told apart. */
  readonly question: string;
  /** For multiple choice; empty for generation. */
  readonly choices: readonly string[];
  readonly answer: string;
  readonly right: string;
  readonly wrong: string;
}

export interface ExampleSheet {
  readonly task: string;
  /** Who got these right, and who wrong. */
  readonly right: string;
  readonly wrong: string;
  /** How many there are of which the examples were drawn. */
  readonly found: number;
  readonly examples: readonly Example[];
}

export interface ExampleOptions {
  readonly task: string;
  readonly right: string;
  readonly wrong: string;
  /** As the key of the results, `acc` or `acc,none`. */
  readonly metric: string;
  /** At most so many. */
  readonly count: number;
  readonly seed: number;
}

const argumentsSchema = z.union([
  z
    .record(z.string(), z.record(z.string(), z.unknown()))
    .transform((all) => Object.values(all).map((each) => Object.values(each))),
  z.array(z.array(z.unknown())),
]);

const sampleSchema = z.looseObject({
  doc_id: z.union([z.number(), z.string()]),
  doc_hash: z.string().optional(),
  filter: z.string().optional(),
  target: z.unknown().optional(),
  arguments: argumentsSchema,
  filtered_resps: z.array(z.unknown()),
});

type Sample = z.output<typeof sampleSchema>;

/**
 * @param ours, theirs lines of `samples_<task>.jsonl` of one run each
 * @throws LeiaError `format` for lines that are no samples
 */
export function drawExamples(
  ours: readonly unknown[],
  theirs: readonly unknown[],
  options: ExampleOptions,
): ExampleSheet {
  const { task, right, wrong, count, seed } = options;
  const [mine, other] = [byItem(ours, options, right), byItem(theirs, options, wrong)];
  const metric = options.metric.split(',')[0]!;
  const score = (sample: Sample) => Number(sample[metric]);
  const found = [...mine.keys()].filter(
    (id) => other.has(id) && score(mine.get(id)!) === 1 && score(other.get(id)!) < 0.5,
  );
  const order = RandomStream.of(seed).permutation(found.length);
  const chosen = [...order.slice(0, count)].map((i) => found[i]!);
  const examples = chosen.map((id) => exampleOf(mine.get(id)!, other.get(id)!, metric));
  return { task, right, wrong, found: found.length, examples };
}

function byItem(lines: readonly unknown[], { metric, task }: ExampleOptions, name: string) {
  const filter = metric.split(',')[1];
  const items = new Map<string, Sample>();
  for (const [i, line] of lines.entries()) {
    const sample = checkJson(sampleSchema, line, `samples of ${task} of ${name}: line ${i + 1}`);
    if (filter !== undefined && sample.filter !== undefined && sample.filter !== filter) continue;
    items.set(`${sample.doc_id} ${sample.doc_hash ?? ''}`, sample);
  }
  return items;
}

function exampleOf(right: Sample, wrong: Sample, metric: string): Example {
  const texts = right.arguments.map((each) =>
    each.map((part) => (typeof part === 'string' ? part : '')),
  );
  const contexts = texts.map(([context = '']) => context);
  const multiple = right.filtered_resps.length > 1 && texts.length === right.filtered_resps.length;
  const continuations = multiple ? texts.map(([, continuation = '']) => continuation) : [];
  const choices = continuations.map((continuation) => continuation.trim());
  const said = ({ filtered_resps: responses }: Sample) =>
    multiple
      ? choices[likeliestChoice(metric, responses.map(logLikelihoodOf), continuations)]!
      : answerText(responses[0]);
  return {
    id: String(right.doc_id),
    question: lastQuestion(contexts[0] ?? ''),
    choices,
    answer: multiple ? said(right) : String(right.target ?? ''),
    right: said(right),
    wrong: said(wrong),
  };
}

/** The examples before a question are set apart from it by an empty line. */
function lastQuestion(prompt: string): string {
  return (
    prompt
      .trim()
      .split(/\n\s*\n/)
      .at(-1) ?? ''
  );
}

/** A choice's response is a number, or a pair that begins with one. */
function logLikelihoodOf(response: unknown): number {
  return Number(Array.isArray(response) ? response[0] : response);
}

function answerText(response: unknown): string {
  const text = Array.isArray(response) ? response[0] : response;
  return typeof text === 'string' ? excerpt(text.trim(), 200) : '';
}

/** The sheet in Markdown. */
export function renderExamples(sheets: readonly ExampleSheet[]): string {
  return sheets.map(renderSheet).join('\n');
}

function renderSheet({ task, right, wrong, found, examples }: ExampleSheet): string {
  const head = `## ${oneLine(task)}: ${oneLine(right)} right, ${oneLine(wrong)} wrong\n\n${examples.length} of ${found} such items, drawn at random.\n`;
  const items = examples.map((each) => {
    const rows = [
      ['question', each.question],
      ...each.choices.map((choice, i) => [`choice ${i + 1}`, choice]),
      ['answer', each.answer],
      [right, each.right],
      [wrong, each.wrong],
    ];
    const lines = rows.map(([label, text]) => `| ${oneLine(label!)} | ${oneLine(text!)} |`);
    return `\n| item ${oneLine(each.id)} | |\n| --- | --- |\n${lines.join('\n')}\n`;
  });
  return `${head}${items.join('')}`;
}

function oneLine(text: string): string {
  return text
    .replaceAll(/\s+/g, ' ')
    .trim()
    .replaceAll(/[\\`*_[\]<>|#~]/g, '\\$&');
}
