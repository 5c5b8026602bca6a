// An axis of a chart: from numbers to places, with ticks at round values.

export interface Axis {
  readonly ticks: readonly number[];
  place(value: number): string;
  format(value: number): string;
}

/** Maps values from their range to `from` … `to`, with about `ticks` ticks at round values. */
export function axis(
  values: readonly number[],
  { from, to, ticks: wanted, start }: { from: number; to: number; ticks: number; start?: number },
): Axis {
  let low = values.reduce((least, value) => Math.min(least, value), start ?? Infinity);
  let high = values.reduce((most, value) => Math.max(most, value), start ?? -Infinity);
  if (values.length === 0) [low, high] = [0, 1];
  if (high - low <= 1e-6 * Math.max(1, Math.abs(low), Math.abs(high))) {
    // All values are as good as equal: they are drawn at half height.
    [low, high] = [(low + high - 1) / 2, (low + high + 1) / 2];
  }
  const step = roundStep((high - low) / wanted);
  if (start === undefined) {
    low = Math.floor(low / step) * step;
    high = Math.ceil(high / step) * step;
  }
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return {
    ticks: Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step),
    place: (value) => (from + ((value - low) / (high - low)) * (to - from)).toFixed(1),
    format: (value) => value.toFixed(digits),
  };
}

/** The next of 1, 2, 5, 10, 20 … */
function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  return power * ([1, 2, 5].find((factor) => factor * power >= least) ?? 10);
}
