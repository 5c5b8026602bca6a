// Kills a training of several ranks again and again, each time resumes it with the same command, and compares what it ends
// with to what a run has that nothing disturbed: the same bits of the model, the same metrics.
//
//     npm run test:soak -- [--kills 30] [--seed 1] [--ranks 4] [--steps 300] [--zero 2]
//
// What is killed, how and when is drawn by the seed: a rank or all processes at once (SIGKILL, as by a crash or a power
// cut), or the job as a batch system pre-empts it (SIGTERM, SIGUSR1; then it must save and exit with 0). It takes 2
// to 20 minutes, as the machine is idle or busy, and is no part of `npm test`.
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomInt } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { metricsFile, readMetrics } from '../lib/train/metrics.ts';
import { processesOf } from '../test/support/rank-processes.ts';
import { writeDataset, writeModel } from '../test/train/tiny.ts';
import { Dice } from './fuzz/mutate.ts';

/** Seconds in which a job must end when a rank has died. */
const longestEnd = 60;
const command = resolve(import.meta.dirname, '../dist/cli/main.js');

interface Ended {
  readonly code: number | null;
  readonly stderr: string;
  /** From the first signal to the end of the launcher; 0 without a signal. */
  readonly seconds: number;
  readonly killed: string | undefined;
}

/** What does not depend on the time that a step took. */
function metricsOf(output: string) {
  return readMetrics(join(output, metricsFile)).map(
    ({ step, loss, learningRate, gradientNorm }) => ({ step, loss, learningRate, gradientNorm }),
  );
}

