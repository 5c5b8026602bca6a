// A line of text whose entities are known already, from an entity linker or by hand: an object with the text and
// spans with their English names.
//
//     {"title": "東京", "text": "東京は日本の首都", "spans": [{"start": 3, "end": 5, "name": "Japan"}]}
import { z } from 'zod';
import type { PassageLink } from '../../leia/dataset-records.ts';
import { LeiaError } from '../../system/error.ts';
import { parseChecked } from '../../system/json.ts';
import type { Line } from '../dump/lines.ts';
import { codePoints } from './code-points.ts';
import type { LinkedArticle } from './encode-articles.ts';

/** Of a line, for errors. */
export const example = '{"text": "…", "spans": [{"start": 0, "end": 2, "name": "Tokyo"}]}';

const span = z.object({
  start: z.int().nonnegative(),
  end: z.int().nonnegative(),
  /** In English; null where the entity is not known: the text stays plain. */
  name: z.string().nullable(),
  /** What it names in the text's own language or knowledge base; for the reader of `leia data show`. */
  target: z.string().optional(),
});
const lineSchema = z.object({
  title: z.string().optional(),
  text: z.string(),
  spans: z.array(span),
});
type AnnotatedLine = z.infer<typeof lineSchema>;

/** @throws LeiaError `format` naming file and line: no JSON, a span outside its text, an empty name … */
export function parseAnnotatedLine({ text: line, number }: Line, file: string): LinkedArticle {
  const where = `${file}: line ${number}`;
  const { title, text, spans } = parseLine(line, where);
  return {
    title: title ?? `line ${number}`,
    text,
    links: toLinks(spans, text, where),
    filtered: 0,
    fromTemplates: 0,
  };
}

function parseLine(line: string, where: string): AnnotatedLine {
  const result = parseChecked(lineSchema, line, where, example);
  const { title = '', text } = result;
  for (const [key, value] of Object.entries({ title, text })) {
    if (!isWellFormed(value)) {
      throw new LeiaError('format', `${where}: ${key} has half of a surrogate pair`);
    }
  }
  return result;
}

/** The spans in the order of the text. They may overlap: aligning them to tokens decides which are used. */
function toLinks(spans: AnnotatedLine['spans'], text: string, where: string): PassageLink[] {
  const length = codePoints(text);
  const links = spans.map(({ start, end, name, target }, i) => {
    const refuse = (what: string): never => {
      throw new LeiaError('format', `${where}: spans.${i}: ${what}`);
    };
    if (start >= end) refuse(`expected start < end, got [${start}, ${end})`);
    if (end > length) {
      refuse(
        `[${start}, ${end}) is not inside the text's ${length} code points; offsets count code points, not bytes or UTF-16 units`,
      );
    }
    if (name === null) return { start, end, target: target ?? '', name };
    const tidy = name.replace(/\s+/gu, ' ').trim();
    if (tidy === '') refuse('the name is empty; without a name write null');
    if (!isWellFormed(name)) refuse('the name has half of a surrogate pair');
    return { start, end, target: target ?? tidy, name: tidy };
  });
  return links.sort((a, b) => a.start - b.start || a.end - b.end);
}

function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}
