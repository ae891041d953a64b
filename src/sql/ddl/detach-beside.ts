/**
 * ALTER TABLE … DETACH PARTITION … CONCURRENTLY and … FINALIZE.
 *
 *   partition ──first transaction──> pending ──all who used the partitioned table have ended; second transaction──> table of its own
 *                                      │ interrupted: stays pending                                                      ▲
 *                                      └──FINALIZE, which waits likewise─────────────────────────────────────────────────┘
 *
 * Pending, it is left out of the partitioned table for whoever begins now, keeps to its bounds, and is there for older snapshots
 * (`engine/detachments.ts`). The first transaction also gives it a check that says what its bounds said, unless its own checks say so:
 * attaching it again then needs no look at its rows. Hash partitions get none, as PostgreSQL's do not: their condition is about a
 * table that they do not belong to any more.
 */
import type { Task } from '../../base/task.ts';
import type { ConstraintObject, Oid, TableObject } from '../../engine/catalog.ts';
import { TABLE_ACCESS_EXCLUSIVE, TABLE_SHARE_UPDATE_EXCLUSIVE } from '../../engine/record-port.ts';
import type { AlterTableAction } from '../ast/definitions.ts';
import { keyOf } from '../bind/expression-keys.ts';
import { bindTableExpression, storedText } from '../bind/table-rules.ts';
import { partitionConstraintText } from '../partitions/partition-text.ts';
import type { Expr } from '../plan/logical.ts';
import { conjunction, conjunctsOf } from '../plan/walk.ts';
import { BOOL_OID } from '../types/type-oids.ts';
import type { Definer } from './definer.ts';
import { FINALIZE_HINT, refuseLeaving } from './partition-leaving.ts';
import { requireUnreferenced } from './partition-references.ts';
import { partitionOf, release, requirePartitioned } from './partitions.ts';
import { forbidBlock } from './rebuild-statements.ts';

type Detach = Extract<AlterTableAction, { kind: 'detachPartition' }>;

/** @throws 25001, 42P01, 42P17, 55000, 23503 */
export function* detachBeside(d: Definer, parent: Oid, action: Detach): Task<void> {
  requirePartitioned(d, d.catalog.table(parent));
  if (action.mode === 'finalize') {
    yield* finalize(d, parent, d.table(action.partition).oid);
    return;
  }
  refuseLeaving(d, d.catalog.table(parent));
  forbidBlock(d, 'ALTER TABLE ... DETACH CONCURRENTLY');
  const child = yield* begin(d, parent, action);
  const names = [d.catalog.table(parent).name, d.catalog.table(child).name] as const;
  yield* d.sql.block.commit();
  d.sql.block.enter();
  yield* d.engine.transaction.awaitTable(parent, TABLE_ACCESS_EXCLUSIVE);
  for (const [i, [oid, mode, what]] of (
    [
      [parent, TABLE_SHARE_UPDATE_EXCLUSIVE, 'partitioned table'],
      [child, TABLE_ACCESS_EXCLUSIVE, 'partition'],
    ] as const
  ).entries()) {
    if (d.catalog.object(oid) !== undefined) yield* d.lock(oid, mode);
    if (d.catalog.object(oid) !== undefined) continue;
    d.sql.warn(`${what} "${names[i]}" was removed concurrently`, '42P01');
    return;
  }
  yield* end(d, parent, child);
}

/** The first transaction: marks the partition. @returns its oid. */
function* begin(d: Definer, parent: Oid, action: Detach): Task<Oid> {
  yield* d.lock(parent, TABLE_SHARE_UPDATE_EXCLUSIVE);
  const table = d.catalog.table(parent);
  const partitions = [...d.catalog.partitionsOf(parent, true)];
  if (partitions.some((p) => p.partition?.bound.kind === 'default'))
    throw d.error(
      'object_not_in_prerequisite_state',
      'cannot detach partitions concurrently when a default partition exists',
      undefined,
    );
  const named = d.table(action.partition);
  yield* d.lock(named.oid, TABLE_SHARE_UPDATE_EXCLUSIVE);
  const pending = d.catalog.partitionsOf(parent, true).find((p) => p.partition?.detachPending === true);
  if (pending !== undefined) {
    const path = `${d.catalog.object(table.schema)?.name}.${table.name}`;
    const message = `partition "${pending.name}" already pending detach in partitioned table "${path}"`;
    throw d.error('object_not_in_prerequisite_state', message, undefined, { hint: FINALIZE_HINT });
  }
  const child = partitionOf(d, table, named.oid);
  yield* requireUnreferenced(d, child);
  yield* keepBounds(d, table, child);
  const { partition } = child;
  if (partition !== undefined) yield* d.putTable({ ...child, partition: { ...partition, detachPending: true } });
  yield* d.putTable(table);
  return child.oid;
}

