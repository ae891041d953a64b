/** ALTER TABLE … DROP COLUMN, with the indexes and constraints that go along and what only CASCADE takes along. */
import { fail } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import type {
  CatalogObject,
  ColumnObject,
  ConstraintObject,
  IndexObject,
  Oid,
  TableObject,
} from '../../engine/catalog.ts';
import type { AlterTableAction } from '../ast/definitions.ts';
import { withLayout } from './add-column.ts';
import { generatedFrom, indexesOver, viewsReading } from './column-uses.ts';
import type { Definer } from './definer.ts';
import { describe, dropConstraint, dropObjects } from './drop.ts';
import { dropPrimaryKey } from './table-keys.ts';

type DropColumnAction = Extract<AlterTableAction, { kind: 'dropColumn' }>;

/** @throws 42703, 2BP01, 0A000 */
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
  const number = column.number;
  const primary = d.catalog.constraintsOf(table.oid).find((c) => c.type === 'primary');
  if (primary?.columns.includes(number) && primary.index === table.primaryIndex)
    throw d.unsupported('dropping a column of the primary key', action.at);
  const dependents = dependentsOf(d, table, column);
  if (dependents.length > 0 && !action.cascade)
    throw fail(
      'dependent_objects_still_exist',
      `cannot drop column ${column.name} of table ${table.name} because other objects depend on it`,
      {
        detail: dependents.map(({ text, on }) => `${text} depends on ${on}`).join('\n'),
        hint: 'Use DROP ... CASCADE to drop the dependent objects too.',
      },
    );
  yield* dropWith(d, table, column, primary, action);
  yield* dropDependents(d, dependents, table, action);
  const now = d.catalog.table(table.oid);
  const { defaultSql: _default, generatedSql: _generated, ...rest } = column;
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

/** What goes along with a column and is not spoken of: its indexes, constraints and sequences. */
function* dropWith(
  d: Definer,
  table: TableObject,
  { number }: ColumnObject,
  primary: ConstraintObject | undefined,
  { cascade }: { readonly cascade: boolean },
): Task<void> {
  const over = indexesOver(d, table, number);
  const constraints = d.catalog
    .constraintsOf(table.oid)
    .filter((c) => c !== primary && (c.columns.includes(number) || isKeyOver(c, over)));
  const sequences = [...d.catalog.objects()].filter(
    (o) => o.kind === 'sequence' && o.ownedBy?.table === table.oid && o.ownedBy.column === number,
  );
  for (const c of constraints) yield* removeConstraintObject(d, c, cascade);
  yield* dropObjects(d, [...over.filter((i) => i.constraint === 0), ...sequences], true);
  if (primary !== undefined && isKeyOver(primary, over)) yield* dropPrimaryKey(d, primary, cascade);
}

/** Drops what depends on a column, and tells of it. */
function* dropDependents(
  d: Definer,
  dependents: readonly Dependent[],
  table: TableObject,
  action: DropColumnAction,
): Task<void> {
  const columns = dependents.filter(({ object }) => object.kind === 'column');
  const objects = dependents.flatMap(({ object }) => d.catalog.object(object.oid) ?? []);
  const along = columns.map(({ text }) => text);
  yield* dropObjects(
    d,
    objects.filter((o) => o.oid !== table.oid),
    true,
    true,
    along,
  );
  for (const { object } of columns)
    if (object.kind === 'column')
      yield* dropColumn(d, d.catalog.table(table.oid), { ...action, name: { text: object.name, at: action.at } });
}

/** A generated column, a view or a foreign key that needs a column; a column is known by its table and name. */
interface Dependent {
  readonly object: CatalogObject | { readonly kind: 'column'; readonly oid: Oid; readonly name: string };
  readonly text: string;
  /** What of the column it depends on. */
  readonly on: string;
}

/** What only CASCADE drops along with a column. */
function dependentsOf(d: Definer, table: TableObject, { number, name }: ColumnObject): Dependent[] {
  const on = `column ${name} of table ${table.name}`;
  const columns = generatedFrom(d, table, number).map((c): Dependent => {
    return {
      object: { kind: 'column', oid: table.oid, name: c.name },
      text: `column ${c.name} of table ${table.name}`,
      on,
    };
  });
  const references = d.catalog.referencesTo(table.oid).filter((c) => c.table !== table.oid);
  const objects = [
    ...viewsReading(d, table, number).map((object) => ({ object, on })),
    ...references.flatMap((object) => {
      if (object.foreign?.columns.includes(number) === true) return { object, on };
      const index = d.catalog.object(object.index);
      const isIncluded = index?.kind === 'index' && index.include.includes(number);
      return isIncluded ? { object, on: `index ${index.name}` } : [];
    }),
  ].sort((a, b) => a.object.oid - b.object.oid);
  return [...columns, ...objects.map((o): Dependent => ({ ...o, text: describe(d, o.object) }))];
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
