/**
 * A session of the engine: one transaction at a time, the catalog as that transaction sees it, and its snapshots.
 *
 *   no transaction ── begin ──> transaction ── commit / rollback ──> no transaction
 *
 * READ COMMITTED takes a snapshot for each statement. REPEATABLE READ keeps the commit sequence of its first one; later
 * statements see the same plus the transaction's own earlier commands. DDL collects in an overlay over the published
 * catalog; commit publishes it, rollback (also to a savepoint) drops it.
 */
import { assert } from '../base/assert.ts';
import { fail } from '../base/errors.ts';
import type { Request, Task } from '../base/task.ts';
import {
  LOCK_WAIT,
  type SessionLocks,
  type Snapshot,
  type Store,
  TABLE_EXCLUSIVE,
  type Transaction,
} from '../storage/contracts.ts';
import { FORMAT_INCLUDED_COLUMNS } from '../storage/layout.ts';
import type { LongReference } from '../storage/record/layout.ts';
import { Activity } from './activity.ts';
import type { Catalog, CatalogObject, Oid, RelationObject, TableObject } from './catalog.ts';
import { removeObject, writeObject } from './catalog-store.ts';
import type { Database } from './database.ts';
import { isLeaving } from './detachments.ts';
import type { KeptTable } from './earlier-tables.ts';
import type { TableAccess } from './table-access.ts';

export type Isolation = 'read committed' | 'repeatable read';

/** A place inside a transaction that one can return to. */
export interface Mark {
  readonly storage: number;
  readonly changes: ReadonlyMap<Oid, CatalogObject | undefined>;
}

export class Session {
  readonly database: Database;
  readonly store: Store;
  /** The number that clients know the session by. */
  readonly processId: number;
  /** What it does, for others to see. */
  readonly activity: Activity;
  /** Its advisory locks beyond transactions. */
  readonly advisory: SessionLocks;
  isolation: Isolation = 'read committed';
  lockTimeoutMs = 0;
  durable = true;
  #transaction: Transaction | undefined;
  #repeatable: Snapshot | undefined;
  /** Version of the published catalog when {@link #repeatable} was taken. */
  #repeatableCatalog = 0;
  /** Has this transaction changed or locked rows, or definitions? Asked in REPEATABLE READ only. */
  #writes = false;
  /** Tables that it reads as they were before their rebuild. */
  readonly #reading = new Set<KeptTable>();
  /** Tables that this transaction has rebuilt. */
  readonly #rewritten = new Set<Oid>();
  /** Catalog objects changed by this transaction; undefined = removed. */
  #changes = new Map<Oid, CatalogObject | undefined>();
  #catalog: Catalog | undefined;
  #catalogBase: Catalog | undefined;
  /** Catalog objects that were ever put or removed here: tells whether a statement has changed anything yet. */
  edits = 0;

  constructor(database: Database, processId: number) {
    this.database = database;
    this.store = database.store;
    this.processId = processId;
    this.activity = new Activity(database.clock.wallMicros());
    this.advisory = database.store.sessionLocks(processId);
  }

