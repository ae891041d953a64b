/**
 * What expressions may ask about space: sizes of relations, and the rows of the functions that report on them.
 *
 * Everything here may have to read pages; it goes through `wait`, as `session-context.ts` explains.
 */
import { fail } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import type { Catalog, IndexObject, TableObject } from '../../engine/catalog.ts';
import type { Database } from '../../engine/database.ts';
import type { Session } from '../../engine/session.ts';
import { EXTENT_FIELDS, hintsText, type TreeSpace, usedPercent } from '../../engine/space-facts.ts';
import { trimRows } from '../ddl/database-space.ts';
import type { Oid, SpaceHooks, SpaceRow } from '../types/contracts.ts';
import { physicalStatsRows } from './physical-stats-rows.ts';

/** What of the session's surroundings this needs. */
export interface SpacePeers {
  /** Open databases, the session's own among them. */
  openDatabases(): Iterable<Database>;
  /** Bytes of any database's file; undefined = no such database. */
  databaseSize(oid: Oid): number | undefined;
  /** May the current transaction change nothing? */
  isReadOnly(): boolean;
}

type Wait = <T>(start: () => Task<T>) => T;

/** Names of relations, as the session knows them; virtual ones too. */
interface RelationNames {
  relationOid(name: string): Oid;
  relationName(oid: Oid): string | undefined;
}

export class SpaceContext implements SpaceHooks {
  readonly #session: Session;
  readonly #wait: Wait;
  readonly #peers: SpacePeers;
  readonly #names: RelationNames;

  constructor(session: Session, peers: SpacePeers, wait: Wait, names: RelationNames) {
    this.#session = session;
    this.#peers = peers;
    this.#wait = wait;
    this.#names = names;
  }

