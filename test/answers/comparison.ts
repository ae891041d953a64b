/**
 * Comparing two answers to one statement.
 *
 *   equal     the same rows as bags, or in order where there is one; as many rows changed
 *   refused   both failed, with the same SQLSTATE
 *   order     one or both failed with class 22 (or both with 22 or 23): which rows and terms are evaluated first, and so
 *             which error is met, if any, PostgreSQL's manual leaves open (4.2.14)
 *   timeout   one of both took longer than statement_timeout
 *   different anything else: a failure
 */
import type { Step } from './course.ts';

export type Verdict = 'equal' | 'refused' | 'order' | 'timeout' | 'different';

export type Answer =
  | { readonly rows: readonly string[]; readonly count: number | null }
  | { readonly sqlstate: string; readonly message: string };

const TIMEOUT = '57014';
const SHOWN_ROWS = 4;

function dataError(answer: Answer): boolean {
  return 'sqlstate' in answer && answer.sqlstate.startsWith('22');
}

/** What to say of two answers to the same statement. */
export function judged(ours: Answer, theirs: Answer, ordered: boolean): Verdict {
  const codes = [ours, theirs].flatMap((a) => ('sqlstate' in a ? [a.sqlstate] : []));
  if (codes.includes(TIMEOUT)) return 'timeout';
  if (codes.length === 2) {
    if (codes[0] === codes[1]) return 'refused';
    return codes.every((c) => /^2[23]/.test(c)) ? 'order' : 'different';
  }
  if (codes.length === 1) return dataError(ours) || dataError(theirs) ? 'order' : 'different';
  return sameRows(ours, theirs, ordered) ? 'equal' : 'different';
}

function sameRows(ours: Answer, theirs: Answer, ordered: boolean): boolean {
  if (!('rows' in ours && 'rows' in theirs)) return false;
  if (ours.count !== theirs.count || ours.rows.length !== theirs.rows.length) return false;
  const [a, b] = [ours, theirs].map(({ rows }) => (ordered ? rows : [...rows].sort()));
  return a!.every((row, i) => row === b![i]);
}

/** Both answers, short: errors whole, of rows those that only one has. */
export function described(ours: Answer, theirs: Answer): string[] {
  const short = (answer: Answer, other: Answer): string => {
    if ('sqlstate' in answer) return `${answer.sqlstate} ${answer.message}`;
    const there = 'rows' in other ? countOf(other.rows) : new Map<string, number>();
    const only = answer.rows.filter((row) => {
      const left = there.get(row) ?? 0;
      there.set(row, left - 1);
      return left <= 0;
    });
    return `${answer.count ?? answer.rows.length} rows, ${only.length} only here: ${only.slice(0, SHOWN_ROWS).join(' ')}`;
  };
  return [`ExtentDB:   ${short(ours, theirs)}`, `PostgreSQL: ${short(theirs, ours)}`];
}

function countOf(rows: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const row of rows) counts.set(row, (counts.get(row) ?? 0) + 1);
  return counts;
}

/** A statement with its parameters, as it can be typed again. */
export function written(step: Step, execution: number): string {
  const values = step.parameters?.[execution];
  return values === undefined ? step.sql : `${step.sql}\n   -- execution ${execution + 1}: ${JSON.stringify(values)}`;
}
