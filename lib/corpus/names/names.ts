/** Where English names go: a Map, or what takes less memory. */
export interface Names<Key> {
  readonly size: number;
  set(key: Key, name: string): unknown;
}

/** Where names go unless another place is given. */
export function noNames<Key>(): Map<Key, string> {
  return new Map();
}

/** Names by title, and by page number for tables that know pages by it. */
export interface NameIndex {
  readonly names: Names<string>;
  readonly pageNames: Names<number>;
}
