/** Rounds, medians and the table: what every row of the comparison shares. */

/** One rival's figure in one row: all rounds, and how to read them. */
export interface Figure {
  readonly rounds: readonly number[];
  readonly unit: string;
}

/** A row of the table. */
export interface Row {
  readonly name: string;
  readonly work: string;
  readonly ours: Figure;
  readonly rivals: readonly { readonly name: string; readonly figure: Figure; readonly floor: number }[];
  /** Is more better (transactions per second) or less (milliseconds)? */
  readonly better: 'more' | 'less';
  /** An absolute bound on our own figure, where the row has no rival. */
  readonly bound?: number;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** How many times better we are; below 1 is worse. */
export function ratio(row: Row, rival: Figure): number {
  const ours = median(row.ours.rounds);
  const theirs = median(rival.rounds);
  return row.better === 'more' ? ours / theirs : theirs / ours;
}

/** Runs the rivals in turn, round by round, so that a slow minute of the machine hits them alike. */
export async function alternate(
  rounds: number,
  rivals: readonly { readonly name: string; readonly run: () => Promise<number> }[],
): Promise<Map<string, number[]>> {
  const figures = new Map<string, number[]>(rivals.map((r) => [r.name, []]));
  for (let round = 0; round < rounds; round++) for (const { name, run } of rivals) figures.get(name)!.push(await run());
  return figures;
}

function show(figure: Figure): string {
  const value = median(figure.rounds);
  const text = value >= 1000 ? Math.round(value).toLocaleString('en-US') : value.toPrecision(3);
  return `${text} ${figure.unit}`;
}

/** The rows as a Markdown table. */
export function markdown(rows: readonly Row[]): string {
  const lines = ['| work | ExtentDB | rival | ratio | floor | |', '|---|---|---|---|---|---|'];
  for (const row of rows) {
    if (row.bound !== undefined) {
      const value = median(row.ours.rounds);
      const verdict = value <= row.bound ? 'reached' : 'short';
      lines.push(`| ${row.work} | ${show(row.ours)} | | | ≤ ${row.bound} ${row.ours.unit} | ${verdict} |`);
    }
    for (const { name, figure, floor } of row.rivals) {
      const reached = ratio(row, figure);
      const cells = [row.work, show(row.ours), `${name} ${show(figure)}`, `${reached.toFixed(2)} ×`, `≥ ${floor} ×`];
      lines.push(`| ${cells.join(' | ')} | ${reached >= floor ? 'reached' : 'short'} |`);
    }
  }
  return lines.join('\n');
}
