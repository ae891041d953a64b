/**
 * Access paths: which part of which tree answers a table's conditions.
 *
 * For the primary key and each index the conditions `column = value`, `column IN (…)`, `column < value` … are matched with
 * its columns from the left. A condition is taken over by the range only when key order and operator agree, that is when
 * both sides are of types whose keys compare alike; everything else stays a filter.
 */
import {
  isVariable,
  KIND_BPCHAR,
  KIND_DEC64,
  KIND_I16,
  KIND_I32,
  KIND_I64,
  KIND_INTERVAL,
  KIND_NAME,
  KIND_NUMERIC,
  KIND_TEXT,
  KIND_U32,
} from '../../base/physical.ts';
import type { IndexObject, TableObject } from '../../engine/catalog.ts';
import type { Partitioning } from '../../engine/partitioning.ts';
import type { KeyPart } from '../../engine/record-port.ts';
import type { KeyRecord } from '../exec/key-record.ts';
import type { RangeBound, RangeSpec } from '../exec/scan-ranges.ts';
import { travelPhysical } from '../exec/shape.ts';
import type { OperatorEntry } from '../types/contracts.ts';
import type { Estimates } from './estimate.ts';
import type { ColumnId, Expr } from './logical.ts';
import { columnsOf, isVolatile } from './walk.ts';

export interface AccessPath {
  readonly range: RangeSpec | undefined;
  /** Set when the index's entries hold all that is needed: the table is not read. */
  readonly keyRecord: KeyRecord | undefined;
  /** Conditions that the range does not answer. */
  readonly filter: readonly Expr[];
  readonly conditions: readonly Expr[];
  readonly rows: number;
  readonly cost: number;
  /** True when the whole primary key is given: one look-up. */
  readonly single: boolean;
}

const INTEGERS: ReadonlySet<number> = new Set([KIND_I16, KIND_I32, KIND_I64, KIND_U32]);
const TEXTS: ReadonlySet<number> = new Set([KIND_TEXT, KIND_NAME]);
const NUMERICS: ReadonlySet<number> = new Set([KIND_DEC64, KIND_NUMERIC]);

/** True when a value of one type, encoded as the index column's kind, is found where the operator says. */
function comparable(column: { readonly kind: number }, columnType: number, value: Expr): boolean {
  if (columnType === value.type) return true;
  const kind = travelPhysical(value.type, value.typmod).kind;
  if (INTEGERS.has(column.kind) && INTEGERS.has(kind))
    return (
      columnType !== 1082 &&
      value.type !== 1082 &&
      (column.kind !== KIND_I64 || [20].includes(columnType)) &&
      (kind !== KIND_I64 || value.type === 20)
    );
  if (TEXTS.has(column.kind) && TEXTS.has(kind)) return true;
  if (NUMERICS.has(column.kind) && NUMERICS.has(kind)) return true;
  return column.kind === kind && column.kind === KIND_BPCHAR;
}

const MIRRORED = { lt: 'gt', le: 'ge', gt: 'lt', ge: 'le', eq: 'eq' } as const;

interface Usable {
  readonly expr: Expr;
  readonly meaning: 'eq' | 'lt' | 'le' | 'gt' | 'ge' | 'any' | 'null';
  readonly value: Expr | undefined;
}

/** The condition as one on this column, or undefined. `own` are the table's columns: the other side must not use them. */
function usableFor(
  expr: Expr,
  id: ColumnId,
  part: { readonly kind: number },
  type: number,
  own: { has(id: ColumnId): boolean },
): Usable | undefined {
  if (expr.kind === 'test' && expr.test === 'null')
    return unwrap(expr.arg) === id ? { expr, meaning: 'null', value: undefined } : undefined;
  if (expr.kind === 'anyarray') {
    if (expr.all || expr.operator.meaning !== 'eq' || unwrap(expr.left) !== id || !isOutside(expr.array, own))
      return undefined;
    const element: Expr = { kind: 'const', type: expr.elementType, typmod: -1, value: null };
    return comparable(part, type, element) ? { expr, meaning: 'any', value: expr.array } : undefined;
  }
  if (expr.kind !== 'call' || expr.operator === undefined || expr.args.length !== 2) return undefined;
  const meaning = orderMeaning(expr.operator);
  if (meaning === undefined) return undefined;
  const [left, right] = expr.args as [Expr, Expr];
  if (unwrap(left) === id && isOutside(right, own))
    return comparable(part, type, right) ? { expr, meaning, value: right } : undefined;
  if (unwrap(right) === id && isOutside(left, own))
    return comparable(part, type, left) ? { expr, meaning: MIRRORED[meaning], value: left } : undefined;
  return undefined;
}

function orderMeaning(operator: OperatorEntry): keyof typeof MIRRORED | undefined {
  const { meaning } = operator;
  return meaning === 'eq' || meaning === 'lt' || meaning === 'le' || meaning === 'gt' || meaning === 'ge'
    ? meaning
    : undefined;
}

/** The column behind relabelling casts (varchar as text), or undefined. */
function unwrap(expr: Expr): ColumnId | undefined {
  if (expr.kind === 'column') return expr.id;
  return expr.kind === 'cast' && expr.cast.method === 'relabel' ? unwrap(expr.arg) : undefined;
}

