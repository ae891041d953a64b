/**
 * Utility statements: everything that is not a query or a change of rows.
 *
 *   transaction-statements   setting-statements   prepared-statements   database-statements
 *   definition-statements    maintenance-statements                     the rest here
 *
 * Each room takes the statements that are its own, carries them out and completes them.
 */
import { fail, unsupported } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import { positionOf } from '../ast/names.ts';
import type { DiscardStatement, Statement } from '../ast/statements.ts';
import { checkColumns } from '../ddl/check-database.ts';
import { callColumns } from '../ddl/defragment.ts';
import { indexDefragColumns } from '../ddl/index-defrag.ts';
import { copy } from './copy.ts';
import { databaseStatement } from './database-statements.ts';
import { definitionStatement } from './definition-statements.ts';
import { explain } from './explain.ts';
import { maintenanceStatement } from './maintenance-statements.ts';
import { preparedStatement } from './prepared-statements.ts';
import type { ResultColumn, ResultSink } from './results.ts';
import { textColumn } from './rows-out.ts';
import { settingStatement, showColumns } from './setting-statements.ts';
import type { SqlSession } from './sql-session.ts';
import { transactionStatement } from './transaction-statements.ts';
import { utilityTag } from './utility-tags.ts';

/** Result columns of utility statements that return rows, for Describe; null = no rows. */
export function utilityColumns(sql: SqlSession, statement: Statement): readonly ResultColumn[] | null {
  switch (statement.kind) {
    case 'show':
      return showColumns(statement.name);
    case 'explain':
      return [textColumn('QUERY PLAN')];
    case 'execute': {
      const prepared = sql.prepared.get(statement.name.text);
      return prepared?.planned === undefined || prepared.planned.columns.length === 0 ? null : prepared.planned.columns;
    }
    case 'callProcedure':
      return callColumns(statement);
    case 'indexDefrag':
      return indexDefragColumns(statement);
    case 'checkDatabase':
      return checkColumns(statement);
    case 'fetch':
      return sql.portals.get(statement.cursor.text)?.prepared.planned?.columns ?? null;
    default:
      return null;
  }
}

const CHANGES: ReadonlySet<Statement['kind']> = new Set([
  'createTable',
  'createTableAs',
  'createIndex',
  'createView',
  'createSequence',
  'createExtension',
  'createSchema',
  'createDatabase',
  'createRole',
  'alterRole',
  'alterTable',
  'alterOwner',
  'alterSequence',
  'alterDatabase',
  'resizeDatabase',
  'rename',
  'setSchema',
  'reorganize',
  'indexDefrag',
  'setIndexOptions',
  'rebuild',
  'cluster',
  'drop',
  'comment',
  'grant',
  'reindex',
  'truncate',
]);

/** Carries out a utility statement and completes it. */
export function* runUtility(sql: SqlSession, s: Statement, text: string, sink: ResultSink): Task<void> {
  if (CHANGES.has(s.kind)) {
    if (sql.block.readOnly)
      throw fail('read_only_sql_transaction', `cannot execute ${utilityTag(s)} in a read-only transaction`);
    sql.engine.beginWriting();
  }
  const done =
    (yield* transactionStatement(sql, s, text, sink)) ||
    (yield* settingStatement(sql, s, sink)) ||
    (yield* preparedStatement(sql, s, text, sink)) ||
    (yield* otherStatement(sql, s, text, sink)) ||
    (yield* databaseStatement(sql, s, text, sink)) ||
    (yield* definitionStatement(sql, s, text, sink)) ||
    (yield* maintenanceStatement(sql, s, text, sink));
  if (!done) throw unsupported(utilityTag(s), positionOf(text, 'at' in s ? s.at : 0));
}

/** EXPLAIN, COPY, DISCARD, and what is not supported. @returns false when the statement is none of these. */
function* otherStatement(sql: SqlSession, s: Statement, text: string, sink: ResultSink): Task<boolean> {
  switch (s.kind) {
    case 'explain':
      yield* explain(sql, s, text, sink);
      return true;
    case 'copy':
      yield* copy(sql, s, text, sink);
      return true;
    case 'discard':
      discard(sql, s.what);
      sink.complete(`DISCARD ${s.what.toUpperCase()}`);
      return true;
    case 'listen':
    case 'notify':
      throw unsupported(s.kind.toUpperCase(), positionOf(text, s.at));
    case 'unlisten':
      // Nothing can be listened to, so there is nothing to end: pools send this to clean up.
      sink.complete('UNLISTEN');
      return true;
    case 'do':
      throw unsupported('DO', positionOf(text, s.at));
    default:
      return false;
  }
}

function discard(sql: SqlSession, what: DiscardStatement['what']): void {
  if (what === 'all') {
    sql.block.forbid('DISCARD ALL');
    sql.settings.resetAll();
    sql.prepared.clear();
    sql.portals.closeAll();
    sql.engine.advisory.unlockAll();
  }
  if (what === 'all' || what === 'plans') sql.planner.forget();
  if (what === 'all' || what === 'sequences') sql.context.forgetSequences();
}
