/**
 * WITH: common tables and the statement that they serve.
 *
 *     WITH RECURSIVE n0 AS (SELECT q1), n2 AS (SELECT q3) SELECT q4        every q a statement of its own
 */

import { unsupported } from '../../base/errors.ts';
import type { CommonTable, PlannableStatement, WithClause } from '../ast/queries.ts';
import { parseDelete, parseInsert, parseUpdate } from './changes.ts';
import { CLOSE, COMMA, type Cursor, OPEN } from './cursor.ts';
import { parseBody } from './queries.ts';
import { SkeletonWriter } from './skeleton-writer.ts';

/** WITH … and the statement that it introduces. */
export function parseWith(c: Cursor): PlannableStatement {
  const at = c.offset;
  const w = new SkeletonWriter(c);
  const hints: (boolean | null)[] = [];
  const columns: CommonTable['columns'][] = [];
  w.emit('WITH ');
  c.expect('with');
  const recursive = c.accept('recursive');
  if (recursive) w.emit('RECURSIVE ');
  do {
    if (hints.length > 0) w.emit(', ');
    const token = c.at;
    w.place('n', { kind: 'name', value: c.name() }, token);
    columns.push(c.isPunctuation(OPEN) ? c.parenthesized(() => c.name()) : []);
    c.expect('as');
    hints.push(parseMaterialized(c));
    w.emit(' AS (SELECT ');
    w.place('q', { kind: 'statement', value: parseCommonTable(c) }, token);
    w.emit(')');
    if (c.is('search') || c.is('cycle')) throw unsupported(c.is('search') ? 'SEARCH' : 'CYCLE', c.position(c.at));
  } while (c.acceptPunctuation(COMMA));
  w.emit(' SELECT ');
  const token = c.at;
  w.place('q', { kind: 'statement', value: parseMain(c) }, token);
  const skeleton = w.parse('query');
  const ctes = skeleton.ctes.map(
    (cte, i): CommonTable => ({
      name: w.value(cte.name, 'name'),
      columns: columns[i]!,
      materialized: hints[i]!,
      statement: w.value(cte.query, 'statement'),
    }),
  );
  const main = w.value(skeleton.arms[0]!.targets[0]!.item, 'statement');
  return attachWith(c, main, { at, recursive: skeleton.recursive, ctes }, token);
}

function attachWith(c: Cursor, main: PlannableStatement, clause: WithClause, token: number): PlannableStatement {
  if (main.with !== null) throw c.errorAt('multiple WITH clauses not allowed', token);
  switch (main.kind) {
    case 'query':
      return { ...main, with: clause };
    case 'insert':
      return { ...main, with: clause };
    case 'update':
      return { ...main, with: clause };
    case 'delete':
      return { ...main, with: clause };
  }
}

function parseMaterialized(c: Cursor): boolean | null {
  if (c.accept('materialized')) return true;
  return c.acceptAll('not', 'materialized') ? false : null;
}

function parseCommonTable(c: Cursor): PlannableStatement {
  return c.nested(() => {
    c.expectPunctuation(OPEN);
    const statement = c.is('with') ? parseWith(c) : parseMain(c);
    c.expectPunctuation(CLOSE);
    return statement;
  });
}

/** A query or DML statement without WITH. */
function parseMain(c: Cursor): PlannableStatement {
  switch (c.word()) {
    case 'insert':
      return parseInsert(c);
    case 'update':
      return parseUpdate(c);
    case 'delete':
      return parseDelete(c);
    default:
      return parseBody(c);
  }
}
