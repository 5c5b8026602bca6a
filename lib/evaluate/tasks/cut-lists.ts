// Passages of a question are cut to so many tokens of the model's own tokenizer, as the Japanese harness does it: more
// in a question than in a few-shot example.
import type { Encoding, Tokenizer } from '../../tokenizer/tokenizer.ts';
import type { ListRule } from './definition.ts';
import type { Item } from './items.ts';
import type { LoadedTask } from './load-task.ts';

/** The task with its lists cut; the same task if it cuts none. */
export async function cutLists(
  task: LoadedTask,
  tokenizer: Pick<Tokenizer, 'encodeBatch'>,
): Promise<LoadedTask> {
  const rules = Object.entries(task.definition.lists).filter(([, { tokens }]) => tokens);
  if (rules.length === 0) return task;
  const cut = async (items: readonly Item[], limit: (rule: ListRule) => number | undefined) => {
    let result = [...items];
    for (const [name, rule] of rules) result = await cutField(result, name, limit(rule), tokenizer);
    return result;
  };
  return {
    ...task,
    items: await cut(task.items, ({ tokens }) => tokens),
    examples: await cut(task.examples, ({ tokens, exampleTokens }) => exampleTokens ?? tokens),
  };
}

async function cutField(
  items: readonly Item[],
  name: string,
  limit: number | undefined,
  tokenizer: Pick<Tokenizer, 'encodeBatch'>,
): Promise<Item[]> {
  if (limit === undefined) return [...items];
  const result: Item[] = [];
  for (const item of items) {
    const value = item.fields[name];
    if (value === undefined) {
      result.push(item);
      continue;
    }
    const texts = [value].flat();
    const encodings = await tokenizer.encodeBatch(texts);
    const cut = texts.map((text, i) => cutText(text, encodings[i]!, limit));
    result.push({ ...item, fields: { ...item.fields, [name]: cut } });
  }
  return result;
}

/** The text of the first `limit` tokens. A character that they spell in part only is left out. */
function cutText(text: string, { ids, starts, ends }: Encoding, limit: number): string {
  if (ids.length <= limit) return text;
  // Offsets count code points.
  const end = Math.min(ends[limit - 1] as number, starts[limit] as number);
  return Array.from(text).slice(0, end).join('');
}
