// `leia train`: continues the training of a LLaMA on a prepared dataset, with the English names inserted as
// the strategy says.
import type { Command } from 'commander';
import { z } from 'zod';
import type { StepMetrics } from '../train/metrics.ts';
import { trainSettings } from '../train/settings.ts';
import { type TrainStart, train } from '../train/train.ts';
import { interruptible } from './interrupt.ts';
import { describeRounding } from './model-options.ts';
import { addSettings, readSettings } from './options.ts';
import { formatBytes, formatDuration, Progress, warn } from './progress.ts';

const schema = z.strictObject({
  model: z.string().describe('Hugging Face folder of the LLaMA to start from, with its tokenizer'),
  data: z.string().describe('dataset that leia prepare made with that tokenizer'),
  output: z.string().describe('where checkpoint, metrics.jsonl and resumable states go'),
  ...trainSettings.shape,
});
type Settings = z.output<typeof schema>;

const example = `
Example, with the paper's settings:
  leia train --model Llama-2-7b-hf --data data/ja --output runs/ja-leia \\
    --strategy right --p-skip 0.5 --seed 1

After an interruption, run the same command again to resume.`;

export function registerTrain(program: Command): void {
  const command = program
    .command('train')
    .summary('continue the training of a LLaMA on a dataset')
    .description(
      "Continue the training of a LLaMA on a prepared dataset, with the English names of linked articles inserted (LEIA). The defaults are the paper's.",
    );
  addSettings(command, schema).addHelpText('after', example);
  command.action(async () => {
    await run(readSettings(command, schema));
  });
}

async function run({ model, data, output, ...settings }: Settings): Promise<void> {
  const progress = new TrainProgress(settings);
  const { trained, rounding, skippedBatches } = await interruptible((signal) =>
    train({
      model,
      data,
      output,
      settings,
      signal,
      onStart: progress.start,
      onMicroBatch: progress.microBatch,
      onStep: progress.step,
      onWarning: progress.warning,
    }).finally(() => progress.done()),
  );
  console.log(
    trained
      ? `The model is in ${output}, its metrics in ${output}/metrics.jsonl.`
      : `${output} already holds the finished run of this command; nothing was done.`,
  );
  if (rounding !== undefined) console.log(describeRounding(rounding));
  if (skippedBatches > 0) {
    const of = skippedBatches === 1 ? '1 batch' : `${skippedBatches} batches`;
    console.log(`Skipped ${of} without any token to predict (skippedBatches in metrics.jsonl).`);
  }
  if (settings.strategy !== 'none') {
    console.log(`Next: leia export --model ${output} --output ${output}-exported`);
  }
}

/** What is known of a run on one line: step, loss, rate, tokens per second, time left. */
export class TrainProgress {
  readonly #line = new Progress();
  readonly #maxSteps: number;
  readonly #batchSize: number;
  #began = 0;
  #first = 0;
  #last: StepMetrics | undefined;

  constructor({ maxSteps, batchSize }: { maxSteps: number; batchSize: number }) {
    this.#maxSteps = maxSteps;
    this.#batchSize = batchSize;
  }

  readonly start = (start: TrainStart): void => {
    const { stepsDone, parameters, memory, articles, saveDtype, microBatchSize } = start;
    this.#began = performance.now();
    this.#first = stepsDone;
    const parts = [
      `parameters ${formatBytes(memory.parameters)}`,
      `gradients ${formatBytes(memory.gradients)}`,
      `optimiser ${formatBytes(memory.optimizer)}`,
      `activations ${formatBytes(memory.activations)}`,
    ];
    this.#line.done(
      `${(parameters / 1e6).toFixed(1)} M parameters, ${articles} articles; needs ${formatBytes(memory.total)} of ${formatBytes(start.availableMemory)} memory: ${parts.join(', ')}`,
    );
    this.#line.done(
      `each step computes ${this.#batchSize} sequences, ${microBatchSize} at once (--micro-batch-size)`,
    );
    if (saveDtype !== 'float32') {
      this.#line.done(
        `the model will be saved as ${saveDtype}; for another training step after this one, --save-dtype float32 keeps what that rounds away`,
      );
    }
    if (stepsDone > 0) this.#line.done(`resuming after step ${stepsDone} of ${this.#maxSteps}`);
  };

  readonly microBatch = (step: number, sequences: number): void => {
    this.#show(step - 1 + sequences / this.#batchSize);
  };

  readonly step = (metrics: StepMetrics): void => {
    this.#last = metrics;
    this.#show(metrics.step);
  };

  readonly warning = warn;

  done(): void {
    this.#line.done();
  }

  #show(stepsDone: number): void {
    const seconds = (performance.now() - this.#began) / 1000;
    const perStep = seconds / (stepsDone - this.#first);
    const parts = [`step ${Math.floor(stepsDone)}/${this.#maxSteps}`];
    const within = Math.round((stepsDone % 1) * this.#batchSize);
    if (within > 0) parts.push(`sequence ${within}/${this.#batchSize}`);
    if (this.#last !== undefined) {
      const { loss, learningRate, gradientNorm, tokensPerSecond } = this.#last;
      parts.push(
        `loss ${loss.toFixed(4)}`,
        `gradient norm ${gradientNorm.toFixed(2)}`,
        `learning rate ${learningRate.toExponential(2)}`,
        `${Math.round(tokensPerSecond)} tokens/s`,
      );
    }
    if (stepsDone > this.#first) {
      parts.push(`${formatDuration(perStep * (this.#maxSteps - stepsDone))} left`);
    }
    this.#line.update(parts.join(', '));
  }
}
