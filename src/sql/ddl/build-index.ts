/**
 * Filling an index from a table's rows: keys are gathered, sorted (on disk beyond `maintenance_work_mem`), checked for uniqueness
 * between neighbours, and appended leaf by leaf, with the values of the columns that the index INCLUDEs. The reader here serves
 * rebuilds of tables too.
 */
import { assert, broken } from '../../base/assert.ts';
import { fail } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import type { IndexObject, TableObject } from '../../engine/catalog.ts';
import { EntryRecords } from '../../engine/entry-records.ts';
import type { TrackedWork } from '../../engine/maintenance.ts';
import { compareKeys, KeyWriter, NEED, NONE } from '../../engine/record-port.ts';
import { type IndexAccess, TableAccess } from '../../engine/table-access.ts';
import { compileEval } from '../exec/evaluate.ts';
import { ExternalSort } from '../exec/external-sort.ts';
import { appendSortValue } from '../exec/key-values.ts';
import { evaluateRow, type Operator } from '../exec/operator.ts';
import { Shape } from '../exec/shape.ts';
import { SortPlan } from '../exec/sort.ts';
import type { SortKeyMaker } from '../exec/sorter.ts';
import { Env, ExecState } from '../exec/state.ts';
import { columnReader, type Eval } from '../exec/values.ts';
import { uniqueViolation } from '../exec/violations.ts';
import type { Column, ColumnId, Logical, ScanNode } from '../plan/logical.ts';
import type { RowRules } from '../plan/logical-changes.ts';
import { columnRef, Planner } from '../plan/planner.ts';
import { ROW_KEY } from '../plan/row-keys.ts';
import type { SqlValue } from '../types/contracts.ts';
import type { Definer } from './definer.ts';

const EMPTY = new Uint8Array(0);
/** Rows between two reports of progress and looks at the clock. */
const ROUND_ROWS = 256;

