/**
 * ALTER TABLE and partitions whose detaching is pending: what is changed of the partitioned table passes them by, and they are not
 * altered themselves.
 *
 *   columns, defaults, checks, new keys, indexes and foreign keys   not theirs any more
 *   keys, indexes and foreign keys that the table loses             theirs go too: they were parts of them
 *   checks that the table loses                                     stay, and are their own
 *   names of columns                                                follow if their bounds are written with them
 *
 * Such a partition need not fit its table any more. Whoever has a snapshot of before the mark, and has not read the table yet, would
 * read it there: for them it is too late (40001).
 */
import type { Task } from '../../base/task.ts';
import type { Oid, TableObject } from '../../engine/catalog.ts';
import type { Definer } from './definer.ts';
import { dropOrphans } from './partition-alter.ts';

export const FINALIZE_HINT =
  'Use ALTER TABLE ... DETACH PARTITION ... FINALIZE to complete the pending detach operation.';

/** @throws 55000 */
export function refuseLeaving(d: Definer, table: TableObject): void {
  if (table.partition?.detachPending !== true) return;
  const message = `cannot alter partition "${table.name}" with an incomplete detach`;
  throw d.error('object_not_in_prerequisite_state', message, undefined, { hint: FINALIZE_HINT });
}

/** A partitioned table has been changed: takes those that are leaving it, or a partition of it, what was part of something gone. */
export function* passByLeaving(d: Definer, parent: Oid): Task<void> {
  for (const table of [d.catalog.table(parent), ...d.catalog.descendantsOf(parent)]) {
    const leaving = d.catalog.partitionsOf(table.oid, true).filter((p) => p.partition?.detachPending === true);
    if (leaving.length > 0) d.engine.rewrote(table.oid);
    for (const { oid } of leaving) yield* leaveBehind(d, oid);
  }
}

function* leaveBehind(d: Definer, partition: Oid): Task<void> {
  const orphans = [...d.catalog.constraintsOf(partition), ...d.catalog.indexesOf(partition)].filter(
    (own) => own.parent !== undefined && d.catalog.object(own.parent) === undefined,
  );
  yield* dropOrphans(
    d,
    orphans.filter((own) => own.kind === 'index' || own.type !== 'check'),
  );
  for (const own of orphans) {
    if (own.kind === 'index' || own.type !== 'check') continue;
    const { parent: _gone, ...check } = own;
    yield* d.put({ ...check, version: own.version + 1 });
  }
  for (const { oid } of d.catalog.partitionsOf(partition)) yield* leaveBehind(d, oid);
}
