// How a question becomes text: the task's templates filled with its fields.
import type { FewShotRule, TaskDefinition } from './definition.ts';
import { placeholders } from './definition.ts';
import type { FieldValue, Item } from './items.ts';

/** A question as it is shown: an example may show some of its choices only. */
interface View {
  readonly fields: Readonly<Record<string, FieldValue>>;
  readonly choices: readonly string[];
  /** The number that is given as the answer. */
  readonly answer: number;
  readonly target: string;
}

export interface PromptParts {
  readonly description: string;
  /** Each with its answer and the separator that follows. */
  readonly examples: readonly string[];
  readonly question: string;
}

/** What stands before a question's choices or answer. */
export function promptParts(
  task: TaskDefinition,
  item: Item,
  examples: readonly Item[],
): PromptParts {
  const rule = task.fewShot;
  return {
    description: task.description,
    examples: examples.map((example) => {
      const view = exampleView(task, example);
      return promptOf(task, view) + targetOf(task, view) + (rule?.separator ?? '');
    }),
    question: promptOf(task, viewOf(item)),
  };
}

export function joinParts({ description, examples, question }: PromptParts): string {
  return description + examples.join('') + question;
}

/** What is scored after the prompt, for each choice. */
export function continuationsOf(task: TaskDefinition, { choices }: Item): string[] {
  return choices.map((choice, index) => fill(task.choice ?? '', { choice, index: String(index) }));
}

function viewOf({ fields, choices, answer, target }: Item): View {
  return { fields: { ...fields, choices }, choices, answer, target };
}

function exampleView(task: TaskDefinition, item: Item): View {
  const view = viewOf(item);
  const rule = task.fewShot?.choices;
  if (rule === undefined) return view;
  const kept = keptChoices(item, rule);
  // A list of a question has one entry for each choice.
  const fields = Object.entries(view.fields).map(([name, value]) => {
    return [name, Array.isArray(value) ? kept.flatMap((i) => value[i] ?? []) : value] as const;
  });
  return {
    ...view,
    choices: kept.map((i) => item.choices[i] as string),
    fields: Object.fromEntries(fields),
    // Where simply the first choices are kept, the answer stays the number among all of them: it is the fault of a
    // harness, which the paper's numbers were made with.
    answer: rule.which === 'first' ? item.answer : kept.indexOf(item.answer),
  };
}

function keptChoices(
  { choices, answer }: Item,
  { keep, which }: NonNullable<FewShotRule['choices']>,
): number[] {
  const all = choices.map((_, i) => i);
  if (which === 'first') return all.slice(0, keep);
  const wrong = all.filter((i) => i !== answer).slice(0, keep - 1);
  return [...wrong, answer].sort((a, b) => a - b);
}

function promptOf(task: TaskDefinition, { fields }: View): string {
  const lacking = task.optional.filter((name) => (fields[name]?.length ?? 0) === 0);
  const lines = task.prompt.split('\n');
  const shown = lines.filter((line) => !placeholders(line).some((name) => lacking.includes(name)));
  const values = Object.entries(fields).map(([name, value]) => {
    return [name, textOf(task, name, value)] as const;
  });
  return fill(shown.join('\n'), Object.fromEntries(values));
}

function textOf(task: TaskDefinition, name: string, value: FieldValue): string {
  if (value === undefined || typeof value === 'string') return value ?? '';
  const { each, join } = task.lists[name] ?? { each: '{item}', join: ', ' };
  return value.map((item, index) => fill(each, { item, index: String(index) })).join(join);
}

function targetOf(task: TaskDefinition, { choices, answer, target }: View): string {
  const template = task.fewShot?.target ?? task.choice ?? '{answer}';
  const choice = choices[answer] ?? '';
  return fill(template, { choice, index: String(answer), answer: target });
}

function fill(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
}
