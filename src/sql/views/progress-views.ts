/**
 * Views of long work under way: `pg_stat_progress_…` as PostgreSQL has them, one for each kind of command, and in their manner
 * those for reorganizing, shrinking and the online defragmentation task; `sys.dm_exec_requests` as SQL Server has it for all of
 * them. All are read from the one registry of the engine (`engine/maintenance.ts`), and the task from itself.
 */

import type { Activity } from '../../engine/activity.ts';
import { BACKUP_COMMAND } from '../../engine/backups.ts';
import type { Catalog } from '../../engine/catalog.ts';
import { CHECK_COMMANDS } from '../../engine/consistency.ts';
import { percentOf, remainingMs, type Work } from '../../engine/maintenance.ts';
import type { Session } from '../../engine/session.ts';
import { partitionNumber } from '../partitions/bounds.ts';
import type { NamedRow, RowMaker, ViewSource } from './definition.ts';

/** As in `catalog-relations.ts`. */
export const PROGRESS_RELATIONS: readonly string[] = [
  '14020|pg_catalog|pg_stat_progress_reorganize|v|pid int4, datid oid, datname name, relid oid, index_relid oid, ' +
    'partition_number int4, phase text, pages_total int8, pages_done int8, pages_scanned int8, pages_moved int8, ' +
    'pages_removed int8, indexes_total int8, indexes_done int8, percent_complete float8, started_at timestamptz',
  '14024|pg_catalog|pg_stat_progress_shrink|v|pid int4, datid oid, datname name, command text, phase text, ' +
    'pages_total int8, pages_done int8, percent_complete float8, started_at timestamptz',
  '14032|pg_catalog|pg_stat_progress_check|v|pid int4, datid oid, datname name, relid oid, command text, phase text, ' +
    'pages_checked int8, rows_checked int8, percent_complete float8, started_at timestamptz',
  '14025|pg_catalog|pg_stat_progress_defragment|v|pid int4, datid oid, datname name, target text, phase text, ' +
    'passes_done int8, pages_scanned int8, pages_removed int8, seconds int8, percent_complete float8, ' +
    'started_at timestamptz',
  '12298|pg_catalog|pg_stat_progress_analyze|v|pid int4, datid oid, datname name, relid oid, phase text, ' +
    'sample_blks_total int8, sample_blks_scanned int8, ext_stats_total int8, ext_stats_computed int8, ' +
    'child_tables_total int8, child_tables_done int8, current_child_table_relid oid',
  '12314|pg_catalog|pg_stat_progress_basebackup|v|pid int4, phase text, backup_total int8, backup_streamed int8, ' +
    'tablespaces_total int8, tablespaces_streamed int8',
  '12318|pg_catalog|pg_stat_progress_copy|v|pid int4, datid oid, datname name, relid oid, command text, type text, ' +
    'bytes_processed int8, bytes_total int8, tuples_processed int8, tuples_excluded int8',
  '14021|sys|dm_exec_requests|v|session_id int2, request_id int4, start_time timestamptz, status text, command text, ' +
    'sql_handle bytea, statement_start_offset int4, statement_end_offset int4, database_id oid, user_id oid, ' +
    'connection_id uuid, blocking_session_id int2, wait_type text, wait_time int4, last_wait_type text, ' +
    'wait_resource text, open_transaction_count int4, transaction_id int8, percent_complete float4, ' +
    'estimated_completion_time int8, cpu_time int4, total_elapsed_time int4, reads int8, writes int8, ' +
    'logical_reads int8, transaction_isolation_level int2, lock_timeout int4, deadlock_priority int4, row_count int8, ' +
    'is_resumable bool, dop int4',
  '12306|pg_catalog|pg_stat_progress_cluster|v|pid int4, datid oid, datname name, relid oid, command text, phase text, ' +
    'cluster_index_relid oid, heap_tuples_scanned int8, heap_tuples_written int8, heap_blks_total int8, ' +
    'heap_blks_scanned int8, index_rebuild_count int8',
  '12310|pg_catalog|pg_stat_progress_create_index|v|pid int4, datid oid, datname name, relid oid, index_relid oid, ' +
    'command text, phase text, lockers_total int8, lockers_done int8, current_locker_pid int8, blocks_total int8, ' +
    'blocks_done int8, tuples_total int8, tuples_done int8, partitions_total int8, partitions_done int8',
];

const OWNER = 10;
/** Microseconds from 1970 to PostgreSQL's epoch, 2000-01-01. */
const EPOCH_MICROS = 946_684_800_000_000;

