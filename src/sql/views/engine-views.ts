/**
 * The views of what the engine has at work in this database: old versions of rows and who keeps them, and how long it ran
 * without giving way.
 */
import type { NamedRow, RowMaker, ViewSource } from './definition.ts';

/** As in `catalog-relations.ts`. */
export const ENGINE_RELATIONS: readonly string[] = [
  '14033|extentdb|version_store|v|entries int8, memory_bytes int8, memory_limit_bytes int8, spilled_bytes int8, ' +
    'spill_limit_bytes int8, horizon_pid int4, horizon_kind text, horizon_since timestamptz, horizon_xmin int8',
  '14034|extentdb|scheduler|v|stretches int8, stretches_over_10ms int8, longest_ms float8',
];

/** Microseconds from 1970 to PostgreSQL's epoch, 2000-01-01. */
const EPOCH_MICROS = 946_684_800_000_000;

export function engineViews(): [string, RowMaker][] {
  return [
    ['extentdb.version_store', versionRows],
    ['extentdb.scheduler', schedulerRows],
  ];
}

function* versionRows({ session }: ViewSource): Iterable<NamedRow> {
  const { versions, horizon } = session.engine.database.file.store.versionFacts();
  yield {
    entries: versions.entries,
    memory_bytes: versions.heldBytes,
    memory_limit_bytes: versions.limitBytes,
    spilled_bytes: versions.spilledBytes,
    spill_limit_bytes: versions.spillLimitBytes,
    horizon_pid: horizon?.owner ?? null,
    horizon_kind: horizon === undefined ? null : horizon.isSnapshot ? 'snapshot' : 'transaction',
    horizon_since: horizon === undefined ? null : horizon.sinceMicros - EPOCH_MICROS,
    horizon_xmin: horizon?.oldestOpen ?? null,
  };
}

/** Since the database was opened. */
function* schedulerRows({ session }: ViewSource): Iterable<NamedRow> {
  const { scheduler } = session.engine.database;
  yield {
    stretches: scheduler.stretches,
    stretches_over_10ms: scheduler.overruns,
    longest_ms: scheduler.longestMs,
  };
}
