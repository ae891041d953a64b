/** Utility statements: everything that is not a query or a change of rows. */
import { fail, unsupported } from '../../base/errors.ts';
import { REQUEST_TIMER, type Request, type Task } from '../../base/task.ts';
import type { Database } from '../../engine/database.ts';
import { TABLE_LOCK_MODES } from '../../engine/record-port.ts';
import type { AlterDatabaseStatement, OptionValue } from '../ast/definitions.ts';
import { positionOf } from '../ast/names.ts';
import type {
  DeallocateStatement,
  ExecuteStatement,
  FetchStatement,
  SetStatement,
  Statement,
} from '../ast/statements.ts';
import { lookUpType } from '../bind/type-lookup.ts';
import { rebuildIndexes } from '../ddl/alter-index-rebuild.ts';
import { alterTable } from '../ddl/alter-table.ts';
import { analyze, vacuum } from '../ddl/analyze.ts';
import { backupDatabase, requireSuperuser } from '../ddl/backup.ts';
import { checkColumns, checkDatabase } from '../ddl/check-database.ts';
import { createTable } from '../ddl/create-table.ts';
import { createTableAs } from '../ddl/create-table-as.ts';
import { alterDatabaseSetting, databaseSetting } from '../ddl/database-settings.ts';
import { resizeDatabase } from '../ddl/database-space.ts';
import { Definer } from '../ddl/definer.ts';
import { callColumns, callProcedure } from '../ddl/defragment.ts';
import { drop, truncate } from '../ddl/drop.ts';
import { indexDefrag, indexDefragColumns } from '../ddl/index-defrag.ts';
import { createIndex } from '../ddl/indexes.ts';
import { cluster, reindex } from '../ddl/rebuild-statements.ts';
import { reorganize, setIndexOptions } from '../ddl/reorganize.ts';
import { alterSequence, createSequence } from '../ddl/sequences.ts';
import { alterOwner, comment, createSchema, rename, setSchema } from '../ddl/small-statements.ts';
import { createView } from '../ddl/views.ts';
import { copy } from './copy.ts';
import { explain } from './explain.ts';
import type { ResultColumn, ResultSink } from './results.ts';
import { sendRows, textColumn } from './rows-out.ts';
import type { SqlSession } from './sql-session.ts';