  get transaction(): Transaction {
    assert(this.#transaction !== undefined, 'no transaction is open');
    return this.#transaction;
  }

  get inTransaction(): boolean {
    return this.#transaction !== undefined;
  }

  /** The catalog as this transaction sees it. */
  get catalog(): Catalog {
    const { database } = this;
    const published =
      this.#repeatable === undefined ? database.catalog : database.catalogFor(this.#repeatableCatalog, !this.#writes);
    if (this.#changes.size === 0) return published;
    if (this.#catalog === undefined || this.#catalogBase !== published) {
      const put: CatalogObject[] = [];
      const removed: Oid[] = [];
      for (const [oid, object] of this.#changes) {
        if (object === undefined) removed.push(oid);
        else put.push(object);
      }
      this.#catalog = published.changed(put, removed);
      this.#catalogBase = published;
    }
    return this.#catalog;
  }

  /** False when the transaction has changed the catalog, or looks at an older one's rows: plans made now are its own. */
  get sharesPlans(): boolean {
    return this.#changes.size === 0 && (this.#repeatable === undefined || !this.#isBehind);
  }

  get #isBehind(): boolean {
    return this.database.catalog.version > this.#repeatableCatalog;
  }

  begin(isolation: Isolation): void {
    assert(this.#transaction === undefined, 'a transaction is open already');
    this.isolation = isolation;
    this.#transaction = this.store.begin(this.processId);
    this.#transaction.lockTimeoutMs = this.lockTimeoutMs;
    this.#transaction.durable = this.durable;
  }

  *commit(): Task<void> {
    const t = this.transaction;
    this.#releaseRepeatable();
    if (this.#changes.size > 0) t.onVisible = () => this.database.publish(this.#changes, this.#rewritten);
    yield* t.commit();
    this.#end();
  }

  *rollback(): Task<void> {
    const t = this.transaction;
    this.#releaseRepeatable();
    yield* t.rollback();
    this.#end();
  }

  #end(): void {
    this.#transaction = undefined;
    this.#writes = false;
    this.#changes = new Map();
    this.#rewritten.clear();
    this.#catalog = undefined;
  }

  #releaseRepeatable(): void {
    for (const kept of this.#reading) {
      kept.readers.delete(this);
      if (kept.readers.size === 0) kept.onUnread?.();
    }
    this.#reading.clear();
    if (this.#repeatable !== undefined) this.transaction.release(this.#repeatable);
    this.#repeatable = undefined;
  }

  /** The snapshot of a new statement. Give it back to {@link release}. */
  snapshot(): Snapshot {
    const t = this.transaction;
    if (this.isolation === 'read committed') return t.snapshot();
    if (this.#repeatable === undefined) {
      this.#repeatable = t.snapshot();
      this.#repeatableCatalog = this.database.catalog.version;
    }
    const { commitSeq, oldestOpen } = this.#repeatable;
    return { commitSeq, oldestOpen, transaction: t, command: t.command };
  }

  /** Notes that a table or an index was built anew from rows; snapshots of before cannot see through that. */
  rewrote(relation: Oid): void {
    this.#rewritten.add(relation);
  }

  /** Was a table or index built anew since the transaction's snapshot? Its tree holds the rows of then, and no older versions. */
  isTooNew(relation: Oid): boolean {
    return this.#repeatable !== undefined && this.database.rewrittenAt(relation) > this.#repeatableCatalog;
  }

  /**
   * @param isTable - a transaction that only reads may read it as it was before, while that is kept.
   * @throws 40001 when a table or index {@link isTooNew}.
   */
  requireReadable(relation: Oid, isTable = false): void {
    if (!this.isTooNew(relation)) return;
    const kept =
      isTable && !this.#writes ? this.database.earlierTables.of(relation, this.#repeatableCatalog) : undefined;
    if (kept === undefined) throw this.#isBehindRebuild();
    kept.readers.add(this);
    this.#reading.add(kept);
  }

  /**
   * From now on this transaction changes or locks rows, or definitions: what it does, and what is checked of it, must be of tables as
   * they are.
   *
   * @throws 40001 when it has read one as it was before its rebuild.
   */
  beginWriting(): void {
    if (this.#repeatable === undefined) return;
    if (this.#reading.size > 0) throw this.#isBehindRebuild();
    this.#writes = true;
  }

  #isBehindRebuild(): Error {
    return fail('serialization_failure', 'could not serialize access due to a concurrent rebuild of the table', {
      hint: 'Run the transaction again.',
    });
  }

  /** Is a partition being detached, whether or not the transaction's snapshot still has it in its table? */
  isLeaving(partition: Oid): boolean {
    return isLeaving(this.database.catalog, partition);
  }

  /**
   * Does work whose snapshots are of now even in REPEATABLE READ: what it finds must hold for everybody. It locks what it reads
   * against writers.
   */
  *seeingNow<T>(work: () => Task<T>): Task<T> {
    const { isolation } = this;
    const repeatable = this.#repeatable;
    this.isolation = 'read committed';
    this.#repeatable = undefined;
    try {
      return yield* work();
    } finally {
      this.isolation = isolation;
      this.#repeatable = repeatable;
    }
  }

  release(snapshot: Snapshot): void {
    if (this.isolation === 'read committed' && this.#transaction !== undefined) this.transaction.release(snapshot);
  }

  /** Ends a command: later ones see what it did. */
  nextCommand(): void {
    this.transaction.command++;
  }

  mark(): Mark {
    return { storage: this.transaction.mark(), changes: new Map(this.#changes) };
  }

  *rollbackTo(mark: Mark): Task<void> {
    yield* this.transaction.rollbackTo(mark.storage);
    this.#changes = new Map(mark.changes);
    this.#catalog = undefined;
  }

  // ── catalog changes ──

  *takeOid(): Task<Oid> {
    return yield* this.database.oids.take();
  }

  *put(object: CatalogObject): Task<void> {
    this.beginWriting();
    // Whoever cannot read such entries must refuse the file before there are any.
    if (object.kind === 'index' && object.include.length > 0)
      yield* this.database.file.store.requireFormat(FORMAT_INCLUDED_COLUMNS);
    yield* this.#claimName(object);
    yield* writeObject(this.store, this.transaction, object);
    this.#requireNext(object);
    this.#changes.set(object.oid, object);
    this.#catalog = undefined;
    this.edits++;
  }

  /**
   * An object takes the place of the version that it was made of, and of no later one. Its row in the catalog is locked by now.
   *
   * @throws 40001 when another transaction has changed or removed it meanwhile.
   */
  #requireNext({ oid, name, version }: CatalogObject): void {
    const current = this.#changes.has(oid) ? this.#changes.get(oid) : this.database.catalog.object(oid);
    if (version === (current?.version ?? 0) + 1) return;
    throw fail('serialization_failure', `could not serialize access due to concurrent change of "${name}"`);
  }

  /**
   * A new or renamed relation or schema takes its name for itself until the transaction ends: another transaction that wants
   * the same name waits.
   *
   * @throws 42P07, 42P06 when somebody else's object has got the name meanwhile.
   */
  *#claimName(object: CatalogObject): Task<void> {
    if (object.kind === 'schema') {
      if (this.catalog.object(object.oid)?.name === object.name) return;
      yield* this.transaction.lockTable(nameLock(0, object.name), TABLE_EXCLUSIVE, LOCK_WAIT);
      if (this.catalog.schemaNamed(object.name) !== undefined)
        throw fail('duplicate_schema', `schema "${object.name}" already exists`);
    } else if (isRelation(object)) {
      const before = this.catalog.object(object.oid);
      if (before !== undefined && isRelation(before) && before.name === object.name && before.schema === object.schema)
        return;
      yield* this.transaction.lockTable(nameLock(object.schema, object.name), TABLE_EXCLUSIVE, LOCK_WAIT);
      if (this.catalog.relationNamed(object.schema, object.name) !== undefined)
        throw fail('duplicate_table', `relation "${object.name}" already exists`);
    }
  }

  *remove(oid: Oid): Task<void> {
    this.beginWriting();
    yield* removeObject(this.store, this.transaction, oid);
    this.#changes.set(oid, undefined);
    this.#catalog = undefined;
    this.edits++;
  }

  // ── what running statements need ──

  access(table: TableObject): TableAccess {
    return this.database.access(table, this.catalog);
  }

  /** The request behind the last NEED. */
  need(): Request {
    return this.store.need;
  }

  sliceOver(): boolean {
    return this.database.scheduler.sliceOver();
  }

  slice(): Request {
    return this.database.scheduler.slice();
  }

  *readLong(reference: LongReference): Task<Uint8Array> {
    const bytes = new Uint8Array(reference.length);
    yield* this.store.readLong(reference.tree, reference.id, 0, reference.length, bytes, 0);
    return bytes;
  }
}

function isRelation(object: CatalogObject): object is RelationObject {
  return object.kind === 'table' || object.kind === 'index' || object.kind === 'sequence' || object.kind === 'view';
}

/** A name as something to be locked: a negative number where objects have positive ones; equal hashes only wait in vain. */
function nameLock(schema: Oid, name: string): number {
  let hash = schema >>> 0;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193) >>> 0;
  return -1 - hash;
}
