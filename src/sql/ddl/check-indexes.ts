/**
 * Agreement of tables and indexes, in one snapshot.
 *
 * Every row that belongs into an index is looked up there by its whole entry key. Entry keys contain the row's key, so no two
 * rows share an entry: when all are found and the index has just as many entries, each entry has its row too. What an index
 * includes is compared value by value, long ones byte by byte; and its long-value tree must hold just those that entries refer to.
 */
import { assert } from '../../base/assert.ts';
import type { Task } from '../../base/task.ts';
import type { TableObject } from '../../engine/catalog.ts';
import { place, readLongValues } from '../../engine/read-long-values.ts';
import {
  KeyWriter,
  LONG_HEAD_BYTES,
  NEED,
  OK,
  type Row,
  RowBuffer,
  RowMemory,
  type Snapshot,
  type Store,
} from '../../engine/record-port.ts';
import type { ComputedKeys, IndexAccess, TableAccess } from '../../engine/table-access.ts';
import { tableRules } from '../bind/table-rules.ts';
import { RowRulesPlan } from '../exec/row-rules.ts';
import { ExecState, newRow } from '../exec/state.ts';
import { Planner } from '../plan/planner.ts';
import type { SqlSession } from '../session/sql-session.ts';
import { IncludedAudit } from './check-included.ts';

const NODE_ROWS_PER_SLICE = 1024;

/** Checks all tables of the session's database, in a transaction of its own. @returns what is wrong. */
export function* checkIndexes(sql: SqlSession, onRow: () => void = () => {}): Task<string[]> {
  sql.block.enter();
  const problems: string[] = [];
  const tables = [...sql.engine.catalog.objects()].filter((o) => o.kind === 'table');
  for (const table of tables) yield* checkTable(sql, table, problems, onRow);
  yield* sql.endImplicit();
  return problems;
}

/**
 * Checks one table, in one snapshot, while others change it; of trees that are dropped meanwhile the pages stay until it ends.
 *
 * @param onRow - told of each row.
 */
export function* checkTable(sql: SqlSession, table: TableObject, problems: string[], onRow: () => void): Task<void> {
  const access = sql.engine.access(table);
  if (access.secondary.length === 0) return;
  const { store, database } = sql.engine;
  const long = database.space.longTreeOf(table.tree);
  const trees = [table.tree, long, ...access.secondary.map(({ index }) => index.tree)].filter((tree) => tree !== 0);
  // Nothing waits from here to the snapshot: these are the trees that it sees.
  const releases = trees.map((tree) => store.retain(tree));
  const snapshot = sql.engine.snapshot();
  const state = new ExecState(sql.engine, sql.context, [], snapshot, 1 << 20, sql.services);
  const rules = new RowRulesPlan(
    access,
    tableRules(sql.bindContext(), table),
    new Planner(sql.engine, 1_000_000, () => []).scope,
  );
  const longTreeOf = (tree: number): number => database.space.longTreeOf(tree);
  const audit = new TableAudit(store, access, snapshot, rules.computedKeys(state), longTreeOf);
  let steps = 0;
  const pause = function* (): Task<void> {
    if (++steps % NODE_ROWS_PER_SLICE === 0 && sql.engine.sliceOver()) yield sql.engine.slice();
  };
  try {
    yield* audit.rows(pause, problems, onRow);
    yield* audit.entries(pause, problems);
  } finally {
    audit.release();
    sql.engine.release(snapshot);
    for (const release of releases) release();
  }
}

/** The rows of one table against its indexes. */
class TableAudit {
  readonly #store: Store;
  readonly #access: TableAccess;
  readonly #snapshot: Snapshot;
  readonly #computed: ComputedKeys | undefined;
  readonly #wide: RowBuffer;
  readonly #entry = new KeyWriter();
  readonly #found: Row = newRow();
  readonly #longTreeOf: (tree: number) => number;
  /** By index: rows that belong into it. */
  readonly #expected: number[];
  /** By index: what it includes. */
  readonly #included: readonly (IncludedAudit | undefined)[];

