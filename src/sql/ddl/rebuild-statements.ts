/**
 * VACUUM FULL, CLUSTER and REINDEX.
 *
 * A table with a primary key lies in the order of that key: clustering by it is a rebuild, and clustering by another index is
 * refused. A table without one gets its rows, and their hidden ids, in the order of any of its indexes. REINDEX of a primary key
 * rebuilds the table, because that is where the key is.
 *
 * VACUUM FULL and the forms that speak of several tables commit after each table and give its old trees' space back before they go
 * on; that is why they are refused inside a transaction block. VACUUM FULL then makes the file shorter (`give-back.ts`).
 */
import { fail } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import { type IndexObject, isSystemSchema, type Oid, type TableObject } from '../../engine/catalog.ts';
import { LOCK_NOWAIT, TABLE_ACCESS_EXCLUSIVE, TABLE_SHARE_UPDATE_EXCLUSIVE } from '../../engine/record-port.ts';
import type { ClusterStatement, Option, ReindexStatement } from '../ast/definitions.ts';
import type { Name, QualifiedName } from '../ast/names.ts';
import type { VacuumStatement } from '../ast/statements.ts';
import { leavesOf, partOf } from '../partitions/bounds.ts';
import type { RowOrder } from './build-index.ts';
import type { Definer } from './definer.ts';
import { disabledError } from './disabled-index.ts';
import { GiveBack } from './give-back.ts';
import { enableAll, isClustered, rebuildIndex, rebuildWhole } from './rebuild.ts';

/** Is an option of VACUUM and its kin written and not switched off? */
export function isOn(d: Definer, options: readonly Option[], name: string): boolean {
  const option = options.findLast((o) => o.name === name);
  if (option === undefined) return false;
  const text = option.value?.text.toLowerCase() ?? 'on';
  if (['on', 'true', '1'].includes(text)) return true;
  if (['off', 'false', '0'].includes(text)) return false;
  throw d.error('syntax_error', `${name} requires a Boolean value`, option.at);
}

/** VACUUM FULL. */
export function* vacuumFull(d: Definer, s: VacuumStatement, tables: readonly TableObject[]): Task<void> {
  const skipLocked = isOn(d, s.options, 'skip_locked');
  const verbose = isOn(d, s.options, 'verbose');
  const giveBack = new GiveBack(d, verbose);
  const rebuild = function* (table: TableObject): Task<void> {
    giveBack.begin();
    const got = yield* d.engine.transaction.lockTable(table.oid, TABLE_ACCESS_EXCLUSIVE, skipLocked ? LOCK_NOWAIT : 0);
    if (!got) {
      d.sql.warn(`skipping vacuum of "${table.name}" --- lock not available`, '55P03');
      return;
    }
    if (d.catalog.object(table.oid) === undefined)
      d.sql.warn(`skipping vacuum of "${table.name}" --- relation no longer exists`, '42P01');
    else yield* rebuildTold(d, table.oid, 'VACUUM FULL', 'vacuuming', verbose, []);
  };
  // What the old trees leave is where the new ones go: no holes before that.
  const release = d.engine.database.file.space.trimmer.hold();
  try {
    yield* eachTable(d, tables, rebuild, (table) => giveBack.after(table));
    // Whoever names no table means the file as a whole.
    if (s.tables.length === 0) yield* giveBack.afterAll();
  } finally {
    release();
  }
}

/** CLUSTER. @throws 42704, 42809, 0A000, 55000 */
export function* cluster(d: Definer, s: ClusterStatement): Task<void> {
  for (const option of s.options)
    if (option.name !== 'verbose')
      throw d.error('syntax_error', `unrecognized CLUSTER option "${option.name}"`, option.at);
  const verbose = isOn(d, s.options, 'verbose');
  if (s.table === null) {
    forbidBlock(d, 'CLUSTER');
    const tables = allTables(d).filter((table) => lastClustered(d, table) !== undefined);
    yield* eachTable(d, tables, (table) => clusterBy(d, table.oid, undefined, verbose));
    return;
  }
  const table = d.table(s.table);
  if (table.partitioning === undefined) yield* clusterBy(d, table.oid, s.index ?? undefined, verbose);
  else yield* clusterPartitions(d, table, s.index ?? undefined, verbose);
}

