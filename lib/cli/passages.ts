// Passages on a terminal: mentions underlined, inserted names in colour.
import pico from 'picocolors';
import type { Piece } from '../leia/preview.ts';

const paint: Readonly<Record<Piece['kind'], (text: string) => string>> = {
  text: (text) => text,
  mention: pico.underline,
  name: (text) => pico.bold(pico.green(text)),
  mark: pico.dim,
};

export function formatPieces(pieces: readonly Piece[]): string {
  return pieces.map(({ kind, text }) => paint[kind](text)).join('');
}
