/** The errors of constraints, worded and detailed as PostgreSQL words them. */
import { type ExtentError, fail } from '../../base/errors.ts';
import type { Catalog, ConstraintObject, IndexObject, TableObject } from '../../engine/catalog.ts';
import type { PartitionKey } from '../../engine/partitioning.ts';
import { plainKeyText } from '../ddl/deparse.ts';
import type { EvalContext, SqlValue } from '../types/contracts.ts';
import { typeEntry } from './values.ts';

const SHOWN_BYTES_MAX = 64;

function shown(value: SqlValue, type: number, context: EvalContext): string {
  if (value === null) return 'null';
  const text = typeEntry(type).format(value, context);
  return Buffer.byteLength(text) > SHOWN_BYTES_MAX
    ? `${Buffer.from(text)
        .subarray(0, SHOWN_BYTES_MAX)
        .toString('utf8')
        .replace(/\uFFFD+$/, '')}...`
    : text;
}

function failingRow(table: TableObject, values: readonly SqlValue[], context: EvalContext): string {
  const live = table.columns.filter((c) => !c.dropped);
  return `Failing row contains (${values.map((v, i) => shown(v, live[i]!.type, context)).join(', ')}).`;
}

function schemaName(catalog: Catalog, table: TableObject): string {
  return catalog.object(table.schema)?.name ?? '';
}

/** 23502. `values` are those of all live columns. */
export function notNullViolation(
  catalog: Catalog,
  table: TableObject,
  column: string,
  values: readonly SqlValue[],
  context: EvalContext,
): ExtentError {
  return fail(
    'not_null_violation',
    `null value in column "${column}" of relation "${table.name}" violates not-null constraint`,
    {
      detail: failingRow(table, values, context),
      schema: schemaName(catalog, table),
      table: table.name,
      column,
    },
  );
}

/** 23514. */
export function checkViolation(
  catalog: Catalog,
  table: TableObject,
  constraint: string,
  values: readonly SqlValue[],
  context: EvalContext,
): ExtentError {
  return fail('check_violation', `new row for relation "${table.name}" violates check constraint "${constraint}"`, {
    detail: failingRow(table, values, context),
    schema: schemaName(catalog, table),
    table: table.name,
    constraint,
  });
}

/** 23514, for a row that its partition's bounds do not admit. */
export function partitionViolation(
  catalog: Catalog,
  table: TableObject,
  values: readonly SqlValue[],
  context: EvalContext,
): ExtentError {
  return fail('check_violation', `new row for relation "${table.name}" violates partition constraint`, {
    detail: failingRow(table, values, context),
    schema: schemaName(catalog, table),
    table: table.name,
  });
}

/** 23514, for a row that no partition takes. `values` are those of the keys. */
export function noPartition(
  catalog: Catalog,
  table: TableObject,
  keys: readonly PartitionKey[],
  values: readonly SqlValue[],
  context: EvalContext,
): ExtentError {
  const names = keys.map((key) => plainKeyText(table, key));
  const texts = keys.map((key, i) => shown(values[i]!, key.type, context));
  return fail('check_violation', `no partition of relation "${table.name}" found for row`, {
    detail: `Partition key of the failing row contains (${names.join(', ')}) = (${texts.join(', ')}).`,
    schema: schemaName(catalog, table),
    table: table.name,
  });
}

/** 23505. `keys` are the values of the index's keys. */
export function uniqueViolation(
  catalog: Catalog,
  table: TableObject,
  index: IndexObject,
  keys: readonly SqlValue[],
  context: EvalContext,
): ExtentError {
  const owner = catalog.table(index.table);
  const names = index.columns.map((key) => plainKeyText(owner, key));
  const texts = index.columns.map((c, i) => shown(keys[i]!, c.type, context));
  const name = (catalog.object(index.constraint) as ConstraintObject | undefined)?.name ?? index.name;
  return fail('unique_violation', `duplicate key value violates unique constraint "${name}"`, {
    detail: `Key (${names.join(', ')})=(${texts.join(', ')}) already exists.`,
    schema: schemaName(catalog, table),
    table: table.name,
    constraint: name,
  });
}

/** 55000: what may be double for a while decides nothing. */
export function looseArbiter(catalog: Catalog, table: TableObject, index: IndexObject): ExtentError {
  return fail(
    'object_not_in_prerequisite_state',
    'ON CONFLICT does not support deferrable unique constraints/exclusion constraints as arbiters',
    { schema: schemaName(catalog, table), table: table.name, constraint: index.name },
  );
}

/** 23503 for a row without its parent. */
export function missingParent(
  catalog: Catalog,
  constraint: ConstraintObject,
  values: readonly SqlValue[],
  context: EvalContext,
): ExtentError {
  const child = catalog.table(constraint.table);
  const parent = catalog.table(constraint.foreign!.table);
  const columns = constraint.columns.map((n) => child.columns.find((c) => c.number === n)!);
  const texts = columns.map((c, i) => shown(values[i]!, c.type, context));
  return fail(
    'foreign_key_violation',
    `insert or update on table "${child.name}" violates foreign key constraint "${constraint.name}"`,
    {
      detail: values.includes(null)
        ? 'MATCH FULL does not allow mixing of null and nonnull key values.'
        : `Key (${columns.map((c) => c.name).join(', ')})=(${texts.join(', ')}) is not present in table "${parent.name}".`,
      schema: schemaName(catalog, child),
      table: child.name,
      constraint: constraint.name,
    },
  );
}

/** 23503 for a parent that still has children. */
export function stillReferenced(
  catalog: Catalog,
  constraint: ConstraintObject,
  values: readonly SqlValue[],
  context: EvalContext,
): ExtentError {
  const child = catalog.table(constraint.table);
  const parent = catalog.table(constraint.foreign!.table);
  const columns = constraint.foreign!.columns.map((n) => parent.columns.find((c) => c.number === n)!);
  const texts = columns.map((c, i) => shown(values[i]!, c.type, context));
  return fail(
    'foreign_key_violation',
    `update or delete on table "${parent.name}" violates foreign key constraint "${constraint.name}" on table "${child.name}"`,
    {
      detail: `Key (${columns.map((c) => c.name).join(', ')})=(${texts.join(', ')}) is still referenced from table "${child.name}".`,
      schema: schemaName(catalog, child),
      table: child.name,
      constraint: constraint.name,
    },
  );
}

/** 23503 for a partition that cannot leave its table. `values` are those of the referencing row. */
export function partitionStillReferenced(
  catalog: Catalog,
  partition: TableObject,
  constraint: ConstraintObject,
  values: readonly SqlValue[],
  context: EvalContext,
): ExtentError {
  const child = catalog.table(constraint.table);
  const columns = constraint.columns.map((n) => child.columns.find((c) => c.number === n)!);
  const texts = columns.map((c, i) => shown(values[i]!, c.type, context));
  return fail(
    'foreign_key_violation',
    `removing partition "${partition.name}" violates foreign key constraint "${constraint.name}"`,
    {
      detail: `Key (${columns.map((c) => c.name).join(', ')})=(${texts.join(', ')}) is still referenced from table "${child.name}".`,
      schema: schemaName(catalog, child),
      table: child.name,
      constraint: constraint.name,
    },
  );
}

/** 40001: a row that the snapshot sees has been changed since by another transaction. */
export function concurrentUpdate(): Error {
  return fail('serialization_failure', 'could not serialize access due to concurrent update');
}

/** 40001: a row that the snapshot sees has been deleted since by another transaction. */
export function concurrentDelete(): Error {
  return fail('serialization_failure', 'could not serialize access due to concurrent delete');
}