/** Each partition by its part of the index. */
function* clusterPartitions(d: Definer, table: TableObject, name: Name | undefined, verbose: boolean): Task<void> {
  const index = d.catalog.indexesOf(table.oid).find((i) => i.name === name?.text);
  if (name !== undefined && index === undefined)
    throw d.error('undefined_object', `index "${name.text}" for table "${table.name}" does not exist`, undefined);
  yield* eachTable(d, leavesOf(d.catalog, table), function* (leaf) {
    const part = index === undefined ? undefined : partOf(d.catalog, leaf, index);
    if (index === undefined || part !== undefined)
      yield* clusterBy(d, leaf.oid, part === undefined ? undefined : { text: part.name, at: name?.at ?? 0 }, verbose);
  });
}

function* clusterBy(d: Definer, oid: Oid, name: Name | undefined, verbose: boolean): Task<void> {
  yield* d.lock(oid, TABLE_ACCESS_EXCLUSIVE);
  // One of several may have gone while it was waited for.
  if (d.catalog.object(oid) === undefined) return;
  const table = d.catalog.table(oid);
  const index =
    name === undefined ? lastClustered(d, table) : d.catalog.indexesOf(oid).find((i) => i.name === name.text);
  if (index === undefined) {
    throw d.error(
      'undefined_object',
      name === undefined
        ? `there is no previously clustered index for table "${table.name}"`
        : `index "${name.text}" for table "${table.name}" does not exist`,
      undefined,
    );
  }
  const order = clusterOrder(d, table, index, name?.at);
  yield* d.putTable({ ...table, clusteredBy: index.oid });
  yield* rebuildTold(d, oid, 'CLUSTER', 'clustering', verbose, order);
}

function lastClustered(d: Definer, table: TableObject): IndexObject | undefined {
  return d.catalog.indexesOf(table.oid).find((index) => index.oid === table.clusteredBy);
}

/** The order that an index asks for; none for a primary key, in whose order the rows lie already. */
function clusterOrder(d: Definer, table: TableObject, index: IndexObject, at: number | undefined): readonly RowOrder[] {
  if (isClustered(table, index)) return [];
  if (table.primaryIndex !== undefined) {
    throw d.error('feature_not_supported', `cannot cluster "${table.name}" by index "${index.name}"`, at, {
      detail: 'The rows of a table with a primary key lie in the order of that key.',
      hint: `CLUSTER ${table.name} USING ${d.catalog.object(table.primaryIndex)?.name ?? 'its primary key'} rebuilds the table.`,
    });
  }
  if (index.disabled === true) throw disabledError(d, index, at);
  if (index.predicate !== undefined)
    throw d.error('feature_not_supported', `cannot cluster on partial index "${index.name}"`, at);
  if (index.columns.some((c) => c.column === 0))
    throw d.error('feature_not_supported', `cannot cluster on index "${index.name}" with expressions`, at);
  return index.columns;
}

/** Rebuilds a table and, if asked to, says what that brought. */
function* rebuildTold(
  d: Definer,
  oid: Oid,
  command: string,
  doing: string,
  verbose: boolean,
  order: readonly RowOrder[],
): Task<void> {
  const table = d.catalog.table(oid);
  const before = pagesOf(d, table);
  if (verbose) info(d, `${doing} "${d.catalog.object(table.schema)?.name ?? ''}.${table.name}"`);
  const now = yield* rebuildWhole(d, table, command, order);
  const { rows } = d.engine.store.facts(now.tree);
  if (verbose) info(d, `"${table.name}": ${rows} rows, ${before} pages before, ${pagesOf(d, now)} pages now`);
}

/** Pages that a table's rows and its indexes use. */
function pagesOf(d: Definer, table: TableObject): number {
  const { store } = d.engine;
  const indexes = d.catalog.liveIndexesOf(table.oid).filter((index) => !isClustered(table, index));
  return [table, ...indexes].reduce((sum, { tree }) => sum + store.facts(tree).pages, 0);
}

// ── REINDEX ──

