/** The view of how long steps of defragmentation take in this database, and who waited for them, since it was opened. */
import type { NamedRow, RowMaker, ViewSource } from './definition.ts';

/** As in `catalog-relations.ts`. */
export const STEP_RELATIONS: readonly string[] = [
  '14030|extentdb|defragmentation_steps|v|steps int8, steps_over_2ms int8, total_ms float8, longest_ms float8, ' +
    'steps_over_2ms_of_own int8, longest_own_ms float8, foreground_waits int8, longest_wait_ms float8, steps_in_a_wait_max int8, log_bytes int8, pages_written int8',
];

export function stepViews(): [string, RowMaker][] {
  return [['extentdb.defragmentation_steps', stepRows]];
}

function* stepRows({ session }: ViewSource): Iterable<NamedRow> {
  const { steps } = session.engine.database.file;
  yield {
    steps: steps.steps,
    steps_over_2ms: steps.overruns,
    total_ms: steps.totalMs,
    longest_ms: steps.longestMs,
    steps_over_2ms_of_own: steps.ownOverruns,
    longest_own_ms: steps.longestOwnMs,
    foreground_waits: steps.waits,
    longest_wait_ms: steps.longestWaitMs,
    steps_in_a_wait_max: steps.stepsInWaitMax,
    log_bytes: steps.logBytes,
    pages_written: steps.pagesWritten,
  };
}
