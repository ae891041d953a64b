/**
 * Rebuilding a table while it is written: REBUILD WITH (ONLINE = ON) and REINDEX CONCURRENTLY of a primary key, which is the table.
 *
 *   writers note the keys of rows that they change ──────────────────────────────────────────────┐
 *   who wrote before that is waited for │ rows as one snapshot sees them go into new trees: the  │ writers wait for a moment: noted
 *                                       │ table's, its long values', then index after index      │ rows leave the new trees, and enter
 *                                       │ (readers and writers go on, in the old trees)          │ as they are in the old ones now
 *
 * The lock of the last part is EXCLUSIVE, because a row that somebody has locked with SELECT … FOR UPDATE must not move to another
 * tree; readers pass. Nobody else knows of the new trees before the commit: what fails leaves nothing behind.
 */
import { assert } from '../../base/assert.ts';
import type { Task } from '../../base/task.ts';
import { attempt, emptyKeyedRow } from '../../engine/attempt.ts';
import type { TableObject } from '../../engine/catalog.ts';
import type { TrackedWork } from '../../engine/maintenance.ts';
import { OK, RowBuffer, RowMemory, type Snapshot } from '../../engine/record-port.ts';
import type { RowWatch } from '../../engine/row-watches.ts';
import { TableAccess } from '../../engine/table-access.ts';
import { TableWriter } from '../../engine/table-writer.ts';
import { tableRules } from '../bind/table-rules.ts';
import { RowRulesPlan } from '../exec/row-rules.ts';
import type { ExecState } from '../exec/state.ts';
import { Planner } from '../plan/planner.ts';
import type { Definer } from './definer.ts';
import { NotedKeys } from './noted-keys.ts';
import { lockSoon, SHARE } from './online-index.ts';
import { rebuildTable } from './rebuild-table.ts';

/** Keeps writers and lockers of rows away, and lets readers be. */
const EXCLUSIVE = 7;
/** Rows looked at again between two looks at the clock. */
const ROUND_ROWS = 64;

/**
 * Rebuilds a table that has a primary key, with all of its indexes. The caller holds SHARE UPDATE EXCLUSIVE on it, and keeps the
 * old trees for those who read them; when this ends, nobody writes the table.
 *
 * @throws 53100 when what is noted of the rows that were changed meanwhile finds no place on disk.
 */
export function* rebuildTableOnline(d: Definer, table: TableObject, work: TrackedWork): Task<void> {
  assert(table.primaryIndex !== undefined, 'rows are known by their primary key in both trees');
  const { database, transaction } = d.engine;
  const watch = database.watches.begin(table.tree);
  const rebuild = function* (): Task<void> {
    yield* transaction.awaitTable(table.oid, SHARE);
    yield* rebuildTable(d, table, table, (row) => row, undefined, undefined, {
      work,
      catchUp: function* (state) {
        yield* lockSoon(d, table, EXCLUSIVE);
        yield* new CatchUp(d, state, table, watch).run();
      },
    });
  };
  try {
    yield* database.maintenance.buildingOnline(table.oid, d.engine.processId, rebuild());
  } finally {
    watch.end();
  }
}

/** Brings the new trees from what the copy's snapshot saw to what is in the old ones now. */
class CatchUp {
  readonly #d: Definer;
  readonly #state: ExecState;
  readonly #watch: RowWatch;
  readonly #old: TableAccess;
  readonly #new: TableAccess;
  readonly #writer: TableWriter;
  readonly #rows: RowBuffer;
  #looked = 0;

  constructor(d: Definer, state: ExecState, before: TableObject, watch: RowWatch) {
    const { store, catalog, transaction, database } = d.engine;
    this.#d = d;
    this.#state = state;
    this.#watch = watch;
    const table = catalog.table(before.oid);
    this.#old = new TableAccess(store, catalog, before);
    this.#new = new TableAccess(store, catalog, table);
    const scope = new Planner(d.engine, 1_000_000, () => []).scope;
    const rules = new RowRulesPlan(this.#new, tableRules(d.sql.bindContext(), table), scope);
    this.#writer = new TableWriter(
      store,
      transaction,
      this.#new,
      () => database.rowIds.take(table.tree),
      rules.computedKeys(state),
      database.watches,
    );
    this.#rows = new RowBuffer(this.#new.wideLayout, new RowMemory(Number.POSITIVE_INFINITY));
  }

  *run(): Task<void> {
    const keys = new NotedKeys(this.#state);
    try {
      yield* keys.gather(this.#watch);
      // All that go come first: a unique value may have passed from one row to another.
      yield* this.#each(keys, this.#new, (address, key) => this.#writer.remove(this.#rows, address, key, key.length));
      keys.rewind();
      yield* this.#each(keys, this.#old, (address) => this.#insert(address));
    } finally {
      keys.release();
      this.#rows.release();
    }
  }

  /** Does something with every noted row that is in a table now, as a wide row. */
  *#each(keys: NotedKeys, access: TableAccess, change: (address: number, key: Uint8Array) => Task<void>): Task<void> {
    const { engine } = this.#d;
    engine.nextCommand();
    const snapshot = engine.transaction.snapshot();
    try {
      for (let key = keys.next(); key !== undefined; key = keys.next()) {
        if (yield* this.#read(access, key, snapshot)) yield* change(this.#rows.index[0]!, key);
        if (++this.#looked % ROUND_ROWS === 0 && this.#state.spent(ROUND_ROWS)) yield engine.slice();
      }
    } finally {
      engine.transaction.release(snapshot);
    }
  }

  *#read(access: TableAccess, key: Uint8Array, snapshot: Snapshot): Task<boolean> {
    const { store } = this.#d.engine;
    const row = emptyKeyedRow(store);
    const status = yield* attempt(store, () => store.find(access.table.tree, key, key.length, snapshot, row));
    if (status !== OK) return false;
    this.#rows.clear();
    access.toWide(row.view, row.bytes, row.start, this.#rows);
    return true;
  }

  *#insert(address: number): Task<void> {
    const conflict = yield* this.#writer.insert(this.#rows, address);
    assert(conflict === undefined, 'rows that were unique in the old trees are so in the new ones');
  }
}
