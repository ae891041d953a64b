/** What the session asks about statements: whether they have a plan, what they do in a failed block, what their tag is. */
import type { PlannableStatement } from '../ast/queries.ts';
import type { Statement } from '../ast/statements.ts';
import type { Fetchable } from './portal.ts';
import type { ResultColumn } from './results.ts';

export function isPlannable(statement: Statement): statement is PlannableStatement {
  return (
    statement.kind === 'query' ||
    statement.kind === 'insert' ||
    statement.kind === 'update' ||
    statement.kind === 'delete'
  );
}

/** Statements that are carried out in a failed block. */
export function endsFailedBlock(statement: Statement): boolean {
  return statement.kind === 'commit' || statement.kind === 'rollback' || statement.kind === 'rollbackTo';
}

/** The command tag of a portal that has run. */
export function tagOf(portal: Fetchable): string {
  const { command } = portal.planned;
  if (command === 'SELECT') return `SELECT ${portal.delivered}`;
  return command === 'INSERT' ? `INSERT 0 ${portal.affected}` : `${command} ${portal.affected}`;
}

export function sameColumns(a: readonly ResultColumn[], b: readonly ResultColumn[]): boolean {
  return a.length === b.length && a.every((c, i) => c.name === b[i]!.name && c.type === b[i]!.type);
}
