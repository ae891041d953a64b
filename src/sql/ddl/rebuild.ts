/**
 * Rebuilding without changing anything: what VACUUM FULL, CLUSTER, REINDEX and ALTER INDEX … REBUILD share.
 *
 *   rows        read in the order wanted ──> a new tree ──┐
 *   each index  keys read, sorted ──> a new tree          ├──> the old trees go with the transaction, their space comes back
 *   long values written anew beside the rows              ┘
 *
 * Space hints are kept. The caller holds the table for itself (ACCESS EXCLUSIVE), or rebuilds it beside writers (`online-table.ts`,
 * `online-index.ts`); until the transaction ends there is room for
 * both, and a rollback leaves the old trees. A REPEATABLE READ snapshot of before cannot read the table afterwards (40001), unless
 * it was rebuilt beside writers (`earlier-tables.ts`).
 */
import type { Task } from '../../base/task.ts';
import type { IndexObject, TableObject } from '../../engine/catalog.ts';
import type { WorkTarget } from '../../engine/maintenance.ts';
import { tableRules } from '../bind/table-rules.ts';
import { quoteIdentifier } from '../session/names.ts';
import { buildIndex, type RowOrder } from './build-index.ts';
import { commandType, indexFacts, rebuiltOutcome, sqlName, tableFacts } from './command-facts.ts';
import type { Definer } from './definer.ts';
import { buildIndexOnline } from './online-index.ts';
import { rebuildTableOnline } from './online-table.ts';
import { rebuildTable } from './rebuild-table.ts';
import { indexTreeFor, newIndexTree } from './tree-space.ts';

/** Is the index the table's own tree? */
export function isClustered(table: TableObject, index: IndexObject): boolean {
  return table.primaryIndex === index.oid;
}

/**
 * A table's rows, long values and all of its enabled indexes.
 *
 * @param isOnline - beside writers: the caller holds SHARE UPDATE EXCLUSIVE only, and writers wait at the end.
 * @returns the table as it is now.
 * @throws 23505
 */
export function* rebuildWhole(
  d: Definer,
  table: TableObject,
  command: string,
  order: readonly RowOrder[] = [],
  isOnline = false,
): Task<TableObject> {
  const { store } = d.engine;
  const indexes = d.catalog.liveIndexesOf(table.oid);
  const secondary = indexes.filter((index) => !isClustered(table, index)).length;
  const work = d.engine.database.maintenance.track(workTarget(d, table, table.primaryIndex ?? 0), command, {
    phase: 'writing new heap',
    // Each row is read and written, for the table and for every index.
    workTotal: 2 * store.facts(table.tree).rows * (1 + secondary),
    treesTotal: 1 + secondary,
  });
  const pages = (): number => store.facts(d.catalog.table(table.oid).tree).pages;
  const before = pages();
  const text = `${command === 'ALTER INDEX REBUILD' ? 'ALTER INDEX ALL ON' : command} ${sqlName(d, table)}`;
  const facts = tableFacts(
    d,
    table,
    command === 'ALTER INDEX REBUILD' ? `${text} REBUILD` : text,
    commandType(command),
  );
  try {
    const task = isOnline
      ? rebuildTableOnline(d, table, work)
      : rebuildTable(d, table, table, (row) => row, undefined, undefined, { order, work });
    yield* d.engine.database.history.record(facts, task, () => rebuiltOutcome(d, before, pages()));
  } finally {
    work.end();
  }
  return d.catalog.table(table.oid);
}

/**
 * One secondary index; a disabled one is enabled again.
 *
 * @param isOnline - beside writers: the caller holds SHARE UPDATE EXCLUSIVE only, and writers wait at the end.
 * @throws 23505 when it is unique and its rows are not.
 */
export function* rebuildIndex(d: Definer, index: IndexObject, command: string, isOnline = false): Task<void> {
  const { store, transaction } = d.engine;
  const { disabled: _disabled, ...enabled } = index;
  const old = d.catalog.table(index.table);
  const tree = yield* newIndexTree(d, old.tree, index.options);
  const next: IndexObject = { ...enabled, tree, version: index.version + 1 };
  yield* d.put(next);
  const table = yield* d.putTable(old);
  const work = d.engine.database.maintenance.track(
    { ...workTarget(d, table, index.oid), tree: index.tree, name: index.name },
    command,
    { phase: 'building index', workTotal: 2 * store.facts(table.tree).rows, treesTotal: 1 },
  );
  const before = store.facts(index.tree).pages;
  const rebuilt = quoteIdentifier(index.name);
  const text =
    command === 'REINDEX' ? `REINDEX INDEX ${rebuilt}` : `ALTER INDEX ${rebuilt} ON ${sqlName(d, table)} REBUILD`;
  const facts = indexFacts(d, table, { index: index.oid, name: index.name }, text, commandType(command));
  try {
    const task = isOnline
      ? buildIndexOnline(d, table, next, work)
      : buildIndex(d, table, next, tableRules(d.sql.bindContext(), table), work);
    yield* d.engine.database.history.record(facts, task, () => rebuiltOutcome(d, before, store.facts(tree).pages));
  } finally {
    work.end();
  }
  yield* store.dropTree(transaction, index.tree);
}

/** Enables disabled indexes in the catalog; the rebuild of the table that follows fills them. @returns the table as it is now. */
export function* enableAll(
  d: Definer,
  table: TableObject,
  among: readonly IndexObject[] = d.catalog.indexesOf(table.oid),
): Task<TableObject> {
  const now = among.map((index) => d.catalog.object(index.oid));
  const disabled = now.flatMap((index) => (index?.kind === 'index' && index.disabled === true ? [index] : []));
  if (disabled.length === 0) return table;
  for (const { disabled: _disabled, ...index } of disabled) yield* d.put({ ...index, version: index.version + 1 });
  return yield* d.putTable(table);
}

/** Empties a secondary index and takes it out of use until it is rebuilt. */
export function* disableIndex(d: Definer, index: IndexObject): Task<void> {
  const { store, transaction } = d.engine;
  const table = d.catalog.table(index.table);
  const disabled: IndexObject = { ...index, disabled: true };
  const tree = yield* indexTreeFor(d, table.tree, disabled);
  yield* d.put({ ...disabled, tree, version: index.version + 1 });
  yield* d.putTable(table);
  yield* store.dropTree(transaction, index.tree);
}

function workTarget(d: Definer, table: TableObject, index: number): WorkTarget {
  return { tree: table.tree, table: table.oid, index, name: table.name, owner: d.engine.processId };
}
