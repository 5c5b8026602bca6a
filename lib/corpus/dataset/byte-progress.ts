/** How far a file is read. */
export interface ByteProgress {
  done: number;
  /** 0 if that is not known, as of a pipe. */
  total: number;
}

/** How far several files are read, one after the other. */
export class ReadingProgress implements ByteProgress {
  done = 0;
  readonly total: number;
  readonly #sizes: readonly number[];

  constructor(sizes: readonly number[]) {
    this.#sizes = sizes;
    this.total = sizes.includes(0) ? 0 : sum(sizes);
  }

  /** Hears how many bytes of one of them have been read. */
  of(file: number): (bytes: number) => void {
    const before = sum(this.#sizes.slice(0, file));
    return (bytes) => {
      this.done = before + bytes;
    };
  }
}

function sum(sizes: readonly number[]): number {
  return sizes.reduce((all, size) => all + size, 0);
}