/** FINALIZE: those who may still see the partition in its table are waited for. */
function* finalize(d: Definer, parent: Oid, child: Oid): Task<void> {
  yield* d.lock(parent, TABLE_SHARE_UPDATE_EXCLUSIVE);
  yield* d.lock(child, TABLE_ACCESS_EXCLUSIVE);
  yield* d.engine.transaction.awaitTable(parent, TABLE_ACCESS_EXCLUSIVE);
  yield* end(d, parent, child);
}

function* end(d: Definer, parent: Oid, oid: Oid): Task<void> {
  const table = d.catalog.table(parent);
  const child = partitionOf(d, table, oid);
  if (child.partition?.detachPending !== true)
    throw d.error(
      'object_not_in_prerequisite_state',
      `cannot complete detaching partition "${child.name}"`,
      undefined,
      {
        detail: "There's no pending concurrent detach.",
      },
    );
  yield* release(d, table, child);
}

// ── the check that stays ──

/**
 * Do a table's own checks and NOT NULLs say all that a condition says? Part by part: of `(k IS NOT NULL) AND (k >= 1)` each part has
 * to stand in one of them, in the same words once they are bound.
 */
function isImplied(d: Definer, table: TableObject, condition: string): boolean {
  const context = d.sql.bindContext();
  const bind = (text: string): Expr[] =>
    conjunctsOf(bindTableExpression(context, table, text, undefined, text, BOOL_OID, 'CHECK').expr);
  const checks = d.catalog
    .constraintsOf(table.oid)
    .flatMap((c) => (c.type === 'check' && c.validated && c.expression !== undefined ? [c.expression] : []));
  const wanted = bind(condition).length;
  // Bound as one, so that a column is called the same in all of them.
  const all = bind([condition, ...checks].map((text) => `(${text})`).join(' AND '));
  const { row } = bindTableExpression(context, table, condition, undefined, condition, BOOL_OID, 'CHECK');
  const live = table.columns.filter((c) => !c.dropped);
  const known = new Set(all.slice(wanted).map(keyOf));
  const isNotNull = (part: Expr): boolean =>
    part.kind === 'test' &&
    part.test === 'not null' &&
    part.arg.kind === 'column' &&
    live[row.findIndex((column) => part.arg.kind === 'column' && column.id === part.arg.id)]?.notNull === true;
  return all.slice(0, wanted).every((part) => known.has(keyOf(part)) || isNotNull(part));
}

function* keepBounds(d: Definer, table: TableObject, child: TableObject): Task<void> {
  if (table.partitioning?.strategy === 'hash') return;
  const text = partitionConstraintText(d.catalog, child, d.sql.context);
  if (text === undefined) return;
  const context = d.sql.bindContext();
  const written = bindTableExpression(context, child, text, undefined, text, BOOL_OID, 'CHECK');
  // What the levels above say is one list with what its own bounds say.
  const bound = { ...written, expr: conjunction(conjunctsOf(written.expr)) ?? written.expr };
  if (isImplied(d, child, text)) return;
  const [column, ...more] = bound.columns.map((number) => child.columns.find((c) => c.number === number)!.name);
  const parts = column === undefined || more.length > 0 ? [child.name] : [child.name, column];
  const check: ConstraintObject = {
    kind: 'constraint',
    oid: yield* d.takeOid(),
    name: d.chooseName(parts, 'check', d.taken(child.schema, child.oid, new Set())),
    schema: child.schema,
    owner: child.owner,
    version: 1,
    table: child.oid,
    type: 'check',
    columns: bound.columns,
    index: 0,
    expression: storedText(context, child, bound, text, BOOL_OID, 'CHECK'),
    deferrable: false,
    initiallyDeferred: false,
    validated: true,
  };
  yield* d.put(check);
}
