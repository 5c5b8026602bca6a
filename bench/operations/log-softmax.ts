// The logarithm of softmax over rows, measured as softmax is.
import { ops } from '../../lib/index.ts';
import { logSoftmaxBackwardReference, logSoftmaxReference } from '../../test/ops/cases/softmax.ts';
import type { Sizes, Workload } from '../workload.ts';
import { workloadsOf } from './softmax.ts';

const logSoftmax = {
  name: 'logSoftmax',
  rival: 'log_softmax',
  forward: ops.logSoftmaxForward,
  backward: ops.logSoftmaxBackward,
  reference: logSoftmaxReference,
  backwardReference: logSoftmaxBackwardReference,
};

export function workloads(sizes: Sizes): Workload[] {
  return workloadsOf(logSoftmax, sizes);
}
