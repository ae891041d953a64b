/**
 * ALTER TABLE … ALTER COLUMN, as far as the rows stay where they are: default, NOT NULL, identity, generation expression.
 *
 * A new type writes the rows anew: column-type.ts. SET NOT NULL looks at every row: table-keys.ts.
 */
import type { Task } from '../../base/task.ts';
import type { ColumnObject, TableObject } from '../../engine/catalog.ts';
import type { AlterTableAction } from '../ast/definitions.ts';
import { quoted } from '../session/names.ts';
import { defaultOf } from './column-defaults.ts';
import type { Definer } from './definer.ts';
import { changeSequence, makeSequence, sequenceValues } from './sequences.ts';

/** SET DEFAULT, for rows written from now on. @throws 42804 */
export function* setDefault(
  d: Definer,
  table: TableObject,
  action: Extract<AlterTableAction, { kind: 'setDefault' }>,
): Task<void> {
  const column = d.column(table, action.name);
  const { defaultSql: _before, ...rest } = column;
  yield* replaceColumn(d, table, { ...rest, ...defaultOf(d, table, column, action.text, action.expression) });
}

/** DROP DEFAULT: rows written from now on get null. */
export function* dropDefault(d: Definer, table: TableObject, column: ColumnObject): Task<void> {
  const { defaultSql: _gone, ...rest } = column;
  yield* replaceColumn(d, table, rest);
}

/** DROP NOT NULL. @throws 42P16 for a column of the primary key, 42601 for an identity column. */
export function* dropNotNull(d: Definer, table: TableObject, column: ColumnObject): Task<void> {
  const primary = d.catalog.constraintsOf(table.oid).find((c) => c.type === 'primary');
  if (primary?.columns.includes(column.number))
    throw d.error('invalid_table_definition', `column "${column.name}" is in a primary key`, undefined);
  if (column.identity !== undefined)
    throw d.error(
      'syntax_error',
      `column "${column.name}" of relation "${table.name}" is an identity column`,
      undefined,
    );
  yield* changeColumn(d, table, column, { notNull: false });
}

function* replaceColumn(d: Definer, table: TableObject, column: ColumnObject): Task<TableObject> {
  return yield* d.putTable({ ...table, columns: table.columns.map((c) => (c.number === column.number ? column : c)) });
}

function* changeColumn(
  d: Definer,
  table: TableObject,
  column: ColumnObject,
  more: Partial<ColumnObject>,
): Task<TableObject> {
  return yield* replaceColumn(d, table, { ...column, ...more });
}

/** A generated column becomes a plain one; its values stay. */
export function* dropExpression(
  d: Definer,
  table: TableObject,
  action: Extract<AlterTableAction, { kind: 'dropExpression' }>,
): Task<void> {
  const { generatedSql, ...rest } = d.column(table, action.name);
  if (generatedSql !== undefined) {
    yield* replaceColumn(d, table, rest);
    return;
  }
  const message = `column "${rest.name}" of relation "${table.name}" is not a stored generated column`;
  if (!action.ifExists) throw d.error('object_not_in_prerequisite_state', message, undefined);
  d.sql.tell(`${message}, skipping`);
}

/** ADD GENERATED AS IDENTITY, SET GENERATED with the sequence's options, and DROP IDENTITY. @throws 55000 */
export function* changeIdentity(
  d: Definer,
  table: TableObject,
  action: Extract<AlterTableAction, { kind: 'addIdentity' | 'setIdentity' | 'dropIdentity' }>,
): Task<void> {
  const column = d.column(table, action.name);
  const owned = [...d.catalog.objects()].find(
    (o) => o.kind === 'sequence' && o.ownedBy?.table === table.oid && o.ownedBy.column === column.number,
  );
  if (action.kind === 'addIdentity') {
    if (column.identity !== undefined)
      throw d.error(
        'object_not_in_prerequisite_state',
        `column "${column.name}" of relation "${table.name}" is already an identity column`,
        undefined,
      );
    if (!column.notNull)
      throw d.error(
        'object_not_in_prerequisite_state',
        `column "${column.name}" of relation "${table.name}" must be declared NOT NULL before identity can be added`,
        undefined,
      );
    const name = d.chooseName([table.name, column.name], 'seq', d.taken(table.schema, undefined, new Set()));
    yield* makeSequence(d, table.schema, name, sequenceValues(d, action.sequence, column.type, undefined), {
      table: table.oid,
      column: column.number,
    });
    const literal = `${quoted(d.catalog.object(table.schema)!.name)}.${quoted(name)}`.replaceAll("'", "''");
    yield* changeColumn(d, table, column, {
      identity: action.always ? 'always' : 'by default',
      defaultSql: `nextval('${literal}'::regclass)`,
    });
    return;
  }
  if (column.identity === undefined) {
    if (action.kind === 'dropIdentity' && action.ifExists) {
      d.sql.tell(`column "${column.name}" of relation "${table.name}" is not an identity column, skipping`);
      return;
    }
    throw d.error(
      'object_not_in_prerequisite_state',
      `column "${column.name}" of relation "${table.name}" is not an identity column`,
      undefined,
    );
  }
  if (action.kind === 'setIdentity') {
    if (owned?.kind === 'sequence' && action.sequence.length > 0) yield* changeSequence(d, owned, action.sequence);
    if (action.always !== null)
      yield* changeColumn(d, table, column, { identity: action.always ? 'always' : 'by default' });
    return;
  }
  const { identity: _identity, defaultSql: _default, ...rest } = column;
  yield* replaceColumn(d, table, rest);
  if (owned !== undefined) yield* d.remove(owned.oid);
}
