import { casesOf, logSoftmaxBackwardReference, logSoftmaxReference, mapRows } from './softmax.ts';

export const { cases, randomCase, gradients } = casesOf({
  name: 'logSoftmax',
  forward: logSoftmaxReference,
  backward: logSoftmaxBackwardReference,
  addends: (dy, y, width) =>
    mapRows(dy, width, (row, at) => {
      const sum = Math.hypot(...row);
      return row.map((g, i) => Math.abs(g) + Math.exp(y[at + i]!) * sum);
    }),
});
