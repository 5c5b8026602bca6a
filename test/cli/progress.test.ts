import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { formatBytes, formatDuration, Progress } from '../../lib/cli/progress.ts';
import { StageProgress } from '../../lib/cli/stage-progress.ts';
import { TrainProgress } from '../../lib/cli/train.ts';

const { isTTY } = process.stderr;
let written: string[] = [];
beforeEach(() => {
  written = [];
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    written.push(String(text));
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
  process.stderr.isTTY = isTTY;
});

function progressOn(terminal: boolean): Progress {
  process.stderr.isTTY = terminal;
  return new Progress();
}

describe('in a log', () => {
  test('a line is shown at once, then the newest every five seconds', () => {
    const progress = progressOn(false);
    progress.update('one');
    progress.update('two');
    vi.advanceTimersByTime(3000);
    progress.update('three');
    expect(written).toEqual(['one\n']);
    // Also if nothing comes any more: what is waited for is seen.
    vi.advanceTimersByTime(2000);
    expect(written).toEqual(['one\n', 'three\n']);
    vi.advanceTimersByTime(60_000);
    expect(written).toHaveLength(2);
    progress.update('four');
    expect(written).toEqual(['one\n', 'three\n', 'four\n']);
  });

  test('the last line is shown for good, and no older one after it', () => {
    const progress = progressOn(false);
    progress.update('one');
    progress.update('two');
    progress.done();
    progress.update('three');
    progress.update('four');
    progress.clear();
    vi.advanceTimersByTime(60_000);
    expect(written).toEqual(['one\n', 'two\n', 'three\n']);
  });
});

test('a line that a log has already is not written again at the end', () => {
  const progress = progressOn(false);
  progress.update('one');
  progress.done();
  progress.update('one');
  progress.done('two');
  progress.done();
  expect(written).toEqual(['one\n', 'one\n', 'two\n']);
});

describe('on a terminal', () => {
  const erase = '\r\u001b[2K';

  test('the line is written anew, ten times a second at most', () => {
    const progress = progressOn(true);
    progress.update('one');
    progress.update('two');
    progress.update('x'.repeat(1000));
    expect(written).toEqual([`${erase}one`]);
    vi.advanceTimersByTime(100);
    // Cut where the terminal ends.
    expect(written[1]?.startsWith(`${erase}xxx`)).toBe(true);
    expect(written[1]?.length).toBeLessThan(400);
    progress.done('all');
    expect(written.slice(2)).toEqual([`${erase}all`, '\n']);
  });

  test('it makes room for other output', () => {
    const progress = progressOn(true);
    progress.clear();
    expect(written).toEqual([]);
    progress.update('one');
    progress.clear();
    expect(written).toEqual([`${erase}one`, erase]);
  });
});

/** The lines of a log, one for each update: they come at least five seconds apart. */
function lines(): string[] {
  return written.map((line) => line.replace(/\n$/, ''));
}

describe('a stage', () => {
  const stages = { names: 'names', articles: 'articles' };
  let progress: StageProgress<keyof typeof stages>;
  beforeEach(() => {
    process.stderr.isTTY = false;
    progress = new StageProgress(stages);
  });

  test('says how many are done, at which rate, and when all will be', () => {
    progress.update('articles', 0, 1000);
    vi.advanceTimersByTime(10_000);
    progress.update('articles', 200, 1000);
    vi.advanceTimersByTime(90_000);
    progress.update('articles', 400, 1000);
    expect(lines()).toEqual([
      'articles',
      '200/1000 articles, 20/s, 40 s left',
      '400/1000 articles, 4/s, 2 min 30 s left',
    ]);
  });

  test('counts rates from where it began, which may be in the middle', () => {
    progress.update('articles', 900, 1000);
    vi.advanceTimersByTime(5000);
    progress.update('articles', 950, 1000);
    expect(lines()).toEqual(['900/1000 articles', '950/1000 articles, 10/s, 5 s left']);
  });

  test('takes the time left from the bytes where the number of articles is not known', () => {
    const total = 3e9;
    progress.update('articles', 0, undefined, { done: 1e9, total });
    vi.advanceTimersByTime(100_000);
    progress.update('articles', 500, undefined, { done: 1.5e9, total });
    expect(lines()).toEqual([
      'articles, 1.0 GB of 3.0 GB',
      '500 articles, 5/s, 1.5 GB of 3.0 GB, 5.0 MB/s, 5 min 00 s left',
    ]);
  });

  test('ends with its last line, before the next begins with rates of its own', () => {
    progress.update('names', 0, 10);
    vi.advanceTimersByTime(1000);
    progress.update('names', 10, 10);
    progress.update('articles', 0);
    vi.advanceTimersByTime(5000);
    progress.update('articles', 50);
    progress.done();
    expect(lines()).toEqual([
      'names',
      '10/10 names, 10/s, 0 s left',
      'articles',
      '50 articles, 10/s',
    ]);
  });
});

