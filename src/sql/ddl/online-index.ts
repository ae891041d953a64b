/**
 * Building an index while its table is written: CREATE INDEX CONCURRENTLY, REINDEX CONCURRENTLY, REBUILD WITH (ONLINE = ON).
 *
 *   writers note the keys of rows that they change ──────────────────────────────────────────┐
 *   who wrote before that is waited for │ rows as one snapshot sees them: sorted, appended   │ writers wait for a moment: noted rows
 *                                       │ (readers and writers go on, by the old index)      │ leave as they were in the snapshot,
 *                                       │                                                    │ and enter as they are now
 *
 * Until the end nobody else knows of the new index or tree: what fails leaves nothing behind. The lock at the end is asked for in
 * short tries, so that nobody queues behind it; only when many have failed does it wait in the queue. Readers are never in the way.
 */
import { REQUEST_TIMER, type Request, type Task } from '../../base/task.ts';
import { attempt, emptyKeyedRow } from '../../engine/attempt.ts';
import type { IndexObject, TableObject } from '../../engine/catalog.ts';
import { EntryRecords } from '../../engine/entry-records.ts';
import type { TrackedWork } from '../../engine/maintenance.ts';
import { type Place, place, readLongValues } from '../../engine/read-long-values.ts';
import { EXISTS, KeyWriter, NEED, OK, RowBuffer, RowMemory, type Snapshot } from '../../engine/record-port.ts';
import type { RowWatch } from '../../engine/row-watches.ts';
import { tableRules } from '../bind/table-rules.ts';
import { pointAt } from '../exec/operator.ts';
import { RowRulesPlan } from '../exec/row-rules.ts';
import { Env } from '../exec/state.ts';
import { Planner } from '../plan/planner.ts';
import { type Build, buildIndex, cannotBeUnique } from './build-index.ts';
import type { Definer } from './definer.ts';
import { NotedKeys } from './noted-keys.ts';

/** Keeps writers away, and lets readers be. */
export const SHARE = 5;
const LOCK_NOWAIT = 1;
const TRIES = 50;
const TRY_EVERY_MS = 20;
/** Rows looked at again between two looks at the clock. */
const ROUND_ROWS = 64;
const EMPTY = new Uint8Array(0);

/** The caller holds SHARE UPDATE EXCLUSIVE on the table; when this ends, nobody writes the table. @throws 23505, 53100 */
export function* buildIndexOnline(d: Definer, table: TableObject, index: IndexObject, work?: TrackedWork): Task<void> {
  const { database, transaction } = d.engine;
  const watch = database.watches.begin(table.tree);
  const build = function* (): Task<void> {
    yield* transaction.awaitTable(table.oid, SHARE);
    const rules = tableRules(d.sql.bindContext(), table);
    yield* buildIndex(d, table, index, rules, work, function* (built) {
      yield* lockSoon(d, table, SHARE);
      yield* new CatchUp(built, watch).run();
    });
  };
  try {
    yield* database.maintenance.buildingOnline(table.oid, d.engine.processId, build());
  } finally {
    watch.end();
  }
}

/** Locks a table in short tries, so that nobody queues behind this; after many it waits in the queue. */
export function* lockSoon(d: Definer, table: TableObject, mode: 5 | 7): Task<void> {
  const { transaction, database } = d.engine;
  for (let n = 0; n < TRIES; n++) {
    if (yield* transaction.lockTable(table.oid, mode, LOCK_NOWAIT)) return;
    yield pause((resume) => database.clock.after(TRY_EVERY_MS, resume));
  }
  yield* d.lock(table.oid, mode);
}

function pause(start: (resume: () => void) => { cancel(): void }): Request {
  return {
    kind: REQUEST_TIMER,
    start: (resume) => {
      const timer = start(resume);
      return () => timer.cancel();
    },
    // Who cannot wait goes on at once: the lock itself says so when it cannot be had.
    answerNow: () => {},
  };
}

/** Brings a new index from what the build's snapshot saw to what is there now. */
class CatchUp {
  readonly #build: Build;
  readonly #watch: RowWatch;
  readonly #rules: RowRulesPlan;
  readonly #rows: RowBuffer;
  readonly #entry = new KeyWriter();
  readonly #records: EntryRecords | undefined;
  #prefix = 0;
  /** The row that the entry was made of last. */
  #row: Place | undefined;

