// The README is held to its word: its example runs as it stands, its links lead somewhere, its commands
// exist with the options it shows.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { expect, test } from 'vitest';
import * as autograd from '../lib/autograd.ts';
import { createProgram } from '../lib/cli/main.ts';
import { AdamW, ops } from '../lib/index.ts';
import * as nn from '../lib/nn.ts';
import { runChild } from './support/child.ts';

const root = resolve(import.meta.dirname, '..');
const pages = [
  ...['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'bench/README.md'],
  ...readdirSync(join(root, 'examples'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('examples', name)),
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md') && !name.includes('node_modules'))
    .map((name) => join('docs', name)),
];
const readme = readFileSync(join(root, 'README.md'), 'utf8');

test('the example learns', async () => {
  const code = /<!-- example.*?-->\n```ts\n(.*?)```\n<!-- end/s.exec(readme)?.[1];
  expect(code).toBeDefined();
  const folder = join(root, 'build', 'readme');
  await mkdir(folder, { recursive: true });
  const name = '../build/readme/example.mts';
  // The package by its sources, so that this does not need a build.
  await writeFile(
    join(root, 'test', name),
    code!.replace("'leia'", `'${join(root, 'lib/index.ts')}'`),
  );
  const { code: exit, output, errors } = await runChild(name);
  await rm(folder, { recursive: true });
  expect(errors).toBe('');
  expect(exit).toBe(0);
  const [first, last] = output.trim().split('\n');
  expect(first).toMatch(/^50 0\.\d+$/);
  expect(last).toMatch(/^100 0\.\d+$/);
  const loss = (line: string | undefined) => Number(line?.split(' ')[1]);
  expect(loss(last)).toBeLessThan(loss(first));
  expect(loss(last)).toBeLessThan(Math.LN2 / 3);
});

/** The anchors of a page, as GitHub makes them of its headings. */
function anchorsOf(path: string): string[] {
  const text = readFileSync(path, 'utf8').replaceAll(/^```.*?^```/gms, '');
  const seen = new Map<string, number>();
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => {
    const plain = heading!.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const slug = plain.replaceAll(/[^\p{L}\p{N}\p{M}_\- ]/gu, '').replaceAll(' ', '-');
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    return count === 0 ? slug : `${slug}-${count}`;
  });
}

test.each(pages)('links of %s lead somewhere', (page) => {
  const text = readFileSync(join(root, page), 'utf8');
  const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!);
  const broken = links.filter((link) => {
    if (/^https?:/.test(link)) return false;
    const [path = '', anchor] = link.split('#');
    const target = path === '' ? join(root, page) : resolve(root, page, '..', path);
    if (!existsSync(target)) return true;
    return anchor !== undefined && !anchorsOf(target).includes(decodeURIComponent(anchor));
  });
  expect(broken).toEqual([]);
});

const program = await createProgram();

/** The command of a line like `leia data show --data DIR`, and the flags of the line that it lacks. */
function unknownFlags(line: string): string[] {
  const words = line.trim().split(/\s+/).slice(1);
  let command: Command = program;
  for (const word of words) {
    const next = command.commands.find((child) => child.name() === word);
    if (next === undefined) break;
    command = next;
  }
  const flags = words.filter((word) => word.startsWith('--') && word !== '--');
  const known = command.options.map(({ long }) => long);
  const missing = flags.filter((flag) => flag !== '--help' && !known.includes(flag));
  return command.parent === null ? [`no command: ${line}`] : missing;
}

function commandLines(text: string): string[] {
  const joined = text.replaceAll(/\\\n\s*/g, ' ');
  return joined
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line.startsWith('leia '));
}

test('its commands exist with their options', () => {
  const lines = commandLines(readme);
  expect(lines.length).toBeGreaterThan(3);
  expect(lines.flatMap(unknownFlags)).toEqual([]);
  const rules = commandLines(readFileSync(join(root, 'docs/compare.md'), 'utf8'));
  expect(rules).not.toEqual([]);
  expect(rules.flatMap(unknownFlags)).toEqual([]);
});

test('docs/coming-from-pytorch.md names what there is', () => {
  const page = readFileSync(join(root, 'docs/coming-from-pytorch.md'), 'utf8');
  const sections = new Map(
    page.split(/^## /m).map((text) => [text.slice(0, text.indexOf('\n')), text] as const),
  );
  const called = (section: string) =>
    [...sections.get(section)!.matchAll(/^\|[^|]*\| `(?:new )?(\w+)\b(?!\.)/gm)].map(
      ([, name]) => name!,
    );
  expect(called('Operations')).toContain('matmul');
  expect(called('Operations').filter((name) => !(name in { ...ops, AdamW }))).toEqual([]);
  expect(called('Autograd')).toContain('checkpoint');
  expect(called('Autograd').filter((name) => !(name in { ...autograd, ...nn }))).toEqual([]);
  const flags = [...sections.get('Training')!.matchAll(/`(--[a-z0-9-]+)/g)].map(
    ([, flag]) => flag!,
  );
  expect(flags).toContain('--weight-decay');
  expect(unknownFlags(`leia train ${flags.join(' ')}`)).toEqual([]);
});

function allCommands(command: Command): Command[] {
  return command.commands.flatMap((child) => [child, ...allCommands(child)]);
}

test('every command helps with an example that would be accepted', () => {
  for (const command of allCommands(program)) {
    if (command.commands.length > 0) continue;
    let help = '';
    command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
    const lines = commandLines(help);
    expect(lines, command.name()).not.toEqual([]);
    expect(lines.flatMap(unknownFlags), command.name()).toEqual([]);
  }
});

test('every option says what it does', () => {
  const silent = allCommands(program).flatMap((command) =>
    command.options
      .filter(({ description }) => !/\w/.test(description))
      .map(({ flags }) => `${command.name()} ${flags}`),
  );
  expect(silent).toEqual([]);
});

test('the commands and their options stay as they are unless meant', async () => {
  const list = allCommands(program).map((command) => ({
    command: `${command.parent?.parent ? `${command.parent.name()} ` : ''}${command.name()}`,
    options: command.options.map(({ flags, defaultValue, mandatory }) =>
      [flags, mandatory ? 'required' : '', defaultValue === undefined ? '' : `= ${defaultValue}`]
        .filter(Boolean)
        .join(' '),
    ),
  }));
  await expect(`${JSON.stringify(list, undefined, 2)}\n`).toMatchFileSnapshot(
    'fixtures/command-line.json',
  );
});
