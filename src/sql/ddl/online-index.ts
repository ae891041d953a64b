/**
 * Building an index while its table is written: CREATE INDEX CONCURRENTLY, REINDEX CONCURRENTLY, REBUILD WITH (ONLINE = ON).
 *
 *   writers note the keys of rows that they change ───────────────────────────────────────────────────────────┐
 *   who wrote before that is waited for │ rows as one snapshot sees them: sorted, appended  │ rounds: what    │ writers wait for
 *                                       │ (readers and writers go on, by the old index)     │ was noted so far│ a moment: the rest
 *
 * Until the end nobody else knows of the new index or tree: what fails leaves nothing behind. Rounds and lock: `online-rounds.ts`.
 * Readers are never in the way.
 */
import { assert } from '../../base/assert.ts';
import type { Task } from '../../base/task.ts';
import { attempt, emptyKeyedRow } from '../../engine/attempt.ts';
import type { IndexObject, TableObject } from '../../engine/catalog.ts';
import { EntryRecords } from '../../engine/entry-records.ts';
import type { TrackedWork } from '../../engine/maintenance.ts';
import { type Place, place, readLongValues } from '../../engine/read-long-values.ts';
import {
  EXISTS,
  KeyWriter,
  NEED,
  OK,
  RowBuffer,
  RowMemory,
  type Snapshot,
  TABLE_SHARE,
} from '../../engine/record-port.ts';
import { tableRules } from '../bind/table-rules.ts';
import { pointAt } from '../exec/operator.ts';
import { RowRulesPlan } from '../exec/row-rules.ts';
import { Env } from '../exec/state.ts';
import { Planner } from '../plan/planner.ts';
import { type Build, buildIndex, cannotBeUnique, requireKeyLength } from './build-index.ts';
import type { Definer } from './definer.ts';
import type { NotedKeys } from './noted-keys.ts';
import { catchUp } from './online-rounds.ts';

const EMPTY = new Uint8Array(0);

/** The caller holds SHARE UPDATE EXCLUSIVE on the table; when this ends, nobody writes the table. @throws 23505, 53100, 54000 */
export function* buildIndexOnline(d: Definer, table: TableObject, index: IndexObject, work?: TrackedWork): Task<void> {
  const { database, transaction } = d.engine;
  const watch = database.watches.begin(table.tree);
  const build = function* (): Task<void> {
    yield* transaction.awaitTable(table.oid, TABLE_SHARE);
    const rules = tableRules(d.sql.bindContext(), table);
    yield* buildIndex(d, table, index, rules, work, function* (built) {
      const follower = new IndexFollower(built);
      try {
        yield* catchUp(d, {
          table,
          watch,
          state: built.reader.state,
          mode: TABLE_SHARE,
          follow: (keys, before, now) => follower.follow(keys, before, now),
        });
      } finally {
        follower.release();
      }
    });
  };
  try {
    yield* database.maintenance.buildingOnline(table.oid, d.engine.processId, build());
  } finally {
    watch.end();
  }
}

/** Brings a new index from what one snapshot saw of the table to what a later one sees. */
class IndexFollower {
  readonly #build: Build;
  readonly #rules: RowRulesPlan;
  readonly #rows: RowBuffer;
  readonly #entry = new KeyWriter();
  readonly #records: EntryRecords | undefined;
  #prefix = 0;
  /** The row that the entry was made of last. */
  #row: Place | undefined;

  constructor(build: Build) {
    this.#build = build;
    const { d, access, table } = build;
    const scope = new Planner(d.engine, 1_000_000, () => []).scope;
    this.#rules = new RowRulesPlan(access, tableRules(d.sql.bindContext(), table), scope);
    this.#rows = new RowBuffer(access.wideLayout, new RowMemory(Number.POSITIVE_INFINITY));
    const { included, index } = build.indexAccess;
    this.#records =
      included === undefined ? undefined : new EntryRecords(d.engine.store, index.tree, included, access.wideLayout);
  }

  /** @throws 23505, 54000 */
  *follow(keys: NotedKeys, before: Snapshot, now: Snapshot): Task<void> {
    // All that go come first: a value may have passed from one row to another.
    yield* keys.each((key) => this.#remove(key, before));
    yield* keys.each((key) => this.#insert(key, now));
  }

  release(): void {
    this.#rows.release();
  }

  *#remove(key: Uint8Array, before: Snapshot): Task<void> {
    if (!(yield* this.#entryOf(key, before))) return;
    const { d, index } = this.#build;
    const { store, transaction } = d.engine;
    const { bytes, length } = this.#entry;
    const records = this.#records;
    if (records !== undefined) yield* records.readOld(bytes, length);
    yield* attempt(store, () => store.remove(transaction, index.tree, bytes, length, undefined));
    if (records !== undefined) yield* records.removeLong(transaction, false);
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

  /** @throws 23505, 54000 */
  *#insert(key: Uint8Array, now: Snapshot): Task<void> {
    if (!(yield* this.#entryOf(key, now))) return;
    const { d, access, index, indexAccess } = this.#build;
    const { store, transaction } = d.engine;
    const { bytes, length } = this.#entry;
    requireKeyLength(d, index, length);
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
      if (status === NEED) {
        yield store.need;
        continue;
      }
      assert(status === OK, 'an entry that is added is not there yet');
      return;
    }
  }

  #duplicate(): Error {
    const { reader, index } = this.#build;
    const env = new Env(reader.state, false);
    pointAt(env, this.#rows, this.#rows.count - 1);
    return cannotBeUnique(this.#build, this.#rules.keyValues(env, index));
  }
}
