// A token of each row of logits: the highest, or drawn among the highest. Judged by the bandwidth of one read. Large is 256 rows
// of LLaMA 3's vocabulary.
import { ops } from '../../lib/index.ts';
import { type Settings, sampleReference } from '../../test/ops/cases/sample-token.ts';
import { rowsWorkload } from '../rows.ts';
import { bytesOf, type Float, type Sizes, type Workload } from '../workload.ts';

function sampleToken(rows: number, vocabulary: number, dtype: Float, settings: Settings): Workload {
  const { temperature, topK, topP } = settings;
  const how = temperature === 0 ? 'highest' : `top ${topK} and ${topP}`;
  return rowsWorkload({
    name: `sampleToken ${how} of ${rows}x${vocabulary} ${dtype}`,
    dtype,
    flops: rows * vocabulary,
    bytes: rows * vocabulary * bytesOf(dtype),
    rival: { kind: 'sample_token', rows, vocabulary, ...settings, dtype },
    make: (tensors) => {
      const logits = tensors.random([rows, vocabulary], dtype, 0, 3);
      const tokens = tensors.empty([rows], 'int32');
      return {
        inputs: [logits],
        output: tokens,
        run: () => ops.sampleToken({ logits, ...settings, tokens }),
        expected: (x) => sampleReference(x!, vocabulary, settings),
      };
    },
  });
}

export function workloads(sizes: Sizes): Workload[] {
  const [rows, vocabulary] = { tiny: [6, 88], small: [64, 32_000], large: [256, 128_256] }[sizes];
  return [{ temperature: 0 }, { temperature: 0.8, topK: 40, topP: 0.9 }].map((settings) =>
    sampleToken(rows!, vocabulary!, 'float32', settings),
  );
}
