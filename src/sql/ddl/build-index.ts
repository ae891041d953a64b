/**
 * Filling an index from a table's rows: keys are gathered, sorted, checked for uniqueness between neighbours, and appended
 * leaf by leaf. The same sort rebuilds a table under a new primary key.
 */
import { assert, broken } from '../../base/assert.ts';
import { fail } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import type { IndexObject, TableObject } from '../../engine/catalog.ts';
import type { TrackedWork } from '../../engine/maintenance.ts';
import { KeyWriter, NEED, NONE, type RowBuffer } from '../../engine/record-port.ts';
import { type IndexAccess, TableAccess } from '../../engine/table-access.ts';
import { compileEval } from '../exec/evaluate.ts';
import { appendSortValue } from '../exec/key-values.ts';
import { evaluateRow, type Operator, pointAt } from '../exec/operator.ts';
import { Shape } from '../exec/shape.ts';
import { SortPlan } from '../exec/sort.ts';
import { Sorter } from '../exec/sorter.ts';
import { Env, ExecState } from '../exec/state.ts';
import { columnReader, type Eval } from '../exec/values.ts';
import { uniqueViolation } from '../exec/violations.ts';
import type { Column, ColumnId, Logical, RowRules, ScanNode } from '../plan/logical.ts';
import { columnRef, Planner } from '../plan/planner.ts';
import { ROW_KEY } from '../plan/row-keys.ts';
import type { SqlValue } from '../types/contracts.ts';
import type { Definer } from './definer.ts';

const EMPTY = new Uint8Array(0);

/** Rows of a table with their keys, as an operator over a fresh snapshot. */
export interface TableReader {
  readonly state: ExecState;
  readonly operator: Operator;
  readonly shape: Shape;
  readonly columns: readonly Column[];
  readonly keyPosition: number;
  close(): void;
}

