// What must be known of a wiki before the first link can be resolved: the page that each title leads to, and that
// page's English name. It is built once, and then all threads share it.
import {
  grown,
  type SharedStrings,
  StringTable,
  StringTableBuilder,
  shared,
} from './string-table.ts';

/** What threads share; may be posted to a worker. */
export interface SharedTitles {
  titles: SharedStrings;
  names: SharedStrings;
  /** By title: the title that redirects lead to in the end, itself if there are none or they go in a circle. */
  ends: Int32Array;
  /** By title: the number of its English name plus one, 0 if it has none. */
  nameOf: Int32Array;
}

/** Page ids are small numbers, nearly all in use, so a table by id holds them. Larger ones go to a Map. */
const maxTablePage = 1 << 26;

export class TitleIndexBuilder {
  readonly #titles = new StringTableBuilder();
  readonly #names = new StringTableBuilder();
  #redirects = new Int32Array(1024); // title plus one
  #nameOf = new Int32Array(1024);
  #titleOfPage = new Int32Array(1024); // title plus one
  readonly #strayPages = new Map<number, number>();
  #redirectCount = 0;

  /** How many pages redirect. */
  get redirects(): number {
    return this.#redirectCount;
  }

  redirect(from: string, to: string): void {
    const source = this.#titles.intern(from);
    const target = this.#titles.intern(to);
    if (source < 0 || target < 0) return;
    this.#redirects = grown(this.#redirects, this.#titles.size);
    if (this.#redirects[source] === 0) this.#redirectCount++;
    this.#redirects[source] = target + 1;
  }

  /** Adds a page's number, for tables of names that name pages by number. */
  page(id: number, title: string): void {
    const number = this.#titles.intern(title);
    if (number < 0) return;
    if (id >= 0 && id < maxTablePage) {
      this.#titleOfPage = grown(this.#titleOfPage, id + 1);
      this.#titleOfPage[id] = number + 1;
    } else this.#strayPages.set(id, number + 1);
  }

  /** Takes English names by title. */
  readonly names = {
    size: 0,
    set: (title: string, name: string): void => this.#name(this.#titles.intern(title), name),
  };

  /** Takes English names by page number; names of unknown pages are dropped. */
  readonly pageNames = {
    size: 0,
    set: (page: number, name: string): void => {
      const title = (this.#titleOfPage[page] ?? 0) || (this.#strayPages.get(page) ?? 0);
      this.#name(title - 1, name);
      this.pageNames.size = this.names.size;
    },
  };

  share(): SharedTitles {
    const count = this.#titles.size;
    return {
      titles: this.#titles.share(),
      names: this.#names.share(),
      ends: shared(this.#ends(count), count),
      nameOf: shared(grown(this.#nameOf, count), count),
    };
  }

  #name(title: number, name: string): void {
    if (title < 0) return;
    const number = this.#names.append(name);
    if (number < 0) return;
    this.#nameOf = grown(this.#nameOf, this.#titles.size);
    if (this.#nameOf[title] === 0) this.names.size++;
    this.#nameOf[title] = number + 1;
  }

  /** Follows all redirects, each once. A redirect into a circle leads nowhere. */
  #ends(count: number): Int32Array {
    const redirects = grown(this.#redirects, count);
    const ends = new Int32Array(count).fill(-1);
    const inCircle = -2;
    for (let title = 0; title < count; title++) {
      const path: number[] = [];
      let at = title;
      while (ends[at] === -1 && redirects[at] !== 0) {
        ends[at] = inCircle; // unless an end is found
        path.push(at);
        at = redirects[at]! - 1;
      }
      const known = ends[at]!;
      const end = known === -1 ? at : known;
      if (known === -1) ends[at] = at;
      for (const step of path) ends[step] = end;
    }
    for (let title = 0; title < count; title++) if (ends[title] === inCircle) ends[title] = title;
    return ends;
  }
}

/** Where links lead. */
export class TitleIndex {
  readonly #shared: SharedTitles;
  readonly #titles: StringTable;
  readonly #names: StringTable;

  constructor(titles: SharedTitles) {
    this.#shared = titles;
    this.#titles = new StringTable(titles.titles);
    this.#names = new StringTable(titles.names);
  }

  /**
   * The page that a title leads to when redirects are followed, and its English name. A circle leads nowhere:
   * the title itself is returned, as for a page that is no redirect. A redirect to a section keeps its
   * "#section", since the section, not the page, is what the title names.
   */
  resolve(title: string): { title: string; name: string | undefined } {
    const number = this.#titles.find(title);
    if (number < 0) return { title, name: undefined };
    const end = this.#shared.ends[number]!;
    const name = this.#shared.nameOf[end]!;
    return {
      title: end === number ? title : this.#titles.get(end),
      name: name === 0 ? undefined : this.#names.get(name - 1),
    };
  }
}
