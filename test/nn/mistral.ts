// A Mistral of one layer, with a sliding window of 4 and the names of transformers.
import {
  embedding,
  flashAttention,
  type Operand,
  residualAdd,
  rope,
  swiglu,
  type Variable,
} from '../../lib/autograd.ts';
import { Tensor } from '../../lib/index.ts';
import { ropeTables } from '../../lib/llama/rope.ts';
import { Embedding, Linear, Module, RmsNorm } from '../../lib/nn.ts';

const plain = { bias: false };

class Attention extends Module {
  readonly headDim: number;
  readonly q_proj: Linear;
  readonly k_proj: Linear;
  readonly v_proj: Linear;
  readonly o_proj: Linear;

  constructor(hidden: number, heads: number, keyValueHeads: number) {
    super();
    this.headDim = hidden / heads;
    this.q_proj = new Linear(hidden, hidden, plain);
    this.k_proj = new Linear(hidden, keyValueHeads * this.headDim, plain);
    this.v_proj = new Linear(hidden, keyValueHeads * this.headDim, plain);
    this.o_proj = new Linear(hidden, hidden, plain);
  }

  forward(input: Variable): Variable {
    const [batch = 0, sequence = 0] = input.shape;
    const heads = (rows: Variable) => rows.view([batch, sequence, -1, this.headDim]);
    const table = ropeTables({ type: 'default', theta: 10_000 }, this.headDim, sequence);
    const shape = [sequence, this.headDim / 2];
    const angles = { cos: Tensor.from(table.cos, shape), sin: Tensor.from(table.sin, shape) };
    const query = rope(heads(this.q_proj.forward(input)), angles);
    const key = rope(heads(this.k_proj.forward(input)), angles);
    const value = heads(this.v_proj.forward(input));
    const output = flashAttention(query, key, value, { causal: true, windowSize: [3, 0] });
    return this.o_proj.forward(output.view(input.shape));
  }
}

class Mlp extends Module {
  readonly gate_proj: Linear;
  readonly up_proj: Linear;
  readonly down_proj: Linear;

  constructor(hidden: number, intermediate: number) {
    super();
    this.gate_proj = new Linear(hidden, intermediate, plain);
    this.up_proj = new Linear(hidden, intermediate, plain);
    this.down_proj = new Linear(intermediate, hidden, plain);
  }

  forward(input: Operand): Variable {
    const [gate, up] = [this.gate_proj.forward(input), this.up_proj.forward(input)];
    return this.down_proj.forward(swiglu(gate, up));
  }
}

export class Mistral extends Module {
  readonly embed_tokens = new Embedding(40, 24);
  readonly input_layernorm = new RmsNorm(24);
  readonly self_attn = new Attention(24, 4, 2);
  readonly post_attention_layernorm = new RmsNorm(24);
  readonly mlp = new Mlp(24, 56);
  readonly norm = new RmsNorm(24);
  readonly lm_head = new Linear(24, 40, plain);

  /** @param ids [batch, sequence]. @returns logits [batch, sequence, 40]. */
  forward(ids: Tensor): Variable {
    let x = embedding(ids, this.embed_tokens.weight);
    x = residualAdd(x, this.self_attn.forward(this.input_layernorm.forward(x)));
    x = residualAdd(x, this.mlp.forward(this.post_attention_layernorm.forward(x)));
    return this.lm_head.forward(this.norm.forward(x));
  }
}
