import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Progress } from '../../lib/cli/progress.ts';

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
