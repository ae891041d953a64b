/**
 * `extentdb.commandlog`: what was done for maintenance (`engine/history.ts`), in the columns of CommandLog.
 *
 * Those are named as there; as unquoted names fold to lower case, `SELECT DatabaseName, StartTime FROM extentdb.CommandLog` reads
 * them. What was foreseen and what was done stand behind them. `extentdb.maintenance` shows what began by itself: what was done,
 * from history, and then what is queued or running.
 */
import type { Task } from '../../base/task.ts';
import type { HistoryEntry } from '../../engine/history.ts';
import { treesOf } from '../../engine/space-facts.ts';
import type { MaintenanceEntry } from '../../engine/threshold-maintenance.ts';
import { displayName } from '../session/names.ts';
import type { NamedRow, RowGatherer, ViewSource } from './definition.ts';

/** As in `catalog-relations.ts`. */
export const HISTORY_RELATIONS: readonly string[] = [
  '14023|extentdb|commandlog|v|id int8, databasename text, schemaname text, objectname text, objecttype text, ' +
    'indexname text, indextype int2, statisticsname text, partitionnumber int4, extendedinfo text, command text, ' +
    'commandtype text, starttime timestamptz, endtime timestamptz, errornumber int4, errormessage text, ' +
    'sqlstate text, process_id int4, status text, reason text, predicted_pages_scanned int8, pages_scanned int8, ' +
    'predicted_pages_moved int8, pages_moved int8, predicted_pages_removed int8, pages_removed int8, ' +
    'predicted_lob_pages_moved int8, lob_pages_moved int8, prediction text',
  '14022|extentdb|maintenance|v|tree int8, object text, state text, reason text, density_before float8, ' +
    'density_after float8, queued_at timestamptz, started_at timestamptz, ended_at timestamptz, pages_scanned int8, ' +
    'pages_moved int8, pages_removed int8, error text',
];

/** Microseconds from 1970 to PostgreSQL's epoch, 2000-01-01. */
const EPOCH_MICROS = 946_684_800_000_000;
/** SQL Server's number for errors that are somebody's own. */
const OWN_ERROR = 50_000;

export function historyViews(): [string, RowGatherer][] {
  return [
    ['extentdb.commandlog', historyRows],
    ['extentdb.maintenance', maintenanceRows],
  ];
}

function micros(value: number | undefined): number | null {
  return value === undefined ? null : value - EPOCH_MICROS;
}

function* maintenanceRows({ session, catalog }: ViewSource): Task<NamedRow[]> {
  const { database } = session.engine;
  const owners = treesOf(catalog, database.space);
  const nameOf = (tree: number): string | null => {
    const owner = owners.get(tree);
    return owner === undefined ? null : displayName(catalog, session.context.schemas, owner.object);
  };
  const history = yield* database.history.entries();
  const waiting = database.thresholds.entries.filter((e) => e.state === 'queued' || e.state === 'running');
  const isWaiting = ({ info }: HistoryEntry): boolean =>
    waiting.some((e) => e.tree === info?.['tree'] && e.queuedMicros === info['queued_micros']);
  return [
    ...history.filter((e) => e.info?.['tree'] !== undefined && !isWaiting(e)).map((e) => doneRow(e, nameOf)),
    ...waiting.map((e) => waitingRow(e, nameOf)),
  ];
}

function doneRow(e: HistoryEntry, nameOf: (tree: number) => string | null): NamedRow {
  const { tree, queued_micros: queued, density_before: before, density_after: after } = e.info ?? {};
  const id = typeof tree === 'number' ? tree : 0;
  return {
    tree: id,
    object: nameOf(id) ?? e.index ?? e.object ?? null,
    state: e.sqlstate === undefined ? 'done' : 'failed',
    reason: e.reason ?? null,
    density_before: typeof before === 'number' ? before : null,
    density_after: typeof after === 'number' ? after : null,
    queued_at: micros(typeof queued === 'number' ? queued : undefined),
    started_at: micros(e.startMicros),
    ended_at: micros(e.endMicros),
    pages_scanned: e.actual?.scanned ?? null,
    pages_moved: e.actual?.moved ?? null,
    pages_removed: e.actual?.removed ?? null,
    error: e.errorMessage ?? null,
  };
}

function waitingRow(e: MaintenanceEntry, nameOf: (tree: number) => string | null): NamedRow {
  return {
    tree: e.tree,
    object: nameOf(e.tree),
    state: e.state,
    reason: e.reason,
    density_before: e.densityBefore,
    queued_at: micros(e.queuedMicros),
    started_at: micros(e.startedMicros),
  };
}

function* historyRows({ session }: ViewSource): Task<NamedRow[]> {
  return (yield* session.engine.database.history.entries()).map(rowOf);
}

function rowOf(e: HistoryEntry): NamedRow {
  const failed = e.sqlstate !== undefined;
  return {
    id: e.id,
    databasename: e.database,
    schemaname: e.schema ?? null,
    objectname: e.object ?? null,
    objecttype: e.objectType ?? null,
    indexname: e.index ?? null,
    indextype: e.indexType ?? null,
    statisticsname: e.statistics ?? null,
    partitionnumber: e.partition ?? null,
    extendedinfo: e.info === undefined ? null : JSON.stringify(e.info),
    command: e.command,
    commandtype: e.commandType,
    starttime: e.startMicros - EPOCH_MICROS,
    endtime: e.endMicros - EPOCH_MICROS,
    errornumber: failed ? (e.errorNumber ?? OWN_ERROR) : 0,
    errormessage: e.errorMessage ?? null,
    sqlstate: e.sqlstate ?? null,
    process_id: e.processId,
    status: e.status,
    reason: e.reason ?? null,
    predicted_pages_scanned: e.predicted?.scanned ?? null,
    pages_scanned: e.actual?.scanned ?? null,
    predicted_pages_moved: e.predicted?.moved ?? null,
    pages_moved: e.actual?.moved ?? null,
    predicted_pages_removed: e.predicted?.removed ?? null,
    pages_removed: e.actual?.removed ?? null,
    predicted_lob_pages_moved: e.predicted?.lobMoved ?? null,
    lob_pages_moved: e.actual?.lobMoved ?? null,
    prediction: e.prediction ?? null,
  };
}
