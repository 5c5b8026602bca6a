// One line of progress on standard error: rewritten in place on a terminal, printed every few seconds
// elsewhere, so that a log stays readable. Standard output is left to results.

const plainInterval = 5_000;
const terminalInterval = 100;

export class Progress {
  readonly #terminal = process.stderr.isTTY === true;
  #last = Number.NEGATIVE_INFINITY;
  #pending = '';

  /** Shows a line now, or leaves it for later if one was shown a moment ago. */
  update(line: string): void {
    const now = performance.now();
    this.#pending = line;
    if (now - this.#last < (this.#terminal ? terminalInterval : plainInterval)) return;
    this.#last = now;
    this.#show();
  }

  /** Shows the last line for good. */
  done(line = this.#pending): void {
    this.#pending = line;
    if (line !== '') this.#show();
    if (this.#terminal && line !== '') process.stderr.write('\n');
    this.#pending = '';
    this.#last = Number.NEGATIVE_INFINITY;
  }

  #show(): void {
    if (!this.#terminal) {
      process.stderr.write(`${this.#pending}\n`);
      return;
    }
    const width = process.stderr.columns ?? 80;
    process.stderr.write(`\r\u001b[2K${this.#pending.slice(0, width - 1)}`);
  }
}

/** Shows what looks wrong but does not stop the work. */
export function warn(message: string): void {
  process.stderr.write(`warning: ${message}\n`);
}

/** "1 h 03 min", "4 min 05 s", "12 s". */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?';
  const whole = Math.max(0, Math.round(seconds));
  const pad = (value: number) => String(value).padStart(2, '0');
  if (whole >= 3600)
    return `${Math.floor(whole / 3600)} h ${pad(Math.floor((whole % 3600) / 60))} min`;
  if (whole >= 60) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`;
  return `${whole} s`;
}

/** "1.2 GB", "350 MB": decimal units. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}
