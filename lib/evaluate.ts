// `leia/evaluate`: asks models the questions of tasks, scores texts, and makes tables of the results. It loads neither a
// tokenizer nor a model by itself: those are its caller's.
export { generateBatch } from './evaluate/engine/generate-batch.ts';
export { KeptResults, type ResultOrigin } from './evaluate/engine/kept-results.ts';
export { logLikelihoods } from './evaluate/engine/log-likelihoods.ts';
export type {
  EngineOptions,
  Generation,
  GenerationRequest,
  LogLikelihood,
  LogLikelihoodRequest,
} from './evaluate/engine/requests.ts';
export {
  type EvaluateOptions,
  type Evaluation,
  evaluateTasks,
  type PreparedQuestion,
  prepareQuestions,
} from './evaluate/evaluate.ts';
export {
  type HeldOutArticle,
  type HeldOutLoss,
  type HeldOutOptions,
  heldOutArticles,
  heldOutLoss,
} from './evaluate/held-out-loss.ts';
export { type Split, splitHeldOut } from './evaluate/held-out-split.ts';
export { encodeRequests, fitRequests, type RawRequest } from './evaluate/requests.ts';
export type { Results, Sample } from './evaluate/results.ts';
export {
  buildTable,
  type ColumnGroup,
  comparisonGrid,
  layouts,
  type Method,
  type Run,
  renderCsv,
  renderLatex,
  renderMarkdown,
  renderText,
  runOfResults,
  scoreGrid,
  type Table,
  type TableOptions,
  tasksOf,
} from './evaluate/tables/tables.ts';
export { characterF } from './evaluate/tasks/character-f.ts';
export { findTasks, type TaskDefinition } from './evaluate/tasks/definition.ts';
export { type LoadedTask, type LoadOptions, loadTask } from './evaluate/tasks/load-task.ts';
export type { ProtocolName } from './evaluate/tasks/protocol.ts';
export { LeiaError, type LeiaErrorCode } from './system/error.ts';
