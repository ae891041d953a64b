/**
 * Constraints of a table that is there already: added, validated, made deferrable, taken away.
 *
 * Keys bring an index and perhaps another order of the rows: table-keys.ts. What a constraint says is read in constraints.ts.
 */
import { fail } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import type { ConstraintObject, Oid, TableObject } from '../../engine/catalog.ts';
import type { AlterTableAction } from '../ast/definitions.ts';
import type { Name } from '../ast/names.ts';
import { missingParent } from '../exec/violations.ts';
import { quoted } from '../session/names.ts';
import type { SqlSession } from '../session/sql-session.ts';
import type { AddedColumn } from './add-column.ts';
import { makeCheck, makeForeignKey } from './constraints.ts';
import type { Definer } from './definer.ts';
import { removeConstraintObject } from './drop-column.ts';
import { addKeyConstraint, dropPrimaryKey } from './table-keys.ts';

/** VALIDATE CONSTRAINT: what NOT VALID left unchecked is checked now. @throws 42704, 23514, 23503 */
export function* validateConstraint(
  d: Definer,
  table: TableObject,
  action: Extract<AlterTableAction, { kind: 'validateConstraint' }>,
): Task<void> {
  const constraint = constraintNamed(d, table, action.name.text);
  yield* validate(d, table, constraint);
  yield* d.put({ ...constraint, validated: true, version: constraint.version + 1 });
}

/** ALTER CONSTRAINT: whether a foreign key may wait for the transaction's end. @throws 42704, 42809 */
export function* deferConstraint(
  d: Definer,
  table: TableObject,
  action: Extract<AlterTableAction, { kind: 'alterConstraint' }>,
): Task<void> {
  const constraint = constraintNamed(d, table, action.name.text);
  if (constraint.type !== 'foreign')
    throw d.error(
      'wrong_object_type',
      `constraint "${constraint.name}" of relation "${table.name}" is not a foreign key constraint`,
      undefined,
    );
  yield* d.put({
    ...constraint,
    deferrable: action.deferrable || action.initiallyDeferred,
    initiallyDeferred: action.initiallyDeferred,
    version: constraint.version + 1,
  });
}

/** The constraints that were written with a new column. */
export function* addConstraintsOf(d: Definer, table: Oid, made: AddedColumn, name: Name): Task<void> {
  const columns = [name];
  for (const c of [...made.keys, ...made.foreign])
    yield* addConstraint(d, d.catalog.table(table), {
      kind: 'addConstraint',
      at: c.at,
      constraint: { ...c, columns },
    });
  for (const check of made.checks)
    yield* addConstraint(d, d.catalog.table(table), { kind: 'addConstraint', at: check.at, constraint: check });
}

/** ADD CONSTRAINT: rows that are there are checked, unless NOT VALID. @throws 23514, 23503, 23505, 0A000 */
export function* addConstraint(
  d: Definer,
  table: TableObject,
  action: Extract<AlterTableAction, { kind: 'addConstraint' }>,
): Task<void> {
  const c = action.constraint;
  if (c.kind === 'exclude') throw d.unsupported('EXCLUDE', c.at);
  if (c.kind === 'check') {
    const constraint = yield* makeCheck(d, table, c, new Set());
    yield* d.put(constraint);
    yield* d.putTable(table);
    if (constraint.validated) yield* validate(d, d.catalog.table(table.oid), constraint);
    return;
  }
  if (c.kind === 'foreignKey') {
    const constraint = yield* makeForeignKey(d, table, c, c.columns, (t) => d.catalog.liveIndexesOf(t.oid), new Set());
    yield* d.put(constraint);
    yield* d.putTable(table);
    if (constraint.validated) yield* validate(d, d.catalog.table(table.oid), constraint);
    return;
  }
  yield* addKeyConstraint(d, table, c);
}

function constraintNamed(d: Definer, table: TableObject, name: string): ConstraintObject {
  const constraint = d.catalog.constraintsOf(table.oid).find((c) => c.name === name);
  if (constraint === undefined)
    throw fail('undefined_object', `constraint "${name}" of relation "${table.name}" does not exist`);
  return constraint;
}

/** DROP CONSTRAINT, with the index behind it. @throws 42704, 2BP01 */
export function* removeConstraint(
  d: Definer,
  table: TableObject,
  action: Extract<AlterTableAction, { kind: 'dropConstraint' }>,
): Task<void> {
  const constraint = d.catalog.constraintsOf(table.oid).find((c) => c.name === action.name.text);
  if (constraint === undefined) {
    if (!action.ifExists)
      throw d.error(
        'undefined_object',
        `constraint "${action.name.text}" of relation "${table.name}" does not exist`,
        undefined,
      );
    d.sql.tell(`constraint "${action.name.text}" of relation "${table.name}" does not exist, skipping`);
    return;
  }
  if (constraint.type === 'primary') {
    yield* dropPrimaryKey(d, constraint, action.cascade);
    return;
  }
  yield* removeConstraintObject(d, constraint, action.cascade);
  yield* d.putTable(d.catalog.table(table.oid));
}

/** Looks for a row that a new constraint does not allow. @throws 23514, 23503. */
function* validate(d: Definer, table: TableObject, constraint: ConstraintObject): Task<void> {
  const schema = d.catalog.object(table.schema)!.name;
  const relation = `${quoted(schema)}.${quoted(table.name)}`;
  if (constraint.type === 'check') {
    const bad = yield* d.sql.runInternal(`SELECT 1 FROM ${relation} WHERE NOT (${constraint.expression}) LIMIT 1`, []);
    if (bad > 0)
      throw fail(
        'check_violation',
        `check constraint "${constraint.name}" of relation "${table.name}" is violated by some row`,
        { schema, table: table.name, constraint: constraint.name },
      );
    return;
  }
  if (constraint.type !== 'foreign') return;
  yield* validateForeignKey(d.sql, table, constraint);
}

/** Looks for a child row without its parent. @throws 23503 that names it. */
export function* validateForeignKey(sql: SqlSession, table: TableObject, constraint: ConstraintObject): Task<void> {
  const { catalog } = sql.engine;
  const name = (t: TableObject): string => `${quoted(catalog.object(t.schema)!.name)}.${quoted(t.name)}`;
  const column = (t: TableObject, number: number): string => quoted(t.columns.find((c) => c.number === number)!.name);
  const parent = catalog.table(constraint.foreign!.table);
  const own = constraint.columns.map((n) => `c.${column(table, n)}`);
  const pairs = constraint.foreign!.columns.map((n, i) => `p.${column(parent, n)} = ${own[i]}`);
  const missing = yield* sql.runner.queryInternal(
    `SELECT ${own.join(', ')} FROM ${name(table)} c WHERE ${own.map((o) => `${o} IS NOT NULL`).join(' AND ')} AND NOT EXISTS (SELECT 1 FROM ${name(parent)} p WHERE ${pairs.join(' AND ')}) LIMIT 1`,
    [],
  );
  if (missing.length > 0) throw missingParent(catalog, constraint, missing[0]!, sql.context);
}
