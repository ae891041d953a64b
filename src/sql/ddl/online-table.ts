/**
 * Rebuilding a table while it is written: REBUILD WITH (ONLINE = ON) and REINDEX CONCURRENTLY of a primary key, which is the table.
 *
 *   writers note the keys of rows that they change ───────────────────────────────────────────────────────────┐
 *   who wrote before that is waited for │ rows as one snapshot sees them go into new trees: │ rounds: what    │ writers wait for
 *                                       │ the table's, its long values', then index after   │ was noted so far│ a moment: the rest
 *                                       │ index (readers and writers go on in the old trees)│                 │
 *
 * The lock of the last part is EXCLUSIVE, because a row that somebody has locked with SELECT … FOR UPDATE must not move to another
 * tree; readers pass. Rounds and lock: `online-rounds.ts`. Nobody else knows of the new trees before the commit: what fails leaves
 * nothing behind.
 */
import { assert } from '../../base/assert.ts';
import type { Task } from '../../base/task.ts';
import { attempt, emptyKeyedRow } from '../../engine/attempt.ts';
import type { TableObject } from '../../engine/catalog.ts';
import type { TrackedWork } from '../../engine/maintenance.ts';
import { readLongValues } from '../../engine/read-long-values.ts';
import { OK, RowBuffer, RowMemory, type Snapshot, TABLE_EXCLUSIVE, TABLE_SHARE } from '../../engine/record-port.ts';
import { TableAccess } from '../../engine/table-access.ts';
import { TableWriter } from '../../engine/table-writer.ts';
import { tableRules } from '../bind/table-rules.ts';
import { pointAt } from '../exec/operator.ts';
import { RowRulesPlan } from '../exec/row-rules.ts';
import { Env, type ExecState } from '../exec/state.ts';
import { Planner } from '../plan/planner.ts';
import { cannotBeUnique } from './build-index.ts';
import type { Definer } from './definer.ts';
import type { NotedKeys } from './noted-keys.ts';
import { catchUp } from './online-rounds.ts';
import { rebuildTable } from './rebuild-table.ts';

/**
 * Rebuilds a table that has a primary key, with all of its indexes. The caller holds SHARE UPDATE EXCLUSIVE on it, and keeps the
 * old trees for those who read them; when this ends, nobody writes the table.
 *
 * @throws 23505 for a unique index that was disabled, 53100 when what is noted of the rows that were changed meanwhile finds no
 *   place on disk.
 */
export function* rebuildTableOnline(d: Definer, table: TableObject, work: TrackedWork): Task<void> {
  assert(table.primaryIndex !== undefined, 'rows are known by their primary key in both trees');
  const { database, transaction } = d.engine;
  const watch = database.watches.begin(table.tree);
  const rebuild = function* (): Task<void> {
    yield* transaction.awaitTable(table.oid, TABLE_SHARE);
    yield* rebuildTable(d, table, table, (row) => row, undefined, undefined, {
      work,
      catchUp: function* (state) {
        const follower = new TableFollower(d, state, table);
        try {
          yield* catchUp(d, {
            table,
            watch,
            state,
            mode: TABLE_EXCLUSIVE,
            follow: (keys, _, now) => follower.follow(keys, now),
          });
        } finally {
          follower.release();
        }
      },
    });
  };
  try {
    yield* database.maintenance.buildingOnline(table.oid, d.engine.processId, rebuild());
  } finally {
    watch.end();
  }
}

/** Brings the new trees from what one snapshot saw of the old ones to what a later one sees. */
class TableFollower {
  readonly #d: Definer;
  readonly #state: ExecState;
  readonly #old: TableAccess;
  readonly #new: TableAccess;
  readonly #rules: RowRulesPlan;
  readonly #writer: TableWriter;
  readonly #rows: RowBuffer;

  constructor(d: Definer, state: ExecState, before: TableObject) {
    const { store, catalog, transaction, database } = d.engine;
    this.#d = d;
    this.#state = state;
    const table = catalog.table(before.oid);
    this.#old = new TableAccess(store, catalog, before);
    this.#new = new TableAccess(store, catalog, table);
    const scope = new Planner(d.engine, 1_000_000, () => []).scope;
    this.#rules = new RowRulesPlan(this.#new, tableRules(d.sql.bindContext(), table), scope);
    this.#writer = new TableWriter(
      store,
      transaction,
      this.#new,
      () => database.rowIds.take(table.tree),
      this.#rules.computedKeys(state),
      database.watches,
    );
    // Rows that others have committed keep them, unless the index was disabled: then nobody has looked.
    this.#writer.keepsDeferrable = true;
    this.#rows = new RowBuffer(this.#new.wideLayout, new RowMemory(Number.POSITIVE_INFINITY));
  }

  *follow(keys: NotedKeys, now: Snapshot): Task<void> {
    const { engine } = this.#d;
    // What the copy and earlier rounds wrote, only a later command sees.
    engine.nextCommand();
    const own = engine.transaction.snapshot();
    try {
      // All that go come first: a unique value may have passed from one row to another.
      yield* keys.each((key) => this.#remove(key, own));
    } finally {
      engine.transaction.release(own);
    }
    yield* keys.each((key) => this.#insert(key, now));
  }

  release(): void {
    this.#rows.release();
  }

  *#remove(key: Uint8Array, own: Snapshot): Task<void> {
    if (!(yield* this.#read(this.#new, key, own))) return;
    const rows = this.#rows;
    yield* this.#writer.remove(rows, rows.index[0]!, key, key.length);
  }

  /** Reads the row that a snapshot sees, as a wide row; false when there is none. */
  *#read(access: TableAccess, key: Uint8Array, snapshot: Snapshot): Task<boolean> {
    const { store } = this.#d.engine;
    const row = emptyKeyedRow(store);
    const status = yield* attempt(store, () => store.find(access.table.tree, key, key.length, snapshot, row));
    if (status !== OK) return false;
    this.#rows.clear();
    access.toWide(row.view, row.bytes, row.start, this.#rows);
    return true;
  }

  /** @throws 23505 for a unique index that was disabled: no writer has looked after it. */
  *#insert(key: Uint8Array, now: Snapshot): Task<void> {
    if (!(yield* this.#read(this.#old, key, now))) return;
    const rows = this.#rows;
    const address = rows.index[0]!;
    const index = yield* this.#writer.insert(rows, address);
    if (index === undefined) return;
    assert(index !== this.#new.primaryIndex, 'a row that is added is not there yet');
    const { table, wideLayout } = this.#new;
    const inKeys = (v: number): boolean => this.#new.isInKeys(v);
    const env = new Env(this.#state, false);
    yield* readLongValues(this.#d.engine.store, wideLayout, rows, address, inKeys);
    pointAt(env, rows, rows.count - 1);
    throw cannotBeUnique({ d: this.#d, table, index }, this.#rules.keyValues(env, index));
  }
}
