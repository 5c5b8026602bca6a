import { describe, expect, it } from 'vitest';
import { type DemoReport, type DemoRun, demoPage } from '../../lib/report/demo-page.ts';
import { all, byClass, find, parse, textOf } from './parse.ts';

function run(name: string, offset: number): DemoRun {
  const steps = Array.from({ length: 40 }, (_, i) => i + 1);
  return {
    name,
    metrics: steps.map((step) => ({
      step,
      loss: 8 - step / 20 + offset,
      learningRate: 1e-3,
      gradientNorm: 1,
      tokensPerSecond: 1000,
    })),
    heldOut: [0, 20, 40].map((step) => ({
      step,
      loss: 8 - step / 20,
      bitsPerCharacter: 7.5 - step / 20,
      articles: 2,
      tokens: 26091,
      characters: 40000,
    })),
    tokens: 81920,
    insertedTokens: offset === 0 ? 0 : 4096,
  };
}

function report(title: string): DemoReport {
  return {
    language: 'ja',
    corpus: [['links', 26684]],
    passages: [
      {
        title,
        before: [
          { kind: 'text', text: `の${title}` },
          { kind: 'entity', text: '日本' },
        ],
        after: [
          { kind: 'entity', text: '日本' },
          { kind: 'mark', text: '<translate>' },
          { kind: 'name', text: 'Japan' },
          { kind: 'mark', text: '</translate>' },
        ],
        inserted: 1,
      },
    ],
    runs: [run('plain text', 0), run('LEIA', 0.3)],
    model: [['seed', title]],
    reading: ['It shows that it runs.', title],
    files: [['report.html', 'this page']],
    dump: title,
    names: title,
    heldOutTitles: [title, '特撮'],
  };
}

describe('demoPage', () => {
  it('is one well-formed page that loads nothing and runs nothing', () => {
    const text = demoPage(report('パリ'));
    const page = parse(text.replace('<!DOCTYPE html>', ''));
    expect(text.startsWith('<!DOCTYPE html>\n<html')).toBe(true);
    const names = new Set(all(page).map(({ name }) => name));
    for (const name of ['script', 'link', 'img', 'iframe', 'object', 'base', 'form']) {
      expect(names.has(name), name).toBe(false);
    }
    for (const { attributes } of all(page)) {
      for (const name of Object.keys(attributes)) expect(name).not.toMatch(/^on|^src|^style$/);
    }
    const style = find(page, 'style').map(textOf).join('');
    expect(style).not.toMatch(/url\(|@import|@font-face/);
    expect(style).toContain('prefers-color-scheme: dark');
    expect(find(page, 'a').every(({ attributes }) => attributes.href?.startsWith('https://'))).toBe(
      true,
    );
  });

  it('has the passages with their colours, both charts and all numbers', () => {
    const page = parse(demoPage(report('パリ')).replace('<!DOCTYPE html>', ''));
    const [passage] = byClass(page, 'passage');
    expect(find(passage!, 'dd').map(textOf)).toEqual([
      'のパリ日本',
      '日本<translate>Japan</translate>',
    ]);
    expect(byClass(passage!, 'name').map(textOf)).toEqual(['Japan']);
    expect(byClass(passage!, 'entity').length).toBe(2);
    const charts = find(page, 'svg');
    expect(charts.length).toBe(2);
    expect(find(charts[0]!, 'circle').length).toBe(6);
    expect(byClass(charts[1]!, 'curve').length).toBe(4);
    const rows = find(page, 'tr').map((row) =>
      row.children.flatMap((cell) => (typeof cell === 'string' ? [] : [textOf(cell)])),
    );
    expect(rows).toContainEqual(['', 'plain text', 'LEIA']);
    expect(rows).toContainEqual(['tokens trained on', '81,920', '81,920']);
    expect(rows).toContainEqual([
      'of which inserted names and their marks',
      '0 (0.0 %)',
      '4,096 (5.0 %)',
    ]);
    expect(rows).toContainEqual(['held-out loss after, nats per token', '6.000', '6.000']);
    expect(rows).toContainEqual(['training loss, last tenth of the steps', '6.075', '6.375']);
    expect(rows).toContainEqual(['links', '26,684']);
  });

  it('names authors and licence, and says that training losses are not comparable', () => {
    const page = parse(demoPage(report('C++ & Java')).replace('<!DOCTYPE html>', ''));
    const links = find(page, 'a').map(({ attributes }) => attributes.href);
    expect(links).toContain('https://creativecommons.org/licenses/by-sa/4.0/');
    expect(links).toContain(
      'https://ja.wikipedia.org/w/index.php?title=C%2B%2B_%26_Java&action=history',
    );
    expect(textOf(page)).toContain('Do not compare these two curves');
    expect(textOf(find(page, 'title')[0]!)).toBe('LEIA on a sample of the Japanese Wikipedia');
    const map = demoPage({ ...report('x'), language: 'simple' });
    expect(map).toContain('the simple Wikipedia');
    const odd = demoPage({ ...report('x'), language: 'x"><b>' });
    expect(find(parse(odd.replace('<!DOCTYPE html>', '')), 'b')).toEqual([]);
  });

  it.each([
    '"><script>alert(1)</script>',
    "</style></title><svg onload='x'>",
    '\0\u202e\ufffe`]]>--><!--',
  ])('shows the title %j as text, wherever it stands', (title) => {
    const page = parse(demoPage(report(title)).replace('<!DOCTYPE html>', ''));
    expect(find(page, 'script')).toEqual([]);
    expect(find(page, 'svg').length).toBe(2);
    const shown = title.replaceAll(/[\0\u202e\ufffe]/g, '\ufffd');
    expect(textOf(find(page, 'h3')[0]!)).toBe(shown);
    expect(textOf(find(page, 'footer')[0]!)).toContain(`${shown}, 特撮`);
  });

  it('can be made of runs that have just begun', () => {
    const begun = { ...run('plain', 0), metrics: [], heldOut: [] };
    const text = demoPage({ ...report('x'), runs: [begun, begun] });
    expect(text).not.toMatch(/NaN|Infinity|undefined/);
    parse(text.replace('<!DOCTYPE html>', ''));
  });
});
