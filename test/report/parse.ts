// A report as its reader's parser sees it: elements, attributes and text. Anything not well-formed throws.
import { SaxesParser } from 'saxes';

export interface Element {
  name: string;
  attributes: Record<string, string>;
  children: (Element | string)[];
}

export function parse(text: string): Element {
  const root: Element = { name: '', attributes: {}, children: [] };
  const stack = [root];
  const parser = new SaxesParser();
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('opentag', ({ name, attributes }) => {
    const element = { name, attributes: attributes as Record<string, string>, children: [] };
    stack.at(-1)?.children.push(element);
    stack.push(element);
  });
  parser.on('closetag', () => stack.pop());
  parser.on('text', (part) => stack.at(-1)?.children.push(part));
  parser.write(text).close();
  return root;
}

export function all(element: Element): Element[] {
  return [
    element,
    ...element.children.flatMap((child) => (typeof child === 'string' ? [] : all(child))),
  ];
}

export function find(element: Element, name: string): Element[] {
  return all(element).filter((each) => each.name === name);
}

export function byClass(element: Element, name: string): Element[] {
  return all(element).filter(({ attributes }) => attributes.class?.split(' ').includes(name));
}

export function textOf(element: Element): string {
  return element.children
    .map((child) => (typeof child === 'string' ? child : textOf(child)))
    .join('');
}
