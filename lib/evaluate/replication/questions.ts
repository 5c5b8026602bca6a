// What a model is asked: four whole sentences that differ in the value, of which one is true. The questions are written
// as ordinary tasks, a YAML file and a file of JSON Lines, so that `leia eval --tasks` asks the same.
import { join } from 'node:path';
import { stringify } from 'yaml';
import { translateTokens } from '../../leia/adapt.ts';
import { RandomStream } from '../../leia/random.ts';
import { makeFolder, writeFileAtomically } from '../../system/files.ts';
import { factPieces, type Piece, textOf } from './text.ts';
import { type Language, shuffled } from './words.ts';
import type { Group, World } from './world.ts';

const choicesPerQuestion = 4;

export interface Question {
  readonly id: string;
  readonly relation: string;
  /** The sentences, with different values. */
  readonly choices: readonly string[];
  /** The number of the true one, from 0. */
  readonly answer: number;
}

/** How a person is named in a question: as text of the language does, by the English name, or as LEIA (right) trains. */
export type Naming = 'own' | 'english' | 'inserted';

export interface QuestionSet {
  readonly group: Group;
  readonly language: Language;
  readonly naming: Naming;
}

/** The sets that are ordinary text. `held` is the one that the tables are about, the others say why it is as it is. */
export const questionSets = {
  held: { group: 'held', language: 'target', naming: 'own' },
  stated: { group: 'stated', language: 'target', naming: 'own' },
  held_in_english: { group: 'held', language: 'english', naming: 'own' },
  held_by_english_name: { group: 'held', language: 'target', naming: 'english' },
} as const satisfies Record<string, QuestionSet>;

export type SetName = keyof typeof questionSets;
export const setNames = Object.keys(questionSets) as SetName[];

/** A question for every value of every person of a group. Sets of one group differ in nothing but what they are for. */
export function askAbout(world: World, { group, language, naming }: QuestionSet): Question[] {
  return world.entities.flatMap((entity, person) => {
    if (entity.group !== group) return [];
    return world.relations.map(({ name, values, templates }, relation): Question => {
      const random = RandomStream.of(world.seed, 2, person, relation);
      const template = Math.floor(random.next() * templates[language].length);
      const truth = entity.values[relation]!;
      const others = values[language].map((_, value) => value).filter((value) => value !== truth);
      const wrong = shuffled(random, others).slice(0, choicesPerQuestion - 1);
      const order = shuffled(random, [truth, ...wrong]);
      const choices = order.map((value) => {
        const pieces = factPieces(world, entity, { relation, template, language, value });
        return textOf(
          pieces.flatMap((piece) => named(piece, naming)),
          language,
        );
      });
      return { id: `${person}-${name}`, relation: name, choices, answer: order.indexOf(truth) };
    });
  });
}

function named(piece: Piece, naming: Naming): Piece[] {
  if (typeof piece === 'string' || naming === 'own') return [piece];
  const { english } = piece.name;
  return naming === 'english'
    ? [english]
    : [piece, translateTokens[0], english, translateTokens[1]];
}

export function taskFile(folder: string, set: SetName): string {
  return join(folder, `${set}.yaml`);
}

/** Writes every set as a task. */
export async function writeQuestions(folder: string, world: World): Promise<void> {
  await makeFolder(folder);
  for (const set of setNames) {
    const lines = askAbout(world, questionSets[set]).map((question) => JSON.stringify(question));
    await writeFileAtomically(join(folder, `${set}.jsonl`), `${lines.join('\n')}\n`);
    const task = {
      task: set,
      about: 'a generated world: four sentences of which one is true',
      data: { files: [`${set}.jsonl`] },
      fields: { id: 'id', choices: 'choices.*' },
      answer: { index: 'answer' },
      prompt: '',
      choice: '{choice}',
    };
    await writeFileAtomically(taskFile(folder, set), stringify(task));
  }
}
