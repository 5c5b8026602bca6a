import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { legend, lineChart, type Point, smooth } from '../../lib/report/line-chart.ts';
import { byClass, find, parse, textOf } from './parse.ts';

const labels = { description: 'a chart', xLabel: 'step', yLabel: 'loss' };
const draw = (points: readonly Point[], dots = false) =>
  parse(lineChart({ ...labels, series: [{ name: 'a', color: 0, points, dots }] }).text);

const number = fc.double({ min: -1e6, max: 1e6, noNaN: true });
const pointList = fc.array(fc.record({ x: fc.integer({ min: 0, max: 1e6 }), y: number }), {
  minLength: 1,
  maxLength: 30,
});

describe('lineChart', () => {
  it('places every point inside its axes, larger values higher and further right', () => {
    fc.assert(
      fc.property(pointList, (points) => {
        const dots = find(draw(points, true), 'circle').map(({ attributes }) => ({
          x: Number(attributes.cx),
          y: Number(attributes.cy),
        }));
        expect(dots.length).toBe(points.length);
        for (const { x, y } of dots) {
          expect(x).toBeGreaterThanOrEqual(52);
          expect(x).toBeLessThanOrEqual(720 - 24);
          expect(y).toBeGreaterThanOrEqual(16);
          expect(y).toBeLessThanOrEqual(320 - 44);
        }
        points.forEach((a, i) => {
          points.forEach((b, j) => {
            if (a.x < b.x) expect(dots[i]!.x).toBeLessThanOrEqual(dots[j]!.x);
            if (a.y < b.y) expect(dots[i]!.y).toBeGreaterThanOrEqual(dots[j]!.y);
          });
        });
      }),
    );
  });

  it('has a handful of round ticks around the values, all different', () => {
    fc.assert(
      fc.property(pointList, (points) => {
        const ticks = byClass(draw(points), 'tick');
        const vertical = ticks.filter(({ attributes }) => attributes['text-anchor'] === 'end');
        expect(vertical.length).toBeGreaterThanOrEqual(2);
        expect(vertical.length).toBeLessThanOrEqual(8);
        const values = vertical.map((tick) => Number(textOf(tick)));
        expect(new Set(values).size).toBe(values.length);
        expect(Math.min(...values)).toBeLessThanOrEqual(
          Math.min(...points.map(({ y }) => y)) + 1e-6,
        );
        expect(Math.max(...values)).toBeGreaterThanOrEqual(
          Math.max(...points.map(({ y }) => y)) - 1e-6,
        );
      }),
    );
  });

  it('draws losses as losses are', () => {
    const points = [8.3, 7, 6.5, 6.1].map((y, i) => ({ x: 100 * i, y }));
    const chart = draw(points);
    const texts = find(chart, 'text').map(textOf);
    expect(texts).toEqual([
      ...['6.0', '6.5', '7.0', '7.5', '8.0', '8.5'],
      ...['0', '50', '100', '150', '200', '250', '300'],
      'step',
      'loss',
    ]);
    const [path] = find(chart, 'path');
    expect(path?.attributes.d).toBe('M52.0 36.8L266.7 172.0L481.3 224.0L696.0 265.6');
    expect(find(chart, 'svg')[0]?.attributes['aria-label']).toBe('a chart');
  });

  it('stays a chart without points, with one, with equal ones, and with some that are not finite', () => {
    expect(find(draw([]), 'path')).toEqual([]);
    for (const points of [[{ x: 0, y: 5 }], [0, 1, 2].map((x) => ({ x, y: 5 }))]) {
      expect(draw(points)).toBeDefined();
      expect(lineChart({ ...labels, series: [{ name: '', color: 0, points }] }).text).not.toMatch(
        /NaN|Infinity/,
      );
    }
    const some = [1, Number.NaN, 3, Number.POSITIVE_INFINITY].map((y, x) => ({ x, y }));
    expect(find(draw(some, true), 'circle').length).toBe(2);
  });

  it('names its curves, but not the faint ones', () => {
    const points = [{ x: 1, y: 1 }];
    const text = legend([
      { name: 'plain <text>', color: 0, points },
      { name: 'plain <text>', color: 0, points, faint: true },
      { name: 'LEIA', color: 1, points },
    ]).text;
    const page = parse(text);
    expect(
      textOf(page)
        .trim()
        .split(/\s{1,}(?=L)/),
    ).toEqual(['plain <text>', 'LEIA']);
    expect(byClass(page, 'series-1').length).toBe(1);
  });
});

describe('smooth', () => {
  it('keeps the start and straight lines, and evens out the rest', () => {
    const line = Array.from({ length: 9 }, (_, x) => ({ x, y: 3 * x }));
    expect(smooth(line, 3).slice(0, 6)).toEqual(line.slice(0, 6));
    const zigzag = Array.from({ length: 9 }, (_, x) => ({ x, y: x % 2 }));
    const means = [0, 1 / 3, 2 / 5, 3 / 5, 2 / 5, 3 / 5, 2 / 5, 2 / 4, 1 / 3];
    for (const [i, { x, y }] of smooth(zigzag, 2).entries()) {
      expect(x).toBe(i);
      expect(y).toBeCloseTo(means[i]!, 12);
    }
    expect(smooth([], 2)).toEqual([]);
  });
});
