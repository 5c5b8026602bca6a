// Passages on a terminal: entities underlined, inserted names in colour.

import type { Piece } from '../leia/preview.ts';
import { style } from './style.ts';

const paint: Readonly<Record<Piece['kind'], (text: string) => string>> = {
  text: (text) => text,
  entity: style.underline,
  name: (text) => style.bold(style.green(text)),
  mark: style.dim,
};

export function formatPieces(pieces: readonly Piece[]): string {
  return pieces.map(({ kind, text }) => paint[kind](text)).join('');
}