/** @throws 0A000, 42P01, 42704, 42809, 25001, 23505 */
export function* reindex(d: Definer, s: ReindexStatement): Task<void> {
  for (const option of s.options) {
    if (option.name === 'verbose') continue;
    if (option.name === 'concurrently') continue;
    if (option.name === 'tablespace') throw d.unsupported('a tablespace', option.at);
    throw d.error('syntax_error', `unrecognized REINDEX option "${option.name}"`, option.at);
  }
  const verbose = isOn(d, s.options, 'verbose');
  if (isOn(d, s.options, 'concurrently')) {
    yield* reindexOnline(d, s, verbose);
    return;
  }
  switch (s.object) {
    case 'index':
      yield* reindexIndex(d, s.name!, verbose);
      return;
    case 'table': {
      const table = d.table(s.name!);
      if (table.partitioning !== undefined) {
        forbidBlock(d, 'REINDEX TABLE of a partitioned table');
        yield* eachTable(d, leavesOf(d.catalog, table), (leaf) => reindexTable(d, leaf.oid, verbose));
        return;
      }
      if (d.catalog.indexesOf(table.oid).length === 0) d.sql.tell(`table "${table.name}" has no indexes to reindex`);
      yield* reindexTable(d, table.oid, verbose);
      return;
    }
    case 'system':
      throw d.unsupported('REINDEX SYSTEM', s.at);
    default: {
      forbidBlock(d, `REINDEX ${s.object.toUpperCase()}`);
      const schema = s.object === 'schema' ? d.schemaNamed(s.name!.name, s.name!.at).oid : undefined;
      if (s.object === 'database' && s.name !== null && s.name.name !== d.engine.database.name)
        throw d.error('feature_not_supported', 'can only reindex the currently open database', s.name.at);
      const tables = allTables(d).filter((table) => schema === undefined || table.schema === schema);
      yield* eachTable(d, tables, (table) => reindexTable(d, table.oid, verbose));
    }
  }
}

/** REINDEX … CONCURRENTLY. @throws 0A000, 25001 */
function* reindexOnline(d: Definer, s: ReindexStatement, verbose: boolean): Task<void> {
  forbidBlock(d, 'REINDEX CONCURRENTLY');
  if (s.object === 'system') throw d.unsupported('REINDEX SYSTEM', s.at);
  const found = s.object === 'index' ? d.relation(s.name!) : undefined;
  if (found !== undefined && found.kind !== 'index')
    throw d.error('wrong_object_type', `"${found.name}" is not an index`, undefined);
  const tables =
    found !== undefined
      ? leavesOf(d.catalog, d.catalog.table(found.table))
      : s.object === 'table'
        ? leavesOf(d.catalog, d.table(s.name!))
        : allTables(d).filter((t) => s.object !== 'schema' || t.schema === d.schemaNamed(s.name!.name, s.name!.at).oid);
  for (const table of tables) {
    const all = d.catalog.indexesOf(table.oid);
    const wanted = found === undefined ? all : all.filter((own) => partOf(d.catalog, table, found)?.oid === own.oid);
    yield* rebuildOnline(d, wanted, 'REINDEX', verbose);
  }
}

/**
 * Indexes one after another, each a transaction of its own: writers wait at the end of each, for a moment. A primary key is the
 * table, which takes its other indexes along.
 */
export function* rebuildOnline(
  d: Definer,
  indexes: readonly IndexObject[],
  command: string,
  verbose = false,
): Task<void> {
  const clustered = indexes.find((index) => isClustered(d.catalog.table(index.table), index));
  for (const { oid, table } of clustered === undefined ? indexes : [clustered]) {
    yield* d.lock(table, TABLE_SHARE_UPDATE_EXCLUSIVE);
    const index = d.catalog.object(oid);
    if (index?.kind !== 'index') continue;
    yield* rebuildBesideReaders(d, index, command, indexes);
    if (verbose) info(d, `index "${index.name}" was reindexed`);
  }
}

