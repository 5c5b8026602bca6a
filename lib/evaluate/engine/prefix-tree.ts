// What sequences of tokens have in common at their beginning, as a tree: a node is a run of tokens that all sequences
// below it share, so each is computed once. Sequences are sorted, so those that share most are neighbours.

export interface PrefixNode<Item extends { readonly fed: readonly number[] }> {
  /** Tokens before this run. */
  readonly depth: number;
  /** Tokens of this run, at least one. */
  readonly tokens: readonly number[];
  /** The sequences that go through this run, or end with it. */
  readonly members: readonly Item[];
  /** Longer sequences go on in these. */
  readonly children: readonly PrefixNode<Item>[];
}

/** Fewer shared tokens than these are not worth a pass of their own. */
const leastShared = 8;
/** Nodes above a leaf. Each takes the memory of a cache while those below it are computed. */
export const mostShared = 3;

/** The roots of the tree; without `share` one for each sequence. */
export function prefixTree<Item extends { readonly fed: readonly number[] }>(
  items: readonly Item[],
  share: boolean,
): PrefixNode<Item>[] {
  if (!share) return items.map((item) => nodeOf([item], 0, item.fed.length, 0));
  return branches(items.toSorted(compare), 0, mostShared);
}

/** Nodes for sorted sequences of more than `depth` tokens, of which they share so many. */
function branches<Item extends { readonly fed: readonly number[] }>(
  items: readonly Item[],
  depth: number,
  levels: number,
): PrefixNode<Item>[] {
  const nodes: PrefixNode<Item>[] = [];
  for (let start = 0; start < items.length; ) {
    const first = items[start] as Item;
    let shared = first.fed.length;
    let end = start + 1;
    for (; end < items.length; end++) {
      const { fed } = items[end] as Item;
      const common = commonLength(first.fed, fed);
      const isSame = common === fed.length && common === shared;
      if (!isSame && (levels === 0 || common < depth + leastShared)) break;
      shared = Math.min(shared, common);
    }
    nodes.push(nodeOf(items.slice(start, end), depth, shared, levels));
    start = end;
  }
  return nodes;
}

function nodeOf<Item extends { readonly fed: readonly number[] }>(
  members: readonly Item[],
  depth: number,
  end: number,
  levels: number,
): PrefixNode<Item> {
  const longer = members.filter(({ fed }) => fed.length > end);
  return {
    depth,
    tokens: (members[0] as Item).fed.slice(depth, end),
    members,
    children: longer.length > 0 ? branches(longer, end, levels - 1) : [],
  };
}

/** How many tokens two sequences share at their beginning. */
export function commonLength(a: readonly number[], b: readonly number[]): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a[length] === b[length]) length++;
  return length;
}

/** By the first token in which they differ; a beginning of another comes before it. */
function compare(a: { readonly fed: readonly number[] }, b: { readonly fed: readonly number[] }) {
  const at = commonLength(a.fed, b.fed);
  if (at === a.fed.length || at === b.fed.length) return a.fed.length - b.fed.length;
  return (a.fed[at] as number) - (b.fed[at] as number);
}

/** How many tokens all sequences share, leaving each at least one of its own; 0 if that is not worth a pass. */
export function sharedLength(sequences: readonly (readonly number[])[]): number {
  const [first, ...others] = sequences;
  if (first === undefined || others.length === 0) return 0;
  const shared = others.reduce(
    (least, other) => Math.min(least, commonLength(first, other), other.length - 1),
    first.length - 1,
  );
  return shared < leastShared ? 0 : shared;
}
