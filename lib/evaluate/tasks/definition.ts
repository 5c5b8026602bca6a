// A task as data: one short YAML file says where its questions are, which of their fields are used, how they are put
// into words, where few-shot examples come from, and what is measured. The built-in tasks are such files
// (`builtin/`), and a user's own task is a file of the same kind.
import { readdirSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { packageRoot } from '../../core/addon.ts';
import { LeiaError } from '../../system/error.ts';
import { checkJson } from '../../system/json.ts';
import { nearest } from '../../system/nearest.ts';
import { readYamlFile } from '../../system/yaml.ts';

/** Where a value stands in a question: keys with dots between them, `*` for every entry of a list, `@id` in XML. */
const path = z
  .string()
  .regex(/^[^.\s]+(\.[^.\s]+)*$/, 'expected a path such as question.choices.*.text');
/** One path, or several whose values follow each other. */
const paths = z.union([path, z.array(path).min(1)]);
const texts = z.union([z.string().transform((text) => [text]), z.array(z.string()).min(1)]);
const count = z.int().nonnegative();

/** A text with at least one of these names in braces and no other: that would stay in the text as it is. */
function template(...names: readonly string[]) {
  const expected = names.map((name) => `{${name}}`).join(' or ');
  return z.string().superRefine((text, { addIssue }) => {
    const found = placeholders(text);
    const wrong = found.find((name) => !names.includes(name));
    if (found.length > 0 && wrong === undefined) return;
    const came = wrong === undefined ? 'no name in braces' : `{${wrong}}`;
    addIssue({ code: 'custom', message: `expected ${expected}, got ${came}` });
  });
}

const list = z.strictObject({
  /** How an entry is written; `{item}` is the entry, `{index}` its number from 0. */
  each: template('item', 'index').default('{item}'),
  join: z.string(),
  /** An entry is cut to so many tokens at its end in a question, and to so many in a few-shot example. */
  tokens: z.int().positive().optional(),
  exampleTokens: z.int().positive().optional(),
});

const fewShot = z.strictObject({
  count,
  /** Of the file of examples, or of the questions themselves (then without the one that is asked). */
  from: z.enum(['examples', 'questions']).default('examples'),
  /** `random`: drawn anew for every question by Python's generator; `first`: the first ones of the file. */
  choose: z.enum(['random', 'first']).default('random'),
  separator: z.string().default('\n\n'),
  /**
   * The end of an example, after its prompt, from `{choice}`, `{index}` and `{answer}`; the right choice or answer as it
   * is scored unless given.
   */
  target: template('choice', 'index', 'answer').optional(),
  /** Of an example's choices only so many are shown: the right one and the first wrong ones, or simply the first. */
  choices: z
    .strictObject({ keep: z.int().min(2), which: z.enum(['with-answer', 'first']) })
    .optional(),
});

const choice = template('choice', 'index');

const shape = {
  /** The task's name; with languages it contains `{language}`. */
  task: z.string().regex(/^[\w{}-]+$/, 'expected letters, digits, - and _'),
  about: z.string().default(''),
  version: z.number().default(1),
  languages: z.array(z.string()).min(1).optional(),
  /** Names of languages in file names, where they are others. */
  languageNames: z.record(z.string(), texts).default({}),
  data: z.strictObject({
    /** By the file's ending unless given; `json` is an array or one object a line. */
    format: z.enum(['json', 'xml', 'tsv', 'parquet']).optional(),
    /** The file of questions: the first of these patterns that a folder has; `*` stands for any part of a name. */
    files: texts,
    /** The file of few-shot examples. */
    examples: texts.optional(),
    /** XML: the element that is a question. */
    element: z.string().optional(),
    /** TSV without a heading: the names of its columns. */
    columns: z.array(z.string()).min(1).optional(),
    /** Id of the set on the Hugging Face Hub. */
    dataset: z.string().optional(),
    /** Where the set is published, for who lacks it. */
    published: z.string().optional(),
  }),
  fields: z.record(z.string().regex(/^[A-Za-z]\w*$/), paths),
  /** Fields that a question may lack; a line of the prompt that shows a lacking one is left out. */
  optional: z.array(z.string()).default([]),
  /** How fields with several values are written. */
  lists: z.record(z.string(), list).default({}),
  description: z.string().default(''),
  prompt: z.string(),
  /** Multiple choice: what is scored after the prompt, from `{choice}` and `{index}` (its number from 0). */
  choice: choice.optional(),
  /** Multiple choice: only the first ones of a question's choices, and of its other lists. */
  firstChoices: z.int().min(2).optional(),
  /** Multiple choice: which choice is right. With several of these, the first that a question has. */
  answer: z
    .strictObject({
      /** The field has the choice's number from 0. */
      index: path.optional(),
      /** The field has the label of one choice, of those in the field `labels`. */
      label: path.optional(),
      /** The field has the choice's text. */
      text: path.optional(),
    })
    .optional(),
  /** Generation: what the right answers are joined with, to one text, where a question has several. */
  joinAnswers: z.string().default(','),
  generate: z
    .strictObject({ maxTokens: z.int().positive(), stops: z.array(z.string().min(1)).default([]) })
    .optional(),
  metrics: z
    .array(z.enum(['char_f', 'exact_match']))
    .min(1)
    .optional(),
  fewShot: fewShot.optional(),
  /** In which order questions are asked: `--limit` takes the first ones. */
  order: z.enum(['shuffled', 'file']).default('file'),
  /** Of the order and of the draws. */
  seed: z.int().nonnegative().default(42),
};

const schema = z
  .strictObject({
    ...shape,
    /** What `--faithful` changes, to repeat faults of the code that the paper used. */
    faithful: z.strictObject({ choice, fewShot }).partial().optional(),
  })
  .superRefine((task, { addIssue }) => {
    const refuse = (message: string, at: string[]) =>
      addIssue({ code: 'custom', message, path: at });
    const known = Object.keys(task.fields);
    if ((task.choice === undefined) === (task.generate === undefined)) {
      refuse('expected either choice (multiple choice) or generate', ['choice']);
    }
    if (task.choice !== undefined && task.answer === undefined) {
      refuse('multiple choice needs to know the right one', ['answer']);
    }
    const needed = task.choice === undefined ? 'answers' : 'choices';
    if (!known.includes(needed)) refuse(`expected a field ${needed}`, ['fields']);
    for (const name of [...task.optional, ...Object.keys(task.lists)]) {
      if (!known.includes(name)) refuse(`there is no field ${name}`, ['optional']);
    }
    for (const name of placeholders(task.prompt)) {
      if (!known.includes(name)) refuse(`{${name}} is no field`, ['prompt']);
    }
    if (task.answer?.label !== undefined && !known.includes('labels')) {
      refuse('answer.label needs a field labels', ['fields']);
    }
    if (task.languages === undefined && task.task.includes('{')) {
      refuse('{language} needs languages', ['task']);
    }
    if (task.languages !== undefined && !task.task.includes('{language}')) {
      refuse('expected {language} in the name of a task with languages', ['task']);
    }
  });

export type TaskFile = z.output<typeof schema>;
export type FewShotRule = z.output<typeof fewShot>;
export type ListRule = z.output<typeof list>;

/** A task of one language, ready to be given data. */
export interface TaskDefinition extends Omit<TaskFile, 'languages' | 'languageNames' | 'faithful'> {
  readonly language: string | undefined;
  /** Whether it repeats the faults of the code that the paper used; undefined if the task has none. */
  readonly faithful: boolean | undefined;
  /** The folder of a user's own file, where its data is looked for first; undefined for built-in tasks. */
  readonly folder: string | undefined;
}

/** The names in `{…}` of a template. */
export function placeholders(template: string): string[] {
  return [...template.matchAll(/\{(\w+)\}/g)].map(([, name]) => name as string);
}

/** Where the built-in tasks are, in the sources and in the package. */
const builtinFolder = join(packageRoot, 'lib', 'evaluate', 'tasks', 'builtin');

/** The names of all built-in tasks. */
export function builtinTasks(): string[] {
  return readdirSync(builtinFolder)
    .filter((name) => name.endsWith('.yaml'))
    .sort()
    .flatMap((name) => taskNames(readTaskFile(join(builtinFolder, name))));
}

function taskNames({ task, languages }: TaskFile): string[] {
  return languages?.map((language) => task.replace('{language}', language)) ?? [task];
}

/**
 * The tasks that names, patterns of names (`xcsqa_*`) and paths of files mean, each once.
 *
 * @throws LeiaError `usage` for an unknown name, with the nearest one; `io` and `format` for files.
 */
export function findTasks(
  names: readonly string[],
  { faithful = false }: { readonly faithful?: boolean } = {},
): TaskDefinition[] {
  const found = new Map<string, { readonly definition: TaskDefinition; readonly file: string }>();
  for (const name of names) {
    const file = isFile(name) ? resolve(name) : '';
    for (const definition of file ? fromFile(name, faithful) : fromBuiltin(name, faithful)) {
      const other = found.get(definition.task);
      if (other !== undefined && other.file !== file) {
        throw new LeiaError('usage', `--tasks names two tasks ${definition.task}; rename one`);
      }
      found.set(definition.task, { definition, file });
    }
  }
  return [...found.values()].map(({ definition }) => definition);
}

function isFile(name: string): boolean {
  return /\.ya?ml$/i.test(name);
}

function fromFile(path: string, faithful: boolean): TaskDefinition[] {
  const file = readTaskFile(path);
  return expand(file, faithful, dirname(resolve(path)));
}

function fromBuiltin(pattern: string, faithful: boolean): TaskDefinition[] {
  const all = readdirSync(builtinFolder)
    .filter(isFile)
    .flatMap((name) => expand(readTaskFile(join(builtinFolder, name)), faithful, undefined));
  const matches = matcher(pattern);
  const found = all.filter(({ task }) => matches(task));
  if (found.length > 0) return found;
  const names = all.map(({ task }) => task);
  throw new LeiaError(
    'usage',
    `--tasks: there is no task '${pattern}', did you mean '${nearest(pattern, names)}'? A task of your own is a file that ends in .yaml`,
  );
}

function matcher(pattern: string): (name: string) => boolean {
  const parts = pattern.split('*').map((part) => part.replaceAll(/[^\w]/g, '\\$&'));
  const expression = new RegExp(`^${parts.join('.*')}$`);
  return (name) => expression.test(name);
}

/** @throws LeiaError `io`, or `format` with what is wrong in the file. */
export function readTaskFile(path: string): TaskFile {
  return parseTask(readYamlFile(path, 'format'), basename(path));
}

/** Checks a task that was written as an object. `where` names it in errors. Throws LeiaError `format`. */
export function parseTask(content: unknown, where = 'task'): TaskFile {
  return checkJson(schema, content, where);
}

/** The tasks of a file: one, or one for each language. */
export function expand(file: TaskFile, faithful: boolean, folder?: string): TaskDefinition[] {
  const { languages, languageNames, faithful: faults, ...task } = file;
  const repeats = faults === undefined ? undefined : faithful;
  const base = { ...task, ...(repeats ? faults : {}), faithful: repeats, folder };
  if (languages === undefined) return [{ ...base, language: undefined }];
  return languages.map((language) => {
    const spelled = languageNames[language] ?? [language];
    const inNames = (patterns: readonly string[]) =>
      patterns.flatMap((pattern) => spelled.map((name) => pattern.replaceAll('{language}', name)));
    const { files, examples } = task.data;
    return {
      ...base,
      task: task.task.replace('{language}', language),
      language,
      data: { ...task.data, files: inNames(files), examples: examples && inNames(examples) },
    };
  });
}
