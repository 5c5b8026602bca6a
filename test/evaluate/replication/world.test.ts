// What the generated world promises: held facts are nowhere in the target language, the languages share no word, and a
// seed gives the same bytes.
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { presets } from '../../../lib/evaluate/replication/presets.ts';
import { askAbout, questionSets } from '../../../lib/evaluate/replication/questions.ts';
import { type Article, writeCorpora } from '../../../lib/evaluate/replication/text.ts';
import { writeTokenizer } from '../../../lib/evaluate/replication/vocabulary.ts';
import {
  makeWorld,
  type World,
  type WorldSettings,
} from '../../../lib/evaluate/replication/world.ts';
import { Tokenizer } from '../../../lib/tokenizer/tokenizer.ts';
import { temporaryFolder } from '../../llama/fixtures.ts';

const { text } = presets.mini;
const worldOf = (seed: number) => makeWorld({ ...presets.quick.world, seed });
const held = (world: World) => world.entities.filter(({ group }) => group === 'held');
const sentences = (articles: readonly Article[]) =>
  articles.flatMap((article) => article.text.split(/(?<= \.) /));
const words = (texts: readonly string[]) => new Set(texts.flatMap((each) => each.split(' ')));
/** Whether the words of `part` stand next to each other in `whole`. */
const has = (whole: string, part: string) => ` ${whole} `.includes(` ${part} `);
const isTarget = ({ text: written }: Article) => /[ア-ン]/.test(written);

describe.each([1, 2, 3])('the world of seed %i', (seed) => {
  const world = worldOf(seed);
  const { pretraining, adaptation, replay } = writeCorpora(world, text);
  const early = pretraining.filter(isTarget);

  test('never states a held fact in the target language', () => {
    const values = new Set(world.relations.flatMap((relation) => relation.values.target));
    for (const { name } of held(world)) {
      expect(sentences(early).filter((sentence) => has(sentence, name.target))).toEqual([]);
      const about = sentences(adaptation).filter((sentence) => has(sentence, name.target));
      expect(about.length).toBeGreaterThan(5);
      for (const sentence of about) {
        expect(sentence.split(' ').filter((word) => values.has(word))).toEqual([]);
      }
    }
  });

  test('states every fact in English, and those of others in the target language', () => {
    for (const articles of [pretraining, replay]) {
      const english = sentences(articles.filter((article) => !isTarget(article)));
      for (const { name, values } of world.entities) {
        const about = english.filter((sentence) => has(sentence, name.english));
        for (const [relation, value] of values.entries()) {
          const word = world.relations[relation]!.values.english[value]!;
          expect(about.some((sentence) => has(sentence, word))).toBe(true);
        }
      }
    }
    for (const { name, values } of world.entities.filter(({ group }) => group === 'stated')) {
      const about = sentences(adaptation).filter((sentence) => has(sentence, name.target));
      for (const [relation, value] of values.entries()) {
        const word = world.relations[relation]!.values.target[value]!;
        expect(about.some((sentence) => has(sentence, word))).toBe(true);
      }
    }
  });

  test('shares no word between the languages but signs', () => {
    const english = words(sentences(replay));
    const shared = [...words(sentences(adaptation))].filter((word) => english.has(word));
    expect(shared).toEqual(['.']);
  });

  test('names everyone once in each language, and links every name to the right one', () => {
    for (const language of ['english', 'target'] as const) {
      const names = world.entities.map(({ name }) => name[language]);
      expect(new Set(names).size).toBe(names.length);
    }
    const english = new Map(world.entities.map(({ name }) => [name.target, name.english]));
    for (const { text: written, spans } of adaptation) {
      expect(spans.length).toBeGreaterThan(0);
      for (const { start, end, name } of spans) {
        expect(english.get(written.slice(start, end))).toBe(name);
      }
    }
  });

  test('asks with four different values of which one is true, alike in every set', () => {
    const sets = [questionSets.held, questionSets.held_by_english_name].map((set) =>
      askAbout(world, set),
    );
    expect(sets[0]!.length).toBe(held(world).length * world.relations.length);
    for (const [i, { id, relation, choices, answer }] of sets[0]!.entries()) {
      const person = world.entities[Number(id.split('-')[0])]!;
      const { values } = world.relations.find(({ name }) => name === relation)!;
      const index = world.relations.findIndex(({ name }) => name === relation);
      const named = choices.map((choice) => values.target.findIndex((value) => has(choice, value)));
      expect(new Set(named).size).toBe(4);
      expect(named[answer]).toBe(person.values[index]);
      for (const choice of choices) expect(has(choice, person.name.target)).toBe(true);
      const other = sets[1]![i]!;
      expect(other.answer).toBe(answer);
      expect(other.choices).toEqual(
        choices.map((choice) => choice.replace(person.name.target, person.name.english)),
      );
    }
    const answers = sets[0]!.map(({ answer }) => answer);
    expect(new Set(answers).size).toBe(4);
  });
});

test('a seed gives the same bytes, another seed another world', () => {
  const bytes = (seed: number) => {
    const world = worldOf(seed);
    const all = [world, writeCorpora(world, text), askAbout(world, questionSets.held)];
    return createHash('sha256').update(JSON.stringify(all)).digest('hex');
  };
  expect(bytes(5)).toBe(bytes(5));
  expect(bytes(5)).not.toBe(bytes(6));
});

test('the tokenizer knows every word as one token', async () => {
  const world = worldOf(1);
  const folder = await temporaryFolder();
  await writeTokenizer(folder, world);
  const tokenizer = await Tokenizer.load(folder);
  const { pretraining, adaptation } = writeCorpora(world, text);
  const unknown = tokenizer.tokenId('<unk>');
  for (const { text: written } of [...pretraining, ...adaptation]) {
    const { ids } = await tokenizer.encode(written);
    expect(ids.length).toBe(written.split(' ').length);
    expect([...ids]).not.toContain(unknown);
  }
  const { ids } = await tokenizer.encode(adaptation[0]!.text);
  expect(await tokenizer.decode(ids)).toBe(adaptation[0]!.text);
});

test.each<[string, Partial<WorldSettings>]>([
  ['0 people who are held', { people: { known: 1, stated: 1, held: 0 } }],
  ['1.5 people who are known', { people: { known: 1.5, stated: 1, held: 1 } }],
  ['NaN people who are stated', { people: { known: 1, stated: Number.NaN, held: 1 } }],
  ['7 relations, expected 1 to 6', { relations: 7 }],
  ['3 values of a relation, expected 4', { values: 3 }],
  ['100000 values of a relation', { values: 100_000 }],
  ['0 acquaintances', { acquaintances: 0 }],
])('refuses %s', (message, change) => {
  expect(() => makeWorld({ ...presets.quick.world, seed: 1, ...change })).toThrow(message);
});