/** Result columns of utility statements that return rows, for Describe; null = no rows. */
export function utilityColumns(sql: SqlSession, statement: Statement): readonly ResultColumn[] | null {
  switch (statement.kind) {
    case 'show':
      return statement.name === null ? SHOW_ALL_COLUMNS : [textColumn(shownName(statement.name))];
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

const SHOW_ALL_COLUMNS = [textColumn('name'), textColumn('setting'), textColumn('description')];

/** Statements that may not run inside a transaction block. */
function forbidBlock(sql: SqlSession, what: string): void {
  if (sql.block.state === 'block' || sql.block.state === 'failed')
    throw fail('active_sql_transaction', `${what} cannot run inside a transaction block`);
}

const CHANGES: ReadonlySet<Statement['kind']> = new Set([
  'createTable',
  'createTableAs',
  'createIndex',
  'createView',
  'createSequence',
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
  if (sql.block.readOnly && CHANGES.has(s.kind))
    throw fail('read_only_sql_transaction', `cannot execute ${tagOf(s)} in a read-only transaction`);
  if (yield* transactionStatement(sql, s, sink)) return;
  if (yield* sessionStatement(sql, s, text, sink)) return;
  yield* definition(sql, s, text, sink);
}

function* transactionStatement(sql: SqlSession, s: Statement, sink: ResultSink): Task<boolean> {
  const { block } = sql;
  switch (s.kind) {
    case 'begin': {
      const warning = block.begin(s.modes);
      if (warning !== undefined) sql.warn(warning, '25001');
      sink.complete(s.start ? 'START TRANSACTION' : 'BEGIN');
      return true;
    }
    case 'commit':
    case 'rollback': {
      const chained = s.chain
        ? { isolation: sql.engine.isolation, readOnly: block.readOnly, deferrable: null }
        : undefined;
      if (block.state === 'idle' || block.state === 'implicit') {
        if (chained !== undefined)
          throw fail(
            'no_active_sql_transaction',
            `${s.kind.toUpperCase()} AND CHAIN can only be used in transaction blocks`,
          );
        sql.warn('there is no transaction in progress', '25P01');
        if (s.kind === 'rollback') yield* block.rollback();
        else yield* block.commit();
        sink.complete(s.kind === 'commit' ? 'COMMIT' : 'ROLLBACK');
        return true;
      }
      let tag = 'ROLLBACK';
      if (s.kind === 'commit') tag = yield* block.commit();
      else yield* block.rollback();
      if (chained !== undefined) block.begin(chained);
      sink.complete(tag);
      return true;
    }
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
      if (s.snapshot !== null) throw unsupported('SET TRANSACTION SNAPSHOT');
      if (s.session) {
        if (s.modes.isolation !== null) sql.settings.set('default_transaction_isolation', s.modes.isolation, false);
        if (s.modes.readOnly !== null)
          sql.settings.set('default_transaction_read_only', s.modes.readOnly ? 'on' : 'off', false);
      } else {
        if (block.state !== 'block') sql.warn('SET TRANSACTION can only be used in transaction blocks', '25P01');
        block.setModes(s.modes);
      }
      sink.complete('SET');
      return true;
    case 'setConstraints': {
      const d = new Definer(sql, '');
      if (block.state !== 'block') sql.warn('SET CONSTRAINTS can only be used in transaction blocks', '25P01');
      const oids = s.names?.map((name) => {
        for (const o of d.catalog.objects()) {
          if (
            o.kind === 'constraint' &&
            o.name === name.name &&
            (name.schema === null || d.catalog.object(o.schema)?.name === name.schema)
          ) {
            if (!o.deferrable) throw fail('wrong_object_type', `constraint "${name.name}" is not deferrable`);
            return o.oid;
          }
        }
        throw fail('undefined_object', `constraint "${name.name}" does not exist`);
      });
      yield* block.setConstraints(oids, s.deferred);
      sink.complete('SET CONSTRAINTS');
      return true;
    }
    case 'twoPhase':
      throw unsupported('two-phase commit');
    default:
      return false;
  }
}

function* sessionStatement(sql: SqlSession, s: Statement, text: string, sink: ResultSink): Task<boolean> {
  switch (s.kind) {
    case 'set':
      setStatement(sql, s);
      sink.complete('SET');
      return true;
    case 'reset':
      if (s.name === null) sql.settings.resetAll();
      else sql.settings.set(s.name, undefined, false);
      sink.complete('RESET');
      return true;
    case 'show':
      yield* show(sql, s.name, sink);
      return true;
    case 'prepare': {
      if (sql.prepared.has(s.name.text))
        throw fail('duplicate_prepared_statement', `prepared statement "${s.name.text}" already exists`);
      const d = new Definer(sql, text);
      const types = s.types.map((t) => lookUpType(d.binding(), t).oid);
      sql.prepareParsed(s.name.text, s.statement, text, Math.max(s.parameters, types.length), types);
      sink.complete('PREPARE');
      return true;
    }
    case 'execute':
      yield* execute(sql, s, text, sink);
      return true;
    case 'deallocate':
      deallocate(sql, s);
      sink.complete(s.name === null ? 'DEALLOCATE ALL' : 'DEALLOCATE');
      return true;
    case 'declare':
      if (s.hold) throw unsupported('WITH HOLD cursors', positionOf(text, s.at));
      if (s.scroll === true) throw unsupported('SCROLL cursors', positionOf(text, s.at));
      if (s.binary) throw unsupported('BINARY cursors', positionOf(text, s.at));
      if (sql.block.state !== 'block')
        throw fail('no_active_sql_transaction', 'DECLARE CURSOR can only be used in transaction blocks');
      yield* sql.declareCursor(s.name.text, s.query, text);
      sink.complete('DECLARE CURSOR');
      return true;
    case 'fetch':
    case 'move':
      yield* fetch(sql, s, sink);
      return true;
    case 'close':
      if (s.cursor === null) for (const [name, p] of [...sql.portals]) if (p.cursor) sql.closePortal(name);
      if (s.cursor !== null) {
        sql.portal(s.cursor.text);
        sql.closePortal(s.cursor.text);
      }
      sink.complete(s.cursor === null ? 'CLOSE CURSOR ALL' : 'CLOSE CURSOR');
      return true;
    case 'discard':
      if (s.what === 'all') {
        forbidBlock(sql, 'DISCARD ALL');
        sql.settings.resetAll();
        sql.prepared.clear();
      }
      if (s.what === 'all' || s.what === 'plans') sql.discardPlans();
      if (s.what === 'all' || s.what === 'sequences') sql.context.forgetSequences();
      sink.complete(`DISCARD ${s.what.toUpperCase()}`);
      return true;
    case 'lock': {
      const d = new Definer(sql, text);
      if (sql.block.state !== 'block')
        throw fail('no_active_sql_transaction', 'LOCK TABLE can only be used in transaction blocks');
      for (const { name, only } of s.tables) {
        const named = d.table(name);
        for (const table of only ? [named] : [named, ...d.catalog.descendantsOf(named.oid)]) {
          const got = yield* sql.engine.transaction.lockTable(table.oid, TABLE_LOCK_MODES[s.mode], s.nowait ? 1 : 0);
          if (!got) throw fail('lock_not_available', `could not obtain lock on relation "${table.name}"`);
        }
      }
      sink.complete('LOCK TABLE');
      return true;
    }
    case 'explain':
      yield* explain(sql, s, text, sink);
      return true;
    case 'copy':
      yield* copy(sql, s, text, sink);
      return true;
    case 'checkpoint':
      yield* sql.engine.store.checkpoint();
      sink.complete('CHECKPOINT');
      return true;
    case 'vacuum':
      forbidBlock(sql, 'VACUUM');
      yield* vacuum(new Definer(sql, text), s);
      sink.complete('VACUUM');
      return true;
    case 'analyze':
      yield* analyze(new Definer(sql, text), s);
      sink.complete('ANALYZE');
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

/** `a, b` of SET as one text: words and strings, identifiers quoted where they must be. */
function settingText(values: readonly OptionValue[]): string {
  if (values.length === 1) return values[0]!.text;
  return values
    .map((v) => (/^[a-z_][a-z0-9_$]*$/.test(v.text) ? v.text : `"${v.text.replaceAll('"', '""')}"`))
    .join(', ');
}

function setStatement(sql: SqlSession, s: SetStatement): void {
  if (s.name === 'role' || s.name === 'session_authorization') {
    const role = s.value?.[0]?.text;
    if (role !== undefined && role !== 'none' && sql.context.roleOid(role) === 0 && role !== sql.user)
      throw fail('undefined_object', `role "${role}" does not exist`);
    return;
  }
  if (s.name === 'transaction_isolation' && s.value !== null) {
    const level = s.value[0]!.text.toLowerCase();
    if (
      level !== 'read committed' &&
      level !== 'repeatable read' &&
      level !== 'read uncommitted' &&
      level !== 'serializable'
    )
      throw fail('invalid_parameter_value', `invalid value for parameter "transaction_isolation": "${level}"`);
    sql.block.setModes({ isolation: level, readOnly: null, deferrable: null });
    return;
  }
  if (s.scope === 'local' && sql.block.state !== 'block') {
    sql.warn('SET LOCAL can only be used in transaction blocks', '25P01');
  }
  const isSearchPath = s.name === 'search_path';
  sql.settings.set(
    s.name,
    s.value === null ? undefined : isSearchPath ? searchPathText(s.value) : settingText(s.value),
    s.scope === 'local',
  );
  if (s.name === 'lock_timeout' && sql.engine.inTransaction)
    sql.engine.transaction.lockTimeoutMs = sql.settings.number('lock_timeout');
  if (s.name === 'synchronous_commit' && sql.engine.inTransaction)
    sql.engine.transaction.durable = sql.settings.get('synchronous_commit') !== 'off';
  if (s.name === 'transaction_read_only')
    sql.block.setModes({
      isolation: null,
      readOnly: sql.settings.get('transaction_read_only') === 'on',
      deferrable: null,
    });
}

function searchPathText(values: readonly OptionValue[]): string {
  return values
    .map((v) => (/^[a-z_][a-z0-9_$]*$/.test(v.text) ? v.text : `"${v.text.replaceAll('"', '""')}"`))
    .join(', ');
}

function shownName(name: string): string {
  const canonical: Record<string, string> = {
    timezone: 'TimeZone',
    datestyle: 'DateStyle',
    intervalstyle: 'IntervalStyle',
  };
  return canonical[name] ?? name;
}

function* show(sql: SqlSession, name: string | null, sink: ResultSink): Task<void> {
  if (name === null)
    yield* sendRows(
      sql,
      sink,
      SHOW_ALL_COLUMNS,
      sql.settings.all().map((s) => [s.name, s.shown, s.description]),
    );
  else {
    const value =
      name === 'transaction_isolation'
        ? sql.engine.isolation
        : name === 'transaction_read_only'
          ? sql.block.readOnly
            ? 'on'
            : 'off'
          : sql.settings.show(name);
    yield* sendRows(sql, sink, [textColumn(shownName(name))], [[value]]);
  }
  sink.complete('SHOW');
}

function* execute(sql: SqlSession, s: ExecuteStatement, text: string, sink: ResultSink): Task<void> {
  const prepared = sql.statement(s.name.text);
  const types = sql.parameterTypes(prepared);
  if (types.length !== s.args.length) {
    throw fail('syntax_error', `wrong number of parameters for prepared statement "${s.name.text}"`, {
      detail: `Expected ${types.length} parameters but got ${s.args.length}.`,
    });
  }
  const values = yield* sql.evaluateArguments(s.args, types, text);
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

/** A promise of the instance as a request. */
function promised(start: () => Promise<void>): Request {
  return {
    kind: REQUEST_TIMER,
    start(resume) {
      let given = false;
      start().then(
        () => {
          if (!given) resume();
        },
        (error) => {
          if (!given) resume(error);
        },
      );
      return () => {
        given = true;
      };
    },
    answerNow() {
      throw unsupported('this statement in a synchronous call');
    },
  };
}

function* definition(sql: SqlSession, s: Statement, text: string, sink: ResultSink): Task<void> {
  const d = new Definer(sql, text);
  let tag = tagOf(s);
  switch (s.kind) {
    case 'createTable':
      yield* createTable(d, s);
      break;
    case 'createTableAs': {
      const rows = yield* createTableAs(d, s);
      if (rows !== undefined && s.withData) tag = `SELECT ${rows}`;
      break;
    }
    case 'createIndex':
      yield* createIndex(d, s);
      break;
    case 'createView':
      yield* createView(d, s);
      break;
    case 'createSequence':
      yield* createSequence(d, s);
      break;
    case 'createSchema':
      yield* createSchema(d, s);
      break;
    case 'alterTable':
      yield* alterTable(d, s);
      break;
    case 'alterSequence':
      yield* alterSequence(d, s);
      break;
    case 'rename':
      yield* rename(d, s);
      break;
    case 'setSchema':
      yield* setSchema(d, s);
      break;
    case 'alterOwner':
      alterOwner(d, s);
      break;
    case 'comment':
      yield* comment(d, s);
      break;
    case 'truncate':
      yield* truncate(d, s);
      break;
    case 'drop':
      if (s.object === 'database')
        yield* dropDatabases(
          sql,
          s.names.map((n) => n.name),
          s.ifExists,
        );
      else yield* drop(d, s);
      break;
    case 'createDatabase':
      forbidBlock(sql, 'CREATE DATABASE');
      yield promised(() => sql.instance.createDatabase(s.name.text));
      break;
    case 'reorganize':
      yield* reorganize(d, s);
      break;
    case 'alterDatabase':
      if (databaseSetting(s) === undefined) throw unsupported(tagOf(s), positionOf(text, s.at));
      forbidBlock(sql, tagOf(s));
      yield* alterDatabaseSetting(d, s, yield* databasesOf(sql, s));
      break;
    case 'indexDefrag':
      yield* indexDefrag(d, s, sink);
      break;
    case 'checkDatabase':
      forbidBlock(sql, tagOf(s));
      yield* checkDatabase(d, s, sink);
      break;
    case 'setIndexOptions':
      yield* setIndexOptions(d, s);
      break;
    case 'rebuild':
      yield* rebuildIndexes(d, s);
      break;
    case 'reindex':
      yield* reindex(d, s);
      break;
    case 'cluster':
      yield* cluster(d, s);
      break;
    case 'callProcedure':
      yield* callProcedure(sql, s, text, sink);
      return;
    case 'resizeDatabase':
      forbidBlock(sql, `ALTER DATABASE ${s.action.toUpperCase()}`);
      yield* resizeDatabase(d, s, yield* databaseNamed(sql, s.name.text));
      break;
    case 'backup':
      forbidBlock(sql, 'BACKUP DATABASE');
      requireSuperuser(d);
      yield* backupDatabase(d, s, yield* databaseNamed(sql, s.name.text));
      break;
    default:
      throw unsupported(tagOf(s), positionOf(text, 'at' in s ? s.at : 0));
  }
  sink.complete(tag);
}

/** A database of this server, opened if need be. @throws 3D000 */
function* databaseNamed(sql: SqlSession, name: string): Task<Database> {
  let { database } = sql.engine;
  if (name !== database.name) {
    yield promised(async () => {
      database = await sql.instance.database(name);
    });
  }
  return database;
}

function* dropDatabases(sql: SqlSession, names: readonly string[], ifExists: boolean): Task<void> {
  forbidBlock(sql, 'DROP DATABASE');
  for (const name of names) {
    if (!sql.instance.databaseList().some((x) => x.name === name)) {
      if (!ifExists) throw fail('invalid_catalog_name', `database "${name}" does not exist`);
      sql.tell(`database "${name}" does not exist, skipping`);
      continue;
    }
    yield promised(() => sql.instance.dropDatabase(name, sql.engine.database.name));
  }
}

/** The database that a statement names; ALTER SYSTEM means all. */
function* databasesOf(sql: SqlSession, s: AlterDatabaseStatement): Task<Database[]> {
  const { instance } = sql;
  const own = sql.engine.database;
  const names = s.system ? instance.databaseList().map(({ name }) => name) : [s.name?.text ?? ''];
  const databases = names.includes(own.name) ? [own] : [];
  const others = names.filter((name) => name !== own.name);
  if (others.length > 0) {
    yield promised(async () => {
      for (const name of others) databases.push(await instance.database(name));
    });
  }
  return databases;
}

const TAGS: Partial<Record<Statement['kind'], string>> = {
  createTable: 'CREATE TABLE',
  createTableAs: 'CREATE TABLE AS',
  createIndex: 'CREATE INDEX',
  createView: 'CREATE VIEW',
  createSequence: 'CREATE SEQUENCE',
  createSchema: 'CREATE SCHEMA',
  createDatabase: 'CREATE DATABASE',
  createRole: 'CREATE ROLE',
  alterRole: 'ALTER ROLE',
  alterSequence: 'ALTER SEQUENCE',
  resizeDatabase: 'ALTER DATABASE',
  backup: 'BACKUP DATABASE',
  reorganize: 'ALTER INDEX REORGANIZE',
  indexDefrag: 'DBCC INDEXDEFRAG',
  setIndexOptions: 'ALTER INDEX',
  comment: 'COMMENT',
  truncate: 'TRUNCATE TABLE',
  reindex: 'REINDEX',
  callProcedure: 'CALL',
};

function tagOf(s: Statement): string {
  switch (s.kind) {
    case 'alterTable':
    case 'rename':
    case 'setSchema':
    case 'alterOwner': {
      const object =
        s.kind === 'rename' && (s.object === 'column' || s.object === 'constraint')
          ? (s.relationKind ?? 'table')
          : s.object;
      return `ALTER ${object.toUpperCase()}`;
    }
    case 'rebuild':
      return s.disable ? 'ALTER INDEX DISABLE' : 'ALTER INDEX REBUILD';
    case 'drop':
      return `DROP ${s.object.toUpperCase()}`;
    case 'grant':
      return s.revoke ? 'REVOKE' : 'GRANT';
    case 'alterDatabase':
      return s.system ? 'ALTER SYSTEM' : 'ALTER DATABASE';
    case 'checkDatabase':
      return s.table === null ? 'DBCC CHECKDB' : 'DBCC CHECKTABLE';
    case 'unsupported':
      return s.what;
    default:
      return TAGS[s.kind] ?? s.kind.toUpperCase();
  }
}
