/**
 * The rows of `sys.dm_db_index_physical_stats`: which trees its arguments name, and a row for each level that its mode shows.
 *
 *   database, object, index, partition   ids or names; NULL (0; of indexes −1) is all. What is inside of "all" must be all.
 *   mode                                 LIMITED (also NULL, DEFAULT), SAMPLED, DETAILED
 *
 * Index 0 is a table keyed by the hidden row id, 1 a table keyed by its primary key, 2 … its other indexes in the catalog's
 * order. Errors have SQL Server's number in their detail.
 */
import { fail } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import type { Catalog, TableObject } from '../../engine/catalog.ts';
import type { Database } from '../../engine/database.ts';
import { type PageContent, type StatsMode, type TreeStats, usedPercent } from '../../engine/space-facts.ts';
import { leavesOf, partOf } from '../partitions/bounds.ts';
import type { Oid, SpaceRow, SqlValue } from '../types/contracts.ts';

/** A database that can be looked into. */
export interface StatsDatabase {
  readonly catalog: Catalog;
  readonly database: Database;
}

interface Unit {
  readonly indexId: number;
  readonly type: 'HEAP' | 'CLUSTERED INDEX' | 'NONCLUSTERED INDEX';
  readonly isLob: boolean;
  readonly tree: number;
}

/** Integers from here on are oids of indexes, not index numbers. */
const FIRST_OID = 16384;

/** Gathers the rows; the first database is the session's own. */
export function* physicalStatsRows(
  databases: readonly StatsDatabase[],
  isDatabase: (oid: Oid) => boolean,
  relationOid: (name: string) => Oid,
  args: SpaceRow,
): Task<SpaceRow[]> {
  const [database = null, object = null, index = null, partition = null, mode = null] = args;
  const statsMode = modeOf(mode);
  checkWildcards(args);
  const rows: SpaceRow[] = [];
  const [own] = databases;
  for (const d of databasesOf(databases, isDatabase, database)) {
    for (const table of tablesOf(d, d === own ? relationOid : (name) => named(d.catalog, name), object)) {
      for (const { number, unit } of partUnits(d, table, index, partition)) {
        if (d.database.scheduler.sliceOver()) yield d.database.scheduler.slice();
        const stats = yield* d.database.space.stats(unit.tree, statsMode);
        if (stats === undefined) continue;
        const fragmented =
          unit.type === 'HEAP' && !unit.isLob ? yield* d.database.space.extentFragmentation(unit.tree, stats) : 0;
        rows.push(...unitRows(d, table, number, unit, stats, statsMode, fragmented));
      }
    }
  }
  return rows;
}

// ── arguments ──────────────────────────────────────────────────────────────────────────────────────────────────────────

function isAll(value: SqlValue, position: number): boolean {
  if (value === null) return true;
  if (typeof value === 'string') return false;
  return Number(value) === (position === 2 ? -1 : 0);
}

const PARAMETERS: readonly string[] = ['database', 'object', 'index', 'partition'];

/** Once an outer argument is "all", so must be the inner ones. */
function checkWildcards(args: SpaceRow): void {
  for (let outer = 0; outer < 3; outer++) {
    if (!isAll(args[outer] ?? null, outer)) continue;
    for (let inner = outer + 1; inner < 4; inner++) {
      if (isAll(args[inner] ?? null, inner)) continue;
      throw fail('invalid_parameter_value', `parameter ${inner + 1} of dm_db_index_physical_stats is not valid`, {
        detail: `Msg 2561: ${PARAMETERS[inner]} is given, ${PARAMETERS[outer]} is not.`,
        hint: `Name the ${PARAMETERS[outer]}, or give NULL for the ${PARAMETERS[inner]} too.`,
      });
    }
  }
}

function modeOf(value: SqlValue): StatsMode {
  switch (value === null ? 'DEFAULT' : String(value).toUpperCase()) {
    case 'DEFAULT':
    case 'LIMITED':
      return 'limited';
    case 'SAMPLED':
      return 'sampled';
    case 'DETAILED':
      return 'detailed';
    default:
      throw fail('invalid_parameter_value', 'parameter 5 of dm_db_index_physical_stats is not valid', {
        detail: `Msg 2561: there is no mode "${String(value)}".`,
        hint: 'Modes are LIMITED, SAMPLED and DETAILED.',
      });
  }
}

