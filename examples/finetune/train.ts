// Continues the training of a LLaMA on text of your own: all parameters, AdamW, warm-up and cosine, clipped gradients, and the
// loss on text that is held out. `forwardBackward` is PyTorch's `loss = model(ids, labels=ids).loss; loss.backward()`.
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { AdamW, countLabelTokens, LlamaModel, ops, Tokenizer } from 'leia';
import { learningRateAt } from 'leia/nn';

const { values: args, positionals: files } = parseArgs({
  allowPositionals: true,
  options: {
    model: { type: 'string', default: 'Llama-2-7b-hf' },
    tokenizer: { type: 'string' },
    output: { type: 'string', default: 'fine-tuned' },
    device: { type: 'string', default: 'cpu' },
    dtype: { type: 'string', default: 'float32' },
    steps: { type: 'string', default: '100' },
    batch: { type: 'string', default: '8' },
    length: { type: 'string', default: '512' },
    rate: { type: 'string', default: '1e-5' },
  },
});
const steps = Number(args.steps);
const dtype = args.dtype === 'bfloat16' ? 'bfloat16' : 'float32';
const tokenizer = await Tokenizer.load(args.tokenizer ?? args.model);
const model = await LlamaModel.load(args.model, { device: args.device, dtype });

// Texts one after the other, with an end token behind each, cut into sequences. Every tenth is held out.
const ids: number[] = [];
for (const file of files) {
  ids.push(...(await tokenizer.encode(await readFile(file, 'utf8'))).ids);
  ids.push(...model.config.eosTokenIds.slice(0, 1));
}
const length = Math.min(Number(args.length), model.config.maxPositionEmbeddings);
const sequences: number[][] = [];
const heldOut: number[][] = [];
for (let start = 0; start + length <= ids.length; start += length) {
  const into = (start / length) % 10 === 9 ? heldOut : sequences;
  into.push(ids.slice(start, start + length));
}
if (heldOut.length === 0) throw new Error(`expected text of at least ${10 * length} tokens`);

async function heldOutLoss(): Promise<number> {
  let sum = 0;
  for (const row of heldOut) sum += await model.forward([row], [row]).loss.item();
  return sum / heldOut.length;
}

/** The sequences of a step, one after the other through all of them. */
function drawBatch(step: number): number[][] {
  const size = Math.min(Number(args.batch), sequences.length);
  const from = (step * size) % sequences.length;
  return [...sequences, ...sequences].slice(from, from + size);
}

const optimizer = new AdamW(model.trainableParameters());
const gradients = model.trainableParameters().map(({ gradient }) => gradient);
const rate = Number(args.rate);
const warmupSteps = Math.ceil(steps / 20);
const schedule = { learningRate: rate, minLearningRate: rate / 10, warmupSteps, maxSteps: steps };
console.log(`held out: ${(await heldOutLoss()).toFixed(4)} before`);
for (let step = 0; step < steps; step++) {
  const batch = drawBatch(step);
  model.zeroGradients();
  // Row by row, to take little memory: told how many tokens the batch has, the losses and gradients of its parts add up.
  const labelTokens = countLabelTokens(batch);
  let loss = 0;
  for (const row of batch) {
    loss += await model.forwardBackward([row], [row], { labelTokens }).loss.item();
  }
  const { scale } = ops.gradientNorm({ gradients, maxNorm: 1 });
  optimizer.step({ learningRate: learningRateAt(step, schedule), gradientScale: scale });
  console.log(`step ${step + 1}: loss ${loss.toFixed(4)}`);
}
console.log(`held out: ${(await heldOutLoss()).toFixed(4)} after`);
await model.save(args.output, {
  // The tokenizer's files go along.
  companions: args.tokenizer ?? args.model,
  masters: (name) => optimizer.master(name),
});
