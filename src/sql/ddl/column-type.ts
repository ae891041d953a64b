/**
 * ALTER TABLE … ALTER COLUMN … TYPE: the table's rows are read, converted and written to new trees.
 *
 * Without USING the old value goes into the new type by assignment, and so does the column's default.
 */
import { ERRORS, ExtentError } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import type { ColumnObject, Oid, TableObject } from '../../engine/catalog.ts';
import type { AlterTableAction } from '../ast/definitions.ts';
import { canCoerce } from '../bind/coerce.ts';
import { type BoundTableExpression, bindTableExpression } from '../bind/table-rules.ts';
import { lookUpType } from '../bind/type-lookup.ts';
import { typeEntry } from '../exec/values.ts';
import { quoted, quoteIdentifier } from '../session/names.ts';
import { registry } from '../types/registry.ts';
import { viewsReading } from './column-uses.ts';
import type { Definer } from './definer.ts';
import { rebuildTable } from './rebuild-table.ts';

function notCast(column: string, type: Oid, using: boolean): string {
  return `${using ? 'result of USING clause for ' : ''}column "${column}" cannot be cast automatically to type ${typeEntry(type).displayName}`;
}

/** The default of a column whose type changes: what it gave must go into the new type by assignment. @throws 42804 */
function defaultAs(d: Definer, table: TableObject, column: ColumnObject, type: Oid): Pick<ColumnObject, 'defaultSql'> {
  const { defaultSql, typmod } = column;
  if (defaultSql === undefined) return {};
  const context = d.sql.bindContext();
  const bound = bindTableExpression(context, table, defaultSql, undefined, defaultSql, column.type, 'DEFAULT', typmod);
  let { expr } = bound;
  while ((expr.kind === 'cast' || expr.kind === 'typmod') && !expr.explicit) expr = expr.arg;
  if (!canCoerce(d.binding(), expr.type, type, 'assignment')) {
    const text = `default for column "${column.name}" cannot be cast automatically to type ${typeEntry(type).displayName}`;
    throw d.error('datatype_mismatch', text, undefined);
  }
  // A literal is of the old type, and must not be read anew as one of the new type.
  const isLiteral = /^'(?:[^']|'')*'$/.test(defaultSql) && expr.type !== type;
  return { defaultSql: isLiteral ? `${defaultSql}::${typeEntry(expr.type).displayName}` : defaultSql };
}

/** ALTER COLUMN TYPE: every row is read, converted and written to new trees. @throws 42804, 42P16, 0A000 */
export function* alterColumnType(
  d: Definer,
  table: TableObject,
  action: Extract<AlterTableAction, { kind: 'alterType' }>,
): Task<void> {
  const column = d.column(table, action.name);
  const { oid, typmod } = lookUpType(d.binding(), action.type);
  const physical = registry.type(oid)?.physical(typmod);
  if (physical === undefined)
    throw d.error(
      'invalid_table_definition',
      `column "${column.name}" has pseudo-type ${typeEntry(oid).displayName}`,
      undefined,
    );
  const changed: ColumnObject = { ...column, type: oid, typmod, physical };
  const [view] = viewsReading(d, table, column.number);
  if (view !== undefined)
    throw d.error('feature_not_supported', 'cannot alter type of a column used by a view or rule', undefined, {
      detail: `rule _RETURN on view ${view.name} depends on column "${column.name}"`,
    });
  const text = action.using === null ? quoted(column.name) : undefined;
  let convert: BoundTableExpression;
  try {
    convert = bindTableExpression(
      d.sql.bindContext(),
      table,
      text ?? d.text,
      action.using ?? undefined,
      text ?? d.text,
      oid,
      'USING',
      typmod,
    );
  } catch (error) {
    if (!(error instanceof ExtentError) || error.sqlstate !== ERRORS.datatype_mismatch) throw error;
    throw d.error('datatype_mismatch', notCast(column.name, oid, action.using !== null), undefined, {
      hint:
        action.using === null
          ? `You might need to specify "USING ${quoteIdentifier(column.name)}::${typeEntry(oid).displayName}".`
          : 'You might need to add an explicit cast.',
    });
  }
  const withDefault = { ...changed, ...defaultAs(d, table, column, oid) };
  const columns = table.columns.map((c) => (c.number === column.number ? withDefault : c));
  yield* rebuildTable(d, table, { ...table, columns }, (row) => row, { number: column.number, convert });
}
