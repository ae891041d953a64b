/**
 * The instance: what one process has open. A served directory holds one file per database; a single file is an instance of
 * one database.
 *
 *   <directory>/<name>.extent   one file per database; `postgres` is made when the directory is new
 *
 * It also knows the running sessions, so that one can be cancelled from another connection.
 */
import type { Clock } from '../base/clock.ts';
import { fail } from '../base/errors.ts';
import type { Prng } from '../base/prng.ts';
import { runTask } from '../base/task.ts';
import type { Vfs } from '../io/vfs.ts';
import { openDatabaseFile, type ShrinkMode } from '../space/open-database-file.ts';
import type { Oid } from './catalog.ts';
import { Database } from './database.ts';
import { SpillFile } from './spill-file.ts';

export interface InstanceOptions {
  readonly vfs: Vfs;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly cacheBytes?: number;
  /** Room for old versions of rows per database: in memory, and beyond in a temporary file. */
  readonly versionBytes?: number;
  readonly versionSpillBytes?: number;
  readonly pageBytes?: number;
  /** When free space goes back to the file system; default `realtime` where holes can be punched, else `on`. */
  readonly shrink?: ShrinkMode | undefined;
}

export const DEFAULT_DATABASE = 'postgres';
const SUFFIX = '.extent';
/** Temporary files of a database are its file's name with this and a number. */
const SPILL_SUFFIX = '-spill-';
const DEFAULT_DATABASE_OID = 5;
/** Between two looks for background work when there was none. */
const IDLE_MS = 100;

/** Ends what a session does: its statement, or itself. */
export type CancelHandler = (terminate: boolean) => void;

export class Instance {
  readonly options: InstanceOptions;
  /** Undefined for a single file. */
  readonly #directory: string | undefined;
  readonly #open = new Map<string, Promise<Database>>();
  readonly #started = new Map<string, Database>();
  /** Paths of the open files by database. */
  readonly #files = new Map<string, string>();
  #onFile: ((path: string, database: string) => void) | undefined;
  readonly #handlers = new Map<number, CancelHandler>();
  #closed = false;

  private constructor(options: InstanceOptions, directory: string | undefined) {
    this.options = options;
    this.#directory = directory;
  }

  /** Opens a directory of databases; makes it, and the first database, when new. */
  static async openDirectory(directory: string, options: InstanceOptions): Promise<Instance> {
    const instance = new Instance(options, directory);
    if (!options.vfs.exists(directory)) options.vfs.makeDirectory(directory);
    if (instance.databaseList().length === 0)
      await instance.#openFile(DEFAULT_DATABASE, instance.#path(DEFAULT_DATABASE), true);
    return instance;
  }

  /** Opens one file as an instance; makes it when it is missing. */
  static async openFile(path: string, options: InstanceOptions): Promise<Instance> {
    const instance = new Instance(options, undefined);
    await instance.#openFile(nameOf(path), path, true);
    return instance;
  }

