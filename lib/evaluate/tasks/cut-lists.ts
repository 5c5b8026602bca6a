// Passages of a question are cut to so many tokens of the model's own tokenizer, as the Japanese harness does it: more
// in a question than in a few-shot example. The harness decodes the tokens that are left. Where they end within a
// character that is spelled in bytes, that character and all such before it become U+FFFD; a faithful task has those
// too, and any other ends before the character.
import type { Encoding, Tokenizer } from '../../tokenizer/tokenizer.ts';
import type { ListRule } from './definition.ts';
import type { Item } from './items.ts';
import type { LoadedTask } from './load-task.ts';

/** The task with its lists cut; the same task if it cuts none. */
export async function cutLists(
  task: LoadedTask,
  tokenizer: Pick<Tokenizer, 'encodeBatch' | 'decode'>,
): Promise<LoadedTask> {
  const rules = Object.entries(task.definition.lists).filter(([, { tokens }]) => tokens);
  if (rules.length === 0) return task;
  const cut = async (items: readonly Item[], limit: (rule: ListRule) => number | undefined) => {
    let result = [...items];
    for (const [name, rule] of rules) {
      const cutText = task.definition.faithful ? decodedStart : textStart;
      const most = limit(rule);
      if (most !== undefined) {
        result = await cutField(result, name, tokenizer, (text, encoding) =>
          encoding.ids.length <= most ? text : cutText(text, encoding, most, tokenizer),
        );
      }
    }
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
  tokenizer: Pick<Tokenizer, 'encodeBatch'>,
  cut: (text: string, encoding: Encoding) => string | Promise<string>,
): Promise<Item[]> {
  const result: Item[] = [];
  for (const item of items) {
    const texts = [item.fields[name] ?? []].flat();
    const encodings = await tokenizer.encodeBatch(texts);
    const values = await Promise.all(texts.map((text, i) => cut(text, encodings[i]!)));
    result.push(
      texts.length === 0 ? item : { ...item, fields: { ...item.fields, [name]: values } },
    );
  }
  return result;
}

/** The text of the first `limit` tokens, without a character that they spell in part only. */
function textStart(text: string, { starts, ends }: Encoding, limit: number): string {
  // Offsets count code points.
  const end = Math.min(ends[limit - 1] as number, starts[limit] as number);
  return Array.from(text).slice(0, end).join('');
}

/** What the first `limit` tokens decode to. */
async function decodedStart(
  _: string,
  { ids }: Encoding,
  limit: number,
  tokenizer: Pick<Tokenizer, 'decode'>,
): Promise<string> {
  return await tokenizer.decode(ids.slice(0, limit), { skipSpecialTokens: true });
}
