/** ALTER TABLE … DROP COLUMN, with the indexes and constraints that go along and what only CASCADE takes along. */
import { fail } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import type { CatalogObject, ColumnObject, ConstraintObject, IndexObject, TableObject } from '../../engine/catalog.ts';
import type { AlterTableAction } from '../ast/definitions.ts';
import { withLayout } from './add-column.ts';
import type { Definer } from './definer.ts';
import { describe, dropConstraint, dropObjects } from './drop.ts';
import { dropPrimaryKey } from './table-keys.ts';

/** @throws 42703, 2BP01, 0A000 */
export function* dropColumn(
  d: Definer,
  table: TableObject,
  action: Extract<AlterTableAction, { kind: 'dropColumn' }>,
): Task<void> {
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
  const number = column.number;
  const primary = d.catalog.constraintsOf(table.oid).find((c) => c.type === 'primary');
  if (primary?.columns.includes(number)) throw d.unsupported('dropping a column of the primary key', action.at);
  const hasIt = (i: IndexObject): boolean => i.columns.some((c) => c.column === number) || i.include.includes(number);
  const dependents = dependentsOf(d, table, column);
  if (dependents.length > 0 && !action.cascade)
    throw fail(
      'dependent_objects_still_exist',
      `cannot drop column ${column.name} of table ${table.name} because other objects depend on it`,
      {
        detail: dependents.map(({ object, on }) => `${describe(d, object)} depends on ${on}`).join('\n'),
        hint: 'Use DROP ... CASCADE to drop the dependent objects too.',
      },
    );
  const indexes = d.catalog.indexesOf(table.oid).filter((i) => i.constraint === 0 && hasIt(i));
  const constraints = d.catalog
    .constraintsOf(table.oid)
    .filter((c) => c !== primary && (c.columns.includes(number) || isKeyOver(d, c, hasIt)));
  const sequences = [...d.catalog.objects()].filter(
    (o) => o.kind === 'sequence' && o.ownedBy?.table === table.oid && o.ownedBy.column === number,
  );
  for (const c of constraints) yield* removeConstraintObject(d, c, action.cascade);
  yield* dropObjects(d, [...indexes, ...sequences], true);
  if (primary !== undefined && isKeyOver(d, primary, hasIt)) yield* dropPrimaryKey(d, primary, action.cascade);
  yield* dropObjects(
    d,
    dependents.flatMap(({ object }) => d.catalog.object(object.oid) ?? []),
    true,
    true,
  );
  const now = d.catalog.table(table.oid);
  const { defaultSql: _default, ...rest } = column;
  yield* d.putTable(
    withLayout(
      now,
      now.columns.map((c) =>
        c.number === number
          ? { ...rest, name: `........pg.dropped.${number}........`, notNull: false, dropped: true }
          : c,
      ),
    ),
  );
}

/** What only CASCADE drops along with a column, and what of it that depends on. */
function dependentsOf(
  d: Definer,
  table: TableObject,
  { number, name }: ColumnObject,
): { readonly object: CatalogObject; readonly on: string }[] {
  const on = `column ${name} of table ${table.name}`;
  const views = [...d.catalog.objects()].filter((o) => o.kind === 'view' && o.uses.includes(table.oid));
  const references = d.catalog.referencesTo(table.oid).filter((c) => c.table !== table.oid);
  return [
    ...views.map((object) => ({ object, on })),
    ...references.flatMap((object) => {
      if (object.foreign?.columns.includes(number) === true) return { object, on };
      const index = d.catalog.object(object.index);
      const isIncluded = index?.kind === 'index' && index.include.includes(number);
      return isIncluded ? { object, on: `index ${index.name}` } : [];
    }),
  ].sort((a, b) => a.object.oid - b.object.oid);
}

/** Is it a key whose index is of a kind? */
function isKeyOver(d: Definer, constraint: ConstraintObject, isSo: (index: IndexObject) => boolean): boolean {
  const index = d.catalog.object(constraint.index);
  return constraint.type !== 'foreign' && index?.kind === 'index' && isSo(index);
}

/** Drops a constraint, and the index that implements it. @throws 2BP01 */
export function* removeConstraintObject(d: Definer, constraint: ConstraintObject, cascade: boolean): Task<void> {
  yield* dropConstraint(d, constraint, cascade);
  const index = d.catalog.object(constraint.index);
  if (index?.kind === 'index' && constraint.type !== 'foreign') yield* dropObjects(d, [index], true);
}