/** The units of a table, or of the tables that hold a partitioned one's rows, with their partition numbers. */
function* partUnits(
  d: StatsDatabase,
  table: TableObject,
  index: SqlValue,
  partition: SqlValue,
): Iterable<{ number: number; unit: Unit }> {
  const leaves = leavesOf(d.catalog, table);
  if (!isAll(partition, 3) && leaves[Number(partition) - 1] === undefined) {
    const has = leaves.length === 1 ? 'one partition, number 1' : `partitions 1 to ${leaves.length}`;
    throw fail('invalid_parameter_value', `partition ${String(partition)} does not exist`, {
      detail: `Msg 2587: the relation has ${has}.`,
    });
  }
  const named = typeof index === 'string' ? d.catalog.indexesOf(table.oid).find((i) => i.name === index) : undefined;
  for (const [i, leaf] of leaves.entries()) {
    if (!isAll(partition, 3) && Number(partition) !== i + 1) continue;
    const own = named === undefined ? index : (partOf(d.catalog, leaf, named)?.name ?? index);
    for (const unit of unitsOf(d, leaf, own)) yield { number: i + 1, unit };
  }
}

function databasesOf(
  databases: readonly StatsDatabase[],
  isDatabase: (oid: Oid) => boolean,
  value: SqlValue,
): readonly StatsDatabase[] {
  if (isAll(value, 0)) return databases;
  const found = databases.find(({ database }) =>
    typeof value === 'string' ? database.name === value : database.oid === Number(value),
  );
  if (found !== undefined) return [found];
  if (typeof value !== 'string' && isDatabase(Number(value)))
    throw fail('object_not_in_prerequisite_state', `database ${Number(value)} is not open`, {
      hint: 'A database opens with its first connection.',
    });
  const text = typeof value === 'string' ? `database "${value}"` : `database ${String(value)}`;
  throw fail('invalid_catalog_name', `${text} does not exist, or is not open`, {
    detail: typeof value === 'string' ? 'Msg 2520.' : 'Msg 2521.',
  });
}

/** A relation of another database: `schema.name`, or a name in `public`. */
function named(catalog: Catalog, name: string): Oid {
  const [schema, relation] = name.includes('.') ? name.split('.', 2) : ['public', name];
  const namespace = catalog.schemaNamed(schema ?? '');
  return namespace === undefined ? 0 : (catalog.relationNamed(namespace.oid, relation ?? '')?.oid ?? 0);
}

function tablesOf({ catalog }: StatsDatabase, oidOf: (name: string) => Oid, value: SqlValue): TableObject[] {
  if (isAll(value, 1))
    // Partitions come with their partitioned table.
    return [...catalog.objects()]
      .filter((o): o is TableObject => o.kind === 'table' && o.partition === undefined)
      .sort((a, b) => a.oid - b.oid);
  const object = catalog.object(typeof value === 'string' ? oidOf(value) : Number(value));
  if (object?.kind === 'table') return [object];
  const isName = typeof value === 'string';
  throw fail(
    'undefined_object',
    object === undefined
      ? `object ${isName ? `"${value}"` : String(value)} does not exist`
      : `"${object.name}" is not a table`,
    { detail: isName ? 'Msg 2501.' : 'Msg 2573.' },
  );
}