export function progressViews(): [string, RowMaker][] {
  return [
    ['pg_catalog.pg_stat_progress_reorganize', reorganizeRows],
    ['pg_catalog.pg_stat_progress_vacuum', vacuumRows],
    ['pg_catalog.pg_stat_progress_cluster', clusterRows],
    ['pg_catalog.pg_stat_progress_create_index', createIndexRows],
    ['pg_catalog.pg_stat_progress_analyze', analyzeRows],
    ['pg_catalog.pg_stat_progress_basebackup', backupRows],
    ['pg_catalog.pg_stat_progress_copy', copyRows],
    ['pg_catalog.pg_stat_progress_shrink', shrinkRows],
    ['pg_catalog.pg_stat_progress_check', checkRows],
    ['pg_catalog.pg_stat_progress_defragment', defragmentRows],
    ['sys.dm_exec_requests', requestRows],
  ];
}

function* works({ session }: ViewSource): Iterable<{
  readonly work: Work;
  readonly database: string;
  readonly oid: number;
  readonly catalog: Catalog;
  readonly sessions: ReadonlyMap<number, Session>;
}> {
  for (const { maintenance, name, oid, catalog, sessions } of session.instance.databases())
    for (const work of maintenance.works) yield { work, database: name, oid, catalog, sessions };
}

/** Waiting is suspended to SQL Server. */
function waitOf({ wait }: Activity): { status: string; wait_type: string | null } {
  return { status: wait === undefined ? 'running' : 'suspended', wait_type: wait?.event ?? null };
}

const REORGANIZING: readonly string[] = ['ALTER INDEX REORGANIZE', 'DBCC INDEXDEFRAG'];
const SHRINKING: readonly string[] = ['ALTER DATABASE SHRINK', 'ALTER DATABASE RESIZE', 'SELECT extentdb.trim()'];

function* reorganizeRows(source: ViewSource): Iterable<NamedRow> {
  for (const { work, database, oid, catalog } of works(source)) {
    if (!REORGANIZING.includes(work.command)) continue;
    const table = catalog.object(work.table);
    yield {
      pid: work.owner,
      datid: oid,
      datname: database,
      relid: work.table,
      index_relid: work.index,
      partition_number: table?.kind === 'table' ? partitionNumber(catalog, table) : 1,
      phase: work.phase,
      pages_total: work.workTotal,
      pages_done: work.workDone,
      pages_scanned: work.scanned,
      pages_moved: work.moved,
      pages_removed: work.removed,
      indexes_total: work.treesTotal,
      indexes_done: work.treesDone,
      percent_complete: percentOf(work),
      started_at: work.startedWallMicros - EPOCH_MICROS,
    };
  }
}

/** Works of these commands, with the columns that PostgreSQL's views have in common. */
function* worksOf(source: ViewSource, commands: readonly string[]): Iterable<{ work: Work; head: NamedRow }> {
  for (const { work, database, oid } of works(source)) {
    if (!commands.includes(work.command)) continue;
    const head = { pid: work.owner, datid: oid, datname: database, relid: work.table, phase: work.phase };
    yield { work, head };
  }
}

/** Pages are those of the tree at work, of the table or one of its indexes. */
function* vacuumRows(source: ViewSource): Iterable<NamedRow> {
  for (const { work, head } of worksOf(source, ['VACUUM'])) {
    yield {
      ...head,
      heap_blks_total: work.workTotal,
      heap_blks_scanned: work.workDone,
      heap_blks_vacuumed: work.workDone,
      index_vacuum_count: 0,
      max_dead_tuples: 0,
      num_dead_tuples: 0,
    };
  }
}

/** Rows are counted, not blocks. */
function* clusterRows(source: ViewSource): Iterable<NamedRow> {
  for (const { work, head } of worksOf(source, ['VACUUM FULL', 'CLUSTER'])) {
    yield {
      ...head,
      command: work.command,
      cluster_index_relid: work.command === 'CLUSTER' ? work.index : 0,
      heap_tuples_scanned: work.scanned,
      heap_tuples_written: work.moved,
      heap_blks_total: 0,
      heap_blks_scanned: 0,
      index_rebuild_count: Math.max(0, work.treesDone - 1),
    };
  }
}

function* createIndexRows(source: ViewSource): Iterable<NamedRow> {
  for (const { work, head } of worksOf(source, ['CREATE INDEX', 'REINDEX', 'ALTER INDEX REBUILD'])) {
    yield {
      ...head,
      index_relid: work.index,
      command: work.command,
      lockers_total: 0,
      lockers_done: 0,
      current_locker_pid: 0,
      blocks_total: 0,
      blocks_done: 0,
      tuples_total: work.workTotal,
      tuples_done: work.workDone,
      partitions_total: 0,
      partitions_done: 0,
    };
  }
}

function* analyzeRows(source: ViewSource): Iterable<NamedRow> {
  for (const { work, head } of worksOf(source, ['ANALYZE'])) {
    yield {
      ...head,
      sample_blks_total: work.workTotal,
      sample_blks_scanned: work.workDone,
      ext_stats_total: 0,
      ext_stats_computed: 0,
      child_tables_total: 0,
      child_tables_done: 0,
      current_child_table_relid: 0,
    };
  }
}

