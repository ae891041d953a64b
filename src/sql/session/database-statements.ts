/** Statements about whole databases of the server: made, dropped, set, resized, backed up, checked. None runs in a block. */
import { fail, unsupported } from '../../base/errors.ts';
import { REQUEST_TIMER, type Request, type Task } from '../../base/task.ts';
import type { Database } from '../../engine/database.ts';
import type { AlterDatabaseStatement } from '../ast/definitions.ts';
import { positionOf } from '../ast/names.ts';
import type { Statement } from '../ast/statements.ts';
import { backupDatabase, requireSuperuser } from '../ddl/backup.ts';
import { checkDatabase } from '../ddl/check-database.ts';
import { alterDatabaseSetting, databaseSetting } from '../ddl/database-settings.ts';
import { resizeDatabase } from '../ddl/database-space.ts';
import { Definer } from '../ddl/definer.ts';
import type { ResultSink } from './results.ts';
import type { SqlSession } from './sql-session.ts';
import { utilityTag } from './utility-tags.ts';

/** @returns false when the statement is none of these. */
export function* databaseStatement(sql: SqlSession, s: Statement, text: string, sink: ResultSink): Task<boolean> {
  switch (s.kind) {
    case 'createDatabase':
      sql.block.forbid('CREATE DATABASE');
      yield promised(() => sql.instance.createDatabase(s.name.text));
      break;
    case 'drop':
      if (s.object !== 'database') return false;
      yield* dropDatabases(
        sql,
        s.names.map((n) => n.name),
        s.ifExists,
      );
      break;
    case 'alterDatabase':
      if (databaseSetting(s) === undefined) throw unsupported(utilityTag(s), positionOf(text, s.at));
      sql.block.forbid(utilityTag(s));
      yield* alterDatabaseSetting(new Definer(sql, text), s, yield* databasesOf(sql, s));
      break;
    case 'resizeDatabase':
      sql.block.forbid(`ALTER DATABASE ${s.action.toUpperCase()}`);
      yield* resizeDatabase(new Definer(sql, text), s, yield* databaseNamed(sql, s.name.text));
      break;
    case 'backup': {
      const d = new Definer(sql, text);
      sql.block.forbid('BACKUP DATABASE');
      requireSuperuser(d);
      yield* backupDatabase(d, s, yield* databaseNamed(sql, s.name.text));
      break;
    }
    case 'checkDatabase':
      sql.block.forbid(utilityTag(s));
      yield* checkDatabase(new Definer(sql, text), s, sink);
      break;
    default:
      return false;
  }
  sink.complete(utilityTag(s));
  return true;
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
  sql.block.forbid('DROP DATABASE');
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