  constructor(build: Build, watch: RowWatch) {
    this.#build = build;
    this.#watch = watch;
    const { d, access, table } = build;
    const scope = new Planner(d.engine, 1_000_000, () => []).scope;
    this.#rules = new RowRulesPlan(access, tableRules(d.sql.bindContext(), table), scope);
    this.#rows = new RowBuffer(access.wideLayout, new RowMemory(Number.POSITIVE_INFINITY));
    const { included, index } = build.indexAccess;
    this.#records =
      included === undefined ? undefined : new EntryRecords(d.engine.store, index.tree, included, access.wideLayout);
  }

  *run(): Task<void> {
    const { d, reader, index } = this.#build;
    const { store, transaction } = d.engine;
    const { snapshot: before } = reader.state;
    const now = transaction.snapshot();
    let looked = 0;
    const keys = new NotedKeys(reader.state);
    try {
      yield* keys.gather(this.#watch);
      // All that go come first: a value may have passed from one row to another.
      for (let key = keys.next(); key !== undefined; key = keys.next()) {
        if (!(yield* this.#entryOf(key, before))) continue;
        const { bytes, length } = this.#entry;
        const records = this.#records;
        if (records !== undefined) yield* records.readOld(bytes, length);
        yield* attempt(store, () => store.remove(transaction, index.tree, bytes, length, undefined));
        if (records !== undefined) yield* records.removeLong(transaction, false);
        if (++looked % ROUND_ROWS === 0 && reader.state.spent(ROUND_ROWS)) yield d.engine.slice();
      }
      keys.rewind();
      for (let key = keys.next(); key !== undefined; key = keys.next()) {
        if (yield* this.#entryOf(key, now)) yield* this.#insert();
        if (++looked % ROUND_ROWS === 0 && reader.state.spent(ROUND_ROWS)) yield d.engine.slice();
      }
    } finally {
      transaction.release(now);
      keys.release();
      this.#rows.release();
    }
  }

  /** Makes the entry that a row has in a snapshot; false when it has none. */
  *#entryOf(key: Uint8Array, snapshot: Snapshot): Task<boolean> {
    const { d, access, indexAccess, reader } = this.#build;
    const { store } = d.engine;
    const row = emptyKeyedRow(store);
    const status = yield* attempt(store, () => store.find(access.table.tree, key, key.length, snapshot, row));
    if (status !== OK) return false;
    const rows = this.#rows;
    rows.clear();
    access.toWide(row.view, row.bytes, row.start, rows);
    const inKeys = (v: number): boolean => access.isInKeys(v);
    const address = yield* readLongValues(store, access.wideLayout, rows, rows.index[0]!, inKeys);
    this.#row = place(rows, address);
    const { bytes, view, start } = this.#row;
    const entry = this.#entry;
    entry.length = 0;
    const computed = this.#rules.computedKeys(reader.state);
    if (!access.appendIndexKey(indexAccess, computed, entry, bytes, view, start)) return false;
    this.#prefix = entry.length;
    entry.append(key, 0, key.length);
    return true;
  }

  /** @throws 23505 */
  *#insert(): Task<void> {
    const { d, access, index, indexAccess } = this.#build;
    const { store, transaction } = d.engine;
    const { bytes, length } = this.#entry;
    const records = this.#records;
    if (records !== undefined && this.#row !== undefined) yield* records.make(transaction, this.#row);
    this.#entry.length = this.#prefix;
    const mustBeUnique = index.unique && !access.exemptFromUniqueness(indexAccess, this.#entry);
    const twin = emptyKeyedRow(store);
    if (mustBeUnique) {
      const prefix = this.#prefix;
      const found = yield* attempt(store, () => store.checkUnique(transaction, index.tree, bytes, prefix, twin));
      if (found === EXISTS) throw this.#duplicate();
    }
    for (;;) {
      const status = store.insert(
        transaction,
        index.tree,
        bytes,
        length,
        records?.bytes ?? EMPTY,
        0,
        records?.length ?? 0,
      );
      if (status !== NEED) return;
      yield store.need;
    }
  }

  #duplicate(): Error {
    const { reader, index } = this.#build;
    const env = new Env(reader.state, false);
    pointAt(env, this.#rows, this.#rows.count - 1);
    return cannotBeUnique(this.#build, this.#rules.keyValues(env, index));
  }
}
