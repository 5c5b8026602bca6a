import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it, test } from 'vitest';
import { mostRuns, type ReportedRun, runsPage } from '../../lib/report/runs-page.ts';
import type { RecordedMetrics } from '../../lib/train/metrics.ts';
import { temporaryFolder } from '../llama/fixtures.ts';
import { browser, inBrowser } from './browser.ts';
import { all, byClass, find, parse, textOf } from './parse.ts';

/** A run whose loss falls from 8 to about `end`. */
function makeRun(name: string, end: number, { steps = 200, pSkip = 0.5 } = {}): ReportedRun {
  const metrics = Array.from({ length: steps }, (_, i): RecordedMetrics => {
    const loss = end + (8 - end) * Math.exp((-5 * i) / steps) + 0.1 * Math.sin(i * 12.9);
    return {
      ...{ step: i + 1, loss, learningRate: 1e-4, gradientNorm: 1 + Math.cos(i) / 2 },
      ...{ tokensPerSecond: 131_000 + i, seconds: 2, savingShare: 0.01, memoryBytes: 2e9 },
      ...((i + 1) % 50 === 0 && { heldOutLoss: loss + 0.2, tasks: { xcodah_ja: i / 400 } }),
    };
  });
  const settings = { maxSteps: 200, pSkip, weights: 'ab'.repeat(32), seed: 1 };
  return { name, settings, metrics, isFinished: steps === 200 };
}

const runs = [makeRun('ja-leia', 2), makeRun('ja-plain', 2.5, { steps: 120, pSkip: 1 })];

function page(shown: readonly ReportedRun[] = runs) {
  const text = runsPage(shown);
  expect(text).not.toMatch(/NaN|Infinity|undefined/);
  return parse(text.replace('<!DOCTYPE html>', ''));
}

const rowsOf = (root: ReturnType<typeof page>) =>
  find(root, 'tr').map((row) =>
    row.children.flatMap((cell) => (typeof cell === 'string' ? [] : [textOf(cell)])),
  );

describe('the page of runs', () => {
  it('has a figure for each measure, and a curve for each run', () => {
    const root = page();
    expect(find(root, 'h2').map(textOf)).toEqual([
      ...['Loss', 'Held-out loss', 'Gradient norm', 'Throughput', 'Task xcodah_ja'],
      'Settings that differ',
    ]);
    const curves = find(root, 'svg').map((svg) => byClass(svg, 'curve').length);
    expect(curves).toEqual([4, 2, 4, 4, 2]);
    expect(byClass(find(root, 'svg')[1]!, 'dot')).toHaveLength(6);
  });

  it('says where runs ended and in what they differ', () => {
    const rows = rowsOf(page());
    const header = ['run', 'steps', 'loss', 'held-out loss', 'tokens/s', 'memory', 'time saving'];
    expect(rows[0]).toEqual(header);
    const mean = runs[0]!.metrics.slice(-20).reduce((sum, { loss }) => sum + loss / 20, 0);
    const heldOut = runs[0]!.metrics.at(-1)!.heldOutLoss!.toFixed(4);
    expect(rows[1]).toEqual([
      ...['ja-leia', '200', mean.toFixed(4), heldOut, '131100', '2.0 GB', '1.0 %'],
    ]);
    expect(rows[2]!.slice(0, 2)).toEqual(['ja-plain', '120 of 200']);
    expect(rows.slice(3)).toEqual([
      ['setting', 'ja-leia', 'ja-plain'],
      ['pSkip', '0.5', '1'],
    ]);
  });

  it('shows a run of an earlier version, one that has just begun, and long ones in few points', () => {
    const old = makeRun('old', 2);
    const bare = old.metrics.map(({ step, loss, learningRate, gradientNorm }) => ({
      ...{ step, loss, learningRate, gradientNorm },
    }));
    const shown = [
      { ...old, metrics: bare },
      { ...makeRun('new', 2), metrics: [] },
    ];
    expect(find(page(shown), 'h2').map(textOf)).toEqual([
      ...['Loss', 'Gradient norm', 'Settings that differ'],
    ]);
    const long = { ...makeRun('long', 2), metrics: makeRun('', 2, { steps: 100_001 }).metrics };
    expect(runsPage([long]).length).toBeLessThan(100_000);
  });

  it('loads nothing, runs nothing, and shows hostile names as text', () => {
    const evil = '"><script>alert(1)</script>\u202e\0';
    const root = page([makeRun(evil, 2), makeRun('other', 2)]);
    const names = new Set(all(root).map(({ name }) => name));
    for (const name of ['script', 'link', 'img', 'iframe']) expect(names.has(name)).toBe(false);
    expect(find(root, 'th').map(textOf)).toContain(evil.replaceAll(/[\0\u202e]/g, '\ufffd'));
  });
});