function unitsOf({ catalog, database }: StatsDatabase, table: TableObject, value: SqlValue): Unit[] {
  const indexes = catalog.indexesOf(table.oid);
  const base =
    table.primaryIndex === undefined
      ? ({ indexId: 0, type: 'HEAP' } as const)
      : ({ indexId: 1, type: 'CLUSTERED INDEX' } as const);
  const long = database.space.longTreeOf(table.tree);
  const units: Unit[] = [{ ...base, isLob: false, tree: table.tree }];
  if (long !== 0) units.push({ ...base, isLob: true, tree: long });
  const oids = new Map<number, number>(table.primaryIndex === undefined ? [] : [[table.primaryIndex, 1]]);
  for (const index of indexes) {
    if (index.oid === table.primaryIndex) continue;
    const indexId = 1 + oids.size + (table.primaryIndex === undefined ? 1 : 0);
    oids.set(index.oid, indexId);
    const type = 'NONCLUSTERED INDEX';
    units.push({ indexId, type, isLob: false, tree: index.tree });
    const included = database.space.longTreeOf(index.tree);
    if (included !== 0) units.push({ indexId, type, isLob: true, tree: included });
  }
  if (isAll(value, 2)) return units;
  const byName = typeof value === 'string' ? indexes.find(({ name }) => name === value)?.oid : Number(value);
  const wanted = typeof value === 'string' || Number(value) >= FIRST_OID ? oids.get(byName ?? -1) : Number(value);
  const found = units.filter(({ indexId }) => indexId === wanted);
  if (found.length > 0) return found;
  const text = typeof value === 'string' ? `"${value}"` : String(value);
  throw fail('undefined_object', `table "${table.name}" has no index ${text}`, { detail: 'Msg 2591.' });
}

// ── rows ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

function unitRows(
  { database }: StatsDatabase,
  table: TableObject,
  partition: number,
  unit: Unit,
  stats: TreeStats,
  mode: StatsMode,
  extentFragmentation: number,
): SpaceRow[] {
  const isHeap = unit.type === 'HEAP' && !unit.isLob;
  const isFlat = isHeap || unit.isLob;
  const wasSampled = mode === 'sampled' && stats.levels.length === 1 && stats.depth > 1;
  return stats.levels.slice(0, isFlat ? 1 : undefined).map((level): SpaceRow => {
    const pages = unit.isLob ? stats.pages : level.pages;
    const hidesOrder = isHeap && wasSampled;
    const fragments = unit.isLob || level.level > 0 || hidesOrder ? null : level.fragments;
    const logical = level.pages === 0 ? 0 : (100 * level.outOfOrder) / level.pages;
    const fragmented = unit.isLob ? 0 : isHeap ? extentFragmentation : logical;
    return [
      database.oid,
      table.oid,
      unit.indexId,
      partition,
      unit.type,
      unit.isLob ? 'LOB_DATA' : 'IN_ROW_DATA',
      isFlat ? 1 : stats.depth,
      level.level,
      hidesOrder ? null : fragmented,
      fragments,
      fragments === null ? null : fragments === 0 ? 0 : pages / fragments,
      pages,
      ...contentColumns(level.content, level.pages, level.level, isHeap, database.space.pageBytes),
      unit.tree,
      0,
      'NOT VALID',
      ...(level.content === undefined ? NO_VERSIONS : VERSIONS),
    ];
  });
}

/** Versions are kept in memory, none on pages. */
const VERSIONS: SpaceRow = [0, 0, 0, 0, 0, 0];
const NO_VERSIONS: SpaceRow = [null, null, null, null, null, null];

/** From avg_page_space_used_in_percent to compressed_page_count. Counts of a sample are brought to the whole level. */
function contentColumns(
  content: PageContent | undefined,
  pages: number,
  level: number,
  isHeap: boolean,
  pageBytes: number,
): SpaceRow {
  if (content === undefined) return [null, null, null, null, null, null, null, null, null];
  const whole = (n: number): number => (content.pages === 0 ? 0 : Math.round((n * pages) / content.pages));
  const ghosts = level > 0 ? 0 : content.ghosts;
  const pinned = level > 0 ? 0 : content.pinnedGhosts;
  return [
    usedPercent(content, pageBytes),
    whole(content.records - ghosts - pinned),
    whole(ghosts),
    whole(pinned),
    content.recordBytesMin ?? 0,
    content.recordBytesMax ?? 0,
    content.records === 0 ? 0 : content.recordBytes / content.records,
    isHeap ? 0 : null,
    0,
  ];
}
