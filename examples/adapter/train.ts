// A low-rank adapter on the query and value projections of a frozen LLaMA, trained on a text of your own.
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { AdamW, LlamaModel, Tokenizer } from 'leia';
import { Module } from 'leia/nn';
import { LowRank } from './low-rank.js';

const { values: args } = parseArgs({
  options: {
    model: { type: 'string', default: 'Llama-2-7b-hf' },
    tokenizer: { type: 'string' },
    text: { type: 'string', default: 'text.txt' },
    output: { type: 'string', default: 'adapter.safetensors' },
    steps: { type: 'string', default: '100' },
    rank: { type: 'string', default: '8' },
    device: { type: 'string', default: 'cpu' },
  },
});
const model = (await LlamaModel.load(args.model, { device: args.device })).freeze();
const { config } = model;

// The modules' names make those of the parameters, which are peft's.
class Attention extends Module {
  readonly q_proj: LowRank;
  readonly v_proj: LowRank;

  constructor(layer: number) {
    super();
    const name = (projection: string) => `model.layers.${layer}.self_attn.${projection}.weight`;
    this.q_proj = new LowRank(model, name('q_proj'), { rank: Number(args.rank) });
    this.v_proj = new LowRank(model, name('v_proj'), { rank: Number(args.rank) });
    this.q_proj.attach(model, layer, 'query');
    this.v_proj.attach(model, layer, 'value');
  }
}

class Layer extends Module {
  readonly self_attn: Attention;

  constructor(layer: number) {
    super();
    this.self_attn = new Attention(layer);
  }
}

class Adapters extends Module {
  readonly layers = Array.from({ length: config.numHiddenLayers }, (_, layer) => new Layer(layer));
}

const tokenizer = await Tokenizer.load(args.tokenizer ?? args.model);
const { ids } = await tokenizer.encode(await readFile(args.text, 'utf8'));
const length = Math.min(config.maxPositionEmbeddings, 512, ids.length);
const adapters = new Adapters();
const optimizer = new AdamW(adapters.trainableParameters(), { weightDecay: 0 });
for (let step = 1; step <= Number(args.steps); step++) {
  const start = (step * 7919) % (ids.length - length + 1);
  const row = ids.slice(start, start + length);
  adapters.zeroGradients();
  const { loss } = model.forwardBackward(row, row);
  optimizer.step({ learningRate: 1e-3 });
  console.log(`step ${step}: loss ${(await loss.item()).toFixed(4)}`);
}
await adapters.save(args.output);
