/** ALTER TABLE … DROP COLUMN, with the indexes and constraints that go along and what only CASCADE takes along. */
import { fail } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import type { ColumnObject, ConstraintObject, IndexObject, TableObject } from '../../engine/catalog.ts';
import type { AlterTableAction } from '../ast/definitions.ts';
import { withLayout } from './add-column.ts';
import { type Dependent, defaultedFrom, dependentsOf, sequencesOf } from './column-dependents.ts';
import { indexesOver } from './column-uses.ts';
import type { Definer } from './definer.ts';
import { describe, dropConstraint, dropDefaults, dropObjects } from './drop.ts';
import { dropPrimaryKey } from './table-keys.ts';

type DropColumnAction = Extract<AlterTableAction, { kind: 'dropColumn' }>;

/** @throws 42703, 2BP01 */
export function* dropColumn(d: Definer, table: TableObject, action: DropColumnAction): Task<void> {
  const column = table.columns.find((c) => !c.dropped && c.name === action.name.text);
  if (column === undefined) {
    if (!action.ifExists)
      throw d.error(
        'undefined_column',
        `column "${action.name.text}" of relation "${table.name}" does not exist`,
        undefined,
      );
    d.sql.tell(`column "${action.name.text}" of relation "${table.name}" does not exist, skipping`);
    return;
  }
  const dependents = dependentsOf(d, table, column);
  if (dependents.length > 0 && !action.cascade)
    throw fail(
      'dependent_objects_still_exist',
      `cannot drop column ${column.name} of ${describe(d, table)} because other objects depend on it`,
      {
        detail: dependents.map(({ text, on }) => `${text} depends on ${on}`).join('\n'),
        hint: 'Use DROP ... CASCADE to drop the dependent objects too.',
      },
    );
  yield* dropDependents(d, dependents, table, action);
  const primary = yield* dropWith(d, d.catalog.table(table.oid), column, action);
  const without = (t: TableObject): TableObject => withoutColumn(t, column);
  // Rows that lie in the order of the key are written anew, and then without the column.
  if (primary !== undefined) yield* dropPrimaryKey(d, primary, action.cascade, without);
  const now = d.catalog.table(table.oid);
  if (now.columns.some((c) => c.number === column.number && !c.dropped)) yield* d.putTable(without(now));
}

function withoutColumn(table: TableObject, column: ColumnObject): TableObject {
  const { defaultSql: _default, generatedSql: _generated, ...rest } = column;
  const name = `........pg.dropped.${column.number}........`;
  return withLayout(
    table,
    table.columns.map((c) => (c.number === column.number ? { ...rest, name, notNull: false, dropped: true } : c)),
  );
}

/**
 * What goes along with a column and is not spoken of: its indexes, constraints and sequences.
 *
 * @returns the primary key that it is part of, which is still there.
 */
function* dropWith(
  d: Definer,
  table: TableObject,
  { number }: ColumnObject,
  { cascade }: { readonly cascade: boolean },
): Task<ConstraintObject | undefined> {
  const primary = d.catalog.constraintsOf(table.oid).find((c) => c.type === 'primary');
  const over = indexesOver(d, table, number);
  const constraints = d.catalog
    .constraintsOf(table.oid)
    .filter((c) => c !== primary && (c.columns.includes(number) || isKeyOver(c, over)));
  const sequences = sequencesOf(d, table, number);
  for (const { oid } of sequences) for (const using of defaultedFrom(d, oid)) yield* dropDefaults(d, using, oid);
  for (const c of constraints) yield* removeConstraintObject(d, c, cascade);
  yield* dropObjects(d, [...over.filter((i) => i.constraint === 0), ...sequences], true);
  return primary !== undefined && isKeyOver(primary, over) ? primary : undefined;
}

/** Drops what depends on a column, and tells of it. */
function* dropDependents(
  d: Definer,
  dependents: readonly Dependent[],
  table: TableObject,
  action: DropColumnAction,
): Task<void> {
  const objects = dependents.flatMap(({ object }) => object ?? []);
  const along = dependents.map(({ text }) => text);
  yield* dropObjects(d, objects, true, false, along);
  for (const { generated } of dependents)
    if (generated !== undefined && d.catalog.table(table.oid).columns.some((c) => !c.dropped && c.name === generated))
      yield* dropColumn(d, d.catalog.table(table.oid), { ...action, name: { text: generated, at: action.at } });
}

/** Is it a key whose index is one of these? */
function isKeyOver(constraint: ConstraintObject, indexes: readonly IndexObject[]): boolean {
  return constraint.type !== 'foreign' && indexes.some((index) => index.oid === constraint.index);
}

/** Drops a constraint, and the index that implements it. @throws 2BP01 */
export function* removeConstraintObject(d: Definer, constraint: ConstraintObject, cascade: boolean): Task<void> {
  yield* dropConstraint(d, constraint, cascade);
  const index = d.catalog.object(constraint.index);
  if (index?.kind === 'index' && constraint.type !== 'foreign') yield* dropObjects(d, [index], true);
}
