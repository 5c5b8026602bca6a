import type { ByteProgress } from '../corpus/dataset/byte-progress.ts';
import { formatBytes, formatDuration, Progress } from './progress.ts';

/** A line of progress per stage: how many, how much of the file, rates, and the time left. */
export class StageProgress<Stage extends string> {
  readonly #labels: Readonly<Record<Stage, string>>;
  readonly #line = new Progress();
  #stage: Stage | undefined;
  #began = 0;
  #first = 0;
  #firstByte = 0;

  /** `labels` say what is counted in each stage. */
  constructor(labels: Readonly<Record<Stage, string>>) {
    this.#labels = labels;
  }

  readonly update = (stage: Stage, done: number, total?: number, bytes?: ByteProgress): void => {
    if (stage !== this.#stage) {
      this.#line.done();
      this.#stage = stage;
      this.#began = performance.now();
      this.#first = done;
      this.#firstByte = bytes?.done ?? 0;
    }
    const seconds = (performance.now() - this.#began) / 1000;
    const rate = (done - this.#first) / seconds;
    const byteRate = bytes ? (bytes.done - this.#firstByte) / seconds : 0;
    const label = this.#labels[stage];
    const parts = [
      done > 0 ? `${total === undefined ? done : `${done}/${total}`} ${label}` : label,
    ];
    if (rate > 0 && Number.isFinite(rate)) parts.push(`${Math.round(rate)}/s`);
    const whole = bytes && bytes.total > 0 ? ` of ${formatBytes(bytes.total)}` : '';
    if (bytes) parts.push(`${formatBytes(bytes.done)}${whole}`);
    if (byteRate > 0 && Number.isFinite(byteRate)) parts.push(`${formatBytes(byteRate)}/s`);
    // The count is the better measure: bytes are counted when they are read, before their articles are done.
    const left =
      total !== undefined && rate > 0
        ? (total - done) / rate
        : bytes && bytes.total > 0 && byteRate > 0
          ? (bytes.total - bytes.done) / byteRate
          : undefined;
    if (left !== undefined && Number.isFinite(left)) parts.push(`${formatDuration(left)} left`);
    this.#line.update(parts.join(', '));
  };

  done(): void {
    this.#line.done();
  }
}
