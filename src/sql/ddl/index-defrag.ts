/**
 * `DBCC INDEXDEFRAG ( db | 0, table [, index [, partition | 0]] ) [WITH NO_INFOMSGS]`: REORGANIZE by its older name.
 *
 * Every five minutes of work it tells how far it is, unless NO_INFOMSGS is there. With an index it returns the row that ALTER INDEX does not: Pages Scanned, Pages Moved, Pages Removed. Indexes have the numbers
 * of `sys.dm_db_index_physical_stats`: 1 the primary key, 2 … the others; oids are understood too.
 */
import type { Task } from '../../base/task.ts';
import type { TableObject } from '../../engine/catalog.ts';
import type { DbccName, IndexDefragStatement, ReorganizeStatement } from '../ast/definitions.ts';
import type { QualifiedName } from '../ast/names.ts';
import type { ResultColumn, ResultSink } from '../session/results.ts';
import { sendRows } from '../session/rows-out.ts';
import type { Definer } from './definer.ts';
import { beginRun, chooseTargets } from './reorganize.ts';
import { reorganizeOne } from './reorganize-run.ts';

const INT8 = 20;
const COLUMNS: readonly ResultColumn[] = ['Pages Scanned', 'Pages Moved', 'Pages Removed'].map((name) => ({
  name,
  type: INT8,
  typmod: -1,
  table: 0,
  number: 0,
}));

/** Between two notices of how far it is. */
const TELL_EVERY_MS = 5 * 60_000;

/** Result columns, for Describe; null = no rows. */
export function indexDefragColumns(s: IndexDefragStatement): readonly ResultColumn[] | null {
  return s.index === null || s.noInfo ? null : COLUMNS;
}

/** @throws 3D000, 0A000 for another database, and what REORGANIZE throws */
export function* indexDefrag(d: Definer, s: IndexDefragStatement, sink: ResultSink): Task<void> {
  requireHere(d, s.database, 'DBCC INDEXDEFRAG');
  const table = tableNamed(d, s.table);
  const { targets } = chooseTargets(d, asReorganize(d, s, table));
  yield* beginRun(d, table, targets);
  const rows: number[][] = [];
  const { clock } = d.engine.database;
  let toldMs = clock.monotonicMs();
  for (const [done, target] of targets.entries()) {
    const owner = d.catalog.table(target.table);
    const { scanned, moved, removed } = yield* reorganizeOne(d, owner, target, {
      lobCompaction: true,
      durationMs: undefined,
      pagesMax: undefined,
      dryRun: false,
      verbose: false,
      command: 'DBCC INDEXDEFRAG',
      treesTotal: targets.length,
      treesDone: done,
      onPercent: s.noInfo
        ? undefined
        : (percent) => {
            if (clock.monotonicMs() - toldMs < TELL_EVERY_MS) return;
            toldMs = clock.monotonicMs();
            d.sql.tell(`"${target.name}": ${Math.floor(percent)} percent complete`);
          },
    });
    rows.push([scanned, moved, removed]);
  }
  const columns = indexDefragColumns(s);
  if (columns !== null) yield* sendRows(d.sql, sink, columns, rows);
}

/** The database that a DBCC command names must be the session's. @throws 3D000, 0A000 */
export function requireHere(d: Definer, { name, id, at }: DbccName, command: string): void {
  const { database } = d.engine;
  if (name === null ? id === 0 || id === database.oid : name.name === database.name) return;
  const known = d.sql.instance
    .databaseList()
    .some((other) => (name === null ? other.oid === id : other.name === name.name));
  if (known) throw d.error('feature_not_supported', `${command} works on the database that one is connected to`, at);
  throw d.error('invalid_catalog_name', `database "${name?.name ?? id}" does not exist`, at, { detail: 'Msg 2520.' });
}

/** The table that a DBCC command names. @throws 42P01 */
export function tableNamed(d: Definer, { name, id, at }: DbccName): TableObject {
  if (name !== null) {
    if (d.findRelation(name) !== undefined) return d.table(name);
    throw d.error('undefined_table', `relation "${d.shown(name)}" does not exist`, at, { detail: 'Msg 2501.' });
  }
  const found = d.catalog.object(id);
  if (found?.kind === 'table') return found;
  throw d.error('undefined_table', `there is no table with the number ${id}`, at, { detail: 'Msg 2501.' });
}

/** The ALTER INDEX that says the same. */
function asReorganize(d: Definer, s: IndexDefragStatement, table: TableObject): ReorganizeStatement {
  const schema = d.catalog.object(table.schema)?.name ?? null;
  return {
    kind: 'reorganize',
    at: s.at,
    index: s.index === null ? null : indexName(d, s.index, table),
    table: { catalog: null, schema, name: table.name, at: s.table.at },
    partition: s.partition === null || s.partition.number === 0 ? null : s.partition,
    partitionAll: s.partition?.number === 0,
    wholeTable: false,
    options: [],
  };
}

function indexName(d: Definer, { name, id, at }: DbccName, table: TableObject): QualifiedName {
  if (name !== null) return name;
  const indexes = d.catalog.indexesOf(table.oid);
  const others = indexes.filter((index) => index.oid !== table.primaryIndex);
  const found =
    indexes.find((index) => index.oid === id || (id === 1 && index.oid === table.primaryIndex)) ?? others[id - 2];
  if (found !== undefined) return { catalog: null, schema: null, name: found.name, at };
  throw d.error('undefined_object', `table "${table.name}" has no index with the number ${id}`, at, {
    detail: 'Msg 2591.',
  });
}
