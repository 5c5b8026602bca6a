// What the demo says about its own result, on the terminal and in its page: plainly, and no more than the
// numbers bear.
import type { Manifest } from '../leia/dataset-format.ts';
import type { DemoRun } from '../report/demo-page.ts';

export interface DemoReading {
  readonly shows: string;
  readonly showsNot: string;
  readonly difference: string;
}

/** The final held-out loss of a run, in nats per token. */
export function finalLoss({ heldOut }: DemoRun): number {
  return heldOut.at(-1)?.loss ?? Number.NaN;
}

export function readResult(
  manifest: Manifest,
  [plain, leia]: readonly [DemoRun, DemoRun],
  parameters: number,
): DemoReading {
  const { articles, entities, report } = manifest;
  const million = (count: number) => `${(count / 1e6).toFixed(1)} million`;
  const start = plain.heldOut[0]?.loss ?? Number.NaN;
  const gap = finalLoss(leia) - finalLoss(plain);
  const share = (100 * leia.insertedTokens) / leia.tokens;
  const passes = plain.tokens / manifest.tokens;
  return {
    shows: `The whole way works on real data: ${articles} articles were read from a Wikipedia dump, ${entities.toLocaleString('en')} of their ${Number(report.anchors).toLocaleString('en')} links have an English name that falls on token boundaries, a LLaMA of ${million(parameters)} parameters learned from the text with and without the names (held-out loss from ${start.toFixed(2)} to ${finalLoss(plain).toFixed(2)} and ${finalLoss(leia).toFixed(2)} nats per token), and both results are Hugging Face folders that other programs open.`,
    showsNot: `It does not show what LEIA is good for. LEIA carries over what a large model knows in English; this one began with random numbers, knows nothing in any language, and went through ${million(manifest.tokens)} tokens about ${passes.toFixed(1)} times. It can answer no question, and its loss says little about any that could. The paper trained a 7-billion-parameter LLaMA 2 on 200 million tokens, and measured question answering.`,
    difference: `On the original text of articles that neither has seen, LEIA ends ${Math.abs(gap).toFixed(3)} nats per token ${gap > 0 ? 'above' : 'below'} plain text. That is one seed and ${plain.heldOut[0]?.articles ?? 0} articles, no evidence for or against the method: on the Japanese sample, other seeds and lengths of the run gave anything from 0.29 below to 0.07 above. ${share.toFixed(1)} % of LEIA's tokens are names and marks, so in as many steps it has read that much less of the text it is measured on, and a model without any English has no knowledge to carry over.`,
  };
}
