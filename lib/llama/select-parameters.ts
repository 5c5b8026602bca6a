// Which of a model's parameters somebody means: by their names, by patterns, or by a function. A name that fits none is a
// mistake and not a wish for nothing, so it is refused.
import { LeiaError } from '../system/error.ts';
import { nearest } from '../system/nearest.ts';

/**
 * Parameters by their names: one name, or a pattern in which `*` stands for any characters (`model.layers.3.*`,
 * `*.self_attn.q_proj.weight`), a regular expression that is found in the name, a function of the name, or several of these.
 */
export type ParameterSelection =
  | string
  | RegExp
  | ((name: string) => boolean)
  | readonly ParameterSelection[];

/**
 * The names that are meant, in their order.
 *
 * @throws LeiaError `argument` for a name or pattern that fits none.
 */
export function selectParameters(
  names: readonly string[],
  selection: ParameterSelection,
): ReadonlySet<string> {
  if (isList(selection)) {
    const chosen = selection.map((part) => selectParameters(names, part));
    return new Set(names.filter((name) => chosen.some((part) => part.has(name))));
  }
  const fits = predicateOf(selection);
  const chosen = new Set(names.filter(fits));
  if (chosen.size > 0 || typeof selection === 'function') return chosen;
  const isName = typeof selection === 'string' && !selection.includes('*');
  const advice = isName
    ? `did you mean "${nearest(selection, names)}"?`
    : `names are those of Hugging Face, such as "${names[0]}"`;
  const shown = typeof selection === 'string' ? `"${selection}"` : String(selection);
  throw new LeiaError('argument', `no parameter is named ${shown}; ${advice}`);
}

function predicateOf(
  selection: Exclude<ParameterSelection, readonly ParameterSelection[]>,
): (name: string) => boolean {
  if (typeof selection === 'function') return selection;
  if (typeof selection === 'string') return globPattern(selection);
  // Unlike `test`, it does not begin where a global expression ended before.
  return (name) => name.search(selection) >= 0;
}

function globPattern(pattern: string): (name: string) => boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  const whole = new RegExp(`^${parts.join('.*')}$`);
  return (name) => whole.test(name);
}

function isList(selection: ParameterSelection): selection is readonly ParameterSelection[] {
  return Array.isArray(selection);
}