/** Rows of a table with their keys, as an operator over a fresh snapshot. */
export interface TableReader {
  readonly state: ExecState;
  readonly operator: Operator;
  readonly shape: Shape;
  readonly columns: readonly Column[];
  /** Their numbers in the table. */
  readonly numbers: readonly number[];
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
 *
 * @param numbers - of the columns that are read; undefined = all.
 * @param only - false: of a partitioned table the rows of its partitions.
 */
export function readTable(
  d: Definer,
  table: TableObject,
  order: readonly RowOrder[] = [],
  numbers?: readonly number[],
  only = true,
): TableReader {
  const { engine } = d;
  const live = table.columns.filter((c) => !c.dropped && (numbers === undefined || numbers.includes(c.number)));
  const columns: Column[] = live.map((c, i) => ({ id: i + 1, name: c.name, type: c.type, typmod: c.typmod }));
  const key: Column = { id: live.length + 1, name: '', type: 17, typmod: -1 };
  const scan: ScanNode = {
    kind: 'scan',
    table,
    alias: table.name,
    columns: [...columns, key],
    numbers: [...live.map((c) => c.number), ROW_KEY],
    only,
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
  const memoryBytes = d.sql.settings.number('maintenance_work_mem') * 1024;
  const state = new ExecState(engine, d.sql.context, [], snapshot, memoryBytes, {
    runInternal: () => never(),
    defer: () => false,
  });
  return {
    state,
    operator: plan.start(state),
    shape: plan.shape,
    columns,
    numbers: live.map((c) => c.number),
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
function keysOf(index: IndexAccess, reader: TableReader, rules: RowRules | undefined): Keys {
  if (!index.computed) {
    const values = index.index.columns.map((c) => columnReader(reader.shape, reader.numbers.indexOf(c.column), 0));
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

/** Makes a row's whole entry: the index's columns, then the row's key. A row that is not in the index is left out. */
function entryMaker(build: Build): SortKeyMaker {
  const { index, keys, rowKey, work } = build;
  let read = 0;
  return (env, key) => {
    if (keys.predicate !== undefined && keys.predicate(env) !== true) return false;
    index.columns.forEach((c, i) => appendSortValue(key, c.physical, c.descending, c.nullsFirst, keys.values[i]!(env)));
    const own = rowKey(env) as Uint8Array;
    key.append(own, 0, own.length);
    if (++read % ROUND_ROWS === 0) work.advance({ read: ROUND_ROWS });
    return true;
  };
}

/** What the build of one index works with. */
export interface Build {
  readonly d: Definer;
  readonly table: TableObject;
  readonly index: IndexObject;
  readonly access: TableAccess;
  readonly indexAccess: IndexAccess;
  readonly reader: TableReader;
  readonly keys: Keys;
  readonly rowKey: Eval;
  readonly sort: ExternalSort;
  readonly work: TrackedWork;
}

/**
 * Fills a new index.
 *
 * @param work - the rebuild that this is a part of; without one it shows itself as CREATE INDEX.
 * @param afterwards - runs when the index holds the rows that the reader's snapshot sees, which is still there.
 * @throws 23505 with the duplicate's values.
 */
export function* buildIndex(
  d: Definer,
  table: TableObject,
  index: IndexObject,
  rules: RowRules | undefined,
  work?: TrackedWork,
  afterwards?: (build: Build) => Task<void>,
): Task<void> {
  if (work !== undefined) {
    yield* fill(d, table, index, rules, work, afterwards);
    return;
  }
  const { database, processId, store } = d.engine;
  const own = database.maintenance.follow(
    { tree: index.tree, table: table.oid, index: index.oid, name: index.name, owner: processId },
    'CREATE INDEX',
    // Each row is read, and its entry written.
    { phase: 'building index', unit: 'rows', workTotal: 2 * store.facts(table.tree).rows, treesTotal: 1 },
  );
  try {
    yield* fill(d, table, index, rules, own, afterwards);
  } finally {
    own.end();
  }
}

function* fill(
  d: Definer,
  table: TableObject,
  index: IndexObject,
  rules: RowRules | undefined,
  work: TrackedWork,
  afterwards: ((build: Build) => Task<void>) | undefined,
): Task<void> {
  const { engine } = d;
  const access = new TableAccess(engine.store, engine.catalog, table);
  const indexAccess = access.secondary.find((s) => s.index.oid === index.oid)!;
  const numbers = [...index.columns.map((c) => c.column), ...index.include];
  const reader = readTable(d, table, [], indexAccess.computed ? undefined : numbers);
  const sort = new ExternalSort(reader.operator, reader.shape);
  try {
    const keys = keysOf(indexAccess, reader, rules);
    const rowKey = columnReader(reader.shape, reader.keyPosition, 0);
    const build: Build = { d, table, index, access, indexAccess, reader, keys, rowKey, sort, work };
    yield* reader.operator.open();
    yield* sort.gather(reader.operator, entryMaker(build), new Env(reader.state));
    yield* append(build);
    // What was sorted is written: its memory is for what comes afterwards.
    sort.clear();
    if (afterwards !== undefined) yield* afterwards(build);
  } finally {
    sort.release();
    reader.operator.close();
    reader.close();
  }
  d.engine.rewrote(index.oid);
}

function* append(build: Build): Task<void> {
  const { d, index, reader, sort, work } = build;
  const { store, transaction } = d.engine;
  const appender = store.appender(transaction, index.tree);
  const env = new Env(reader.state);
  const twins = new TwinFinder(build);
  const records = recordsOf(build);
  const key = new KeyWriter();
  for (let row = 1; sort.advance(); row++) {
    key.length = 0;
    key.append(sort.keyBytes, sort.keyAt, sort.keyAt + sort.keyLength);
    requireKeyLength(d, index, key.length);
    env.b0 = sort.bytes;
    env.v0 = sort.view;
    env.r0 = sort.rowAt;
    if (index.unique && twins.isTwin(env, key)) throw yield* duplicate(build, env);
    if (records !== undefined)
      yield* records.make(transaction, { bytes: sort.bytes, view: sort.view, start: sort.rowAt });
    for (;;) {
      const status = appender.add(key.bytes, key.length, records?.bytes ?? EMPTY, 0, records?.length ?? 0);
      if (status === NEED) {
        yield store.need;
        continue;
      }
      assert(status !== NONE, 'index keys are not ascending');
      break;
    }
    if (row % ROUND_ROWS !== 0) continue;
    work.advance({ written: ROUND_ROWS });
    if (reader.state.spent(ROUND_ROWS)) yield reader.state.session.slice();
  }
  while (appender.flush() === NEED) yield store.need;
}

/** Makes the records of an index with included columns, of the rows that were read for it. */
function recordsOf({ d, index, indexAccess, reader }: Build): EntryRecords | undefined {
  const { included } = indexAccess;
  if (included === undefined) return undefined;
  const positions = included.numbers.map((number) => reader.numbers.indexOf(number));
  return new EntryRecords(d.engine.store, index.tree, included, reader.shape.layout, positions);
}

/** Compares each entry of a unique index with the one before it. */
class TwinFinder {
  readonly #build: Build;
  readonly #before = new KeyWriter();

  constructor(build: Build) {
    this.#build = build;
  }

  /** Has the entry the columns of the one before, and may it not? Nulls may be distinct. */
  isTwin(env: Env, entry: KeyWriter): boolean {
    const { access, indexAccess, rowKey } = this.#build;
    const whole = entry.length;
    const prefix = whole - (rowKey(env) as Uint8Array).length;
    const before = this.#before;
    entry.length = prefix;
    const isExempt = access.exemptFromUniqueness(indexAccess, entry);
    entry.length = whole;
    const isTwin =
      !isExempt &&
      before.length === prefix &&
      prefix > 0 &&
      compareKeys(before.bytes, 0, prefix, entry.bytes, 0, prefix) === 0;
    before.length = 0;
    before.append(entry.bytes, 0, prefix);
    return isTwin;
  }
}

/** @throws 54000 */
export function requireKeyLength(d: Definer, index: IndexObject, length: number): void {
  const max = d.engine.store.keyBytesMax;
  if (length <= max) return;
  throw fail(
    'program_limit_exceeded',
    `index row size ${length} exceeds btree version 4 maximum ${max} for index "${index.name}"`,
  );
}

function* duplicate(build: Build, env: Env): Task<Error> {
  const values: SqlValue[] = yield* evaluateRow(env, () => build.keys.values.map((key) => key(env)));
  return cannotBeUnique(build, values);
}

/** 23505, with the values of the index's keys. */
export function cannotBeUnique(
  { d, table, index }: Pick<Build, 'd' | 'table' | 'index'>,
  values: readonly SqlValue[],
): Error {
  const error = uniqueViolation(d.catalog, table, index, values, d.sql.context);
  error.message = `could not create unique index "${index.name}"`;
  error.detail = error.detail?.replace('already exists', 'is duplicated');
  return error;
}
