/** Objects as SQL text: what pg_get_indexdef and pg_get_constraintdef answer. */
import type { Catalog, ConstraintObject, IndexColumn, IndexObject, Oid, TableObject } from '../../engine/catalog.ts';
import type { PartitionKey } from '../../engine/partitioning.ts';
import { displayName, quoteIdentifier } from '../session/names.ts';

function columnName(table: TableObject, number: number): string {
  return quoteIdentifier(table.columns.find((c) => c.number === number)?.name ?? '?');
}

function keyText(table: TableObject, key: Pick<IndexColumn, 'column' | 'expression'>): string {
  if (key.column !== 0) return columnName(table, key.column);
  const text = key.expression ?? '';
  return /^[\w.]+\(.*\)$/s.test(text) ? text : `(${text})`;
}

/** A partition key as PARTITION BY names it. */
export function partitionKeyText(table: TableObject, key: PartitionKey): string {
  return keyText(table, key);
}

/** Names of an index's columns: one that stands there already gets a number, as PostgreSQL gives them. */
export function distinctNames(names: readonly string[]): string[] {
  const distinct: string[] = [];
  for (const name of names) {
    let free = name;
    for (let n = 1; distinct.includes(free); n++) free = `${name}${n}`;
    distinct.push(free);
  }
  return distinct;
}

/** A kept expression, in parentheses unless it is one operand already: in them, a call, a name. */
function enclosed(text: string): string {
  if (/^[\w."]*$/.test(text)) return text;
  const open = text.search(/\(/);
  const before = text.slice(0, Math.max(open, 0));
  return /^[\w.]*$/.test(before) && open >= 0 && closing(text, open) === text.length - 1 ? text : `(${text})`;
}

/** Where the parenthesis that opens at `open` closes; those in quotes do not count. */
function closing(text: string, open: number): number {
  let depth = 0;
  for (const { 0: token, index } of text.matchAll(/'(?:[^']|'')*'|"(?:[^"]|"")*"|[()]/g)) {
    if (index < open) continue;
    if (token === '(') depth++;
    else if (token === ')' && --depth === 0) return index;
  }
  return -1;
}

/** A key as errors name it: of two parentheses, one inside the other, one is enough. */
export function plainKeyText(table: TableObject, key: Pick<IndexColumn, 'column' | 'expression'>): string {
  let text = keyText(table, key);
  for (let at = text.indexOf('(('); at >= 0; at = text.indexOf('((', at)) {
    const end = closing(text, at + 1);
    if (end >= 0 && end + 1 === closing(text, at))
      text = text.slice(0, at) + text.slice(at + 1, end) + text.slice(end + 1);
    else at++;
  }
  return text;
}

/** `CREATE INDEX …`; with `column` > 0 only that key's text, '' when there is no such key. */
export function indexDefinition(catalog: Catalog, index: IndexObject, column: number): string {
  const table = catalog.table(index.table);
  if (column > 0) {
    const key = index.columns[column - 1];
    if (key !== undefined) return keyText(table, key);
    const included = index.include[column - 1 - index.columns.length];
    return included === undefined ? '' : columnName(table, included);
  }
  const keys = index.columns.map((key) => {
    const order = key.descending ? ' DESC' : '';
    const nulls = key.nullsFirst === key.descending ? '' : key.nullsFirst ? ' NULLS FIRST' : ' NULLS LAST';
    return `${keyText(table, key)}${order}${nulls}`;
  });
  const schema = quoteIdentifier(catalog.object(table.schema)?.name ?? '');
  const parts = [
    `CREATE ${index.unique ? 'UNIQUE ' : ''}INDEX ${quoteIdentifier(index.name)} ON ${table.partitioning === undefined ? '' : 'ONLY '}${schema}.${quoteIdentifier(table.name)} USING btree (${keys.join(', ')})`,
  ];
  if (index.include.length > 0) parts.push(includeText(table, index));
  if (!index.nullsDistinct) parts.push('NULLS NOT DISTINCT');
  if (index.options.length > 0) parts.push(`WITH (${index.options.map(optionText).join(', ')})`);
  if (index.predicate !== undefined) parts.push(`WHERE ${enclosed(index.predicate)}`);
  return parts.join(' ');
}

function includeText(table: TableObject, index: IndexObject): string {
  return `INCLUDE (${index.include.map((number) => columnName(table, number)).join(', ')})`;
}

function optionText(option: string): string {
  const at = option.indexOf('=');
  return `${option.slice(0, at)}='${option.slice(at + 1)}'`;
}

export function constraintDefinition(catalog: Catalog, constraint: ConstraintObject, schemas: readonly Oid[]): string {
  const table = catalog.table(constraint.table);
  const columns = constraint.columns.map((n) => columnName(table, n)).join(', ');
  const tail = `${constraint.deferrable ? ' DEFERRABLE' : ''}${constraint.initiallyDeferred ? ' INITIALLY DEFERRED' : ''}${constraint.validated ? '' : ' NOT VALID'}`;
  switch (constraint.type) {
    case 'primary':
    case 'unique': {
      const index = catalog.object(constraint.index);
      const isIndex = index?.kind === 'index';
      const nulls = isIndex && !index.nullsDistinct ? ' NULLS NOT DISTINCT' : '';
      const include = isIndex && index.include.length > 0 ? ` ${includeText(table, index)}` : '';
      return `${constraint.type === 'primary' ? 'PRIMARY KEY' : `UNIQUE${nulls}`} (${columns})${include}${tail}`;
    }
    case 'check':
      return `CHECK (${enclosed(constraint.expression ?? '')})${tail}`;
    case 'foreign': {
      const { foreign } = constraint;
      const parent = catalog.table(foreign!.table);
      const referenced = foreign!.columns.map((n) => columnName(parent, n)).join(', ');
      const list =
        foreign!.setColumns.length > 0 ? ` (${foreign!.setColumns.map((n) => columnName(table, n)).join(', ')})` : '';
      const onUpdate = foreign!.onUpdate === 'no action' ? '' : ` ON UPDATE ${foreign!.onUpdate.toUpperCase()}`;
      const onDelete = foreign!.onDelete === 'no action' ? '' : ` ON DELETE ${foreign!.onDelete.toUpperCase()}${list}`;
      const match = foreign!.match === 'full' ? ' MATCH FULL' : '';
      return `FOREIGN KEY (${columns}) REFERENCES ${displayName(catalog, schemas, parent)}(${referenced})${match}${onUpdate}${onDelete}${tail}`;
    }
  }
}
