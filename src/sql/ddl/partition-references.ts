/**
 * Foreign keys to a partitioned table when one of its partitions leaves it: no row may refer to a row that goes.
 *
 *   refs ──foreign key──> p ──> p1, p2        DETACH PARTITION p1: is there a row of refs with its parent in p1?
 *
 * Whoever writes to the referencing tables is waited for, and kept out until the transaction ends: from then on nobody finds a parent
 * in the partition any more.
 */
import type { Task } from '../../base/task.ts';
import type { ConstraintObject, Oid, TableObject } from '../../engine/catalog.ts';
import { TABLE_SHARE } from '../../engine/record-port.ts';
import { partitionStillReferenced } from '../exec/violations.ts';
import { quoted } from '../session/names.ts';
import type { Definer } from './definer.ts';

/** @throws 23503 when a row refers to one of a partition through a partitioned table. */
export function* requireUnreferenced(d: Definer, partition: TableObject): Task<void> {
  for (const { oid, foreign } of d.catalog.referencesThrough(partition)) {
    if (foreign?.table === partition.oid) continue;
    for (const table of referencingTables(d, oid)) yield* d.lock(table.oid, TABLE_SHARE);
    // It may have gone while its table was waited for.
    const constraint = d.catalog.object(oid);
    if (constraint?.kind === 'constraint') yield* d.engine.seeingNow(() => requireNoRow(d, partition, constraint));
  }
}

/** The table of a foreign key and all its partitions. */
function referencingTables(d: Definer, constraint: Oid): TableObject[] {
  const found = d.catalog.object(constraint);
  if (found?.kind !== 'constraint') return [];
  return [d.catalog.table(found.table), ...d.catalog.descendantsOf(found.table, true)];
}

/** One join for each table, which finds its way by indexes and gives way as any other; nulls refer to nothing. */
function* requireNoRow(d: Definer, partition: TableObject, constraint: ConstraintObject): Task<void> {
  const { catalog } = d;
  const relation = (t: TableObject): string => `${quoted(catalog.object(t.schema)!.name)}.${quoted(t.name)}`;
  const column = (t: TableObject, number: number): string => quoted(t.columns.find((c) => c.number === number)!.name);
  const [whole, ...parts] = referencingTables(d, constraint.oid);
  const { foreign } = constraint;
  if (whole === undefined || foreign === undefined) return;
  // Columns of partitions are called as those of the whole.
  const own = constraint.columns.map((number) => `c.${column(whole, number)}`);
  const parent = catalog.table(foreign.table);
  const pairs = foreign.columns.map((number, i) => `p.${column(parent, number)} = ${own[i]}`);
  // The whole has no rows of partitions that are being detached from it, but those are referring still.
  for (const table of [whole, ...parts.filter((part) => part.partition?.detachPending === true)]) {
    const sql = `SELECT ${own.join(', ')} FROM ${relation(table)} c JOIN ${relation(partition)} p ON ${pairs.join(' AND ')} LIMIT 1`;
    const [values] = yield* d.sql.runner.queryInternal(sql, []);
    if (values !== undefined) throw partitionStillReferenced(catalog, partition, constraint, values, d.sql.context);
  }
}
