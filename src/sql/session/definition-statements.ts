/** Statements that make, change and drop objects of a database: each finds who carries it out in src/sql/ddl. */
import type { Task } from '../../base/task.ts';
import type { Statement } from '../ast/statements.ts';
import { alterTable } from '../ddl/alter-table.ts';
import { createTable } from '../ddl/create-table.ts';
import { createTableAs } from '../ddl/create-table-as.ts';
import { type Definer, defining } from '../ddl/definer.ts';
import { drop, truncate } from '../ddl/drop.ts';
import { createExtension } from '../ddl/extensions.ts';
import { createIndex } from '../ddl/indexes.ts';
import { alterSequence, createSequence } from '../ddl/sequences.ts';
import { alterOwner, comment, createSchema, rename, setSchema } from '../ddl/small-statements.ts';
import { createView } from '../ddl/views.ts';
import type { ResultSink } from './results.ts';
import type { SqlSession } from './sql-session.ts';
import { utilityTag } from './utility-tags.ts';

/** @returns false when the statement is none of these. */
export function definitionStatement(sql: SqlSession, s: Statement, text: string, sink: ResultSink): Task<boolean> {
  return defining(sql, text, (d) => carryOut(d, s, sink));
}

function* carryOut(d: Definer, s: Statement, sink: ResultSink): Task<boolean> {
  let tag = utilityTag(s);
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
    case 'createExtension':
      createExtension(d, s);
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
      yield* drop(d, s);
      break;
    default:
      return false;
  }
  sink.complete(tag);
  return true;
}
