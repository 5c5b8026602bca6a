// The results as a table for a terminal.
import type { HostCost } from './host-costs.ts';
import type { Environment, Results, Row } from './results.ts';

const nameWidth = 64;

function line(name: string, cells: readonly string[]): string {
  return name.padEnd(nameWidth) + cells.map((cell) => cell.padStart(10)).join('');
}

/** A number with three significant figures. */
export function figures(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value >= 1 ? value.toFixed(2) : value.toPrecision(3);
}

export function environmentLine({ device, leia, node, system }: Environment): string {
  const details = Object.entries(device)
    .filter(([key]) => !['name', 'model'].includes(key))
    .map(([key, value]) => `${key} ${value}`);
  const version =
    leia.commit === 'unknown' ? `leia ${leia.version}` : `commit ${leia.commit.slice(0, 10)}`;
  const about = [device.model, ...details, `Node ${node}`, version];
  return `${device.name}: ${about.join(', ')}; load ${system.load} on ${system.cores} cores`;
}

export function header(): string {
  return line('', ['median ms', 'best ms', 'rate', '', 'ceiling', 'error']);
}

export function rowLines(row: Row): string[] {
  const { milliseconds, rate, unit, ofCeiling, error } = row;
  const own = line(row.name, [
    figures(milliseconds.median),
    figures(milliseconds.best),
    figures(rate),
    unit,
    ofCeiling === undefined ? '' : `${(100 * ofCeiling).toFixed(0)} %`,
    error === undefined ? 'ok' : error.toExponential(1),
  ]);
  const rivals = row.rivals.map(
    ({ name, milliseconds: { median, best }, leiaTimesAsFast }) =>
      `${line(`  ${name}`, [figures(median), figures(best)])}   leia ${leiaTimesAsFast.toFixed(2)} x as fast`,
  );
  return [own, ...rivals];
}

export function ceilingLines({ ceilings }: Pick<Results, 'ceilings'>): string[] {
  return ceilings.map(({ name, rate, unit, by }) => {
    const who = Object.entries(by).map(([who, its]) => `${who} ${figures(its)}`);
    return `ceiling ${name}: ${figures(rate)} ${unit}${who.length > 1 ? ` (${who.join(', ')})` : ''}`;
  });
}

export function hostLines(costs: readonly HostCost[]): string[] {
  return costs.map(
    ({ name, best, median }) => `${name}: median ${figures(median)} µs, best ${figures(best)}`,
  );
}
