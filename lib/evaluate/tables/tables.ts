// The face of this folder for those who have scores and want tables of them:
//
//   const methods: Method[] = [
//     { name: 'plain', role: 'baseline', runs: [{ name: 'seed 1', scores: new Map([['held', 0.21]]) }, …] },
//     { name: 'LEIA', role: 'candidate', runs: … },
//   ];
//   const groups = [{ heading: '', columns: [{ label: 'held-out facts', tasks: ['held'] }] }];
//   const table = buildTable(methods, { title: 'Strategies', groups });
//   renderText(scoreGrid(table)); renderMarkdown(comparisonGrid(table)); renderCsv(table); …
//
// A run's `items` make the tests over items possible. `runOfResults` makes runs of evaluation results, `layouts` has the
// columns of the paper's tables. `comparisonSection` of lib/report makes HTML of a table, with plots.
export type { Comparison } from './comparisons.ts';
export { comparisonGrid, type Grid, percent, scoreGrid, scoreNotes } from './grid.ts';
export { type Layout, type LayoutName, layoutNames, layouts } from './layouts.ts';
export {
  type Column,
  type ColumnGroup,
  columnName,
  differingConditions,
  type Method,
  type Run,
  tasksOf,
} from './methods.ts';
export { renderCsv, renderLatex, renderMarkdown, renderText } from './render.ts';
export { runOfResults } from './results.ts';
export {
  buildTable,
  type Cell,
  type Table,
  type TableOptions,
  type TableRow,
} from './table.ts';
