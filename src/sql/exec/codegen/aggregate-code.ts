/**
 * Aggregation in one loop: over the leaves of a table (filter, group and accumulate without a row in between), or over the
 * rows that an operator puts out.
 *
 *   loop(scan, access, s, g)      batch(rows, from, s, g)      g: the groups; see `aggregate-sink.ts`
 */
import type { LeafScan, RowBuffer } from '../../../engine/record-port.ts';
import type { TableAccess } from '../../../engine/table-access.ts';
import type { AggregateCall, Expr } from '../../plan/logical.ts';
import type { Shape } from '../shape.ts';
import type { ExecState } from '../state.ts';
import { AggregateSink, type FusedCall } from './aggregate-sink.ts';
import { CodeWriter, mayGenerateCode } from './code.ts';
import type { FusedGroups, GroupKind } from './fused-groups.ts';
import { RowCode } from './row-code.ts';
import { notNullIds, writeLoops, writeRow } from './scan-code.ts';

export type AggregateLoop = (scan: LeafScan, access: TableAccess, s: ExecState, g: FusedGroups) => void;
export type AggregateBatch = (rows: RowBuffer, from: number, s: ExecState, g: FusedGroups) => void;

/** What is grouped and computed. */
export interface AggregateWork {
  readonly groups: readonly Expr[];
  readonly groupShape: Shape;
  readonly calls: readonly AggregateCall[];
}

export interface CompiledAggregate<F> {
  readonly fn: F;
  readonly source: string;
  readonly calls: readonly FusedCall[];
  readonly kind: GroupKind;
}

/** Compiles the loop over leaves, or answers undefined when something is not covered. */
export function compileAggregateLoop(
  tableShape: Shape,
  access: TableAccess,
  filter: Expr | undefined,
  work: AggregateWork,
): CompiledAggregate<AggregateLoop> | undefined {
  if (!mayGenerateCode()) return undefined;
  const like = (w: CodeWriter): RowCode => new RowCode(w, tableShape, notNullIds(tableShape, access));
  const sink = AggregateSink.plan(like, work.groups, work.groupShape, work.calls);
  if (sink === undefined) return undefined;
  const w = new CodeWriter();
  const row = like(w);
  sink.open(w);
  w.open('rows:');
  const body = (): boolean => writeRow(row, filter, () => sink.write(row, 'g.at = i;'));
  if (!writeLoops(row, access.layout.number, body, 'break rows;')) return undefined;
  w.close();
  sink.close(w);
  return built(w.build<AggregateLoop>('aggregateLeaf', ['scan', 'access', 's', 'g']), sink);
}

/** Compiles the loop over rows of `shape`, or answers undefined when something is not covered. */
export function compileAggregateBatch(
  shape: Shape,
  work: AggregateWork,
): CompiledAggregate<AggregateBatch> | undefined {
  if (!mayGenerateCode()) return undefined;
  const like = (w: CodeWriter): RowCode => new RowCode(w, shape);
  const sink = AggregateSink.plan(like, work.groups, work.groupShape, work.calls);
  if (sink === undefined) return undefined;
  const w = new CodeWriter();
  const row = like(w);
  sink.open(w);
  writeBatchLoop(w, 'from');
  if (!sink.write(row, 'g.at = i;')) return undefined;
  w.close();
  sink.close(w);
  return built(w.build<AggregateBatch>('aggregateRows', ['rows', 'from', 's', 'g']), sink);
}

/** Begins a loop over the rows of a buffer. */
export function writeBatchLoop(w: CodeWriter, from: string): void {
  w.open(`for (let i = ${from}, end = rows.count, index = rows.index; i < end; i++)`);
  w.line('const p = index[i], v = rows.views[p >>> 13], b = rows.chunks[p >>> 13], r = (p & 8191) << 3;');
}

export function built<F>(
  code: { readonly fn: F; readonly source: string } | undefined,
  sink: AggregateSink,
): CompiledAggregate<F> | undefined {
  if (code === undefined) return undefined;
  const calls = sink.calls.map(({ how, slot, scale, type }) => ({ how, slot, scale, type }));
  return { ...code, calls, kind: sink.kind };
}
