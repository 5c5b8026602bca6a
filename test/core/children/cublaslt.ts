// Says which cuBLASLt this process finds, or why none; with `try`, one that can also be begun with.
import { addon } from '../../../lib/core/addon.ts';
import { LeiaError } from '../../../lib/ops.ts';

try {
  console.log(`found ${addon().cublasLtDescription(process.argv[2] === 'try').path}`);
} catch (error) {
  if (!(error instanceof LeiaError)) throw error;
  console.log(`${error.code} ${error.message}`);
}
