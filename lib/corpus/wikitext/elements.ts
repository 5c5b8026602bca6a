// Elements whose content is not wikitext (`<ref>`, `<math>`, `<nowiki>` …): where each ends and what text it
// leaves. End tags are searched once: after the last one of a name, no further search is made.
import { decodeEntities } from './entities.ts';
import type { TagAction } from './tags.ts';

export type ElementAction = Extract<TagAction, 'drop' | 'formula' | 'literal'>;

/** By the elements' names, compiled once. */
const END_TAGS = new Map<string, RegExp>();

function endTagOf(name: string): RegExp {
  let endTag = END_TAGS.get(name);
  if (endTag === undefined) {
    endTag = new RegExp(`</${name}\\s*>`, 'gi');
    END_TAGS.set(name, endTag);
  }
  return endTag;
}

export class Elements {
  readonly #source: string;
  /** Numbers of formulas by their content. */
  readonly #formulas = new Map<string, number>();
  #formulaCount = 0;
  /** Names of elements of which no end tag follows any more. */
  readonly #endless = new Set<string>();

  constructor(source: string) {
    this.#source = source;
  }

  /**
   * The element whose start tag ends at `start`: the index after its end tag, and its text. Undefined if it
   * has no end tag.
   */
  read(
    name: string,
    action: ElementAction,
    start: number,
  ): { end: number; text: string } | undefined {
    if (this.#endless.has(name)) return undefined;
    const endTag = endTagOf(name);
    endTag.lastIndex = start;
    const match = endTag.exec(this.#source);
    if (!match) {
      this.#endless.add(name);
      return undefined;
    }
    const content = this.#source.slice(start, match.index);
    return { end: endTag.lastIndex, text: this.#textOf(content, action) };
  }

  #textOf(content: string, action: ElementAction): string {
    if (action === 'drop') return '';
    if (action === 'literal') {
      // Whole links and quotes in nowiki are mostly an editor's accident: no markup in plain text.
      const text = content.replace(/\[\[|\]\]|\{\{+|\}\}+|'{3,}|<\/?[a-z]+[^<>]{0,60}>/gi, '');
      return decodeEntities(text.replaceAll("''", '"'));
    }
    this.#formulaCount++;
    const number = this.#formulas.get(content) ?? this.#formulaCount;
    this.#formulas.set(content, number);
    return `formula_${number}`;
  }
}
