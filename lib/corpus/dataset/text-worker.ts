// A thread of `text-work.ts`.
import { serve } from '../../system/worker-pool.ts';
import { startWork, type TextJob } from './text-work.ts';

serve((job: TextJob) => startWork(job));
