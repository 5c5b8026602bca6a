import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { fixtures, temporaryFolder } from '../llama/fixtures.ts';
import { digestOf, makeDataset, makeModel, metricsOf, withoutSpeed } from '../train/runs.ts';
import { leia } from './child.ts';
import { withOptions } from './small-datasets.ts';

async function makeArguments(...more: string[]): Promise<{ args: string[]; output: string }> {
  const output = join(await temporaryFolder(), 'run');
  const args = ['train', '--model', await makeModel(), '--data', await makeDataset()];
  args.push('--output', output, '--sequence-length', '32', '--batch-size', '4');
  args.push('--learning-rate', '1e-3', ...more);
  return { args, output };
}

describe('leia train', () => {
  test('trains, exports, scores and generates', async () => {
    const { args, output } = await makeArguments('--max-steps', '3', '--micro-batch-size', '2');
    args.push('--save-dtype', 'bfloat16');
    const run = await leia(args);
    expect(run.code).toBe(0);
    expect(run.stderr).toMatch(
      /M parameters, 12 articles; needs \d.* of \d.*memory: parameters .*gradients/,
    );
    expect(run.stderr).toMatch(/step 3\/3, loss \d\.\d{4}, .* tokens\/s/);
    expect(run.stderr).toContain('will be saved as bfloat16; for another training step');
    expect(run.stdout).toContain(`The model is in ${output}`);
    expect(run.stdout).toMatch(
      /Saved as bfloat16: rounding is \d[\d.]* % of the update .* \d[\d.]* % of the weights that moved .* --save-dtype float32/,
    );
    expect(Object.keys((await metricsOf(output))[2]!)).toEqual([
      'step',
      'loss',
      'perplexity',
      'learningRate',
      'gradientNorm',
      'tokensPerSecond',
      'flopsPerSecond',
      'seconds',
      'computeShare',
      'dataShare',
      'savingShare',
      'memoryBytes',
    ]);

    const exported = `${output}-exported`;
    expect(run.stdout).toContain(`leia export --model ${output} --output ${exported}`);
    const exporting = ['export', '--model', output, '--output', exported];
    const written = await leia([...exporting, '--save-dtype', 'float16']);
    expect(written).toMatchObject({ code: 0 });
    expect(written.stdout).toMatch(/Saved as float16: rounding changed the weights by [\de.-]+ %/);
    const config = JSON.parse(await readFile(join(exported, 'config.json'), 'utf8'));
    expect(config).toMatchObject({ vocab_size: 512, torch_dtype: 'float16' });
    const twice = await leia(exporting);
    expect(twice).toMatchObject({ code: 2 });
    expect(twice.stderr).toMatch(/^leia: .* already holds a checkpoint[^\n]*\n$/);
    const text = await leia(
      'generate --prompt-ids 1,5,9 --max-new-tokens 4 --greedy --json --model'
        .split(' ')
        .concat(exported),
    );
    expect(JSON.parse(text.stdout).generated).toHaveLength(4);

    // A run that is done has nothing to write, so it does not matter that it could not.
    const again = await leia(
      args.map((word) => (word === output ? `${output}/` : word)),
      { fileBlocks: 0 },
    );
    expect(again).toMatchObject({ code: 0, stderr: '' });
    expect(again.stdout).toContain('holds the finished run');
    expect(again.stdout).toContain(`--output ${exported}\n`);
  });

  test('takes its options from a file, and names a wrong key', async () => {
    const { args, output } = await makeArguments();
    const config = join(await temporaryFolder(), 'train.yaml');
    await writeFile(config, 'maxSteps: 1\npSkip: 0.25\nstrategy: left\nsequenceLength: 4\n');
    expect((await leia([...args, '--config', config])).code).toBe(0);
    const run = JSON.parse(await readFile(join(output, 'run.json'), 'utf8'));
    // The command line wins over the file.
    expect(run).toMatchObject({ maxSteps: 1, pSkip: 0.25, strategy: 'left', sequenceLength: 32 });

    await writeFile(config, 'p_skip: 0.25\n');
    const wrong = await leia([...args, '--config', config]);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain("unknown option 'p_skip', did you mean 'pSkip'?");
  });

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 0],
    ['SIGUSR1', 0],
  ] as const)(
    '%s saves and exits with %i, and the same command resumes',
    {},
    async (signal, code) => {
      const { args, output } = await makeArguments('--max-steps', '150');
      const stopped = await leia(args, {
        onStart: async (child) => {
          while ((await metricsOf(output).catch(() => [])).length < 2) await setTimeout(10);
          child.kill(signal);
          // A batch system may send another one while the state is written.
          if (code === 0) child.kill('SIGTERM');
        },
      });
      expect(stopped.code).toBe(code);
      expect(stopped.stdout).toBe('');
      expect(stopped.stderr).toMatch(
        /interrupted after \d+ of 150 steps; run the same command again to resume/,
      );
      expect(await readdir(output)).not.toContain('config.json');
      const begun = withoutSpeed(await metricsOf(output));
      expect(begun.length).toBeLessThan(150);

      const finished = await leia(args);
      expect(finished.code).toBe(0);
      expect(finished.stderr).toContain(`resuming after step ${begun.length} of 150`);
      const metrics = withoutSpeed(await metricsOf(output));
      expect(metrics.slice(0, begun.length)).toEqual(begun);
      expect(metrics.map(({ step }) => step)).toEqual(Array.from({ length: 150 }, (_, i) => i + 1));
    },
  );

  test('a terminal that closes saves, though it sends SIGHUP twice and takes no more output', async () => {
    const { args, output } = await makeArguments('--max-steps', '150');
    const stopped = await leia(args, {
      onStart: async (child) => {
        while ((await metricsOf(output).catch(() => [])).length < 2) await setTimeout(10);
        child.stdout?.destroy();
        child.stderr?.destroy();
        child.kill('SIGHUP');
        await setTimeout(1);
        child.kill('SIGHUP');
      },
    });
    expect(stopped.code).toBe(130);
    const begun = await metricsOf(output);
    expect(begun.length).toBeLessThan(150);
    expect(await readdir(join(output, 'resume'))).toEqual([`step-${begun.length}`]);
  });

  test('killed at any moment, it goes on with the same bits', async () => {
    const { args, output } = await makeArguments('--max-steps', '40');
    const killed = await leia([...args, '--save-steps', '1'], {
      onStart: async (child) => {
        while ((await metricsOf(output).catch(() => [])).length < 5) await setTimeout(1);
        child.kill('SIGKILL');
      },
    });
    expect(killed.code).toBeNull();
    const finished = await leia(args);
    expect(finished.stderr).toMatch(/resuming after step \d+ of 40/);
    const whole = `${output}-whole`;
    expect((await leia(withOptions(args, ['--output', whole]))).code).toBe(0);
    expect(withoutSpeed(await metricsOf(output))).toEqual(withoutSpeed(await metricsOf(whole)));
    for (const file of ['model.safetensors', 'config.json', 'tokenizer.json']) {
      expect(await digestOf(join(output, file))).toBe(await digestOf(join(whole, file)));
    }
  });

  test('a disk that fills up', async () => {
    const { args, output } = await makeArguments('--max-steps', '2');
    const full = await leia(args, { fileBlocks: 100 });
    expect(full.code).toBe(1);
    expect(full.stderr).toMatch(
      /leia: cannot write .*model\.safetensors: the file would be larger/,
    );
    const files = await readdir(output);
    expect(files.filter((name) => name !== 'resume').sort()).toEqual(['metrics.jsonl', 'run.json']);
    // There was no room for a state either.
    const states = await readdir(join(output, 'resume'));
    expect(states.filter((name) => name.startsWith('step-'))).toEqual([]);
    expect((await leia(args)).code).toBe(0);
  });

  test('wrong use', async () => {
    const { args } = await makeArguments('--max-steps', '1');
    for (const [wrong, message] of [
      [['--batch-size', 'many'], "--batch-size: expected a number, got 'many'"],
      [['--p-skip', '2'], '--p-skip'],
      [['--strategy', 'above'], "'above' is invalid"],
      [['--device', 'emulated'], "'emulated' is not part of this build"],
    ] as const) {
      const { code, stderr } = await leia([...args, ...wrong]);
      expect(code).toBeGreaterThan(0);
      expect(stderr).toContain(message);
      expect(stderr).not.toMatch(/\n {4}at /);
    }
    const absent = args.with(args.indexOf('--data') + 1, join(fixtures, 'nothing'));
    const { code, stderr } = await leia(absent);
    expect(code).toBe(1);
    expect(stderr).toContain('no such file');
    const missing = await leia(['train', '--max-steps', '1']);
    expect(missing.code).toBe(2);
    expect(missing.stderr).toContain('--model');
  });

  test('an output that cannot be written', async () => {
    const { args } = await makeArguments('--max-steps', '1');
    // Nobody may create folders there, root included; Node's own mkdir would hang in /proc.
    const { code, stderr } = await leia(withOptions(args, ['--output', '/proc/leia/run']));
    expect(code).toBe(1);
    expect(stderr).toMatch(/^leia: cannot create \/proc\/leia\/run: [^\n]+\n$/);
  });
});

test('leia doctor computes something and says what is missing', async () => {
  const { code, stdout } = await leia(['doctor', '--json']);
  expect(code).toBe(0);
  const findings = JSON.parse(stdout) as { topic: string; status: string; text: string }[];
  const core = findings.find(({ topic }) => topic === 'native core');
  expect(core).toMatchObject({ status: 'good', text: expect.stringMatching(/works: .* threads/) });
  expect((await leia(['doctor'])).stdout).toContain('native core');

  const broken = await leia(['doctor'], { env: { LEIA_ADDON: '/nowhere.node' } });
  expect(broken.code).toBe(1);
  expect(broken.stderr).toMatch(/^leia: native core does not work: [^\n]*\n$/);
});
