/** Statements that end, divide and set transactions: from BEGIN to SET CONSTRAINTS, and LOCK TABLE, which holds to the end. */
import { fail, unsupported } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import { TABLE_LOCK_MODES } from '../../engine/record-port.ts';
import type {
  CommitStatement,
  LockStatement,
  SetConstraintsStatement,
  SetTransactionStatement,
  Statement,
} from '../ast/statements.ts';
import { defining } from '../ddl/definer.ts';
import type { ResultSink } from './results.ts';
import type { SqlSession } from './sql-session.ts';

/** @returns false when the statement is none of these. */
export function* transactionStatement(sql: SqlSession, s: Statement, text: string, sink: ResultSink): Task<boolean> {
  const { block } = sql;
  switch (s.kind) {
    case 'begin': {
      const warning = block.begin(s.modes);
      if (warning !== undefined) sql.warn(warning, '25001');
      sink.complete(s.start ? 'START TRANSACTION' : 'BEGIN');
      return true;
    }
    case 'commit':
    case 'rollback':
      sink.complete(yield* endBlock(sql, s));
      return true;
    case 'savepoint':
      block.savepoint(s.name.text);
      sink.complete('SAVEPOINT');
      return true;
    case 'release':
      block.release(s.name.text);
      sink.complete('RELEASE');
      return true;
    case 'rollbackTo':
      yield* block.rollbackTo(s.name.text);
      sink.complete('ROLLBACK');
      return true;
    case 'setTransaction':
      setModes(sql, s);
      sink.complete('SET');
      return true;
    case 'setConstraints':
      yield* setConstraints(sql, s);
      sink.complete('SET CONSTRAINTS');
      return true;
    case 'twoPhase':
      throw unsupported('two-phase commit');
    case 'lock':
      yield* lockTables(sql, s, text);
      sink.complete('LOCK TABLE');
      return true;
    default:
      return false;
  }
}

/** COMMIT and ROLLBACK, chained or not. @returns the tag, which is ROLLBACK for COMMIT of a failed block. */
function* endBlock(sql: SqlSession, s: CommitStatement): Task<string> {
  const { block } = sql;
  const chained = s.chain ? { isolation: sql.engine.isolation, readOnly: block.readOnly, deferrable: null } : undefined;
  if (block.state === 'idle' || block.state === 'implicit') {
    if (chained !== undefined)
      throw fail(
        'no_active_sql_transaction',
        `${s.kind.toUpperCase()} AND CHAIN can only be used in transaction blocks`,
      );
    sql.warn('there is no transaction in progress', '25P01');
    if (s.kind === 'rollback') yield* block.rollback();
    else yield* block.commit();
    return s.kind === 'commit' ? 'COMMIT' : 'ROLLBACK';
  }
  let tag = 'ROLLBACK';
  if (s.kind === 'commit') tag = yield* block.commit();
  else yield* block.rollback();
  if (chained !== undefined) block.begin(chained);
  return tag;
}

/** SET TRANSACTION, for this transaction, and SET SESSION CHARACTERISTICS, for those to come. */
function setModes(sql: SqlSession, s: SetTransactionStatement): void {
  if (s.snapshot !== null) throw unsupported('SET TRANSACTION SNAPSHOT');
  if (s.session) {
    if (s.modes.isolation !== null) sql.settings.set('default_transaction_isolation', s.modes.isolation, false);
    if (s.modes.readOnly !== null)
      sql.settings.set('default_transaction_read_only', s.modes.readOnly ? 'on' : 'off', false);
    return;
  }
  if (sql.block.state !== 'block') sql.warn('SET TRANSACTION can only be used in transaction blocks', '25P01');
  sql.block.setModes(s.modes);
}

/** @throws 42704, 42809 for a constraint that cannot be deferred. */
function* setConstraints(sql: SqlSession, s: SetConstraintsStatement): Task<void> {
  const { catalog } = sql.engine;
  if (sql.block.state !== 'block') sql.warn('SET CONSTRAINTS can only be used in transaction blocks', '25P01');
  const oids = s.names?.map((name) => {
    for (const o of catalog.objects()) {
      if (
        o.kind === 'constraint' &&
        o.name === name.name &&
        (name.schema === null || catalog.object(o.schema)?.name === name.schema)
      ) {
        if (!o.deferrable) throw fail('wrong_object_type', `constraint "${name.name}" is not deferrable`);
        return o.oid;
      }
    }
    throw fail('undefined_object', `constraint "${name.name}" does not exist`);
  });
  yield* sql.block.deferred.setMode(oids, s.deferred);
}

/** Locks tables and what lies below them to the transaction's end. @throws 55P03 */
function* lockTables(sql: SqlSession, s: LockStatement, text: string): Task<void> {
  if (sql.block.state !== 'block')
    throw fail('no_active_sql_transaction', 'LOCK TABLE can only be used in transaction blocks');
  const mode = TABLE_LOCK_MODES[s.mode];
  yield* defining(sql, text, function* (d) {
    for (const { name, only } of s.tables) {
      const named = d.table(name);
      for (const table of only ? [named] : [named, ...d.catalog.descendantsOf(named.oid)]) {
        if (s.nowait && !sql.engine.transaction.lockTableNow(table.oid, mode))
          throw fail('lock_not_available', `could not obtain lock on relation "${table.name}"`);
        yield* d.lock(table.oid, mode);
      }
    }
  });
}
