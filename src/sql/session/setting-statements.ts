/** SET, RESET and SHOW: the session's settings as statements see them. What settings there are stands in settings.ts. */
import { fail } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import type { OptionValue } from '../ast/definitions.ts';
import type { SetStatement, Statement } from '../ast/statements.ts';
import type { ResultColumn, ResultSink } from './results.ts';
import { sendRows, textColumn } from './rows-out.ts';
import type { SqlSession } from './sql-session.ts';

const SHOW_ALL_COLUMNS = [textColumn('name'), textColumn('setting'), textColumn('description')];

/** Result columns of SHOW; null = SHOW ALL. */
export function showColumns(name: string | null): readonly ResultColumn[] {
  return name === null ? SHOW_ALL_COLUMNS : [textColumn(shownName(name))];
}

/** @returns false when the statement is none of these. */
export function* settingStatement(sql: SqlSession, s: Statement, sink: ResultSink): Task<boolean> {
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
