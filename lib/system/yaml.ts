// Files of settings that people write: YAML, or JSON by their names.
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { excerpt, LeiaError } from './error.ts';
import { fileError } from './files.ts';

/**
 * What the file says.
 *
 * @param code of the error for a text that is neither: `usage` for options, `format` for data.
 * @throws LeiaError `io`, or that code
 */
export function readYamlFile(path: string, code: 'usage' | 'format'): unknown {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw fileError('read', path, error);
  }
  const isJson = path.endsWith('.json');
  try {
    return isJson ? JSON.parse(text) : parse(text);
  } catch (cause) {
    const reason = excerpt((cause as Error).message.split('\n')[0]!, 160);
    const message = `${path} is not valid ${isJson ? 'JSON' : 'YAML'}: ${reason}`;
    throw new LeiaError(code, message, { cause });
  }
}
