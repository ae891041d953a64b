/**
 * One open database: its store, published catalog, counters, and the prepared table descriptions.
 *
 * A new file gets the objects that every database has: schemas `pg_catalog`, `information_schema` and `public`, and the role
 * that owns them.
 */
import type { Clock } from '../base/clock.ts';
import { fail } from '../base/errors.ts';
import type { Prng } from '../base/prng.ts';
import { runTask, type Task } from '../base/task.ts';
import type { DatabaseFile } from '../space/open-database-file.ts';
import type { Store, TreeId } from '../storage/contracts.ts';
import { FORMAT_INCLUDED_COLUMNS } from '../storage/layout.ts';
import { Backups } from './backups.ts';
import {
  BOOTSTRAP_ROLE_OID,
  Catalog,
  type CatalogObject,
  EXTENTDB_OID,
  INFORMATION_SCHEMA_OID,
  type Oid,
  PG_CATALOG_OID,
  PUBLIC_OID,
  type SchemaObject,
  SYS_OID,
  type TableObject,
} from './catalog.ts';
import { OidSource, readCatalog, writeObject } from './catalog-store.ts';
import { DatabaseSettings } from './database-settings.ts';
import { Defragmentation, type DefragmentMode, isDefragmentMode } from './defragmentation.ts';
import { Detachments } from './detachments.ts';
import { EarlierTables, type KeptTable } from './earlier-tables.ts';
import { type CommandFacts, History } from './history.ts';
import { Maintenance } from './maintenance.ts';
import { RowIds } from './row-ids.ts';
import { RowWatches } from './row-watches.ts';
import { Running, Scheduler } from './scheduler.ts';
import { Sequences } from './sequences.ts';
import { Session } from './session.ts';
import { SpaceFacts, treesOf } from './space-facts.ts';
import type { SpillFile } from './spill-file.ts';
import { TableAccess } from './table-access.ts';
import { ThresholdMaintenance } from './threshold-maintenance.ts';

const MODE_SETTING = 'online_defragmentation';

/** Keeps the log from a position on. */
export interface LogHolder {
  /** `redo point` and `oldest open writer` are the newest checkpoint's. */
  readonly name: string;
  /** Process id of the session that it is kept for; 0 = nobody's. */
  readonly owner: number;
  readonly position: number;
  readonly generation: number;
  readonly bytes: number;
}

/** Process-wide numbering of sessions, which clients see as process ids. */
let lastProcessId = 0;

export class Database {
  readonly name: string;
  /** pg_database.oid. */
  readonly oid: Oid;
  readonly store: Store;
  /** The file with its space. */
  readonly file: DatabaseFile;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly scheduler: Scheduler;
  readonly oids: OidSource;
  readonly rowIds: RowIds;
  readonly sequences: Sequences;
  /** Who is told of changed rows. */
  readonly watches: RowWatches = new RowWatches(() => this.newSpillFile());
  /** What there is to know about the file's space. */
  readonly space: SpaceFacts;
  /** Long work on its trees. */
  readonly maintenance: Maintenance;
  readonly backups: Backups;
  /** What was done for maintenance. */
  readonly history: History;
  readonly defragmentation: Defragmentation;
  readonly #settings: DatabaseSettings;
  /** Trees that are reorganized by themselves. */
  readonly thresholds: ThresholdMaintenance;
  #catalog: Catalog = new Catalog([], 0);
  readonly #detachments = new Detachments();
  readonly earlierTables: EarlierTables = new EarlierTables();
  /** By the version that somebody reads at, −1 − that for those who write; of the catalog that is published now. */
  readonly #earlierCatalogs = new Map<number, Catalog>();
  #accesses = new WeakMap<TableObject, TableAccess>();
  readonly #rewrites = new Map<Oid, number>();
  /** Open sessions by process id. */
  readonly sessions = new Map<number, Session>();

