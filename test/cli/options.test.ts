import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { createProgram } from '../../lib/cli/main.ts';
import { addSettings, readSettings } from '../../lib/cli/options.ts';
import { nearest } from '../../lib/system/nearest.ts';

const schema = z.strictObject({
  pSkip: z.number().min(0).max(1).default(0.5).describe('probability'),
  strategy: z.enum(['left', 'right']).default('right').describe('where'),
  lossOnNames: z.boolean().default(true).describe('names are learned'),
  documentMask: z.boolean().default(false).describe('mask'),
});

function read(args: string[]) {
  const command = addSettings(new Command('try'), schema).exitOverride();
  command.configureOutput({ writeErr: () => {} });
  command.parse(args, { from: 'user' });
  return readSettings(command, schema);
}

function file(name: string, text: string): string {
  const path = join(mkdtempSync(join(tmpdir(), 'leia-options-')), name);
  writeFileSync(path, text);
  return path;
}

const defaults = { pSkip: 0.5, strategy: 'right', lossOnNames: true, documentMask: false };

test('defaults come from the schema', () => {
  expect(read([])).toEqual(defaults);
});

test('flags are the kebab-case of the settings', () => {
  expect(
    read(['--p-skip', '0.25', '--strategy', 'left', '--no-loss-on-names', '--document-mask']),
  ).toEqual({ pSkip: 0.25, strategy: 'left', lossOnNames: false, documentMask: true });
});

test('a file sets options and the command line wins', () => {
  const yaml = file('run.yaml', 'pSkip: 0.1\nstrategy: left\n');
  expect(read(['--config', yaml, '--p-skip', '0.9'])).toEqual({
    ...defaults,
    pSkip: 0.9,
    strategy: 'left',
  });
  const json = file('run.json', '{"lossOnNames": false}');
  expect(read(['--config', json])).toEqual({ ...defaults, lossOnNames: false });
});

test('the command line reverses what a file turns on or off', () => {
  const config = (on: boolean) => [
    '--config',
    file('run.json', JSON.stringify({ lossOnNames: on, documentMask: on })),
  ];
  const both = (on: boolean) => ({ ...defaults, lossOnNames: on, documentMask: on });
  const [on, off] = [
    ['--loss-on-names', '--document-mask'],
    ['--no-loss-on-names', '--no-document-mask'],
  ] as const;
  for (const value of [true, false]) {
    expect(read(config(value))).toEqual(both(value));
    expect(read([...config(value), ...on])).toEqual(both(true));
    expect(read([...config(value), ...off])).toEqual(both(false));
    expect(read([...off, ...config(value), ...on])).toEqual(both(true));
  }
  expect(read([...on])).toEqual(both(true));
  expect(read([...off])).toEqual(both(false));
});

test('every command with a configuration file can reverse each of its booleans', async () => {
  const program = await createProgram();
  const commands = program.commands.filter(({ options }) =>
    options.some(({ long }) => long === '--config'),
  );
  expect(commands.map((command) => command.name())).toContain('generate');
  for (const command of commands) {
    const flags = command.options.filter((option) => option.isBoolean() || option.negate);
    for (const { long } of flags) {
      const opposite = long!.startsWith('--no-')
        ? long!.replace('--no-', '--')
        : `--no-${long!.slice(2)}`;
      expect(
        flags.map((flag) => flag.long),
        command.name(),
      ).toContain(opposite);
    }
    // Help shows one of the two: what the default is not.
    const help = command.helpInformation();
    for (const { long, hidden } of flags) {
      expect(help.includes(`  ${long} `), `${command.name()} ${long}`).toBe(!hidden);
    }
  }
});

test.each([
  ['a wrong key names the nearest', 'pskipp: 1', "unknown option 'pskipp', did you mean 'pSkip'?"],
  ['a value out of range', 'pSkip: 2', 'pSkip: Too big: expected number to be <=1, got 2'],
  ['a value of another type', 'pSkip: much', 'got "much"'],
  ['no object', '- 1', 'expected an object of options'],
  ['broken YAML', 'a: [', 'is not valid YAML'],
])('%s', (_name, text, message) => {
  expect(() => read(['--config', file('run.yaml', text)])).toThrow(message);
});

test('a list has several words on the command line, and one or several in a file', () => {
  const listSchema = z.strictObject({ names: z.array(z.string()).min(1).describe('names') });
  const read = (argv: string[]) => {
    const command = addSettings(new Command().exitOverride(), listSchema);
    command.parse(argv, { from: 'user' });
    return readSettings(command, listSchema).names;
  };
  expect(read(['--names', 'a', 'b', '--names', 'c'])).toEqual(['a', 'b', 'c']);
  expect(read(['--config', file('one.yaml', 'names: a')])).toEqual(['a']);
  expect(read(['--config', file('two.yaml', 'names: [a, b]')])).toEqual(['a', 'b']);
  expect(() => read(['--config', file('none.yaml', 'names: []')])).toThrow('names: Too small');
  expect(() => read(['--config', file('number.yaml', 'names: 1')])).toThrow('expected array');
});

test('an option out of range names its flag', () => {
  expect(() => read(['--p-skip', '2'])).toThrow(
    '--p-skip: Too big: expected number to be <=1, got 2',
  );
  expect(() => read(['--p-skip', 'x'])).toThrow("--p-skip: expected a number, got 'x'");
});

test('nearest finds small slips', () => {
  expect(nearest('maxstep', ['maxSteps', 'batchSize'])).toBe('maxSteps');
});

test('lists by name grow with every value, named or not', () => {
  const lists = z.object({ run: z.record(z.string(), z.array(z.string())).describe('runs') });
  const readLists = (...args: string[]) => {
    const command = addSettings(new Command('try'), lists).exitOverride();
    command.parse(args, { from: 'user' });
    return readSettings(command, lists).run;
  };
  expect(
    readLists('--run', 'A=x', 'y/b=c', '--run', 'B=z=1', 'w', '--run', 'A=v', '--run', 'C=', 'u'),
  ).toEqual({ A: ['x', 'y/b=c', 'v'], B: ['z=1', 'w'], C: ['u'] });
  expect(() => readLists('--run', 'x')).toThrow("--run: expected NAME=VALUE, got 'x'");
});
