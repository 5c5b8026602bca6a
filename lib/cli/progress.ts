// One line of progress on standard error: rewritten in place on a terminal, printed every few seconds
// elsewhere, so that a log stays readable. Standard output is left to results.

const plainInterval = 5_000;
const terminalInterval = 100;

export class Progress {
  readonly #terminal = process.stderr.isTTY === true;
  #last = Number.NEGATIVE_INFINITY;
  #pending = '';
  #shown = '';
  #timer: NodeJS.Timeout | undefined;

  /** Shows a line now, or a little later if one was shown a moment ago and no other comes meanwhile. */
  update(line: string): void {
    this.#pending = line;
    const interval = this.#terminal ? terminalInterval : plainInterval;
    const wait = this.#last + interval - performance.now();
    if (wait <= 0) this.#showNow();
    else this.#timer ??= setTimeout(() => this.#showNow(), wait).unref();
  }

  /** Shows the last line for good. */
  done(line = this.#pending): void {
    this.#stopTimer();
    this.#pending = line;
    // A log has the line already if no other came after it.
    if (line !== '' && (this.#terminal || line !== this.#shown)) this.#show();
    if (this.#terminal && line !== '') process.stderr.write('\n');
    this.#pending = this.#shown = '';
    this.#last = Number.NEGATIVE_INFINITY;
  }

  /** Removes the line from a terminal, to make room for other output. */
  clear(): void {
    this.#stopTimer();
    if (this.#terminal && this.#pending !== '') process.stderr.write('\r\u001b[2K');
    this.#pending = '';
  }

  #showNow(): void {
    this.#stopTimer();
    this.#last = performance.now();
    this.#show();
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #show(): void {
    this.#shown = this.#pending;
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
  // From 999.5 on it would be rounded to 1000.
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}