function kill(id: number, signal: NodeJS.Signals): void {
  try {
    process.kill(id, signal);
  } catch {
    // It has ended.
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

/** How a run is ended, once it is there; gives what was done. */
type Killer = (child: ChildProcess) => Promise<string | undefined>;

class Soak {
  readonly #dice: Dice;
  readonly #ranks: number;
  readonly #steps: number;
  readonly #folder: string;
  readonly #stage: number;
  #resumed = 0;
  #slowestEnd = 0;
  /** Seconds from the start of the undisturbed run to its first step. */
  #startSeconds = 0;

  constructor(dice: Dice, ranks: number, steps: number, folder: string, stage: number) {
    this.#dice = dice;
    this.#ranks = ranks;
    this.#steps = steps;
    this.#folder = folder;
    this.#stage = stage;
  }

  async run(kills: number): Promise<void> {
    for (const name of ['model', 'data']) mkdirSync(join(this.#folder, name));
    await writeModel(join(this.#folder, 'model'));
    await writeDataset(join(this.#folder, 'data'));
    const began = performance.now();
    const undisturbed = await this.#train('undisturbed', async (child) => {
      await this.#reach(join(this.#folder, 'undisturbed'), 1, child);
      this.#startSeconds = (performance.now() - began) / 1000;
      return undefined;
    });
    if (undisturbed.code !== 0) throw new Error(`the undisturbed run fails: ${undisturbed.stderr}`);
    console.log(
      `undisturbed: ${this.#steps} steps in ${((performance.now() - began) / 1000).toFixed(0)} s, the first after ${this.#startSeconds.toFixed(1)} s`,
    );
    let done = 0;
    for (; done < kills; done++) {
      const { killed, code, seconds, stderr } = await this.#train('disturbed', (child) =>
        this.#disturb(child, kills - done),
      );
      if (killed === undefined && code === 0) break;
      const preempted = killed !== undefined && !killed.startsWith('SIGKILL');
      if (killed === undefined || (preempted ? code !== 0 : seconds > longestEnd)) {
        throw new Error(
          `${killed ?? 'nothing was killed'}, code ${code} after ${seconds} s: ${stderr}`,
        );
      }
      this.#slowestEnd = Math.max(this.#slowestEnd, seconds);
      const after = /resuming after step (\d+)/.exec(stderr)?.[1];
      if (after !== undefined) this.#resumed++;
      console.log(
        `${done + 1}: began after step ${after ?? 0}; ${killed}; ended with ${code} in ${seconds.toFixed(1)} s`,
      );
    }
    const last = await this.#train('disturbed', async () => undefined);
    if (last.code !== 0) throw new Error(`the last run fails: ${last.stderr}`);
    this.#compare();
    console.log(
      `${done} kills, ${this.#resumed} of the runs had resumed from a state; the slowest end took ${this.#slowestEnd.toFixed(1)} s. The model has the bits of the undisturbed run, and ${this.#steps} lines of metrics are the same.`,
    );
  }

  #compare(): void {
    const [expected, came] = ['undisturbed', 'disturbed'].map((name) => {
      const output = join(this.#folder, name);
      const model = readFileSync(join(output, 'model.safetensors'));
      return {
        model: createHash('sha256').update(model).digest('hex'),
        metrics: JSON.stringify(metricsOf(output)),
        steps: metricsOf(output).length,
      };
    });
    if (expected!.model !== came!.model) throw new Error('the model has other bits');
    if (expected!.metrics !== came!.metrics || came!.steps !== this.#steps) {
      throw new Error('the metrics differ');
    }
  }

  async #train(name: string, killer: Killer): Promise<Ended> {
    const output = join(this.#folder, name);
    const args = ['train', '--model', join(this.#folder, 'model'), '--output', output];
    args.push('--data', join(this.#folder, 'data'), '--nproc', `${this.#ranks}`);
    args.push('--sequence-length', '32', '--batch-size', '8', '--micro-batch-size', '1');
    args.push('--learning-rate', '1e-3', '--max-steps', `${this.#steps}`);
    args.push('--save-steps', '4', '--save-minutes', '0', '--zero', `${this.#stage}`);
    const child = spawn(process.execPath, [command, ...args], {
      env: {
        ...process.env,
        LEIA_NUM_THREADS: '1',
        LEIA_RANK_TIMEOUT: '60',
        // mpiexec waits for so long twice, whatever becomes of the ranks.
        OMPI_MCA_odls_base_sigkill_timeout: '2',
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text;
    });
    const ended = new Promise<number | null>((done) => child.on('exit', done));
    const closed = new Promise((done) => child.on('close', done));
    let killed: string | undefined;
    let at = 0;
    const killing = killer(child).then((what) => {
      killed = what;
      at = performance.now();
    });
    const [code] = await Promise.all([ended, killing]);
    const seconds = killed === undefined ? 0 : (performance.now() - at) / 1000;
    // What is left of a run whose launcher was killed.
    for (let left = processesOf(output); left.length > 0; left = processesOf(output)) {
      for (const { id } of left) kill(id, 'SIGKILL');
      await delay(50);
    }
    await closed;
    return { code, stderr, seconds, killed };
  }

  /** Ends the run at a drawn moment, so that there are steps left for the kills that follow. */
  async #disturb(child: ChildProcess, killsLeft: number): Promise<string | undefined> {
    const dice = this.#dice;
    const output = join(this.#folder, 'disturbed');
    const from = metricsOf(output).length;
    const isEarly = dice.next() < 0.15;
    const most = Math.max(1, Math.round((2 * (this.#steps - from)) / (killsLeft + 1)));
    const target = Math.min(from + 1 + dice.below(most), this.#steps - 1);
    const wait = isEarly ? dice.next() * 1000 * this.#startSeconds : dice.next() * 300;
    const [how, rank] = [dice.next(), dice.below(this.#ranks)];
    if (!isEarly) await this.#reach(output, target, child);
    await delay(wait);
    if (hasEnded(child)) return undefined;
    const step = metricsOf(output).at(-1)?.step ?? 0;
    const when = isEarly ? `${(wait / 1000).toFixed(1)} s after the start` : `after step ${step}`;
    if (how < 0.55) {
      const found = processesOf(output).find((one) => one.rank === rank);
      // Before there are ranks, there is the launcher.
      if (found !== undefined) {
        kill(found.id, 'SIGKILL');
        return `SIGKILL to rank ${rank} ${when}`;
      }
    }
    if (how < 0.75) {
      for (const { id } of processesOf(output)) kill(id, 'SIGKILL');
      return `SIGKILL to all ${when}`;
    }
    const signal = how < 0.9 ? 'SIGTERM' : 'SIGUSR1';
    // Before it handles signals, one of them ends it as any program.
    if (isEarly && metricsOf(output).length === from) {
      child.kill('SIGKILL');
      return `SIGKILL to the launcher ${when}`;
    }
    child.kill(signal);
    return `${signal} ${when}`;
  }

  /** Waits until the run has made a step, or ended. */
  async #reach(output: string, step: number, child: ChildProcess): Promise<void> {
    const isThere = () => (metricsOf(output).at(-1)?.step ?? 0) >= step;
    while (!isThere() && !hasEnded(child)) await delay(30);
  }
}

const text = { type: 'string' } as const;
const { values } = parseArgs({
  options: { kills: text, seed: text, ranks: text, steps: text, zero: text },
});
const number = (name: keyof typeof values, otherwise: number): number => {
  const value = Number(values[name] ?? otherwise);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  console.error(`--${name} ${values[name]}, expected a whole number`);
  process.exit(2);
};
const seed = number('seed', randomInt(1_000_000));
const dice = new Dice(seed, 0);
const [kills, ranks, steps] = [number('kills', 30), number('ranks', 4), number('steps', 300)];
const stage = number('zero', dice.below(4));
const folder = mkdtempSync(join(tmpdir(), 'leia-soak-'));
console.log(
  `seed ${seed}: ${kills} kills, ${ranks} ranks, ${steps} steps, ZeRO ${stage}; in ${folder}`,
);
try {
  await new Soak(dice, ranks, steps, folder, stage).run(kills);
  rmSync(folder, { recursive: true });
} catch (error) {
  console.error(
    `soak: ${(error as Error).message}\n(seed ${seed}; the runs are left in ${folder})`,
  );
  process.exitCode = 1;
}