function isOutside(expr: Expr, own: { has(id: ColumnId): boolean }): boolean {
  for (const id of columnsOf(expr)) if (own.has(id)) return false;
  return !isVolatile(expr);
}

/** Random access to one row of the table, in units of reading one row in order. */
const FETCH_COST = 4;
/** An entry that takes the place of its row: read in order, but taken apart. */
const ENTRY_COST = 2;
const DESCENT_COST = 10;

/** What an index's entries say of the rows, if that is all that is needed when these conditions are still to be tested. */
export type Covering = (index: IndexObject, filter: readonly Expr[]) => KeyRecord | undefined;

/** All ways to read a table under some conditions, the whole of it first. `idOf` gives a column number's id. */
export function accessPaths(
  table: TableObject,
  indexes: readonly IndexObject[],
  idOf: (number: number) => ColumnId | undefined,
  conditions: readonly Expr[],
  own: { has(id: ColumnId): boolean },
  tableRows: number,
  estimates: Estimates,
  covering: Covering,
): AccessPath[] {
  const paths: AccessPath[] = [
    {
      range: undefined,
      keyRecord: undefined,
      filter: conditions,
      conditions: [],
      rows: tableRows * estimates.share(conditions),
      cost: tableRows,
      single: false,
    },
  ];
  for (const index of indexes) {
    if (index.predicate !== undefined || index.columns.some((c) => c.column === 0)) continue;
    const clustered = index.oid === table.primaryIndex;
    const path = matchIndex(index, clustered, idOf, conditions, own);
    if (path === undefined) continue;
    const { used } = path;
    const range: RangeSpec = { ...path.range, index: clustered ? undefined : index };
    const filter = conditions.filter((c) => !used.includes(c));
    const exact = index.unique && range.equals.length === index.columns.length;
    const touched = exact ? 1 : Math.max(1, tableRows * estimates.share(used));
    const keyRecord = clustered ? undefined : covering(index, filter);
    paths.push({
      range,
      keyRecord,
      filter,
      conditions: used,
      rows: Math.max(exact ? 1 : 0, touched * estimates.share(filter)),
      cost: DESCENT_COST + touched * (clustered ? 1 : keyRecord !== undefined ? ENTRY_COST : FETCH_COST),
      single: clustered && exact,
    });
  }
  return paths;
}

/** Something with columns in an order: an index, or the keys of a partitioned table. */
type KeyColumns = {
  readonly columns: readonly Pick<
    IndexObject['columns'][number],
    'column' | 'type' | 'physical' | 'descending' | 'nullsFirst'
  >[];
};

/** What the conditions say of a partitioned table's keys, as a range of a key that has no tree. */
export function partitionKeyRange(
  partitioning: Partitioning,
  idOf: (number: number) => ColumnId | undefined,
  conditions: readonly Expr[],
  own: { has(id: ColumnId): boolean },
): { range: RangeSpec; used: readonly Expr[] } | undefined {
  const columns = partitioning.keys.map((key) => ({ ...key, descending: false, nullsFirst: false }));
  return matchIndex({ columns }, false, idOf, conditions, own);
}

function matchIndex(
  index: KeyColumns,
  clustered: boolean,
  idOf: (number: number) => ColumnId | undefined,
  conditions: readonly Expr[],
  own: { has(id: ColumnId): boolean },
): { range: RangeSpec; used: readonly Expr[] } | undefined {
  const parts: KeyPart[] = index.columns.map((c) => ({
    kind: c.physical.kind,
    column: 0,
    descending: c.descending,
    nullsFirst: c.nullsFirst,
    nullable: !clustered,
  }));
  const equals: (Expr | null)[] = [];
  const used: Expr[] = [];
  let anyOf: Expr | undefined;
  let lower: RangeBound | undefined;
  let upper: RangeBound | undefined;
  for (const column of index.columns) {
    const id = idOf(column.column);
    if (id === undefined) break;
    const usable = conditions
      .map((c) => usableFor(c, id, column.physical, column.type, own))
      .filter((u): u is Usable => u !== undefined);
    const equal =
      usable.find((u) => u.meaning === 'eq') ?? (clustered ? undefined : usable.find((u) => u.meaning === 'null'));
    if (equal !== undefined) {
      equals.push(equal.value ?? null);
      used.push(equal.expr);
      continue;
    }
    const any = usable.find((u) => u.meaning === 'any');
    if (any !== undefined) {
      anyOf = any.value;
      used.push(any.expr);
      break;
    }
    if (isVariable(column.physical.kind) || column.physical.kind !== KIND_INTERVAL) {
      const low = usable.find((u) => u.meaning === 'gt' || u.meaning === 'ge');
      const high = usable.find((u) => u.meaning === 'lt' || u.meaning === 'le');
      if (low !== undefined) lower = { expr: low.value!, inclusive: low.meaning === 'ge' };
      if (high !== undefined) upper = { expr: high.value!, inclusive: high.meaning === 'le' };
      for (const bound of [low, high]) if (bound !== undefined) used.push(bound.expr);
    }
    break;
  }
  if (used.length === 0) return undefined;
  return {
    range: {
      index: undefined,
      parts,
      scales: index.columns.map((c) => c.physical.scale),
      equals,
      anyOf,
      lower,
      upper,
    },
    used,
  };
}
