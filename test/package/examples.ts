// The examples as their user has them: copied out of the installed package, compiled in the strictest project, and run. They
// learn, and say what their READMEs say.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { plainEnvironment } from '../support/child.ts';
import { isFull } from '../support/extent.ts';
import { run } from './pack.ts';

const root = resolve(import.meta.dirname, '../..');
const fixtures = join(root, 'test/fixtures');
const model = [
  ...['--model', join(fixtures, 'tiny-llama')],
  ...['--tokenizer', join(fixtures, 'tokenizer-tiny')],
];

/** Everything that can be asked of types, with libraries checked too. */
export const strictest = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: false,
  module: 'nodenext',
  target: 'es2022',
  lib: ['es2023', 'esnext.disposable'],
  types: ['node'],
  typeRoots: [join(root, 'node_modules/@types')],
};

/** TypeScript's oldest version that the types are for, and the newest there is. */
const compilers = ['5.7', 'latest'];

export function testExamples(projectFolder: () => string): void {
  describe('the examples', () => {
    let folder: string;
    beforeAll(async () => {
      folder = await mkdtemp(join(projectFolder(), 'examples-'));
      await cp(join(projectFolder(), 'node_modules/leia/examples'), folder, { recursive: true });
      await writeFile(
        join(folder, 'tsconfig.json'),
        JSON.stringify({
          // Files of an example import one another as they are; what is compiled, as it is then.
          compilerOptions: { ...strictest, rewriteRelativeImportExtensions: true },
          include: ['.'],
        }),
      );
    });
    afterAll(() => rm(folder, { recursive: true, force: true }));

    const start = (path: string, args: readonly string[]): ChildProcess =>
      spawn(process.execPath, [join(folder, path), ...args], {
        cwd: folder,
        env: plainEnvironment,
      });

    /** Runs a program to its end; what it prints. */
    async function outputOf(path: string, ...args: string[]): Promise<string> {
      const { stdout, stderr } = await run(process.execPath, [join(folder, path), ...args], {
        cwd: folder,
        env: plainEnvironment,
      });
      expect(stderr).toBe('');
      return stdout;
    }

    const numbersIn = (text: string, what: RegExp) =>
      [...text.matchAll(what)].map(([, number]) => Number(number));

    test('are without casts, and their types hold in the strictest project', async () => {
      const names = await readdir(folder, { recursive: true });
      const sources = names.filter((name) => name.endsWith('.ts'));
      expect(sources.length).toBeGreaterThanOrEqual(6);
      for (const name of sources) {
        const code = readFileSync(join(folder, name), 'utf8').replaceAll(
          /^\s*(\/\/|\/?\*).*$/gm,
          '',
        );
        expect(code, name).not.toMatch(/\bas (?!const\b|tape\b)|\w!\.|\w!;|@ts-/);
      }
      const compiler = join(root, 'node_modules/.bin/tsc');
      const { stdout } = await run(compiler, ['-p', folder]).catch((error) => error);
      expect(stdout).toBe('');
    });

    if (isFull) {
      test.each(compilers)('their types hold with TypeScript %s', async (version) => {
        const prefix = await mkdtemp(join(projectFolder(), 'typescript-'));
        await writeFile(join(prefix, 'package.json'), '{}');
        const source = `compiler@npm:typescript@${version}`;
        await run('npm', ['install', source, '--no-audit', '--no-fund'], { cwd: prefix });
        const compiler = join(prefix, 'node_modules/compiler/bin/tsc');
        const args = [compiler, '-p', folder, '--noEmit'];
        const { stdout } = await run(process.execPath, args).catch((error) => error);
        expect(stdout).toBe('');
      });
    }

    test('the GPT is at most a fifth longer than its original in PyTorch', () => {
      const lines = (name: string) =>
        readFileSync(join(folder, 'gpt', name), 'utf8')
          .split('\n')
          .filter((line) => !/^\s*(\/\/|\/\*\*|#|$)/.test(line)).length;
      expect(lines('train.ts')).toBeLessThanOrEqual(1.2 * lines('original.py'));
    });

    test('a GPT from scratch', async () => {
      const losses = numbersIn(await outputOf('gpt/train.js', '--steps', '50'), /loss (\d\.\d+)/g);
      expect(losses).toHaveLength(1);
      // Guessing among the characters costs 4.2, by their frequencies 3.1.
      expect(losses[0]).toBeLessThan(2.8);
    });

    test('a LLaMA is fine-tuned with data of its own', async () => {
      const text = join(folder, 'text.txt');
      await writeFile(text, 'The quick brown fox jumps over the lazy dog. '.repeat(60));
      const output = join(folder, 'fine-tuned');
      const settings = ['--steps', '3', '--length', '32', '--rate', '1e-3', '--output', output];
      const printed = await outputOf('finetune/train.js', ...model, ...settings, text);
      expect(numbersIn(printed, /^step \d: loss (\d\.\d{4})$/gm)).toHaveLength(3);
      const [before, after] = numbersIn(printed, /^held out: (\d\.\d{4})/gm);
      expect(after).toBeLessThan(before! - 0.3);
      expect(await readdir(output)).toEqual(
        expect.arrayContaining(['config.json', 'model.safetensors', 'tokenizer.json']),
      );
    });

    test('attention by its kernels alone', async () => {
      const printed = await outputOf('kernels/attention.js', '--sequence', '65');
      const errors = numbersIn(printed, /(\d\.\de[+-]\d+)/g);
      expect(errors).toHaveLength(2);
      for (const error of errors) expect(error).toBeLessThan(2e-6);
      expect(printed).toMatch(
        /^forward \S+ ms, backward \S+ ms: 2 x 65 positions, 8 heads of 64$/m,
      );
    });

    test('data-parallel training is the same for any number of workers', async () => {
      const losses = async (workers: string) => {
        const args = ['--workers', workers, '--steps', '100'];
        return numbersIn(await outputOf('data-parallel/train.js', ...args), /loss (\d\.\d+)/g);
      };
      const three = await losses('3');
      expect(three).toHaveLength(2);
      expect(three[1]).toBeLessThan(three[0]!);
      const one = await losses('1');
      for (const [i, loss] of one.entries()) expect(three[i]).toBeCloseTo(loss, 3);
    });

    test('a scoring service that refuses what it has no place for', async () => {
      const service = start('scoring-service/serve.js', [...model, '--port', '0', '--queue', '1']);
      let errors = '';
      service.stderr!.setEncoding('utf8').on('data', (text: string) => {
        errors += text;
      });
      const ended = once(service, 'close');
      const began = once(service.stdout!.setEncoding('utf8'), 'data');
      const [hello] = await Promise.race([began, ended]);
      const [, address] = /listening on (\S+)/.exec(hello) ?? [];
      expect(address, errors).toBeDefined();
      const post = async (body: string, path = '/score') => {
        const response = await fetch(`${address}${path}`, { method: 'POST', body });
        const { status, headers } = response;
        return { status, retry: headers.get('retry-after'), body: await response.json() };
      };
      const request = JSON.stringify({ context: 'The quick brown fox', continuation: ' jumps' });
      const score = { logLikelihood: expect.any(Number), isGreedy: false, tokens: 2 };
      const scored = await post(request);
      expect(scored).toMatchObject({ status: 200, body: { ...score, tokens: expect.any(Number) } });

      // Of many at once, one has a place; the others are told to come again.
      const answers = await Promise.all(Array.from({ length: 30 }, () => post(request)));
      const done = answers.filter(({ status }) => status === 200);
      const refused = answers.filter(({ status }) => status === 503);
      expect(done.length).toBeGreaterThan(0);
      expect(refused.length).toBeGreaterThan(0);
      expect(done.length + refused.length).toBe(30);
      for (const answer of done) expect(answer.body).toEqual(scored.body);
      for (const answer of refused) expect(answer.retry).toBe('1');

      for (const [body, status] of [
        ['{"context": 1}', 400],
        ['no JSON', 400],
        [JSON.stringify({ context: 'x', continuation: '' }), 400],
        [JSON.stringify({ context: 'x'.repeat(1e6), continuation: 'y' }), 413],
      ] as const) {
        expect(await post(body)).toMatchObject({ status, body: { error: expect.any(String) } });
      }
      expect(await post(request, '/other')).toMatchObject({ status: 404 });
      service.kill('SIGTERM');
      expect(await ended).toEqual([0, null]);
    });
  });
}
