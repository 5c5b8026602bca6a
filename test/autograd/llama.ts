// A LLaMA on the tape, over the weights of a LlamaModel: what the explicit trainer is compared with. Operations are called
// in an order whose reverse is that of lib/llama/model.ts, as sums of several gradients are rounded in their order.
import {
  checkpoint,
  crossEntropy,
  embedding,
  flashAttention,
  matmul,
  residualRmsNorm,
  rmsNorm,
  rope,
  swiglu,
  Variable,
} from '../../lib/autograd.ts';
import { type LlamaModel, Tensor } from '../../lib/index.ts';
import { packIds, packLabels, shiftLabels, type TokenRows } from '../../lib/llama/batch.ts';

export interface TapeLlama {
  /** By Hugging Face name; the values are the model's own memory. */
  readonly parameters: ReadonlyMap<string, Variable>;
  /** The mean loss, recorded. */
  loss(ids: TokenRows, labels: TokenRows, documentStarts?: TokenRows): Variable;
}

export function tapeLlama(model: LlamaModel, options: { recompute?: boolean } = {}): TapeLlama {
  const { config, device } = model;
  const epsilon = config.rmsNormEps;
  const parameters = new Map(
    model
      .trainableParameters()
      .map(({ name, parameter }) => [name, new Variable(parameter, { requiresGrad: true })]),
  );
  const weight = (name: string) => parameters.get(`${name}.weight`) as Variable;
  const linear = (input: Variable, name: string) =>
    matmul(input, weight(name), { transposeB: true });
  const embeddingName = 'model.embed_tokens';
  const head = config.tieWordEmbeddings ? embeddingName : 'lm_head';

  /** What stays of the residual stream, and what the layer adds to it. */
  function layer(prefix: string, shape: readonly [number, number], starts: Tensor | undefined) {
    const headsOf = (rows: Variable) => rows.view([...shape, -1, config.headDim]);
    const angles = model.ropeTables(shape[1]);
    return (normed: Variable, residual: Variable): readonly [Variable, Variable] => {
      const value = linear(normed, `${prefix}.self_attn.v_proj`);
      const key = linear(normed, `${prefix}.self_attn.k_proj`);
      const query = linear(normed, `${prefix}.self_attn.q_proj`);
      const attended = flashAttention(
        rope(headsOf(query), angles),
        rope(headsOf(key), angles),
        headsOf(value),
        { causal: true, ...(starts && { documentStarts: starts }) },
      );
      const rows = attended.view([shape[0] * shape[1], -1]);
      const { output, sum } = residualRmsNorm(
        linear(rows, `${prefix}.self_attn.o_proj`),
        residual,
        weight(`${prefix}.post_attention_layernorm`),
        { epsilon },
      );
      const up = linear(output, `${prefix}.mlp.up_proj`);
      const gate = linear(output, `${prefix}.mlp.gate_proj`);
      return [linear(swiglu(gate, up), `${prefix}.mlp.down_proj`), sum];
    };
  }

  function loss(ids: TokenRows, labels: TokenRows, documentStarts?: TokenRows): Variable {
    const packed = packIds(ids, config.vocabSize);
    const { batch, sequence } = packed;
    const tensor = (values: Int32Array) => Tensor.from(values, [batch, sequence], { device });
    const starts =
      documentStarts && tensor(packIds(documentStarts, Number.POSITIVE_INFINITY).values);
    const rows = embedding(tensor(packed.values), weight(embeddingName));
    let residual = rows.view([batch * sequence, -1]);
    let added: Variable | undefined;
    for (let index = 0; index < config.numHiddenLayers; index++) {
      const prefix = `model.layers.${index}`;
      const compute = (...stream: readonly Variable[]) => {
        const [residual, added] = stream as readonly [Variable, Variable?];
        const norm = weight(`${prefix}.input_layernorm`);
        const { output, sum } = added
          ? residualRmsNorm(added, residual, norm, { epsilon })
          : { output: rmsNorm(residual, norm, { epsilon }), sum: residual };
        return layer(prefix, [batch, sequence], starts)(output, sum);
      };
      const stream = added ? [residual, added] : [residual];
      [added, residual] = options.recompute ? checkpoint(compute, ...stream) : compute(...stream);
    }
    const { output } = residualRmsNorm(added as Variable, residual, weight('model.norm'), {
      epsilon,
    });
    const logits = linear(output, head);
    const shifted = shiftLabels(packLabels(labels, packed, config.vocabSize));
    return crossEntropy(logits, shifted);
  }
  return { parameters, loss };
}