/** As PostgreSQL, which knows a total of bytes only of files; what COPY TO has of a table's rows is in `sys.dm_exec_requests`. */
function* copyRows(source: ViewSource): Iterable<NamedRow> {
  for (const { work, head } of worksOf(source, ['COPY FROM', 'COPY TO'])) {
    yield {
      ...head,
      command: work.command,
      type: 'PIPE',
      bytes_processed: work.scanned,
      bytes_total: 0,
      tuples_processed: work.moved,
      tuples_excluded: 0,
    };
  }
}

/** A database is one file: one tablespace. The total is not known before its size is. */
function* backupRows(source: ViewSource): Iterable<NamedRow> {
  for (const { work, head } of worksOf(source, [BACKUP_COMMAND])) {
    const isStreamed = work.scanned > 0 && work.moved >= work.scanned;
    yield {
      pid: head['pid'] ?? null,
      phase: work.phase,
      backup_total: work.scanned === 0 ? null : work.scanned,
      backup_streamed: work.moved,
      tablespaces_total: 1,
      tablespaces_streamed: isStreamed ? 1 : 0,
    };
  }
}

function* shrinkRows(source: ViewSource): Iterable<NamedRow> {
  for (const { work, head } of worksOf(source, SHRINKING)) {
    yield {
      ...head,
      command: work.command,
      pages_total: work.workTotal,
      pages_done: work.workDone,
      percent_complete: percentOf(work),
      started_at: work.startedWallMicros - EPOCH_MICROS,
    };
  }
}

function* checkRows(source: ViewSource): Iterable<NamedRow> {
  for (const { work, head } of worksOf(source, CHECK_COMMANDS)) {
    yield {
      ...head,
      command: work.command,
      pages_checked: work.scanned,
      rows_checked: work.moved,
      percent_complete: percentOf(work),
      started_at: work.startedWallMicros - EPOCH_MICROS,
    };
  }
}

const PHASES = {
  none: 'running a pass',
  pass: 'waiting for the next pass',
  backup: 'waiting for the end of a backup',
} as const;

function* defragmentRows({ session }: ViewSource): Iterable<NamedRow> {
  for (const { defragmentation: task, oid, name } of session.instance.databases()) {
    if (!task.isRunning) continue;
    const { passes, visited, freed, seconds, percent } = task.progress;
    yield {
      pid: 0,
      datid: oid,
      datname: name,
      target: task.target,
      phase: PHASES[task.waitsFor ?? 'none'],
      passes_done: passes,
      pages_scanned: visited,
      pages_removed: freed,
      seconds,
      percent_complete: percent,
      started_at: task.startedMicros - EPOCH_MICROS,
    };
  }
}

/** What executes just now, as SQL Server lists it: every statement, with its long work if it does some; and what nobody's session does. */
function* requestRows(source: ViewSource): Iterable<NamedRow> {
  const { session } = source;
  const { maintenance, clock } = session.engine.database;
  const nowMs = maintenance.nowMs();
  const nowMicros = clock.wallMicros();
  const common = { request_id: 0, user_id: OWNER, blocking_session_id: 0, wait_time: 0, is_resumable: false, dop: 1 };
  const shown = [...works(source)];
  const busy = new Set(shown.map(({ work }) => work.owner));
  for (const { oid, sessions } of session.instance.databases()) {
    for (const { processId, activity, inTransaction } of sessions.values()) {
      if (!activity.isActive || busy.has(processId)) continue;
      yield {
        ...common,
        ...waitOf(activity),
        session_id: processId,
        start_time: (activity.queryMicros ?? nowMicros) - EPOCH_MICROS,
        command: activity.command,
        database_id: oid,
        open_transaction_count: inTransaction ? 1 : 0,
        percent_complete: 0,
        estimated_completion_time: 0,
        total_elapsed_time: Math.round((nowMicros - (activity.queryMicros ?? nowMicros)) / 1000),
      };
    }
  }
  for (const { work, oid, sessions } of shown) {
    const owner = sessions.get(work.owner);
    yield {
      ...common,
      ...(owner === undefined ? { status: 'background', wait_type: null } : waitOf(owner.activity)),
      session_id: work.owner,
      start_time: work.startedWallMicros - EPOCH_MICROS,
      command: work.command,
      database_id: oid,
      open_transaction_count: owner?.inTransaction === true ? 1 : 0,
      percent_complete: percentOf(work),
      estimated_completion_time: remainingMs(work, nowMs),
      total_elapsed_time: Math.round(nowMs - work.startedMs),
    };
  }
  for (const { defragmentation: task, oid } of session.instance.databases()) {
    if (!task.isRunning) continue;
    yield {
      ...common,
      session_id: 0,
      start_time: task.startedMicros - EPOCH_MICROS,
      status: 'background',
      command: 'ONLINE DEFRAGMENTATION',
      database_id: oid,
      open_transaction_count: 0,
      percent_complete: task.progress.percent,
      estimated_completion_time: task.remainingMs,
      total_elapsed_time: task.progress.seconds * 1000,
    };
  }
}
