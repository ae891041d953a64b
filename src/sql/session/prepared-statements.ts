/** What a session keeps under a name by SQL: PREPARE, EXECUTE and DEALLOCATE; DECLARE, FETCH, MOVE and CLOSE of cursors. */
import { fail, unsupported } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import { positionOf } from '../ast/names.ts';
import type {
  DeallocateStatement,
  DeclareStatement,
  ExecuteStatement,
  FetchStatement,
  PrepareStatement,
  Statement,
} from '../ast/statements.ts';
import { lookUpType } from '../bind/type-lookup.ts';
import { Definer } from '../ddl/definer.ts';
import type { ResultSink } from './results.ts';
import { splitInto } from './select-into.ts';
import type { SqlSession } from './sql-session.ts';

/** @returns false when the statement is none of these. */
export function* preparedStatement(sql: SqlSession, s: Statement, text: string, sink: ResultSink): Task<boolean> {
  switch (s.kind) {
    case 'prepare':
      prepare(sql, s, text);
      sink.complete('PREPARE');
      return true;
    case 'execute':
      yield* execute(sql, s, text, sink);
      return true;
    case 'deallocate':
      deallocate(sql, s);
      sink.complete(s.name === null ? 'DEALLOCATE ALL' : 'DEALLOCATE');
      return true;
    case 'declare':
      yield* declareCursor(sql, s, text);
      sink.complete('DECLARE CURSOR');
      return true;
    case 'fetch':
    case 'move':
      yield* fetch(sql, s, sink);
      return true;
    case 'close':
      if (s.cursor === null) for (const [name, p] of [...sql.portals]) if (p.cursor) sql.portals.close(name);
      if (s.cursor !== null) {
        sql.portals.named(s.cursor.text);
        sql.portals.close(s.cursor.text);
      }
      sink.complete(s.cursor === null ? 'CLOSE CURSOR ALL' : 'CLOSE CURSOR');
      return true;
    default:
      return false;
  }
}

function prepare(sql: SqlSession, s: PrepareStatement, text: string): void {
  const name = s.name.text;
  if (sql.prepared.has(name)) throw fail('duplicate_prepared_statement', `prepared statement "${name}" already exists`);
  const into = splitInto(s.statement)?.into;
  if (into !== undefined) throw unsupported('PREPARE of SELECT INTO', positionOf(text, into.at));
  const d = new Definer(sql, text);
  const types = s.types.map((t) => lookUpType(d.binding(), t).oid);
  const parameterCount = Math.max(s.parameters, types.length);
  const planned = sql.planner.planStatement(s.statement, text, parameterCount, types, []);
  sql.prepared.set(name, {
    text,
    statement: s.statement,
    planned,
    literals: [],
    declaredTypes: types,
    parameterCount: planned.bound.clientParameters,
    bySql: true,
    columnsFixed: true,
  });
}

function* execute(sql: SqlSession, s: ExecuteStatement, text: string, sink: ResultSink): Task<void> {
  const prepared = sql.statement(s.name.text);
  const types = sql.parameterTypes(prepared);
  if (types.length !== s.args.length) {
    throw fail('syntax_error', `wrong number of parameters for prepared statement "${s.name.text}"`, {
      detail: `Expected ${types.length} parameters but got ${s.args.length}.`,
    });
  }
  const values = yield* sql.runner.evaluateArguments(s.args, types, text);
  yield* sql.runStatement(prepared, values, sink);
}

function deallocate(sql: SqlSession, s: DeallocateStatement): void {
  if (s.name === null) {
    for (const name of [...sql.prepared.keys()]) if (name !== '') sql.prepared.delete(name);
    return;
  }
  sql.statement(s.name.text);
  sql.prepared.delete(s.name.text);
}

function* declareCursor(sql: SqlSession, s: DeclareStatement, text: string): Task<void> {
  if (s.scroll === true) throw unsupported('SCROLL cursors', positionOf(text, s.at));
  if (s.binary) throw unsupported('BINARY cursors', positionOf(text, s.at));
  if (!s.hold && sql.block.state !== 'block')
    throw fail('no_active_sql_transaction', 'DECLARE CURSOR can only be used in transaction blocks');
  const name = s.name.text;
  if (sql.portals.has(name)) throw fail('duplicate_cursor', `cursor "${name}" already exists`);
  const prepared = sql.planner.internalStatement(s.query, text, sql.given.types);
  const portal = yield* sql.runner.openPortal(prepared, sql.given.values);
  try {
    yield* portal.computeConstants();
  } catch (error) {
    portal.close();
    throw error;
  }
  sql.portals.set(name, { prepared, parameters: sql.given.values, portal, cursor: true, hold: s.hold, done: false });
}

function* fetch(sql: SqlSession, s: FetchStatement, sink: ResultSink): Task<void> {
  const bound = sql.portals.get(s.cursor.text);
  if (bound === undefined) throw fail('invalid_cursor_name', `cursor "${s.cursor.text}" does not exist`);
  const forward = s.direction === 'forward' && (s.count === 'all' || s.count >= 0);
  if (!forward)
    throw fail('object_not_in_prerequisite_state', 'cursor can only scan forward', {
      hint: 'Declare it with SCROLL option to enable backward scan.',
    });
  const portal = bound.portal!;
  const before = portal.delivered;
  const count = s.count === 'all' ? Number.POSITIVE_INFINITY : s.count;
  if (s.kind === 'fetch') {
    sink.columns(portal.planned.columns);
    if (count > 0) yield* portal.fetch(count, sink);
  } else if (count > 0) yield* portal.fetch(count, { ...SILENT, taker: () => () => {} });
  sink.complete(`${s.kind.toUpperCase()} ${portal.delivered - before}`);
}

const SILENT: ResultSink = {
  columns() {},
  taker: () => () => {},
  room: () => undefined,
  complete() {},
  empty() {},
  copyIn: () => ({ next: () => undefined }),
  copyOut() {},
  copyLine() {},
  copyDone() {},
};