  #path(name: string): string {
    return `${this.#directory}/${encodeURIComponent(name)}${SUFFIX}`;
  }

  #openFile(name: string, path: string, create: boolean): Promise<Database> {
    const known = this.#open.get(name);
    if (known !== undefined) return known;
    const opening = this.#start(name, path, create);
    this.#open.set(name, opening);
    opening.catch(() => this.#open.delete(name));
    return opening;
  }

  async #start(name: string, given: string, create: boolean): Promise<Database> {
    const path = this.options.vfs.canonical(given);
    const { vfs, clock, prng, cacheBytes, versionBytes, versionSpillBytes, pageBytes } = this.options;
    const file = await runTask(
      openDatabaseFile({
        vfs,
        clock,
        prng,
        path,
        create,
        ...(cacheBytes === undefined ? {} : { cacheBytes }),
        ...(versionBytes === undefined ? {} : { versionBytes }),
        ...(versionSpillBytes === undefined ? {} : { versionSpillBytes }),
        ...(pageBytes === undefined ? {} : { pageBytes }),
        shrink: this.options.shrink,
      }),
    );
    const database = await Database.start(name, oidOf(name), file, clock, prng);
    this.#started.set(name, database);
    this.#files.set(name, path);
    this.#onFile?.(path, name);
    removeSpillFiles(vfs, path);
    let spills = 0;
    database.newSpillFile = (bufferBytes) => new SpillFile(vfs, `${path}${SPILL_SUFFIX}${++spills}`, bufferBytes);
    this.#maintain(database);
    return database;
  }

  /** Runs background work while there is some; looks again after a pause. */
  #maintain(database: Database): void {
    const { clock } = this.options;
    const look = (): void => {
      if (this.#closed || database.closing) return;
      database.runBackground((more) => {
        if (more) clock.soon(look);
        else clock.after(IDLE_MS, look);
      });
    };
    clock.after(IDLE_MS, look);
  }

  /** A database by name, opened if need be. @throws 3D000. */
  async database(name: string): Promise<Database> {
    const known = this.#open.get(name);
    if (known !== undefined) return known;
    if (this.#directory === undefined || !this.options.vfs.exists(this.#path(name)))
      throw fail('invalid_catalog_name', `database "${name}" does not exist`);
    return this.#openFile(name, this.#path(name), false);
  }

  /** The only database of a single file. */
  get single(): Database {
    return [...this.#started.values()][0]!;
  }

  databaseList(): { readonly name: string; readonly oid: Oid }[] {
    if (this.#directory === undefined) return [...this.#started.values()].map((d) => ({ name: d.name, oid: d.oid }));
    return this.options.vfs
      .list(this.#directory)
      .filter((file) => file.endsWith(SUFFIX))
      .map((file) => decodeURIComponent(file.slice(0, -SUFFIX.length)))
      .sort()
      .map((name) => ({ name, oid: oidOf(name) }));
  }

  /** Length of a database's file, open or not; undefined = no such database. */
  databaseBytes(oid: Oid): number | undefined {
    for (const database of this.#started.values()) if (database.oid === oid) return database.space.fileBytes();
    const name = this.databaseList().find((database) => database.oid === oid)?.name;
    if (name === undefined) return undefined;
    const file = this.options.vfs.open(this.#path(name), 'read');
    const bytes = file.size();
    file.close();
    return bytes;
  }

  /** @throws 42P04, 0A000 for a single file. */
  async createDatabase(name: string): Promise<void> {
    if (this.#directory === undefined)
      throw fail('feature_not_supported', 'CREATE DATABASE needs a served directory: this is a single database file');
    if (this.databaseList().some((d) => d.name === name))
      throw fail('duplicate_database', `database "${name}" already exists`);
    await this.#openFile(name, this.#path(name), true);
  }

  /** @throws 3D000, 55006 while sessions use it. */
  async dropDatabase(name: string, current: string): Promise<void> {
    if (this.#directory === undefined)
      throw fail('feature_not_supported', 'DROP DATABASE needs a served directory: this is a single database file');
    if (name === current) throw fail('object_in_use', 'cannot drop the currently open database');
    const database = await this.database(name);
    const users = database.sessions.size;
    if (users > 0) {
      throw fail('object_in_use', `database "${name}" is being accessed by other users`, {
        detail:
          users === 1
            ? 'There is 1 other session using the database.'
            : `There are ${users} other sessions using the database.`,
      });
    }
    this.#open.delete(name);
    this.#started.delete(name);
    this.#files.delete(name);
    await database.close();
    const path = this.#path(name);
    const log = `${path}-log`;
    const { vfs } = this.options;
    vfs.open(path, 'read').discard();
    if (vfs.exists(log)) {
      for (const file of vfs.list(log)) vfs.unlink(`${log}/${file}`);
      vfs.removeDirectory(log);
    }
    vfs.syncDirectory(this.#directory);
  }

  // ── sessions ──

  onCancel(processId: number, handler: CancelHandler | undefined): void {
    if (handler === undefined) this.#handlers.delete(processId);
    else this.#handlers.set(processId, handler);
  }

  cancel(processId: number, terminate: boolean): boolean {
    const handler = this.#handlers.get(processId);
    handler?.(terminate);
    return handler !== undefined;
  }

  /** Tells the path and the database of every file that is open, and of each that will be. */
  watchFiles(hear: (path: string, database: string) => void): void {
    this.#onFile = hear;
    for (const [database, path] of this.#files) hear(path, database);
  }

  databases(): Iterable<Database> {
    return this.#started.values();
  }

  /** Closes every database: what is open is rolled back, and each file alone is its database again. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const database of this.#started.values()) await database.close();
  }
}

/** Removes what statements of a crashed process left behind; the database's lock is held. */
function removeSpillFiles(vfs: Vfs, path: string): void {
  const slash = path.lastIndexOf('/');
  const folder = slash < 0 ? '.' : slash === 0 ? '/' : path.slice(0, slash);
  const start = `${path.slice(slash + 1)}${SPILL_SUFFIX}`;
  for (const file of vfs.list(folder))
    if (file.startsWith(start)) vfs.unlink(slash < 0 ? file : `${path.slice(0, slash + 1)}${file}`);
}

function nameOf(path: string): string {
  const file = path.slice(path.lastIndexOf('/') + 1);
  return file.endsWith(SUFFIX) ? file.slice(0, -SUFFIX.length) : file;
}

/** A database's oid follows from its name: nothing needs to be stored for it. */
function oidOf(name: string): Oid {
  if (name === DEFAULT_DATABASE) return DEFAULT_DATABASE_OID;
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return 0x10000 + ((hash >>> 0) % 0x3fff0000);
}