/** A column to sort by. */
export interface RowOrder {
  readonly column: number;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

/**
 * Reads all rows of a table that are committed now, or are the transaction's own, sorted by `order`. The snapshot is a fresh
 * one even in REPEATABLE READ: what is built from it must hold for everybody. Columns get fresh ids; the row key is the last
 * column.
 */
export function readTable(d: Definer, table: TableObject, order: readonly RowOrder[] = []): TableReader {
  const { engine } = d;
  const live = table.columns.filter((c) => !c.dropped);
  const columns: Column[] = live.map((c, i) => ({ id: i + 1, name: c.name, type: c.type, typmod: c.typmod }));
  const key: Column = { id: live.length + 1, name: '', type: 17, typmod: -1 };
  const scan: ScanNode = {
    kind: 'scan',
    table,
    alias: table.name,
    columns: [...columns, key],
    numbers: [...live.map((c) => c.number), ROW_KEY],
  };
  const planner = new Planner(engine, live.length + 1, () => []);
  const unsorted = planner.exactly(
    planner.plan(scan as Logical, new Set(scan.columns.map((c) => c.id)), []),
    scan.columns,
  );
  const keys = order.map(({ column, descending, nullsFirst }) => ({
    expr: columnRef(columns[live.findIndex((c) => c.number === column)]!),
    descending,
    nullsFirst,
  }));
  const plan = keys.length === 0 ? unsorted : new SortPlan(unsorted, keys, planner.scope, []);
  const { transaction } = engine;
  const snapshot = transaction.snapshot();
  const state = new ExecState(engine, d.sql.context, [], snapshot, 64 << 20, {
    runInternal: () => never(),
    defer: () => false,
  });
  return {
    state,
    operator: plan.start(state),
    shape: plan.shape,
    columns,
    keyPosition: live.length,
    close() {
      transaction.release(snapshot);
    },
  };
}

function never(): never {
  return broken('a table reader runs nothing');
}

/** What an index takes of a row; a row for which the predicate is not true is not in it. */
interface Keys {
  readonly values: readonly Eval[];
  readonly predicate: Eval | undefined;
}

/** Expressions of computed indexes are compiled over the reader's columns. */
function keysOf(access: TableAccess, index: IndexAccess, reader: TableReader, rules: RowRules | undefined): Keys {
  if (!index.computed) {
    const values = index.index.columns.map((c) => columnReader(reader.shape, access.position(c.column), 0));
    return { values, predicate: undefined };
  }
  const entry = rules!.indexes.find((i) => i.index.oid === index.index.oid)!;
  // The rules speak of their own row: the same columns under other ids.
  const shape = new Shape(
    reader.shape.columns.map((c, i) => ({ ...c, id: rules!.row[i]?.id ?? (-1 as ColumnId) })),
    reader.shape.layout,
  );
  const scope = { shape0: shape, outer: new Map<ColumnId, number>(), subquery: never };
  return {
    values: entry.keys.map((k) => compileEval(k, scope)),
    predicate: entry.predicate === undefined ? undefined : compileEval(entry.predicate, scope),
  };
}

/** Writes the index's part of a row's key. @returns its length, −1 when the row is not in the index */
function writeKey(env: Env, index: IndexObject, { values, predicate }: Keys, key: KeyWriter): number {
  key.length = 0;
  if (predicate !== undefined && predicate(env) !== true) return -1;
  index.columns.forEach((c, i) => appendSortValue(key, c.physical, c.descending, c.nullsFirst, values[i]!(env)));
  return key.length;
}

/** Fills a new index, and reports to `work`. @throws 23505 with the duplicate's values. */
export function* buildIndex(
  d: Definer,
  table: TableObject,
  index: IndexObject,
  rules: RowRules | undefined,
  work?: TrackedWork,
): Task<void> {
  const { engine } = d;
  const access = new TableAccess(engine.store, engine.catalog, table);
  const indexAccess = access.secondary.find((s) => s.index.oid === index.oid)!;
  const reader = readTable(d, table);
  const sorter = new Sorter(reader.state, reader.shape);
  const prefixes: number[] = [];
  try {
    const keys = keysOf(access, indexAccess, reader, rules);
    yield* gatherKeys(reader, sorter, prefixes, access, indexAccess, keys, work);
    yield* sorter.sort();
    yield* append(d, table, index, keys, reader, sorter, prefixes, work);
  } finally {
    reader.operator.close();
    reader.close();
    sorter.release();
  }
  d.engine.rewrote(table.oid);
}

function* gatherKeys(
  reader: TableReader,
  sorter: Sorter,
  prefixes: number[],
  access: TableAccess,
  index: IndexAccess,
  keys: Keys,
  work: TrackedWork | undefined,
): Task<void> {
  const env = new Env(reader.state);
  const key = new KeyWriter();
  const rowKey = columnReader(reader.shape, reader.keyPosition, 0);
  yield* reader.operator.open();
  for (;;) {
    const rows: RowBuffer | undefined = yield* reader.operator.next();
    if (rows === undefined) return;
    for (let i = 0; i < rows.count; i++) {
      pointAt(env, rows, i);
      const prefix = yield* evaluateRow(env, () => writeKey(env, index.index, keys, key));
      if (prefix < 0) continue;
      const exempt = !index.index.unique || access.exemptFromUniqueness(index, key);
      prefixes.push(exempt ? -1 : prefix);
      const own = rowKey(env) as Uint8Array;
      key.append(own, 0, own.length);
      sorter.add(env, key);
    }
    work?.advance({ read: rows.count });
    if (reader.state.spent(rows.count)) yield reader.state.session.slice();
  }
}

function* append(
  d: Definer,
  table: TableObject,
  index: IndexObject,
  keys: Keys,
  reader: TableReader,
  sorter: Sorter,
  prefixes: readonly number[],
  work: TrackedWork | undefined,
): Task<void> {
  const { store, transaction } = d.engine;
  const appender = store.appender(transaction, index.tree);
  const key = new KeyWriter();
  const { order } = sorter;
  for (let i = 0; i < order.length; i++) {
    const number = order[i]!;
    const prefix = prefixes[number]!;
    if (i > 0 && prefix >= 0 && prefixes[order[i - 1]!] === prefix && sorter.samePrefix(order[i - 1]!, number, prefix))
      throw yield* duplicate(d, table, index, keys, reader, sorter, number);
    sorter.copyKey(number, key);
    requireKeyLength(d, index, key.length);
    for (;;) {
      const status = appender.add(key.bytes, key.length, EMPTY, 0, 0);
      if (status === NEED) {
        yield store.need;
        continue;
      }
      assert(status !== NONE, 'index keys are not ascending');
      break;
    }
    if ((i & 255) !== 255) continue;
    work?.advance({ written: 256 });
    if (reader.state.spent(256)) yield reader.state.session.slice();
  }
  while (appender.flush() === NEED) yield store.need;
}

function requireKeyLength(d: Definer, index: IndexObject, length: number): void {
  const max = d.engine.store.keyBytesMax;
  if (length <= max) return;
  throw fail(
    'program_limit_exceeded',
    `index row size ${length} exceeds btree version 4 maximum ${max} for index "${index.name}"`,
  );
}

function* duplicate(
  d: Definer,
  table: TableObject,
  index: IndexObject,
  keys: Keys,
  reader: TableReader,
  sorter: Sorter,
  number: number,
): Task<Error> {
  const env = new Env(reader.state);
  pointAt(env, sorter.rows, number);
  const values: SqlValue[] = yield* evaluateRow(env, () => keys.values.map((key) => key(env)));
  const error = uniqueViolation(d.catalog, table, index, values, d.sql.context);
  error.message = `could not create unique index "${index.name}"`;
  error.detail = error.detail?.replace('already exists', 'is duplicated');
  return error;
}
