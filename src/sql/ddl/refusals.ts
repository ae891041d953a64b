/**
 * Commands of maintenance that are refused before their first step: they have a row in history too, whatever the reason, also when
 * they come into a transaction that is aborted already (25P02). Rows are written outside of transactions.
 */
import type { Task } from '../../base/task.ts';
import type { CommandFacts } from '../../engine/history.ts';
import type { QualifiedName } from '../ast/names.ts';
import type { Statement } from '../ast/statements.ts';
import { Lexer } from '../lexer/lexer.ts';
import { splitStatements } from '../lexer/split.ts';
import { findRelation } from '../session/names.ts';
import type { SqlSession } from '../session/sql-session.ts';

/** CommandLog's words, as the commands' own rows have them. */
const TYPES: Partial<Record<Statement['kind'], string>> = {
  reorganize: 'ALTER_INDEX',
  rebuild: 'ALTER_INDEX',
  indexDefrag: 'DBCC_INDEXDEFRAG',
  reindex: 'REINDEX',
  cluster: 'CLUSTER',
  vacuum: 'VACUUM',
  analyze: 'UPDATE_STATISTICS',
  checkDatabase: 'DBCC_CHECKDB',
  resizeDatabase: 'ALTER_DATABASE',
  backup: 'BACKUP_DATABASE',
};

/** Carries a statement out; an error that has no row yet gets one, and goes on. */
export function* notingRefusals(sql: SqlSession, s: Statement, text: string, work: () => Task<void>): Task<void> {
  try {
    yield* work();
  } catch (error) {
    yield* noteRefusal(sql, s, text, error);
    throw error;
  }
}

/** Gives a statement's error its row, if it is one of maintenance and the error has none yet. */
export function* noteRefusal(sql: SqlSession, s: Statement, text: string, error: unknown): Task<void> {
  const commandType = s.kind === 'checkDatabase' && s.table !== null ? 'DBCC_CHECKTABLE' : TYPES[s.kind];
  if (commandType === undefined) return;
  const isForeseen = s.kind === 'reorganize' || s.kind === 'indexDefrag';
  yield* sql.engine.database.history.refused(
    { ...factsOf(sql, s, text, commandType), ...(isForeseen ? { prediction: 'none: refused' } : {}) },
    error,
  );
}

function factsOf(sql: SqlSession, s: Statement, text: string, commandType: string): CommandFacts {
  const { database, processId } = sql.engine;
  const [table, index] = namesOf(s);
  const catalog = database.catalog;
  const found =
    table === null
      ? undefined
      : findRelation(catalog, sql.context.schemas, { schema: table.schema ?? undefined, name: table.name });
  const schema = found === undefined ? (table?.schema ?? undefined) : catalog.object(found.schema)?.name;
  return {
    database: database.name,
    command: ownText(text, 'at' in s ? s.at : 0),
    commandType,
    processId,
    schema,
    object: table?.name,
    objectType: table === null ? undefined : 'U',
    index: index?.name,
  };
}

/** The table and the index that a statement names, as written. */
function namesOf(s: Statement): [QualifiedName | null, QualifiedName | null] {
  if (s.kind === 'reorganize' || s.kind === 'rebuild') return [s.table, s.index];
  if (s.kind === 'indexDefrag') return [s.table.name, s.index?.name ?? null];
  if (s.kind === 'checkDatabase') return [s.table?.name ?? null, null];
  if (s.kind === 'cluster') return [s.table, null];
  if (s.kind === 'reindex') return s.object === 'table' ? [s.name, null] : [null, s.object === 'index' ? s.name : null];
  if ((s.kind === 'vacuum' || s.kind === 'analyze') && s.tables.length === 1) return [s.tables[0]?.name ?? null, null];
  return [null, null];
}

/** The statement's part of a text of several. */
function ownText(text: string, at: number): string {
  const lexer = new Lexer();
  lexer.scan(text);
  for (const { from, to } of splitStatements(lexer))
    if (lexer.start(from) <= at && at < lexer.end(to - 1)) return text.slice(lexer.start(from), lexer.end(to - 1));
  return text;
}
