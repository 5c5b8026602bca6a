// Options of a command from one zod schema: flags, help, a configuration file, checks. A setting
// `pSkip` is `--p-skip` on the command line and `pSkip` in the file; the command line wins.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { z } from 'zod';
import { packageRoot } from '../core/addon.ts';
import { LeiaError } from '../system/error.ts';
import { nearest } from '../system/nearest.ts';
import { readYamlFile } from '../system/yaml.ts';

type Schema = z.ZodObject;
type Field = { type: z.ZodType; defaultValue: unknown };

function kebab(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function fieldOf(schema: z.ZodType): Field {
  if (schema instanceof z.ZodDefault) {
    return { type: schema.def.innerType as z.ZodType, defaultValue: schema.def.defaultValue };
  }
  if (schema instanceof z.ZodOptional) {
    return { type: schema.def.innerType as z.ZodType, defaultValue: undefined };
  }
  return { type: schema, defaultValue: undefined };
}

/** Its own, or that of the type which it makes optional or gives a default. */
function descriptionOf(schema: z.ZodType): string {
  return schema.description ?? fieldOf(schema).type.description ?? '';
}

function optionsFor(name: string, schema: z.ZodType): Option[] {
  const { type, defaultValue } = fieldOf(schema);
  const flag = kebab(name);
  const about = descriptionOf(schema);
  if (type instanceof z.ZodBoolean) {
    const on = new Option(`--${flag}`, about);
    const off = new Option(`--no-${flag}`, `do not ${about}`);
    // The flag that repeats the default only serves to override a configuration file; the text of `--config` says so.
    (defaultValue === true ? on : off).hideHelp();
    return [on, off];
  }
  if (type instanceof z.ZodRecord) {
    const named = new Option(`--${flag} <name=value...>`, about);
    return [
      named.argParser((text, list) => addNamed(`--${flag}`, text, list as Named | undefined)),
    ];
  }
  const many = type instanceof z.ZodArray ? '...' : '';
  const option = new Option(`--${flag} <${placeholder(type)}${many}>`, about);
  if (type instanceof z.ZodEnum) option.choices(type.options.map(String));
  if (type instanceof z.ZodNumber) option.argParser((text) => parseNumber(`--${flag}`, text));
  if (defaultValue !== undefined) option.default(defaultValue);
  return [option];
}

function placeholder(type: z.ZodType): string {
  if (type instanceof z.ZodNumber) return 'number';
  return type instanceof z.ZodEnum ? 'choice' : 'text';
}

type Named = Record<string, string[]>;

/**
 * Adds NAME=VALUE to lists by name. A value without a name belongs to the name before it: what a shell makes of
 * `--run LEIA= runs/*` and `--run LEIA=a b` are lists of LEIA. A path before `=` is no name.
 */
function addNamed(flag: string, text: string, lists: Named = {}): Named {
  const [, name, value] = /^([^=/]+)=(.*)$/s.exec(text) ?? [
    undefined,
    Object.keys(lists).at(-1),
    text,
  ];
  if (name === undefined) {
    throw new LeiaError('usage', `${flag}: expected NAME=VALUE, got '${text}'`);
  }
  const { [name]: list = [], ...others } = lists;
  return { ...others, [name]: value === '' ? list : [...list, value!] };
}

/** A finite number, or a `usage` error that names the option. */
export function parseNumber(flag: string, text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) {
    throw new LeiaError('usage', `${flag}: expected a number, got '${text}'`);
  }
  return value;
}

/** Adds a flag for every setting of the schema, two for a boolean, and `--config` for a file of them. */
export function addSettings(command: Command, schema: Schema): Command {
  command.option(
    '--config <file>',
    'JSON or YAML file with any of the options below, in camelCase, or the name of one of the ready settings in configs/. The command line wins: --NAME turns on and --no-NAME turns off what the file says',
  );
  for (const [name, field] of Object.entries(schema.shape)) {
    for (const option of optionsFor(name, field as z.ZodType)) command.addOption(option);
  }
  return command;
}

/**
 * The settings of a command: defaults, then the configuration file, then the command line.
 * @throws LeiaError `usage` naming the option or key, what was expected and what came.
 */
export function readSettings<S extends Schema>(command: Command, schema: S): z.output<S> {
  const options = command.opts<Record<string, unknown>>();
  const file = typeof options.config === 'string' ? configPath(options.config) : undefined;
  const settings: Record<string, unknown> = file === undefined ? {} : readConfigFile(file, schema);
  const given = new Set<string>();
  for (const name of Object.keys(schema.shape)) {
    if (command.getOptionValueSource(name) !== 'cli') continue;
    settings[name] = options[name];
    given.add(name);
  }
  for (const [name, field] of Object.entries(schema.shape)) {
    const { type } = fieldOf(field as z.ZodType);
    const one = settings[name];
    if (type instanceof z.ZodArray && typeof one === 'string') settings[name] = [one];
  }
  const result = schema.safeParse(settings);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const name = String(issue.path[0] ?? '');
  if (!(name in settings) && name in schema.shape) {
    const about = descriptionOf(schema.shape[name] as z.ZodType);
    throw new LeiaError('usage', `--${kebab(name)} is missing: ${about}`);
  }
  const where = given.has(name) || file === undefined ? `--${kebab(name)}` : `${file}: ${name}`;
  const came = name in settings ? `, got ${JSON.stringify(settings[name])}` : '';
  throw new LeiaError('usage', `${where}: ${issue.message}${came}`);
}

/** The folder of the ready settings. */
const readySettings = join(packageRoot, 'configs');

/** The names of the ready settings. */
export function readySettingsNames(): string[] {
  return readdirSync(readySettings)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => name.slice(0, -'.yaml'.length))
    .sort();
}

/** A file as it was given; a bare name that is no file here is one of the ready settings. */
function configPath(given: string): string {
  if (existsSync(given) || !/^[\w-]+$/.test(given)) return given;
  const names = readySettingsNames();
  if (names.includes(given)) return join(readySettings, `${given}.yaml`);
  throw new LeiaError(
    'usage',
    `--config: there is no file '${given}', and no ready setting of that name; did you mean '${nearest(given, names)}'? There are ${names.join(', ')}`,
  );
}

function readConfigFile(path: string, schema: Schema): Record<string, unknown> {
  const content = readYamlFile(path, 'usage');
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw new LeiaError('usage', `${path}: expected an object of options`);
  }
  const names = Object.keys(schema.shape);
  for (const key of Object.keys(content)) {
    if (!names.includes(key)) {
      throw new LeiaError(
        'usage',
        `${path}: unknown option '${key}', did you mean '${nearest(key, names)}'?`,
      );
    }
  }
  const isMany = (key: string): boolean =>
    fieldOf(schema.shape[key] as z.ZodType).type instanceof z.ZodArray;
  return Object.fromEntries(
    Object.entries(content).map(([key, value]) => [
      key,
      isMany(key) && typeof value === 'string' ? [value] : value,
    ]),
  );
}