  private constructor(name: string, oid: Oid, file: DatabaseFile, clock: Clock, prng: Prng) {
    const { store } = file;
    this.name = name;
    this.oid = oid;
    this.file = file;
    this.store = store;
    this.clock = clock;
    this.prng = prng;
    this.scheduler = new Scheduler(clock, file.steps);
    this.oids = new OidSource(store);
    this.rowIds = new RowIds(store);
    this.sequences = new Sequences(store);
    this.space = new SpaceFacts(file);
    this.history = new History(file, clock);
    this.#settings = new DatabaseSettings(store);
    this.maintenance = new Maintenance(file, clock);
    this.backups = new Backups(file, this.maintenance, this.scheduler, ({ target, owner }, work, outcome) => {
      const command = `BACKUP DATABASE "${name.replaceAll('"', '""')}" TO DISK = '${target.replaceAll("'", "''")}'`;
      const facts = { database: name, command, commandType: 'BACKUP_DATABASE', processId: owner };
      return this.history.record(facts, work, outcome);
    });
    this.defragmentation = new Defragmentation(file, clock, this.scheduler, this.backups, (work, outcome) => {
      const command = 'CALL extentdb.defragment_start()';
      return this.history.record({ database: name, command, commandType: 'DEFRAGMENT', processId: 0 }, work, outcome);
    });
    this.thresholds = new ThresholdMaintenance(
      file,
      this.maintenance,
      this.scheduler,
      clock,
      () => this.defragmentation.mode === 'all',
      (tree, known, work, outcome) => this.history.record({ ...this.#factsOf(tree), ...known }, work, outcome),
    );
  }

  /** What history calls the reorganization of a tree that began by itself. */
  #factsOf(tree: TreeId): CommandFacts {
    const owner = treesOf(this.#catalog, this.space).get(tree)?.object;
    const facts = { database: this.name, commandType: 'ALTER_INDEX', processId: 0 };
    if (owner === undefined) return { ...facts, command: `REORGANIZE of tree ${tree}` };
    const table = owner.kind === 'table' ? owner : this.#catalog.table(owner.table);
    const index = this.#catalog.object(owner.kind === 'index' ? owner.oid : (table.primaryIndex ?? 0));
    return {
      ...facts,
      schema: this.#catalog.object(table.schema)?.name,
      object: table.name,
      objectType: 'U',
      index: index?.name,
      indexType: index === undefined ? 0 : owner.kind === 'table' ? 1 : 2,
      command:
        index === undefined
          ? `ALTER TABLE ${table.name} REORGANIZE`
          : `ALTER INDEX ${index.name} ON ${table.name} REORGANIZE`,
    };
  }

  /** Reads the catalog of an open store, or writes the first one. */
  static async start(name: string, oid: Oid, file: DatabaseFile, clock: Clock, prng: Prng): Promise<Database> {
    const database = new Database(name, oid, file, clock, prng);
    await runTask(database.#load());
    return database;
  }

  *#load(): Task<void> {
    const t = this.store.begin(0);
    const snapshot = t.snapshot();
    let objects = yield* readCatalog(this.store, snapshot);
    yield* this.oids.load(snapshot);
    t.release(snapshot);
    if (objects.length === 0) {
      objects = firstObjects();
      for (const object of objects) yield* writeObject(this.store, t, object);
    }
    yield* t.commit();
    this.#catalog = new Catalog([...objects, ...missingSchemas(objects)], 1);
    yield* this.#settings.load();
    // A program that did not raise the version yet may have made such an index.
    if (objects.some((o) => o.kind === 'index' && o.include.length > 0) && !this.file.store.parts.core.readOnly)
      yield* this.file.store.requireFormat(FORMAT_INCLUDED_COLUMNS);
    const mode = this.#settings.get(MODE_SETTING);
    if (isDefragmentMode(mode)) this.defragmentation.mode = mode;
  }

  /** What online defragmentation may do from now on: durable. @param mode - undefined is the default, `all`. */
  *setOnlineDefragmentation(mode: DefragmentMode | undefined): Task<void> {
    yield* this.#settings.set(MODE_SETTING, mode);
    yield this.file.store.parts.core.log.flushRequest();
    this.defragmentation.mode = mode ?? 'all';
  }

  /** The catalog as committed. */
  get catalog(): Catalog {
    return this.#catalog;
  }

  /** Makes a committed transaction's catalog changes visible to all. @param rewritten - tables that were rebuilt. */
  publish(changes: ReadonlyMap<Oid, CatalogObject | undefined>, rewritten: ReadonlySet<Oid> = new Set()): void {
    const put: CatalogObject[] = [];
    const removed: Oid[] = [];
    for (const [oid, object] of changes) {
      if (object === undefined) removed.push(oid);
      else put.push(object);
    }
    const before = this.#catalog;
    this.#catalog = before.changed(put, removed);
    this.#detachments.publish(before, this.#catalog, changes.keys());
    this.#earlierCatalogs.clear();
    for (const table of rewritten) {
      this.#rewrites.set(table, this.#catalog.version);
      this.earlierTables.published(table, this.#catalog.version);
    }
    for (const oid of removed) this.#rewrites.delete(oid);
  }

  /**
   * The catalog for whoever reads with a snapshot that was taken at a version of it.
   *
   * @param readsOnly - then it has tables as they were before a rebuild, where that is kept.
   */
  catalogFor(version: number, readsOnly: boolean): Catalog {
    const key = readsOnly ? version : -1 - version;
    const known = this.#earlierCatalogs.get(key);
    if (known !== undefined) return known;
    const attached = this.#detachments.catalogFor(this.#catalog, version, (table) => this.rewrittenAt(table));
    const catalog = readsOnly ? this.earlierTables.catalogFor(attached, version) : attached;
    this.#earlierCatalogs.set(key, catalog);
    return catalog;
  }

  /** The old trees of a rebuilt table may go. */
  endEarlier(kept: KeptTable): void {
    this.earlierTables.end(kept);
    this.#earlierCatalogs.clear();
  }

  /** Version of the catalog with which a table was last rebuilt, since the database was opened; 0 = never. */
  rewrittenAt(table: Oid): number {
    return this.#rewrites.get(table) ?? 0;
  }

  /** The prepared description of a table; every change to a table's indexes makes a new table object. */
  access(table: TableObject, catalog: Catalog): TableAccess {
    let access = this.#accesses.get(table);
    if (access === undefined) {
      access = new TableAccess(this.store, catalog, table);
      this.#accesses.set(table, access);
    }
    return access;
  }

  openSession(): Session {
    const session = new Session(this, ++lastProcessId);
    this.sessions.set(session.processId, session);
    return session;
  }

  closeSession(session: Session): void {
    this.sessions.delete(session.processId);
  }

  /** Makes spill files; set when the database is opened. */
  newSpillFile: (bufferBytes?: number) => SpillFile = () => {
    throw fail('feature_not_supported', 'this database has no place for temporary files');
  };

  /** Set when the database is about to close: background work starts no more. */
  closing = false;
  #background: Promise<void> = Promise.resolve();

  /** Runs one piece of background work; `then` hears whether there may be more. A failure stops background work for good. */
  runBackground(then: (more: boolean) => void): void {
    this.#background = new Promise((resolve) => {
      this.scheduler.run(
        this.#backgroundStep(),
        new Running(),
        (more) => {
          resolve();
          then(more);
        },
        (error) => {
          resolve();
          this.backgroundFailure = error;
        },
      );
    });
  }

  /** The file's own work first; when there is none, a look at the trees that want maintenance. */
  *#backgroundStep(): Task<boolean> {
    if (yield* this.file.background()) return true;
    if (!this.closing) yield* this.thresholds.look();
    return false;
  }