  get #catalog(): Catalog {
    return this.#session.catalog;
  }

  get #database(): Database {
    return this.#session.database;
  }

  get #pageBytes(): number {
    return this.#database.space.pageBytes;
  }

  // ── sizes ──

  relationSize(oid: Oid, fork: string): number | undefined {
    if (!FORKS.has(fork))
      throw fail('invalid_parameter_value', 'invalid fork name', {
        hint: 'Valid fork names are "main", "fsm", "vm", and "init".',
      });
    const object = this.#catalog.object(oid);
    if (object?.kind !== 'table' && object?.kind !== 'index') return this.#sizeWithoutPages(oid);
    if (fork === 'vm' || fork === 'init') return 0;
    const space = this.#space(object.tree);
    return fork === 'main' ? mainPages(space) * this.#pageBytes : ownPages(space) * this.#pageBytes;
  }

  tableSize(oid: Oid): number | undefined {
    const object = this.#catalog.object(oid);
    if (object?.kind !== 'table' && object?.kind !== 'index') return this.#sizeWithoutPages(oid);
    // The long values that are reached through a primary key are its table's.
    return object.kind === 'index' && this.#catalog.isClustered(object)
      ? this.#treeSize(object.tree)
      : this.#sizeWithLong(object.tree);
  }

  indexesSize(oid: Oid): number | undefined {
    if (this.#catalog.object(oid)?.kind !== 'table') return this.#sizeWithoutPages(oid);
    // The tree of a primary key is the table's own.
    const own = this.#catalog.indexesOf(oid).filter((index) => !this.#catalog.isClustered(index));
    return own.reduce((sum, { tree }) => sum + this.#sizeWithLong(tree), 0);
  }

  totalRelationSize(oid: Oid): number | undefined {
    const table = this.tableSize(oid);
    return table === undefined ? undefined : table + (this.indexesSize(oid) ?? 0);
  }

  databaseSize(oid: Oid): number | undefined {
    return this.#peers.databaseSize(oid);
  }

  /** Views, sequences and relations of the catalogs take no pages of their own; what does not exist has no size. */
  #sizeWithoutPages(oid: Oid): number | undefined {
    return this.#names.relationName(oid) === undefined ? undefined : 0;
  }

  /** Bytes of a tree, its space trees included. */
  #treeSize(tree: number): number {
    const space = this.#space(tree);
    return (mainPages(space) + ownPages(space)) * this.#pageBytes;
  }

  /** The same with the tree of its long values. */
  #sizeWithLong(tree: number): number {
    const long = this.#database.space.longTreeOf(tree);
    return this.#treeSize(tree) + (long === 0 ? 0 : this.#treeSize(long));
  }

  #space(tree: number): TreeSpace | undefined {
    return this.#wait(() => orNull(this.#database.space.space(tree))) ?? undefined;
  }

  // ── rows ──

  physicalStats(args: SpaceRow): readonly SpaceRow[] {
    const own = { catalog: this.#catalog, database: this.#database };
    const others = [...this.#peers.openDatabases()]
      .filter((database) => database !== this.#database)
      .map((database) => ({ catalog: database.catalog, database }));
    const known = (oid: Oid): boolean => this.#peers.databaseSize(oid) !== undefined;
    return this.#wait(() => physicalStatsRows([own, ...others], known, (name) => this.#names.relationOid(name), args));
  }

  extentStats(oid: Oid): readonly SpaceRow[] {
    const object = this.#stored(oid);
    return this.#wait(() => extentStatsRows(this.#catalog, this.#database, object));
  }

  tupleStats(oid: Oid): readonly SpaceRow[] {
    const { tree } = this.#stored(oid);
    return this.#wait(() => tupleStatsRow(this.#database, tree));
  }

  indexStats(oid: Oid): readonly SpaceRow[] {
    const object = this.#stored(oid);
    if (object.kind !== 'index') throw fail('wrong_object_type', `relation "${object.name}" is not a btree index`);
    return this.#wait(() => indexStatsRow(this.#database, object));
  }

  freeSpace(oid: Oid): Iterable<SpaceRow> {
    const { tree } = this.#stored(oid);
    return pairs(this.#wait(() => this.#database.space.freePages(tree)));
  }

  freeSpaceOf(oid: Oid, pgno: number): number {
    const { tree } = this.#stored(oid);
    const list = this.#wait(() => this.#database.space.freePages(tree));
    for (let i = 0; i < list.length; i += 2) if (list[i] === pgno) return list[i + 1] ?? 0;
    return 0;
  }

  /** @throws 25006, 55000 when `shrink` is off. */
  trim(): readonly SpaceRow[] {
    if (this.#peers.isReadOnly())
      throw fail('read_only_sql_transaction', 'cannot execute extentdb.trim() in a read-only transaction');
    return this.#wait(() => trimRows(this.#database, this.#session.processId));
  }

  /** @throws 42P01, 42809 for what has no pages of its own. */
  #stored(oid: Oid): TableObject | IndexObject {
    const object = this.#catalog.object(oid);
    if (object === undefined) throw fail('undefined_table', `could not open relation with OID ${oid}`);
    if (object.kind === 'table' || object.kind === 'index') return object;
    throw fail('wrong_object_type', `relation "${object.name}" has no pages of its own`, {
      detail: 'Tables and indexes have.',
    });
  }
}

const FORKS: ReadonlySet<string> = new Set(['main', 'fsm', 'vm', 'init']);

/** An answer that is kept for a row's second evaluation must not be undefined. */
function* orNull<T>(task: Task<T | undefined>): Task<T | null> {
  return (yield* task) ?? null;
}

/** Pages for rows, in use or not; what was lent counts where it is used. */
function mainPages(space: TreeSpace | undefined): number {
  return space === undefined ? 0 : space.used + space.available;
}

/** Pages for the tree's own space trees. */
function ownPages(space: TreeSpace | undefined): number {
  return space === undefined ? 0 : space.space + space.reserved;
}

function* pairs(list: readonly number[]): Iterable<SpaceRow> {
  for (let i = 0; i < list.length; i += 2) yield [list[i] ?? 0, list[i + 1] ?? 0];
}

function percent(part: number, whole: number): number {
  return whole === 0 ? 0 : (100 * part) / whole;
}

/** PostgreSQL's module rounds its percentages to two places. */
function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}

function* tupleStatsRow(database: Database, tree: number): Task<SpaceRow[]> {
  const { space } = database;
  const pages = mainPages(yield* space.space(tree));
  const stats = yield* space.stats(tree, 'detailed');
  const leaves = stats?.levels[0]?.content;
  if (stats === undefined || leaves === undefined) return [];
  const length = pages * space.pageBytes;
  const dead = leaves.ghosts + leaves.pinnedGhosts;
  const deadBytes = leaves.ghostBytes;
  const liveBytes = leaves.recordBytes - deadBytes;
  const inPages = stats.levels.reduce((sum, level) => sum + (level.content?.freeBytes ?? 0), 0);
  const free = inPages + Math.max(0, pages - stats.pages) * space.pageBytes;
  return [
    [
      length,
      leaves.records - dead,
      liveBytes,
      rounded(percent(liveBytes, length)),
      dead,
      deadBytes,
      rounded(percent(deadBytes, length)),
      free,
      rounded(percent(free, length)),
    ],
  ];
}

function* indexStatsRow(database: Database, index: IndexObject): Task<SpaceRow[]> {
  const { space } = database;
  const pages = mainPages(yield* space.space(index.tree));
  const stats = yield* space.stats(index.tree, 'detailed');
  const level = stats?.levels[0];
  if (stats === undefined || level?.content === undefined) return [];
  const filled = level.pages - level.content.emptyPages;
  return [
    [
      database.file.store.formatVersion,
      stats.depth - 1,
      pages * space.pageBytes,
      space.rootPage(index.tree),
      stats.pages - level.pages,
      filled,
      level.content.emptyPages,
      Math.max(0, pages - stats.pages),
      rounded(usedPercent(level.content, space.pageBytes)),
      rounded(percent(level.backward, level.pages)),
    ],
  ];
}

function* extentStatsRows(catalog: Catalog, database: Database, object: TableObject | IndexObject): Task<SpaceRow[]> {
  const rows: SpaceRow[] = [];
  const indexes =
    object.kind === 'table' ? catalog.indexesOf(object.oid).filter((index) => !catalog.isClustered(index)) : [];
  const trees: { name: string; kind: string; tree: number }[] = [];
  const withLong: typeof trees = [];
  for (const own of [object, ...indexes]) {
    const { name, kind, tree } = own;
    trees.push({ name, kind, tree });
    // The long values that are reached through a primary key are its table's.
    const long = own.kind === 'index' && catalog.isClustered(own) ? 0 : database.space.longTreeOf(tree);
    if (long !== 0) withLong.push({ name, kind: 'lob', tree: long });
  }
  trees.push(...withLong);
  for (const { name, kind, tree } of trees) {
    const space = yield* database.space.space(tree);
    const leaves = yield* database.space.leaves(tree);
    if (space === undefined || leaves === undefined) continue;
    const extents = space.ownedExtents.length / EXTENT_FIELDS;
    // What merging neighbours up to the density that the hints ask for would leave over. Long values fill their pages
    // with pieces that are never merged.
    const wanted = Math.ceil((leaves.leaves * leaves.fillPercent) / space.fillPercent);
    const gain = kind === 'lob' ? 0 : Math.max(0, leaves.leaves - Math.max(1, wanted));
    rows.push([
      name,
      kind,
      space.owned - space.lent,
      rounded(percent(space.used, space.owned - space.lent)),
      rounded(leaves.fillPercent),
      rounded(leaves.fragmentedPercent),
      extents,
      leaves.runs,
      hintsText(space.fillPercent, space.hints),
      gain,
      gainText(gain, leaves.runs, database.space.pageBytes),
    ]);
  }
  return rows;
}

/** What maintenance would gain, in words. */
function gainText(pages: number, runs: number, pageBytes: number): string {
  const parts: string[] = [];
  if (pages > 0)
    parts.push(`compacting frees ${pages} ${pages === 1 ? 'page' : 'pages'} (${(pages * pageBytes) / 1024} kB)`);
  if (runs > 1) parts.push(`ordering makes one of ${runs} runs`);
  return parts.length === 0 ? 'nothing' : parts.join(', ');
}