/** Rebuilds an index, or the table that it is, and commits; the old trees stay until nobody reads them any more. */
function* rebuildBesideReaders(
  d: Definer,
  index: IndexObject,
  command: string,
  wanted: readonly IndexObject[],
): Task<void> {
  const { block } = d.sql;
  const { database } = d.engine;
  const table = d.catalog.table(index.table);
  const release = d.engine.store.retain(index.tree);
  const kept = isClustered(table, index) ? database.earlierTables.keep(table) : undefined;
  try {
    if (isClustered(table, index)) yield* rebuildWhole(d, yield* enableAll(d, table, wanted), command, [], true);
    else yield* rebuildIndex(d, index, command, true);
    yield* block.commit();
    block.enter();
    // Somebody with an old snapshot may come while others are waited for.
    do yield* d.engine.transaction.awaitTable(index.table, TABLE_ACCESS_EXCLUSIVE);
    while (kept !== undefined && kept.readers.size > 0);
  } finally {
    const end = (): void => {
      if (kept !== undefined) database.endEarlier(kept);
      release();
    };
    if (kept === undefined || kept.readers.size === 0) end();
    else kept.onUnread = end;
  }
}

function* reindexIndex(d: Definer, name: QualifiedName, verbose: boolean): Task<void> {
  const found = d.relation(name);
  if (found.kind !== 'index') throw d.error('wrong_object_type', `"${found.name}" is not an index`, undefined);
  if (d.catalog.table(found.table).partitioning !== undefined) {
    forbidBlock(d, 'REINDEX INDEX of a partitioned index');
    yield* eachTable(d, leavesOf(d.catalog, d.catalog.table(found.table)), function* (leaf) {
      const part = partOf(d.catalog, leaf, found);
      if (part !== undefined) yield* reindexOne(d, part, verbose);
    });
    return;
  }
  yield* reindexOne(d, found, verbose);
}

function* reindexOne(d: Definer, { oid, table }: IndexObject, verbose: boolean): Task<void> {
  yield* d.lock(table, TABLE_ACCESS_EXCLUSIVE);
  const index = d.catalog.object(oid);
  if (index?.kind !== 'index') return;
  yield* rebuildOne(d, index, 'REINDEX');
  if (verbose) info(d, `index "${index.name}" was reindexed`);
}

/** One index, whichever it is; the primary key takes its table along. */
export function* rebuildOne(d: Definer, index: IndexObject, command: string): Task<void> {
  const table = d.catalog.table(index.table);
  if (isClustered(table, index)) yield* rebuildWhole(d, table, command);
  else yield* rebuildIndex(d, index, command);
}

function* reindexTable(d: Definer, oid: Oid, verbose: boolean): Task<void> {
  yield* d.lock(oid, TABLE_ACCESS_EXCLUSIVE);
  // One of several may have gone while it was waited for.
  if (d.catalog.object(oid) === undefined) return;
  yield* rebuildAll(d, d.catalog.table(oid), 'REINDEX');
  if (verbose) for (const index of d.catalog.indexesOf(oid)) info(d, `index "${index.name}" was reindexed`);
}

/** All indexes of a table, disabled ones too. The table must be locked. */
export function* rebuildAll(d: Definer, table: TableObject, command: string): Task<void> {
  if (table.primaryIndex !== undefined) yield* rebuildWhole(d, yield* enableAll(d, table), command);
  else for (const index of d.catalog.indexesOf(table.oid)) yield* rebuildIndex(d, index, command);
}

// ── several tables ──

function allTables(d: Definer): TableObject[] {
  return [...d.catalog.objects()].filter(
    (o): o is TableObject => o.kind === 'table' && o.partitioning === undefined && !isSystemSchema(o.schema),
  );
}

/**
 * Does something to each table, as a transaction each; tables that have gone meanwhile are left out.
 *
 * @param settle - what comes between two transactions; by default all the cleaning that there is to do for what was done.
 */
function* eachTable(
  d: Definer,
  tables: readonly TableObject[],
  work: (table: TableObject) => Task<void>,
  settle = (_table: TableObject): Task<void> => d.engine.database.cleanBehind(),
): Task<void> {
  const { block } = d.sql;
  for (const table of tables) {
    if (d.catalog.object(table.oid) === undefined) continue;
    yield* work(table);
    if (block.state !== 'implicit') continue;
    yield* block.commit();
    yield* settle(table);
    block.enter();
  }
}

export function forbidBlock(d: Definer, what: string): void {
  if (d.sql.block.state === 'block')
    throw fail('active_sql_transaction', `${what} cannot run inside a transaction block`);
}

/** What VERBOSE asked for: shown whatever the client's level of messages. */
export function info(d: Definer, message: string): void {
  d.sql.notice({ severity: 'INFO', sqlstate: '00000', message });
}
