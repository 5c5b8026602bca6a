// Colours for a terminal, and for nothing else: what goes to a file or a pipe is plain text, in CI too.
import pico from 'picocolors';

const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
const terminal = process.stdout.isTTY === true && TERM !== 'dumb';

/** Obeys NO_COLOR and FORCE_COLOR (any value but the empty one). */
export const style = pico.createColors(!NO_COLOR && (!!FORCE_COLOR || terminal));
