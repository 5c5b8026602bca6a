// A low-rank adapter (LoRA, Hu et al. 2021) on the query and value projections of a frozen LLaMA. The model's weights are
// constants of the tape: they have neither gradient nor optimiser state.
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { LlamaModel, Tokenizer } from 'leia';
import * as tape from 'leia/autograd';
import { AdamW, Linear, Module } from 'leia/nn';
import { Device, Tensor } from 'leia/ops';

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
const device = Device.open(args.device);
const rank = Number(args.rank);
const model = await LlamaModel.load(args.model, { device });
const { config, dtype } = model;
const queries = config.numAttentionHeads * config.headDim;
const values = config.numKeyValueHeads * config.headDim;

/** What is added to a projection; nothing at first. Names are those of Hugging Face's peft. */
class Adapter extends Module {
  readonly lora_A: Linear;
  readonly lora_B: Linear;

  constructor(outputs: number) {
    super();
    const options = { bias: false, device, dtype };
    this.lora_A = new Linear(config.hiddenSize, rank, options);
    this.lora_B = new Linear(rank, outputs, { ...options, standardDeviation: 0 });
  }

  forward(input: tape.Operand): tape.Variable {
    return tape.multiply(this.lora_B.forward(this.lora_A.forward(input)), 2);
  }
}

class Attention extends Module {
  readonly q_proj = new Adapter(queries);
  readonly v_proj = new Adapter(values);
}

class Layer extends Module {
  readonly self_attn = new Attention();
}

class Adapters extends Module {
  readonly layers = Array.from({ length: config.numHiddenLayers }, () => new Layer());
}

/** A frozen projection. */
const linear = (input: tape.Operand, name: string) =>
  tape.matmul(input, model.parameter(`${name}.weight`), { transposeB: true });
const norm = (input: tape.Operand, name: string) =>
  tape.rmsNorm(input, model.parameter(`${name}.weight`), { epsilon: config.rmsNormEps });

/** The logits of every position, [positions, vocabulary]; ids are [1, positions]. */
function forward(ids: Tensor, { layers }: Adapters): tape.Variable {
  const positions = ids.shape[1] ?? 0;
  const angles = model.ropeTables(positions);
  const heads = (rows: tape.Variable) => rows.view([1, positions, -1, config.headDim]);
  let x = tape.embedding(ids, model.parameter('model.embed_tokens.weight')).view([positions, -1]);
  for (const [index, { self_attn }] of layers.entries()) {
    const layer = `model.layers.${index}`;
    const input = norm(x, `${layer}.input_layernorm`);
    const project = (name: string) => linear(input, `${layer}.self_attn.${name}`);
    const query = tape.add(project('q_proj'), self_attn.q_proj.forward(input));
    const value = tape.add(project('v_proj'), self_attn.v_proj.forward(input));
    const attended = tape.flashAttention(
      tape.rope(heads(query), angles),
      tape.rope(heads(project('k_proj')), angles),
      heads(value),
      { causal: true },
    );
    x = tape.add(x, linear(attended.view([positions, -1]), `${layer}.self_attn.o_proj`));
    const inner = norm(x, `${layer}.post_attention_layernorm`);
    const [gate, up] = [
      linear(inner, `${layer}.mlp.gate_proj`),
      linear(inner, `${layer}.mlp.up_proj`),
    ];
    x = tape.add(x, linear(tape.swiglu(gate, up), `${layer}.mlp.down_proj`));
  }
  return linear(norm(x, 'model.norm'), 'lm_head');
}

const tokenizer = await Tokenizer.load(args.tokenizer ?? args.model);
const { ids } = await tokenizer.encode(await readFile(args.text, 'utf8'));
const length = Math.min(config.maxPositionEmbeddings, 512, ids.length - 1);
const adapters = new Adapters();
const optimizer = new AdamW(adapters.trainableParameters(), { weightDecay: 0 });
for (let step = 1; step <= Number(args.steps); step++) {
  const start = (step * 7919) % (ids.length - length);
  const inputs = Tensor.from(Int32Array.from(ids.slice(start, start + length)), [1, length], {
    device,
  });
  const labels = Int32Array.from(ids.slice(start + 1, start + length + 1));
  adapters.zeroGradients();
  const loss = tape.crossEntropy(forward(inputs, adapters), labels);
  loss.backward();
  optimizer.step({ learningRate: 1e-3 });
  console.log(`step ${step}: loss ${(await loss.item()).toFixed(4)}`);
}
await adapters.save(args.output);
