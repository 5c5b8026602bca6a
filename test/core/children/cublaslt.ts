// Says which cuBLASLt this process finds, or why none.
import { addon } from '../../../lib/core/addon.ts';
import { LeiaError } from '../../../lib/index.ts';

try {
  console.log(`found ${addon().cublasLtDescription().path}`);
} catch (error) {
  if (!(error instanceof LeiaError)) throw error;
  console.log(`${error.code} ${error.message}`);
}