  /**
   * Cleans behind what was committed before this call, and gives the pages of dropped trees back; what others commit meanwhile does
   * not keep it from ending.
   *
   * @param step - a piece of the work; the store's alone leaves what becomes free as it is, without holes.
   */
  *cleanBehind(step: () => Task<boolean> = () => this.file.background()): Task<void> {
    const { transactions } = this.file.store.parts;
    const last = transactions.newestCommit;
    while (yield* step()) {
      const next = transactions.cleanable();
      if (next !== undefined && next.commitSeq > last) break;
      yield this.scheduler.slice();
    }
    yield* this.file.store.reclaimDropped();
  }

  /** Who keeps the log, oldest first; the oldest of them decides what recovery, or a backup, may still read. */
  logHolders(): LogHolder[] {
    const { log, header } = this.file.store.parts.core;
    const holders = [{ name: 'redo point', owner: 0, position: header.redo }];
    if (header.undo < header.redo) holders.push({ name: 'oldest open writer', owner: 0, position: header.undo });
    for (const { name, owner, lsn } of log.holds.all) holders.push({ name, owner, position: lsn });
    return holders
      .sort((a, b) => a.position - b.position)
      .map((h) => ({ ...h, generation: log.generationAt(h.position), bytes: log.bytesSince(h.position) }));
  }

  /** What ended background work, if anything did. */
  backgroundFailure: unknown;

  async close(): Promise<void> {
    if (this.closing) return;
    this.closing = true;
    await Promise.all([this.backups.close(), this.defragmentation.close()]);
    await this.thresholds.stop();
    await this.#background;
    await runTask(this.sequences.settle());
    await this.store.close();
  }
}

/** Schemas that every database has without their being stored, unless a user's has the name. */
function missingSchemas(objects: readonly CatalogObject[]): SchemaObject[] {
  const base = { kind: 'schema', schema: 0, owner: BOOTSTRAP_ROLE_OID, version: 1 } as const;
  const schemas: SchemaObject[] = [
    { ...base, oid: EXTENTDB_OID, name: 'extentdb', comment: 'space, maintenance and how they go' },
    { ...base, oid: SYS_OID, name: 'sys', comment: 'views and functions by the names of SQL Server' },
  ];
  return schemas.filter(
    ({ name, oid }) => !objects.some((o) => o.oid === oid || (o.kind === 'schema' && o.name === name)),
  );
}

function firstObjects(): CatalogObject[] {
  const base = { schema: 0, owner: BOOTSTRAP_ROLE_OID, version: 1 };
  return [
    {
      kind: 'role',
      oid: BOOTSTRAP_ROLE_OID,
      name: 'postgres',
      ...base,
      superuser: true,
      login: true,
      createDb: true,
      createRole: true,
    },
    { kind: 'schema', oid: PG_CATALOG_OID, name: 'pg_catalog', ...base, comment: 'system catalog schema' },
    { kind: 'schema', oid: INFORMATION_SCHEMA_OID, name: 'information_schema', ...base },
    { kind: 'schema', oid: PUBLIC_OID, name: 'public', ...base, comment: 'standard public schema' },
  ];
}
