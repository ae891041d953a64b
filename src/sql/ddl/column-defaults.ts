/**
 * What fills a column that a row says nothing about: defaults, generation expressions, and sequences of serial and identity
 * columns. They are bound against the table as it will be, and kept as text.
 */
import type { Task } from '../../base/task.ts';
import type { ColumnObject, TableObject } from '../../engine/catalog.ts';
import type { Expression } from '../ast/expressions.ts';
import { bindTableExpression, storedText } from '../bind/table-rules.ts';
import { quoteIdentifier } from '../session/names.ts';
import type { NewColumn } from './column-definitions.ts';
import type { Definer } from './definer.ts';
import { makeSequence, sequenceValues } from './sequences.ts';

/** What a column keeps of its DEFAULT clause: nothing of NULL. */
export function defaultOf(
  d: Definer,
  table: TableObject,
  column: ColumnObject,
  text: string,
  expression: Expression,
): Pick<ColumnObject, 'defaultSql'> {
  const context = d.sql.bindContext();
  const bound = bindTableExpression(context, table, text, expression, d.text, column.type, 'DEFAULT');
  if (bound.expr.kind === 'const' && bound.expr.value === null) return {};
  return { defaultSql: storedText(context, table, bound, text, column.type, 'DEFAULT') };
}

/** Binds defaults, and makes the sequences of serial and identity columns. @returns the table with both. */
export function* addDefaults(d: Definer, bare: TableObject, columns: readonly NewColumn[]): Task<TableObject> {
  let table = bare;
  const change = (number: number, more: Partial<ColumnObject>): void => {
    table = { ...table, columns: table.columns.map((c) => (c.number === number ? { ...c, ...more } : c)) };
  };
  for (const { column, sequence, defaultConstraint } of columns) {
    if (defaultConstraint !== undefined) {
      const { text, constraint } = defaultConstraint;
      change(column.number, defaultOf(d, table, column, text, constraint.expression));
    }
    if (column.generatedSql !== undefined)
      change(column.number, { generatedSql: generationOf(d, table, column, column.generatedSql) });
    if (sequence !== undefined)
      change(column.number, { defaultSql: yield* nextOfNewSequence(d, table, column, sequence) });
  }
  return table;
}

/** The text of a generation expression as it is kept. @throws 42P17 if it is volatile or reads a generated column. */
function generationOf(d: Definer, table: TableObject, column: ColumnObject, sql: string): string {
  const context = d.sql.bindContext();
  const generated = bindTableExpression(context, table, sql, undefined, sql, column.type, 'GENERATED');
  const text = storedText(context, table, generated, sql, column.type, 'GENERATED');
  if (generated.volatile)
    throw d.error('invalid_object_definition', 'generation expression is not immutable', undefined);
  const other = table.columns.find((c) => c.generatedSql !== undefined && generated.columns.includes(c.number));
  if (other !== undefined)
    throw d.error(
      'invalid_object_definition',
      `cannot use generated column "${other.name}" in column generation expression`,
      undefined,
      { detail: 'A generated column cannot reference another generated column.' },
    );
  return text;
}

/** Makes the sequence that a serial or identity column owns. @returns the column's default. */
function* nextOfNewSequence(
  d: Definer,
  table: TableObject,
  column: ColumnObject,
  sequence: NonNullable<NewColumn['sequence']>,
): Task<string> {
  const options = sequence.identity?.sequence ?? [];
  const named = options.find((o) => o.name === 'sequence name')?.owner;
  const name =
    named?.[named.length - 1]?.text ??
    d.chooseName([table.name, column.name], 'seq', d.taken(table.schema, undefined, new Set()));
  const values = sequenceValues(
    d,
    options.filter((o) => o.name !== 'sequence name'),
    sequence.type,
    undefined,
  );
  yield* makeSequence(d, table.schema, name, values, { table: table.oid, column: column.number });
  const schema = d.catalog.object(table.schema)!.name;
  const literal = `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`.replaceAll("'", "''");
  return `nextval('${literal}'::regclass)`;
}
