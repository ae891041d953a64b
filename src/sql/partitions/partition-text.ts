/** Partitions as SQL text: what pg_get_partkeydef, pg_get_expr of a bound and pg_get_partition_constraintdef answer. */
import type { Catalog, TableObject } from '../../engine/catalog.ts';
import type { BoundDatum, PartitionBound, Partitioning, PartitionKey } from '../../engine/partitioning.ts';
import { partitionKeyText } from '../ddl/deparse.ts';
import { typeEntry } from '../exec/values.ts';
import type { EvalContext } from '../types/contracts.ts';
import { datumValue } from './bounds.ts';

/** `RANGE (at)`. */
export function partitioningText(table: TableObject, { strategy, keys }: Partitioning): string {
  return `${strategy.toUpperCase()} (${keys.map((key) => partitionKeyText(table, key)).join(', ')})`;
}

/** A datum as FOR VALUES writes it: numbers and truth values bare, all else in quotes. */
export function datumText(key: PartitionKey, datum: BoundDatum, context: EvalContext): string {
  if (typeof datum === 'string') return datum.toUpperCase();
  const text = typeEntry(key.type).format(datumValue(key, datum)!, context);
  const isBare = ['N', 'B'].includes(typeEntry(key.type).category) && /^[-\w.]+$/.test(text);
  if (!isBare) return `'${text.replaceAll("'", "''")}'`;
  return text === 't' ? 'true' : text === 'f' ? 'false' : text.startsWith('-') ? `'${text}'` : text;
}

/** `(1, MINVALUE)`. */
export function edgeText(keys: readonly PartitionKey[], data: readonly BoundDatum[], context: EvalContext): string {
  return `(${data.map((datum, i) => datumText(keys[i]!, datum, context)).join(', ')})`;
}

/** `FOR VALUES …` or `DEFAULT`. */
export function boundText({ keys }: Partitioning, bound: PartitionBound, context: EvalContext): string {
  switch (bound.kind) {
    case 'default':
      return 'DEFAULT';
    case 'list':
      return `FOR VALUES IN (${bound.values.map((value) => datumText(keys[0]!, value, context)).join(', ')})`;
    case 'range':
      return `FOR VALUES FROM ${edgeText(keys, bound.from, context)} TO ${edgeText(keys, bound.to, context)}`;
    case 'hash':
      return `FOR VALUES WITH (modulus ${bound.modulus}, remainder ${bound.remainder})`;
  }
}

/** A partition's bound; undefined for a table that is none. */
export function boundTextOf(catalog: Catalog, table: TableObject, context: EvalContext): string | undefined {
  if (table.partition === undefined) return undefined;
  const parent = catalog.table(table.partition.parent);
  return parent.partitioning && boundText(parent.partitioning, table.partition.bound, context);
}

/** What holds for every row of a partition, by its own bound and those above it; undefined for a table that is none. */
export function partitionConstraintText(
  catalog: Catalog,
  table: TableObject,
  context: EvalContext,
): string | undefined {
  const parts: string[] = [];
  let child = table;
  for (const parent of catalog.ancestorsOf(table)) {
    if (child.partition === undefined || parent.partitioning === undefined) break;
    const text = conditionText(catalog, parent, parent.partitioning, child.partition.bound, context);
    if (text !== undefined) parts.unshift(text);
    child = parent;
  }
  return parts.length === 0 ? undefined : parts.length === 1 ? parts[0] : `(${parts.join(' AND ')})`;
}

function conditionText(
  catalog: Catalog,
  parent: TableObject,
  partitioning: Partitioning,
  bound: PartitionBound,
  context: EvalContext,
): string | undefined {
  const { keys } = partitioning;
  const names = keys.map((key) => partitionKeyText(parent, key));
  switch (bound.kind) {
    case 'default': {
      const others = catalog.partitionsOf(parent.oid).flatMap(({ partition }) => {
        if (partition === undefined || partition.bound.kind === 'default') return [];
        return conditionText(catalog, parent, partitioning, partition.bound, context) ?? [];
      });
      return others.length === 0 ? undefined : `(NOT ${others.length === 1 ? others[0] : `(${others.join(' OR ')})`})`;
    }
    case 'list': {
      const values = bound.values.filter((value) => value !== 'null');
      const texts = values.map((value) => typedText(keys[0]!, value, context));
      const among =
        texts.length === 1 ? `(${names[0]} = ${texts[0]})` : `(${names[0]} = ANY (ARRAY[${texts.join(', ')}]))`;
      if (values.length === bound.values.length) return `((${names[0]} IS NOT NULL) AND ${among})`;
      return texts.length === 0 ? `(${names[0]} IS NULL)` : `((${names[0]} IS NULL) OR ${among})`;
    }
    case 'range': {
      const present = names.map((name) => `(${name} IS NOT NULL)`);
      const sides = [sideText(keys, names, bound.from, '>', context), sideText(keys, names, bound.to, '<', context)];
      return `(${[...present, ...sides.filter((side) => side !== undefined)].join(' AND ')})`;
    }
    case 'hash':
      return `satisfies_hash_partition('${parent.oid}'::oid, ${bound.modulus}, ${bound.remainder}, ${names.join(', ')})`;
  }
}

/** One side of a range; undefined when it has no limit. `(a > 1) OR ((a = 1) AND (b >= 2))` for two keys. */
function sideText(
  keys: readonly PartitionKey[],
  names: readonly string[],
  data: readonly BoundDatum[],
  beyond: '<' | '>',
  context: EvalContext,
): string | undefined {
  const [first] = data;
  if (first === undefined || typeof first === 'string') return undefined;
  const name = names[0]!;
  const value = typedText(keys[0]!, first, context);
  const orEqual = beyond === '>' ? '>=' : '<';
  if (data.length === 1) return `(${name} ${orEqual} ${value})`;
  const next = data[1]!;
  const rest = sideText(keys.slice(1), names.slice(1), data.slice(1), beyond, context);
  if (rest !== undefined) return `((${name} ${beyond} ${value}) OR ((${name} = ${value}) AND ${rest}))`;
  // All that begins with the value is on this side of the limit, or nothing is.
  const takesEqual = next === (beyond === '>' ? 'minvalue' : 'maxvalue');
  return `(${name} ${beyond}${takesEqual ? '=' : ''} ${value})`;
}

function typedText(key: PartitionKey, datum: BoundDatum, context: EvalContext): string {
  const text = datumText(key, datum, context);
  return text.startsWith("'") ? `${text}::${typeEntry(key.type).displayName}` : text;
}