describe('a run', () => {
  const metrics = { learningRate: 5e-6, gradientNorm: 1.234, tokensPerSecond: 987.6 };
  const start = {
    parameters: 15_204_000,
    microBatchSize: 4,
    recompute: 'none',
    moments: 'float32',
    memory: {
      parameters: 3e7,
      gradients: 6e7,
      gathered: 0,
      masterLowBits: 3e7,
      moments: 1.2e8,
      activations: 6.5e8,
      logits: 5e7,
      tensors: 9.4e8,
      scratch: 2e7,
      workspace: 0,
      rounding: 0,
      margin: 0,
      total: 9.6e8,
      saved: 1.8e8,
    },
    availableMemory: 8e9,
    articles: 12,
    saveDtype: 'float32',
  } as const;
  let progress: TrainProgress;
  beforeEach(() => {
    process.stderr.isTTY = false;
    progress = new TrainProgress({ maxSteps: 10, batchSize: 8 });
  });

  test('says what it needs, then step, loss, rate and time left', () => {
    progress.start({ ...start, stepsDone: 0 });
    expect(lines()).toEqual([
      '15.2 M parameters, 12 articles; needs 960 MB of 8.0 GB memory: parameters 30.0 MB, gradients 60.0 MB, optimiser 150 MB, activations 700 MB, other 20.0 MB',
      'each step computes 8 sequences, 4 at once (--micro-batch-size)',
    ]);
    written = [];
    progress.microBatch(1, 0);
    vi.advanceTimersByTime(30_000);
    progress.microBatch(1, 4);
    vi.advanceTimersByTime(30_000);
    progress.step({ step: 1, loss: 3.21987, ...metrics });
    vi.advanceTimersByTime(30_000);
    progress.microBatch(2, 4);
    const after = 'loss 3.2199, gradient norm 1.23, learning rate 5.00e-6, 988 tokens/s';
    expect(lines()).toEqual([
      'step 0/10',
      'step 0/10, sequence 4/8, 9 min 30 s left',
      `step 1/10, ${after}, 9 min 00 s left`,
      `step 1/10, sequence 4/8, ${after}, 8 min 30 s left`,
    ]);
  });

  test('that goes on counts its time from there', () => {
    progress.start({
      ...start,
      recompute: 'norms',
      moments: 'bfloat16',
      saveDtype: 'bfloat16',
      stepsDone: 6,
    });
    expect(lines().slice(2)).toEqual([
      'backward computes again: norms',
      "AdamW's moments are kept in bfloat16",
      expect.stringMatching(/^the model will be saved as bfloat16; /),
      'resuming after step 6 of 10',
    ]);
    written = [];
    vi.advanceTimersByTime(60_000);
    progress.step({ step: 7, loss: 2, ...metrics });
    progress.done();
    expect(lines()).toEqual([expect.stringMatching(/^step 7\/10, .*, 3 min 00 s left$/)]);
  });
});

test.each([
  [-1, '0 s'],
  [0.4, '0 s'],
  [59.4, '59 s'],
  [59.6, '1 min 00 s'],
  [245, '4 min 05 s'],
  [3599.6, '1 h 00 min'],
  [3780, '1 h 03 min'],
  [360_000, '100 h 00 min'],
  [Number.POSITIVE_INFINITY, '?'],
  [Number.NaN, '?'],
])('%d seconds are %s', (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
});

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 kB'],
  [99_900, '99.9 kB'],
  [350_400_000, '350 MB'],
  [999_600_000, '1.0 GB'],
  [1_240_000_000, '1.2 GB'],
  [5e15, '5000 TB'],
])('%d bytes are %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});
