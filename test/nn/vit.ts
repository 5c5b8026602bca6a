// A block of a vision transformer with a label for each patch: the names of transformers.
import { add, flashAttention, gelu, type Operand, type Variable } from '../../lib/autograd.ts';
import { LayerNorm, Linear, Module } from '../../lib/nn.ts';

class Attention extends Module {
  readonly q_proj = new Linear(24, 24);
  readonly k_proj = new Linear(24, 24);
  readonly v_proj = new Linear(24, 24);
  readonly o_proj = new Linear(24, 24);

  forward(input: Variable): Variable {
    const heads = (linear: Linear) =>
      linear.forward(input).view([...input.shape.slice(0, 2), 3, -1]);
    const output = flashAttention(heads(this.q_proj), heads(this.k_proj), heads(this.v_proj));
    return this.o_proj.forward(output.view(input.shape));
  }
}

class Mlp extends Module {
  readonly fc1 = new Linear(24, 56);
  readonly fc2 = new Linear(56, 24);

  forward(input: Operand): Variable {
    return this.fc2.forward(gelu(this.fc1.forward(input)));
  }
}

export class Vit extends Module {
  readonly layernorm_before = new LayerNorm(24, { epsilon: 1e-12 });
  readonly attention = new Attention();
  readonly layernorm_after = new LayerNorm(24, { epsilon: 1e-12 });
  readonly mlp = new Mlp();
  readonly classifier = new Linear(24, 7);

  /** @param patches [batch, sequence, 24]. @returns logits [batch, sequence, 7]. */
  forward(patches: Variable): Variable {
    const x = add(patches, this.attention.forward(this.layernorm_before.forward(patches)));
    return this.classifier.forward(add(x, this.mlp.forward(this.layernorm_after.forward(x))));
  }
}
