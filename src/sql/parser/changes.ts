/**
 * INSERT, UPDATE and DELETE.
 *
 * Skeletons: `INSERT INTO t0 (n1, n2) VALUES (e3, e4)`, `UPDATE t0 AS a0 SET n1 = e2 FROM … WHERE e3`,
 * `DELETE FROM t0 AS a0 WHERE e1`. Only the first row of VALUES is in the skeleton; a query as source is one placeholder.
 * DELETE's USING list is a skeleton of its own. OVERRIDING, ON CONFLICT and RETURNING are read beside it.
 */

import type { Name, QualifiedName } from '../ast/names.ts';
import type {
  Assignment,
  AssignmentTarget,
  ConflictItem,
  DeleteStatement,
  InsertStatement,
  OnConflict,
  Query,
  SelectTarget,
  TableItem,
  UpdateStatement,
} from '../ast/queries.ts';
import { CLOSE, COMMA, type Cursor, DOT, OPEN, OPEN_BRACKET } from './cursor.ts';
import { parseExpression } from './expressions.ts';
import { liftFrom, parseFromList, parseRelation, writeFrom } from './from-items.ts';
import { parseCondition, parseSubscript } from './primaries.ts';
import { parseQuery, parseTarget, parseValues, startsQuery } from './queries.ts';
import { SkeletonWriter } from './skeleton-writer.ts';

/** What follows a VALUES list that is only a part of a longer query. */
const QUERY_GOES_ON = new Set(['union', 'intersect', 'except', 'order', 'limit', 'offset', 'fetch', 'for']);

export function parseInsert(c: Cursor): InsertStatement {
  const at = c.offset;
  const w = new SkeletonWriter(c);
  w.emit('INSERT INTO ');
  c.expect('insert', 'into');
  const token = c.at;
  const name = c.qualifiedName();
  const alias = c.accept('as') ? c.name() : null;
  w.placeTarget({ kind: 'table', value: target({ at: name.at, name, only: false }, alias) }, token);
  const hasColumns = c.isPunctuation(OPEN) && !startsQuery(c, c.at);
  const columnCount = hasColumns ? writeColumns(c, w) : null;
  const overriding = c.accept('overriding') ? c.oneOf('user', 'system') : null;
  if (overriding !== null) c.expect('value');
  const source = parseSource(c);
  writeSource(c, w, source, columnCount);
  const onConflict = c.are('on', 'conflict') ? parseOnConflict(c) : null;
  const returning = parseReturning(c);
  const skeleton = w.parse('insert');
  const columns = hasColumns ? skeleton.columns.map((column) => w.value(column, 'target')) : null;
  const table = w.value(skeleton.table, 'table');
  const first = skeleton.values.map((value) => w.entry(value));
  const isQuery = first.length === 1 && (first[0]!.kind === 'query' || first[0]!.kind === 'nothing');
  const values = isQuery ? null : skeleton.values.map((value) => w.value(value, 'expression'));
  return {
    kind: 'insert',
    at,
    with: null,
    table: table.kind === 'table' ? table.name : name,
    alias,
    columns,
    overriding,
    source: values === null ? source : withFirstRow(source, values),
    onConflict,
    returning,
  };
}

/** Puts the row that went through the skeleton back before the others. */
function withFirstRow(source: Query | null, first: readonly Query['orderBy'][number]['expression'][]): Query | null {
  if (source === null || source.body.kind !== 'values') return source;
  return { ...source, body: { ...source.body, rows: [first, ...source.body.rows.slice(1)] } };
}

function target(relation: Pick<TableItem, 'at' | 'name' | 'only'>, alias: Name | null): TableItem {
  return { kind: 'table', ...relation, alias: alias === null ? null : { name: alias, columns: [] }, sample: null };
}

/** Writes the column list and answers its length. */
function writeColumns(c: Cursor, w: SkeletonWriter): number {
  let count = 0;
  w.emit(' (');
  c.expectPunctuation(OPEN);
  do {
    const token = c.at;
    if (!c.isPunctuation(OPEN, -1)) w.emit(', ');
    w.place('n', { kind: 'target', value: parseAssignmentTarget(c) }, token);
    count++;
  } while (c.acceptPunctuation(COMMA));
  c.expectPunctuation(CLOSE);
  w.emit(')');
  return count;
}

function parseAssignmentTarget(c: Cursor): AssignmentTarget {
  const name = c.name();
  const path: AssignmentTarget['path'][number][] = [];
  for (;;) {
    if (c.isPunctuation(OPEN_BRACKET)) path.push(parseSubscript(c));
    else if (c.acceptPunctuation(DOT)) path.push(c.label());
    else return { name, path };
  }
}

/**
 * Writes the source: VALUES with the first row's items, or SELECT with one placeholder for a query. node-sql-parser itself
 * refuses VALUES of another length than the column list; that error is the binder's, so such a row is written as SELECT.
 */
function writeSource(c: Cursor, w: SkeletonWriter, source: Query | null, columns: number | null): void {
  const row =
    source === null || source.with !== null || hasTail(source) || source.body.kind !== 'values'
      ? null
      : source.body.rows[0]!;
  const asValues = row !== null && (columns === null || columns === row.length);
  w.emit(asValues ? ' VALUES (' : ' SELECT ');
  if (source === null) w.place('e', { kind: 'nothing' }, c.at);
  else if (row === null) w.place('q', { kind: 'query', value: source }, c.at);
  else {
    row.forEach((value, i) => {
      if (i > 0) w.emit(', ');
      w.place('e', { kind: 'expression', value }, c.at);
    });
  }
  if (asValues) w.emit(')');
}

