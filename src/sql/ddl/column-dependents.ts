/**
 * What only CASCADE drops along with a column: generated columns, views and what reads those, foreign keys, and defaults of others
 * that count by the column's sequence.
 */
import type {
  CatalogObject,
  ColumnObject,
  Oid,
  SequenceObject,
  TableObject,
  ViewObject,
} from '../../engine/catalog.ts';
import { generatedFrom, viewsReading } from './column-uses.ts';
import type { Definer } from './definer.ts';
import { defaultsFrom, describe } from './drop.ts';

export interface Dependent {
  /** Undefined for a column and for a default. */
  readonly object?: CatalogObject;
  /** Name of a generated column of the same table. */
  readonly generated?: string;
  readonly text: string;
  /** What it depends on. */
  readonly on: string;
}

/** In the order in which PostgreSQL tells of them: generated columns, what depends on those, then views and foreign keys. */
export function dependentsOf(d: Definer, table: TableObject, column: ColumnObject): Dependent[] {
  // As PostgreSQL does it: the youngest first, what depends on it before itself, and then all of it backwards.
  const found = new Map<Oid | string, Dependent>();
  const visit = (object: CatalogObject, on: string): void => {
    if (found.has(object.oid)) return;
    const text = describe(d, object);
    for (const view of viewsOver(d, object).sort(youngestFirst)) visit(view, text);
    found.set(object.oid, { object, text, on });
  };
  const visitColumn = (of: ColumnObject): void => {
    for (const { object, on } of directly(d, table, of).sort((a, b) => youngestFirst(a.object, b.object)))
      visit(object, on);
    const on = columnText(d, table, of);
    for (const made of generatedFrom(d, table, of.number).reverse()) {
      if (found.has(made.name)) continue;
      visitColumn(made);
      found.set(made.name, { generated: made.name, text: columnText(d, table, made), on });
    }
  };
  visitColumn(column);
  return [...[...found.values()].reverse(), ...countingBy(d, table, column)];
}

function columnText(d: Definer, table: TableObject, { name }: ColumnObject): string {
  return `column ${name} of ${describe(d, table)}`;
}

/** Views and foreign keys that need a column, and why. */
function directly(
  d: Definer,
  table: TableObject,
  column: ColumnObject,
): { readonly object: CatalogObject; readonly on: string }[] {
  const { number } = column;
  const on = columnText(d, table, column);
  return [
    ...viewsReading(d, table, number).map((object) => ({ object, on })),
    ...d.catalog.referencesTo(table.oid).flatMap((object) => {
      // One that the column itself refers by goes along without a word, as does what partitions have of another.
      if (object.parent !== undefined || (object.table === table.oid && object.columns.includes(number))) return [];
      if (object.foreign?.columns.includes(number) === true) return { object, on };
      const index = d.catalog.object(object.index);
      const isIncluded = index?.kind === 'index' && index.include.includes(number);
      return isIncluded ? { object, on: describe(d, index) } : [];
    }),
  ];
}

function viewsOver(d: Definer, { oid }: CatalogObject): ViewObject[] {
  return [...d.catalog.objects()].filter((o): o is ViewObject => o.kind === 'view' && o.uses.includes(oid));
}

function youngestFirst(a: CatalogObject, b: CatalogObject): number {
  return b.oid - a.oid;
}

/** The sequences that a column owns. */
export function sequencesOf(d: Definer, table: TableObject, number: number): SequenceObject[] {
  return [...d.catalog.objects()].filter(
    (o): o is SequenceObject => o.kind === 'sequence' && o.ownedBy?.table === table.oid && o.ownedBy.column === number,
  );
}

/** The tables with columns whose default counts by a sequence. */
export function defaultedFrom(d: Definer, sequence: Oid): TableObject[] {
  return [...d.catalog.objects()].filter(
    (o): o is TableObject => o.kind === 'table' && defaultsFrom(d, sequence, o).length > 0,
  );
}

/** Defaults that count by a column's sequence: of other columns, where those of its partitions are the same column. */
function countingBy(d: Definer, table: TableObject, { number, name }: ColumnObject): Dependent[] {
  const same = new Set([table, ...d.catalog.descendantsOf(table.oid, true)].map(({ oid }) => oid));
  return sequencesOf(d, table, number).flatMap((sequence) =>
    defaultedFrom(d, sequence.oid).flatMap((other) =>
      defaultsFrom(d, sequence.oid, other)
        .filter((column) => !(same.has(other.oid) && column.name === name))
        .map((column) => ({
          text: `default value for column ${column.name} of ${describe(d, other)}`,
          on: describe(d, sequence),
        })),
    ),
  );
}
