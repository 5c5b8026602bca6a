// A thread of `dump-work.ts`.
import { serve } from '../../system/worker-pool.ts';
import { type DumpJob, startWork } from './dump-work.ts';

serve((job: DumpJob) => startWork(job));
