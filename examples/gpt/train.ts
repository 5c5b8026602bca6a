// A character-level GPT from scratch.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { add, crossEntropy, flashAttention, gelu, split, type Variable } from 'leia/autograd';
import { AdamW, Dropout, Embedding, LayerNorm, Linear, Module } from 'leia/nn';
import { Device, ops, Tensor } from 'leia/ops';

const { values: args } = parseArgs({
  options: { steps: { type: 'string' }, device: { type: 'string' } },
});
const device = Device.open(args.device);

const text = readFileSync(new URL('article.txt', import.meta.url), 'utf8');
const characters = [...new Set(text)].sort();
const encode = (part: string) => Int32Array.from(part, (each) => characters.indexOf(each));
const ids = encode(text);
const [layers, heads, width, context, batch] = [3, 4, 96, 48, 12];

class Block extends Module {
  readonly norm1 = new LayerNorm(width, { device });
  readonly attention = new Linear(width, 3 * width, { device });
  readonly projection = new Linear(width, width, { device });
  readonly norm2 = new LayerNorm(width, { device });
  readonly expand = new Linear(width, 4 * width, { device });
  readonly contract = new Linear(4 * width, width, { device });
  readonly dropout = new Dropout(0.1);

  forward(x: Variable): Variable {
    const inHeads = (part: Variable) => part.view([...x.shape.slice(0, 2), heads, -1]);
    const parts = split(this.attention.forward(this.norm1.forward(x)), [width, width, width], 2);
    const [query, key, value] = [inHeads(parts[0]), inHeads(parts[1]), inHeads(parts[2])];
    const attended = flashAttention(query, key, value, { causal: true }).view(x.shape);
    x = add(x, this.dropout.forward(this.projection.forward(attended)));
    const expanded = gelu(this.expand.forward(this.norm2.forward(x)));
    return add(x, this.dropout.forward(this.contract.forward(expanded)));
  }
}

class Gpt extends Module {
  readonly tokens = new Embedding(characters.length, width, { device });
  readonly positions = new Embedding(context, width, { device });
  readonly blocks = Array.from({ length: layers }, () => new Block());
  readonly norm = new LayerNorm(width, { device });
  readonly head = new Linear(width, characters.length, { bias: false, device });

  forward(ids: Tensor): Variable {
    let x = add(this.tokens.forward(ids), this.positions.weight);
    for (const block of this.blocks) x = block.forward(x);
    return this.head.forward(this.norm.forward(x));
  }
}

/** Rows from all over the text, and the character that follows each of theirs. */
function drawBatch(step: number) {
  const starts = Array.from({ length: batch }, (_, row) => (step * batch + row) * 7919);
  const rows = (shift: number) =>
    starts.flatMap((start) => {
      const from = (start % (ids.length - context)) + shift;
      return [...ids.subarray(from, from + context)];
    });
  const inputs = Tensor.from(Int32Array.from(rows(0)), [batch, context], { device });
  return { inputs, labels: Int32Array.from(rows(1)) };
}

const model = new Gpt();
const optimizer = new AdamW(model.trainableParameters());
for (let step = 1; step <= Number(args.steps ?? 300); step++) {
  const { inputs, labels } = drawBatch(step);
  model.zeroGradients();
  const loss = crossEntropy(model.forward(inputs).view([batch * context, -1]), labels);
  loss.backward();
  optimizer.step({ learningRate: 2e-3 });
  const value = await loss.item();
  if (step % 50 === 0) console.log(`step ${step}: loss ${value.toFixed(3)}`);
}

let written = text.slice(0, context);
for (let position = 0; position < 200; position++) {
  const inputs = Tensor.from(encode(written.slice(-context)), [1, context], { device });
  const logits = model.evaluate(() => model.forward(inputs)).value.view([context, -1]);
  const last = logits.slice(context - 1, context);
  const { tokens } = ops.sampleToken({ logits: last, temperature: 0.8, position });
  written += characters[await tokens.item()] ?? '';
}
console.log(written.slice(context));
