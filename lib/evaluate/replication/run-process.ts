// A process of `runs.ts`.
import { serveRun } from './runs.ts';

serveRun();