  constructor(
    store: Store,
    access: TableAccess,
    snapshot: Snapshot,
    computed: ComputedKeys | undefined,
    longTreeOf: (tree: number) => number,
  ) {
    this.#store = store;
    this.#access = access;
    this.#snapshot = snapshot;
    this.#computed = computed;
    this.#wide = new RowBuffer(access.wideLayout, new RowMemory(Number.POSITIVE_INFINITY));
    this.#expected = access.secondary.map(() => 0);
    this.#longTreeOf = longTreeOf;
    this.#included = access.secondary.map(({ included }) =>
      included === undefined ? undefined : new IncludedAudit(store, included, access.wideLayout),
    );
  }

  *rows(pause: () => Task<void>, problems: string[], onRow: () => void): Task<void> {
    const keys: Uint8Array[] = [];
    const scan = this.#store.scan();
    scan.open(this.#access.table.tree, undefined, undefined, false, this.#snapshot);
    try {
      for (;;) {
        const status = scan.next();
        if (status === NEED) {
          yield this.#store.need;
          continue;
        }
        if (status !== OK) return;
        // The leaf is gone after the first wait: its rows are copied out before they are looked up.
        keys.length = 0;
        this.#wide.clear();
        for (let slot = scan.from; slot < scan.to; slot++) {
          if (!scan.resolve(slot)) continue;
          keys.push(scan.key.slice(0, scan.keyAt(slot)));
          this.#access.toWide(scan.row.view, scan.row.bytes, scan.row.start, this.#wide);
        }
        const { length } = keys;
        const inKeys = (v: number): boolean => this.#access.isInKeys(v);
        for (let i = 0; i < length; i++) {
          const address = this.#wide.index[i]!;
          const row = yield* readLongValues(this.#store, this.#access.wideLayout, this.#wide, address, inKeys);
          yield* this.#row(row, keys[i]!, problems);
          onRow();
          yield* pause();
        }
      }
    } finally {
      scan.close();
    }
  }

  /** @param row - its address. */
  *#row(row: number, rowKey: Uint8Array, problems: string[]): Task<void> {
    const { secondary } = this.#access;
    for (let i = 0; i < secondary.length; i++) {
      if (!this.#entryOf(secondary[i]!, row)) continue;
      this.#expected[i] = this.#expected[i]! + 1;
      this.#entry.append(rowKey, 0, rowKey.length);
      for (;;) {
        const { index } = secondary[i]!;
        const status = this.#store.find(index.tree, this.#entry.bytes, this.#entry.length, this.#snapshot, this.#found);
        if (status === NEED) {
          yield this.#store.need;
          continue;
        }
        const what = `table ${this.#access.table.name}: the row with key ${hex(rowKey)}`;
        if (status !== OK) problems.push(`${what} is missing in index ${index.name}`);
        else if (!(yield* this.#agrees(i, row)))
          problems.push(`${what} has other values in what index ${index.name} includes`);
        break;
      }
    }
  }

  /** Has the entry just found what its row has? @param row - its address. */
  *#agrees(index: number, row: number): Task<boolean> {
    const included = this.#included[index];
    if (included === undefined) return true;
    const { bytes, start, length } = this.#found;
    // The page is gone after the first wait.
    const record = bytes.slice(start, start + length);
    const entry = { bytes: record, view: new DataView(record.buffer), start: 0 };
    return yield* included.agrees(entry, place(this.#wide, row));
  }

  /** Makes the columns' part of an entry's key; false when the row is not in the index. */
  #entryOf(access: IndexAccess, row: number): boolean {
    const { bytes, view, start } = place(this.#wide, row);
    this.#entry.length = 0;
    return this.#access.appendIndexKey(access, this.#computed, this.#entry, bytes, view, start);
  }

  *entries(pause: () => Task<void>, problems: string[]): Task<void> {
    const { secondary, table } = this.#access;
    for (let i = 0; i < secondary.length; i++) {
      const { index } = secondary[i]!;
      const count = yield* this.#count(index.tree, pause);
      const expected = this.#expected[i];
      assert(expected !== undefined, 'rows are counted for every index');
      if (count !== expected)
        problems.push(`table ${table.name}: index ${index.name} has ${count} entries for ${expected} rows`);
      const references = this.#included[i]?.references ?? 0;
      const longTree = this.#longTreeOf(index.tree);
      const values = longTree === 0 ? 0 : yield* this.#count(longTree, pause, LONG_HEAD_BYTES);
      if (values !== references)
        problems.push(`table ${table.name}: index ${index.name} has ${values} long values and refers to ${references}`);
    }
  }

  /** @param keyBytes - 0 counts keys of any length. */
  *#count(tree: number, pause: () => Task<void>, keyBytes = 0): Task<number> {
    const scan = this.#store.scan();
    scan.open(tree, undefined, undefined, false, this.#snapshot);
    let count = 0;
    try {
      for (;;) {
        const status = scan.next();
        if (status === NEED) yield this.#store.need;
        else if (status !== OK) return count;
        else {
          if (scan.plain && keyBytes === 0) count += scan.to - scan.from;
          else
            for (let slot = scan.from; slot < scan.to; slot++)
              if ((scan.plain || scan.resolve(slot)) && (keyBytes === 0 || scan.keyAt(slot) === keyBytes)) count++;
          yield* pause();
        }
      }
    } finally {
      scan.close();
    }
  }

  release(): void {
    this.#wide.release();
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
