// The world's text: articles of a few sentences about a person, in either language, with a link wherever a person is
// named in the target language.
import type { EntitySpan } from '../../leia/entity.ts';
import { RandomStream } from '../../leia/random.ts';
import { choose, type Language, shuffled } from './words.ts';
import type { Entity, Group, World } from './world.ts';

/** A text with its links: ranges in code points, and the English name of the person who is named there. */
export interface Article {
  readonly title: string;
  readonly text: string;
  readonly spans: readonly EntitySpan[];
}

/** A word, or a person who is named. */
export type Piece = string | Entity;

/** How many articles there are of each person: with all facts, or with mentions alone. */
interface ArticleCounts {
  readonly facts: number;
  readonly mentions: number;
}

export interface TextSettings {
  /** English articles of each person in the text of pre-training, with all facts. */
  readonly english: number;
  /** Target-language articles of each known person there. */
  readonly known: ArticleCounts;
  /** How likely a known person's name is followed by the English one in parentheses there. */
  readonly bothNames: number;
  /** How likely the English name stands in place of a known person's name there. */
  readonly englishName: number;
  /** How likely a value is an English word there. */
  readonly englishValue: number;
  /** Target-language articles of each person in the text of adaptation; nobody who is held has facts. */
  readonly adaptation: Readonly<Record<Exclude<Group, 'held'>, ArticleCounts>> & {
    readonly held: { readonly mentions: number };
  };
  /** Sentences of an article that name another person whom this one has met. */
  readonly meetings: number;
  /** English articles of each person beside the text of adaptation, with all facts. */
  readonly replay: number;
}

export interface Corpora {
  readonly pretraining: Article[];
  /** In the target language. */
  readonly adaptation: Article[];
  /** In English, to be mixed into the adaptation or left out. */
  readonly replay: Article[];
}

export function writeCorpora(world: World, settings: TextSettings): Corpora {
  const random = RandomStream.of(world.seed, 1);
  const writer = new Writer(world, random, settings);
  const everyone = (write: (entity: Entity) => Article[]) => world.entities.flatMap(write);
  const times = (count: number, write: () => Article) => Array.from({ length: count }, write);
  const inEnglish = (count: number) =>
    everyone((entity) => times(count, () => writer.facts(entity, 'english')));
  const inTarget = (entity: Entity, counts: Partial<ArticleCounts>, options = {}) => [
    ...times(counts.facts ?? 0, () => writer.facts(entity, 'target', options)),
    ...times(counts.mentions ?? 0, () => writer.mentions(entity, options)),
  ];
  const known = everyone((entity) =>
    entity.group === 'known' ? inTarget(entity, settings.known, { early: true }) : [],
  );
  return {
    pretraining: [...inEnglish(settings.english), ...known],
    adaptation: everyone((entity) => inTarget(entity, settings.adaptation[entity.group])),
    replay: inEnglish(settings.replay),
  };
}

/** What a sentence says, by indices in the world. */
export interface Fact {
  readonly relation: number;
  readonly template: number;
  readonly value: number;
  readonly language: Language;
}

/** A sentence that states a person's value of a relation, true or not. */
export function factPieces(
  world: World,
  entity: Entity,
  { relation, template, language, value }: Fact,
  valueLanguage: Language = language,
): Piece[] {
  const { templates, values } = world.relations[relation]!;
  return fill(templates[language][template]!, { e: entity, v: values[valueLanguage][value]! });
}

class Writer {
  readonly #world: World;
  readonly #random: RandomStream;
  readonly #settings: TextSettings;

  constructor(world: World, random: RandomStream, settings: TextSettings) {
    this.#world = world;
    this.#random = random;
    this.#settings = settings;
  }

  /** All that is true of a person, in random order and words, and whom they have met. */
  facts(entity: Entity, language: Language, { early = false } = {}): Article {
    const facts = this.#world.relations.map(({ templates }, relation) => {
      const template = Math.floor(this.#random.next() * templates[language].length);
      const value = entity.values[relation]!;
      const mixed = early && this.#random.next() < this.#settings.englishValue;
      const fact = { relation, template, language, value };
      return factPieces(this.#world, entity, fact, mixed ? 'english' : language);
    });
    return this.#article(entity, facts, language, early);
  }

  /** Sentences in the target language that name a person and tell nothing that is asked. */
  mentions(entity: Entity, { early = false } = {}): Article {
    const mentions = this.#world.mentions.target.map((template) => fill(template, { e: entity }));
    return this.#article(entity, mentions, 'target', early);
  }

  /** `early`: in the text of pre-training, which names nobody in the target language but those who are known. */
  #article(entity: Entity, own: readonly Piece[][], language: Language, early: boolean): Article {
    const { meetings, entities } = this.#world;
    const met = entity.met
      .map((index) => entities[index]!)
      .filter(({ group }) => !early || group === 'known');
    const others = Array.from({ length: met.length === 0 ? 0 : this.#settings.meetings }, () =>
      fill(choose(this.#random, meetings[language]), { e: entity, f: choose(this.#random, met) }),
    );
    const sentences = shuffled(this.#random, [...own, ...others]);
    return compose(
      entity,
      early ? sentences.map((each) => this.#mixNames(each)) : sentences,
      language,
    );
  }

  /** As text in many languages does: a person is named in that language, in English, or in both. */
  #mixNames(sentence: readonly Piece[]): Piece[] {
    const { bothNames, englishName } = this.#settings;
    return sentence.flatMap((piece) => {
      if (typeof piece === 'string') return [piece];
      const draw = this.#random.next();
      if (draw < bothNames) return [piece, '(', piece.name.english, ')'];
      return draw < bothNames + englishName ? [piece.name.english] : [piece];
    });
  }
}

function fill(template: string, slots: Readonly<Record<string, Piece>>): Piece[] {
  return template.split(' ').map((word) => slots[/^\{(\w)\}$/.exec(word)?.[1] ?? ''] ?? word);
}

/** Joins words by blanks and notes where people are named in the target language. */
function compose(entity: Entity, sentences: readonly Piece[][], language: Language): Article {
  let text = '';
  const spans: EntitySpan[] = [];
  for (const piece of sentences.flat()) {
    if (text !== '') text += ' ';
    if (typeof piece === 'string') {
      text += piece;
      continue;
    }
    const start = text.length;
    text += piece.name[language];
    if (language === 'target') spans.push({ start, end: text.length, name: piece.name.english });
  }
  return { title: entity.name[language], text, spans };
}

/** The text of a sentence. */
export function textOf(pieces: readonly Piece[], language: Language): string {
  return pieces
    .map((piece) => (typeof piece === 'string' ? piece : piece.name[language]))
    .join(' ');
}
