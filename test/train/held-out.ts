import { heldOutArticles, heldOutLoss } from '../../lib/evaluate/held-out-loss.ts';
import { Dataset } from '../../lib/leia/dataset.ts';
import type { TrainOptions } from '../../lib/train/train.ts';

/** Measures the loss of two articles of a dataset after the second step. */
export async function heldOutOf(data: string): Promise<NonNullable<TrainOptions['measure']>> {
  using dataset = await Dataset.open(data);
  const articles = heldOutArticles(dataset, [0, 3]);
  return async (step, model) => {
    if (step !== 2) return undefined;
    const { loss } = await heldOutLoss(model, articles, { sequenceLength: 32, batchSize: 1 });
    return { heldOutLoss: loss };
  };
}
