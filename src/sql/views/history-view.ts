/**
 * `extentdb.commandlog`: what was done for maintenance (`engine/history.ts`), in the columns of CommandLog.
 *
 * Those are named as there; as unquoted names fold to lower case, `SELECT DatabaseName, StartTime FROM extentdb.CommandLog` reads
 * them. What was foreseen and what was done stand behind them.
 */
import type { Task } from '../../base/task.ts';
import type { HistoryEntry } from '../../engine/history.ts';
import type { NamedRow, RowGatherer, ViewSource } from './definition.ts';

/** As in `catalog-relations.ts`. */
export const HISTORY_RELATIONS: readonly string[] = [
  '14023|extentdb|commandlog|v|id int8, databasename text, schemaname text, objectname text, objecttype text, ' +
    'indexname text, indextype int2, statisticsname text, partitionnumber int4, extendedinfo text, command text, ' +
    'commandtype text, starttime timestamptz, endtime timestamptz, errornumber int4, errormessage text, ' +
    'sqlstate text, process_id int4, status text, reason text, predicted_pages_scanned int8, pages_scanned int8, ' +
    'predicted_pages_moved int8, pages_moved int8, predicted_pages_removed int8, pages_removed int8, ' +
    'predicted_lob_pages_moved int8, lob_pages_moved int8',
];

/** Microseconds from 1970 to PostgreSQL's epoch, 2000-01-01. */
const EPOCH_MICROS = 946_684_800_000_000;
/** SQL Server's number for errors that are somebody's own. */
const OWN_ERROR = 50_000;

export function historyViews(): [string, RowGatherer][] {
  return [['extentdb.commandlog', historyRows]];
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
  };
}
