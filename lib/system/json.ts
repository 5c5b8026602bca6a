// JSON from outside, held against a schema. What is wrong becomes one clear line that names the file and the place
// in it; text from the file itself is shortened, and cannot control the terminal.
import type { z } from 'zod';
import { excerpt, LeiaError } from './error.ts';
import { lfsPointer } from './git-lfs.ts';

/** Of what a JavaScript engine or a schema says of foreign text. */
const longestReason = 160;

/**
 * The value of a JSON text. `where` names it in errors: a file, or a line of one. `expected`, such as an example, ends
 * the message.
 *
 * @throws LeiaError `format`
 */
export function parseJson(text: string, where: string, expected?: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const pointer = lfsPointer(where, text);
    if (pointer !== undefined) throw pointer;
    const reason = excerpt((cause as Error).message, longestReason);
    throw new LeiaError('format', `${where} is not JSON: ${reason}${ending(expected)}`, { cause });
  }
}

/**
 * The value, if the schema takes it.
 *
 * @throws LeiaError `format` that names the first key that is wrong
 */
export function checkJson<Schema extends z.ZodType>(
  schema: Schema,
  json: unknown,
  where: string,
  expected?: string,
): z.output<Schema> {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const place = excerpt(issue.path.join('.') || 'the whole', longestReason);
  const reason = excerpt(issue.message, longestReason);
  const [, wanted] = /^Invalid input: (expected .+), received undefined$/.exec(reason) ?? [];
  const what = wanted === undefined ? `: ${reason}` : ` is missing, ${wanted}`;
  throw new LeiaError('format', `${where}: ${place}${what}${ending(expected)}`);
}

/** {@link parseJson} and {@link checkJson} in one. */
export function parseChecked<Schema extends z.ZodType>(
  schema: Schema,
  text: string,
  where: string,
  expected?: string,
): z.output<Schema> {
  return checkJson(schema, parseJson(text, where, expected), where, expected);
}

function ending(expected: string | undefined): string {
  return expected === undefined ? '' : `; expected ${expected}`;
}
