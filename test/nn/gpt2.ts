// A GPT-2 of one layer: the names of transformers, with its fused and turned matrices as usual ones.
import {
  add,
  flashAttention,
  gelu,
  matmul,
  type Operand,
  type Variable,
} from '../../lib/autograd.ts';
import { Tensor } from '../../lib/index.ts';
import { Embedding, LayerNorm, Linear, Module } from '../../lib/nn.ts';

class Attention extends Module {
  readonly query = new Linear(24, 24);
  readonly key = new Linear(24, 24);
  readonly value = new Linear(24, 24);
  readonly c_proj = new Linear(24, 24);

  forward(input: Variable): Variable {
    const heads = (linear: Linear) =>
      linear.forward(input).view([...input.shape.slice(0, 2), 2, -1]);
    const [query, key, value] = [heads(this.query), heads(this.key), heads(this.value)];
    const output = flashAttention(query, key, value, { causal: true });
    return this.c_proj.forward(output.view(input.shape));
  }
}

class Mlp extends Module {
  readonly c_fc = new Linear(24, 96);
  readonly c_proj = new Linear(96, 24);

  forward(input: Operand): Variable {
    return this.c_proj.forward(gelu(this.c_fc.forward(input), { approximate: true }));
  }
}

export class Gpt2 extends Module {
  readonly wte = new Embedding(40, 24);
  readonly wpe = new Embedding(16, 24);
  readonly ln_1 = new LayerNorm(24);
  readonly attn = new Attention();
  readonly ln_2 = new LayerNorm(24);
  readonly mlp = new Mlp();
  readonly ln_f = new LayerNorm(24);

  /** @param ids [batch, sequence]. @returns logits [batch, sequence, 40]. */
  forward(ids: Tensor): Variable {
    const positions = Int32Array.from({ length: ids.shape[1] ?? 0 }, (_, i) => i);
    let x = this.wte.forward(ids);
    x = add(x, this.wpe.forward(Tensor.from(positions, [positions.length])));
    x = add(x, this.attn.forward(this.ln_1.forward(x)));
    x = add(x, this.mlp.forward(this.ln_2.forward(x)));
    // The output matrix is the embedding.
    return matmul(this.ln_f.forward(x), this.wte.weight, { transposeB: true });
  }
}