function hasTail(query: Query): boolean {
  return query.orderBy.length > 0 || query.limit !== null || query.offset !== null || query.locking.length > 0;
}

function parseSource(c: Cursor): Query | null {
  if (c.acceptAll('default', 'values')) return null;
  if (!c.is('values')) return parseQuery(c);
  const start = c.at;
  const at = c.offset;
  const body = parseValues(c);
  if (QUERY_GOES_ON.has(c.word())) {
    c.at = start;
    return parseQuery(c);
  }
  return { kind: 'query', at, with: null, body, orderBy: [], limit: null, withTies: false, offset: null, locking: [] };
}

function parseReturning(c: Cursor): SelectTarget[] {
  return c.accept('returning') ? c.list(() => parseTarget(c)) : [];
}

function parseOnConflict(c: Cursor): OnConflict {
  const at = c.offset;
  c.expect('on', 'conflict');
  const conflictTarget = parseConflictTarget(c);
  c.expect('do');
  if (c.accept('nothing')) return { at, target: conflictTarget, update: null };
  c.expect('update', 'set');
  const set = c.list(() => parseAssignment(c));
  const where = c.accept('where') ? parseExpression(c) : null;
  return { at, target: conflictTarget, update: { set, where } };
}

function parseConflictTarget(c: Cursor): OnConflict['target'] {
  if (c.acceptAll('on', 'constraint')) return { kind: 'constraint', name: c.name() };
  if (!c.isPunctuation(OPEN)) return null;
  const at = c.offset;
  const items = c.parenthesized((): ConflictItem => {
    const expression = parseExpression(c);
    const opclass: QualifiedName | null = c.isFunctionName() ? c.functionName() : null;
    if (expression.kind !== 'collate') return { expression, collation: null, opclass };
    return { expression: expression.operand, collation: expression.collation, opclass };
  });
  return { kind: 'columns', at, items, where: c.accept('where') ? parseExpression(c) : null };
}

function parseAssignment(c: Cursor): Assignment {
  const { at, targets, multiple } = parseAssigned(c);
  c.expectEquals();
  return { at, targets, multiple, value: parseExpression(c) };
}

function parseAssigned(c: Cursor): Pick<Assignment, 'at' | 'targets' | 'multiple'> {
  const at = c.offset;
  if (c.isPunctuation(OPEN)) return { at, targets: c.parenthesized(() => parseAssignmentTarget(c)), multiple: true };
  return { at, targets: [parseAssignmentTarget(c)], multiple: false };
}

export function parseUpdate(c: Cursor): UpdateStatement {
  const at = c.offset;
  const w = new SkeletonWriter(c);
  w.emit('UPDATE ');
  c.expect('update');
  const table = writeTarget(c, w, 'set');
  w.emit(' SET ');
  c.expect('set');
  do {
    const token = c.at;
    if (c.isPunctuation(COMMA, -1)) w.emit(', ');
    w.place('n', { kind: 'assigned', value: parseAssigned(c) }, token);
    w.emit(' = ');
    c.expectEquals();
    w.place('e', { kind: 'expression', value: parseExpression(c) }, c.at);
  } while (c.acceptPunctuation(COMMA));
  for (;;) {
    const token = c.at;
    if (c.accept('from')) {
      w.emit(' FROM ', token);
      writeFrom(c, w);
    } else if (c.accept('where')) {
      w.emit(' WHERE ', token);
      w.place('e', { kind: 'expression', value: parseCondition(c) }, token + 1);
    } else break;
  }
  const returning = parseReturning(c);
  const skeleton = w.parse('update');
  return {
    kind: 'update',
    at,
    with: null,
    table: table.name,
    only: table.only,
    alias: table.alias?.name ?? null,
    set: skeleton.set.map((entry) => ({
      ...w.value(entry.target, 'assigned'),
      value: w.value(entry.value, 'expression'),
    })),
    from: liftFrom(w, skeleton.from),
    where: w.optional(skeleton.where, 'expression'),
    returning,
  };
}

/** The table that UPDATE or DELETE changes; `stop` is the clause word that cannot be its alias. */
function writeTarget(c: Cursor, w: SkeletonWriter, stop: string): TableItem {
  const token = c.at;
  const relation = parseRelation(c);
  const hasAlias = c.accept('as') || (c.isColumnName() && !c.is(stop));
  const table = target(relation, hasAlias ? c.name() : null);
  w.place('t', { kind: 'table', value: table }, token);
  return table;
}

export function parseDelete(c: Cursor): DeleteStatement {
  const at = c.offset;
  const w = new SkeletonWriter(c);
  w.emit('DELETE FROM ');
  c.expect('delete', 'from');
  const table = writeTarget(c, w, 'using');
  const using = c.accept('using') ? parseFromList(c) : [];
  const token = c.at;
  if (c.accept('where')) {
    w.emit(' WHERE ', token);
    w.place('e', { kind: 'expression', value: parseCondition(c) }, token + 1);
  }
  const returning = parseReturning(c);
  const skeleton = w.parse('delete');
  return {
    kind: 'delete',
    at,
    with: null,
    table: table.name,
    only: table.only,
    alias: table.alias?.name ?? null,
    using,
    where: w.optional(skeleton.where, 'expression'),
    returning,
  };
}
