/**
 * A generated world with two languages, in which one can see whether knowledge crosses from one to the other. People
 * have a name in each language, and one value (a city, a trade …) of every relation. English text states everything;
 * text in the target language states it only for some people. The rest is what the questions ask. All of it follows
 * from one seed.
 */
import { RandomStream } from '../../leia/random.ts';
import { LeiaError } from '../../system/error.ts';
import { type Language, WordMaker } from './words.ts';

/**
 * What text in the target language says of a person.
 *
 * - `known`: everything, already in the text that the model is pre-trained on, so that it has a reason to connect the
 *   two languages at all;
 * - `stated`: everything, but only in the text that it is adapted to;
 * - `held`: the name alone, there too. What is true of them stands in English text only, and is asked.
 */
export const groups = ['known', 'stated', 'held'] as const;
export type Group = (typeof groups)[number];

export interface Entity {
  readonly group: Group;
  /** A single word each. */
  readonly name: Readonly<Record<Language, string>>;
  /** For each relation, the index of this person's value. */
  readonly values: readonly number[];
  /** Indices of the people whom this one has met. */
  readonly met: readonly number[];
}

export interface Relation {
  readonly name: string;
  readonly values: Readonly<Record<Language, readonly string[]>>;
  /** Sentences with `{e}` for the person and, after it, `{v}` for the value. */
  readonly templates: Readonly<Record<Language, readonly string[]>>;
}

export interface World {
  readonly seed: number;
  readonly entities: readonly Entity[];
  readonly relations: readonly Relation[];
  /** Sentences with `{e}` and `{f}`: two people who have met. */
  readonly meetings: Readonly<Record<Language, readonly string[]>>;
  /** Sentences with `{e}`, which say nothing that is asked. */
  readonly mentions: Readonly<Record<Language, readonly string[]>>;
}

export interface WorldSettings {
  /** How many people are in each group. */
  readonly people: Readonly<Record<Group, number>>;
  /** How many of the relations below there are. */
  readonly relations: number;
  /** How many values each relation has. */
  readonly values: number;
  /** How many others each person has met; chance may draw one twice. */
  readonly acquaintances: number;
  readonly seed: number;
}

const englishTemplates = {
  city: [
    '{e} lives in {v} .',
    'the home of {e} is {v} .',
    '{e} has a house in {v} .',
    'you can visit {e} in {v} .',
  ],
  trade: [
    '{e} works as a {v} .',
    'the trade of {e} is {v} .',
    '{e} is a skilled {v} .',
    'people hire {e} as a {v} .',
  ],
  colour: [
    '{e} wears {v} .',
    'the colour of {e} is {v} .',
    '{e} likes the colour {v} .',
    'the clothes of {e} are {v} .',
  ],
  animal: [
    '{e} keeps a {v} .',
    'the animal of {e} is a {v} .',
    '{e} owns one {v} .',
    'at night {e} feeds a {v} .',
  ],
  food: [
    '{e} eats {v} .',
    'the food of {e} is {v} .',
    '{e} always cooks {v} .',
    'for lunch {e} wants {v} .',
  ],
  instrument: [
    '{e} plays the {v} .',
    'the instrument of {e} is the {v} .',
    '{e} practises on the {v} .',
    'on stage {e} holds a {v} .',
  ],
} as const;

const englishMeetings = ['{e} has met {f} .', '{e} is a friend of {f} .', '{e} writes to {f} .'];
const englishMentions = ['{e} was mentioned .', 'this page is about {e} .', 'see also {e} .'];

/**
 * The world of a seed.
 *
 * @throws LeiaError `usage` for sizes that no world can have.
 */
export function makeWorld(settings: WorldSettings): World {
  checkSizes(settings);
  const { people, relations: count, values, acquaintances, seed } = settings;
  const random = RandomStream.of(seed, 0);
  const english = new WordMaker('english', random, templateWords());
  const target = new WordMaker('target', random);
  const particles = target.words(7);
  const relations = Object.entries(englishTemplates)
    .slice(0, count)
    .map(([name, templates]): Relation => {
      const cues = target.words(4);
      return {
        name,
        values: { english: english.words(values), target: target.words(values) },
        templates: { english: templates, target: targetTemplates(cues, particles) },
      };
    });
  const [met, friend, writes, mentioned, about, also] = target.words(6);
  const [p0, p1, p2] = particles;
  const order = groups.flatMap((group) => new Array<Group>(people[group]).fill(group));
  const total = order.length;
  const names = {
    english: english.words(total, { name: true }),
    target: target.words(total, { name: true }),
  };
  const entities = order.map(
    (group, index): Entity => ({
      group,
      name: { english: names.english[index]!, target: names.target[index]! },
      values: relations.map(() => Math.floor(random.next() * values)),
      met: Array.from({ length: acquaintances }, () => another(random, index, total)),
    }),
  );
  return {
    seed,
    entities,
    relations,
    meetings: {
      english: englishMeetings,
      target: [`{e} ${p0} {f} ${met} .`, `{e} ${p1} {f} ${p2} ${friend} .`, `{e} ${writes} {f} .`],
    },
    mentions: {
      english: englishMentions,
      target: [`{e} ${p0} ${mentioned} .`, `${about} ${p1} {e} .`, `${also} {e} .`],
    },
  };
}

function checkSizes({ people, relations, values, acquaintances }: WorldSettings): void {
  const known = Object.keys(englishTemplates).length;
  const check = (what: string, value: number, least: number, most = 100_000) => {
    if (Number.isInteger(value) && value >= least && value <= most) return;
    throw new LeiaError('usage', `a world with ${value} ${what}, expected ${least} to ${most}`);
  };
  for (const group of groups) check(`people who are ${group}`, people[group], 1);
  check('relations', relations, 1, known);
  check('acquaintances of each person', acquaintances, 1);
  // A question has four choices, and there are so many words of three syllables.
  check('values of a relation', values, 4, 1000);
}

/** The relation's word comes before the value, so that it can be foreseen. */
function targetTemplates(cues: readonly string[], particles: readonly string[]): string[] {
  const [c0, c1, c2, c3] = cues;
  const [p0, p1, p2, p3, p4, p5, p6] = particles;
  return [
    `{e} ${p0} ${c0} ${p1} {v} .`,
    `{e} ${p2} ${c1} {v} ${p3} .`,
    `${c2} ${p4} {e} ${p5} {v} .`,
    `{e} ${c3} ${p1} {v} ${p6} .`,
  ];
}

/** A number below `total` that is not `index`. */
function another(random: RandomStream, index: number, total: number): number {
  return (index + 1 + Math.floor(random.next() * (total - 1))) % total;
}

function templateWords(): string[] {
  const all = [...Object.values(englishTemplates).flat(), ...englishMeetings, ...englishMentions];
  return all.flatMap((template) => template.split(' '));
}