/** In the page: the relative luminance of WCAG 2 of a colour as computed styles write it. */
const luminance = `(color) => {
  const [r, g, b] = color.match(/[\\d.]+/g).map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}`;

/** In the page: the contrast of what elements are painted in with the page behind. */
const contrasts = (selector: string, property: string) => `(() => {
  const luminance = ${luminance};
  const back = luminance(getComputedStyle(document.body).backgroundColor);
  return [...document.querySelectorAll('${selector}')].map((element) => {
    const front = luminance(getComputedStyle(element)['${property}']);
    return (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
  });
})()`;

/** In the page: whether the curves of each figure are inside it and take up most of it. */
const curvesFit = `[...document.querySelectorAll('svg')].every((svg) => {
  const outer = svg.getBoundingClientRect();
  return [...svg.querySelectorAll('.curve')].every((curve) => {
    const box = curve.getBoundingClientRect();
    return box.width > outer.width / 3 && box.height > 5 && box.left >= outer.left &&
      box.right <= outer.right && box.top >= outer.top && box.bottom <= outer.bottom;
  });
})`;

/** In the page: whether any two texts of a figure lie on one another. */
const textsOverlap = `[...document.querySelectorAll('svg')].some((svg) => {
  const boxes = [...svg.querySelectorAll('text')].map((text) => text.getBoundingClientRect());
  return boxes.some((a, i) => boxes.slice(i + 1).some((b) =>
    a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom));
})`;

test.skipIf(browser === undefined)('a browser shows it at any width, light and dark', async () => {
  const path = join(await temporaryFolder(), 'report.html');
  const names = Array.from({ length: mostRuns }, (_, i) => `a-run-with-a-long-name-${i}`);
  const many = names.map((name, i) => makeRun(name, 2 + i / 8, { pSkip: i / 10 }));
  await writeFile(path, runsPage(many));
  await inBrowser(pathToFileURL(path).href, async (shown) => {
    for (const scheme of ['light', 'dark'] as const) {
      for (const width of [360, 1200]) {
        await shown.show({ width, scheme });
        const what = `${scheme}, ${width} wide`;
        const across = 'document.documentElement.scrollWidth';
        expect(await shown.evaluate<number>(across), what).toBeLessThanOrEqual(width);
        expect(await shown.evaluate<boolean>(curvesFit), what).toBe(true);
        expect(await shown.evaluate<boolean>(textsOverlap), what).toBe(false);
      }
      const back = 'getComputedStyle(document.body).backgroundColor';
      const brightness = await shown.evaluate<number>(`(${luminance})(${back})`);
      expect(brightness > 0.5).toBe(scheme === 'light');
      const curves = await shown.evaluate<number[]>(contrasts('.curve', 'stroke'));
      expect(curves).toHaveLength(mostRuns * 8);
      // WCAG 2: 3 for graphics, 4.5 for text.
      expect(Math.min(...curves)).toBeGreaterThan(3);
      for (const selector of ['th', 'td', 'h2', 'figcaption', '.legend']) {
        const texts = await shown.evaluate<number[]>(contrasts(selector, 'color'));
        expect(Math.min(...texts), selector).toBeGreaterThan(4.5);
      }
    }
    expect(shown.requests).toEqual([pathToFileURL(path).href]);
    expect(shown.complaints).toEqual([]);
  });
});
