/**
 * ExtentDB in your program: a PostgreSQL-speaking database in one file.
 *
 *   import { open } from 'extentdb';
 *   const db = await open('app.extent');
 *   const { rows } = await db.query('select $1::text as hello', ['world']);
 *   await db.close();
 *
 * Results and errors are shaped as node-postgres has them; prepared statements answer at once.
 */
import { ExtentDB, type OpenOptions } from './api/database.ts';
import { Prng } from './base/prng.ts';
import { drawSeed } from './io/seed.ts';

/**
 * Opens a database file, or makes it.
 *
 * @throws DatabaseError 55006 naming the process that has it open, XX001 for a file that is damaged.
 */
export function open(path: string, options: OpenOptions = {}): Promise<ExtentDB> {
  return ExtentDB.open(path, new Prng(drawSeed()), options);
}

export type {
  BackupOptions,
  ExtentDB,
  Listening,
  ListenOptions,
  OpenOptions,
  Queryable,
  QueryOptions,
  TransactionOptions,
} from './api/database.ts';
export { PostgresInterval } from './api/postgres-interval.ts';
export type { FieldDef, QueryResult, TypeParsers } from './api/results.ts';
export { type SqlText, sql } from './api/sql-text.ts';
export type { RunResult, Statement } from './api/statement.ts';
export type { BackupReport, BackupState } from './engine/backups.ts';
export type { DefragmentLimits, DefragmentProgress, DefragmentStop } from './engine/defragmentation.ts';
export { DatabaseError } from './server/database-error.ts';
export type { ShrinkMode } from './space/open-database-file.ts';
export type { Notice } from './sql/session/results.ts';
