/**
 * Aggregation over a table scan in one loop: filter, group and accumulate without a row in between.
 *
 *   loop(scan, access, s, g)      g: the groups, accumulators in typed arrays
 *
 * Covered: no grouping, or one grouping column of a 16- or 32-bit integer; count, sum, avg, min and max of numbers and of
 * numerics with at most 15 digits. Sums are exact: they are kept in a number and moved to a bigint before they could round.
 */
import { KIND_I16, KIND_I32 } from '../../../base/physical.ts';
import type { LeafScan } from '../../../engine/record-port.ts';
import type { TableAccess } from '../../../engine/table-access.ts';
import type { AggregateCall, Expr } from '../../plan/logical.ts';
import { conjunctsOf } from '../../plan/walk.ts';
import type { Shape } from '../shape.ts';
import type { ExecState } from '../state.ts';
import { CodeWriter, mayGenerateCode } from './code.ts';
import { type CodeValue, conditionCode, RowCode, valueCode } from './expression-code.ts';
import type { FusedGroups } from './fused-groups.ts';
import { notNullIds, writeLoops, writeRow } from './scan-code.ts';

export type AggregateLoop = (scan: LeafScan, access: TableAccess, s: ExecState, g: FusedGroups) => void;

/** How one call is accumulated. `slot` is its accumulator column; sums and averages count their non-null arguments too. */
export interface FusedCall {
  readonly how: 'count' | 'sum' | 'avg' | 'min' | 'max' | 'fsum' | 'favg';
  readonly slot: number;
  /** Digits behind the point of what is summed. */
  readonly scale: number;
  readonly type: number;
}

export interface CompiledAggregate {
  readonly fn: AggregateLoop;
  readonly source: string;
  readonly calls: readonly FusedCall[];
  readonly grouped: boolean;
}

/** A partial sum moves to the bigint when it passes this: one more addend cannot reach 2^53. */
const SPILL_AT = 4e15;

interface PlannedCall extends FusedCall {
  readonly arg: Expr | undefined;
  readonly filter: Expr | undefined;
}

function planCall(row: RowCode, call: AggregateCall, slot: number): PlannedCall | undefined {
  if (call.distinct || call.order.length > 0 || call.direct.length > 0) return undefined;
  const compiled = call.aggregate.compiled;
  if (compiled === undefined) return undefined;
  if (call.filter !== undefined && conditionCode(row, call.filter, true) === undefined) return undefined;
  const base = { slot, filter: call.filter, scale: 0, type: call.aggregate.result };
  if (compiled === 'count_star') return { ...base, how: 'count', arg: undefined };
  const arg = call.args[0]!;
  const value = valueCode(row, arg);
  if (value === undefined || value.kind === 'bool') return undefined;
  switch (compiled) {
    case 'count':
      return { ...base, how: 'count', arg };
    case 'sum_int':
      return value.kind === 'num' ? { ...base, how: 'sum', arg } : undefined;
    case 'sum_numeric':
      return value.kind === 'dec' ? { ...base, how: 'sum', arg, scale: value.scale } : undefined;
    case 'avg_int':
      return value.kind === 'num' ? { ...base, how: 'avg', arg } : undefined;
    case 'avg_numeric':
      return value.kind === 'dec' ? { ...base, how: 'avg', arg, scale: value.scale } : undefined;
    case 'sum_float':
      return value.kind === 'num' && arg.type === 701 ? { ...base, how: 'fsum', arg } : undefined;
    case 'min':
    case 'max':
      return value.kind === 'dec' || (value.kind === 'num' && arg.type !== 700 && arg.type !== 701)
        ? { ...base, how: compiled, arg, scale: value.scale, type: arg.type }
        : undefined;
    default:
      return undefined;
  }
}

/** Compiles the loop, or answers undefined when something is not covered. */
export function compileAggregateLoop(
  tableShape: Shape,
  access: TableAccess,
  filter: Expr | undefined,
  groups: readonly Expr[],
  calls: readonly AggregateCall[],
): CompiledAggregate | undefined {
  if (!mayGenerateCode() || groups.length > 1) return undefined;
  const w = new CodeWriter();
  const row = new RowCode(w, tableShape, notNullIds(tableShape, access));
  const planned: PlannedCall[] = [];
  for (const call of calls) {
    const one = planCall(row, call, planned.length);
    if (one === undefined) return undefined;
    planned.push(one);
  }
  const group = groups[0];
  if (group !== undefined && !isGroupColumn(tableShape, group)) return undefined;
  for (const condition of conjunctsOf(filter)) if (conditionCode(row, condition, true) === undefined) return undefined;
  for (const line of row.prologue) w.line(line);
  const local = group === undefined;
  writeLoad(w, planned, local);
  const body = (): boolean =>
    writeRow(row, filter, () =>
      group === undefined
        ? writeSteps(row, planned, (name, slot) => `${name}${slot}`)
        : writeGrouped(row, group, planned),
    );
  w.open('rows:');
  if (!writeLoops(row, access.layout.number, body, 'break rows;')) return undefined;
  w.close();
  if (local) writeStore(w, planned);
  const built = w.build<AggregateLoop>('aggregateLeaf', ['scan', 'access', 's', 'g']);
  return built === undefined
    ? undefined
    : {
        ...built,
        calls: planned.map(({ how, slot, scale, type }) => ({ how, slot, scale, type })),
        grouped: group !== undefined,
      };
}

function isGroupColumn(shape: Shape, group: Expr): boolean {
  if (group.kind !== 'column') return false;
  const position = shape.position(group.id);
  if (position < 0) return false;
  const { kind } = shape.columns[position]!.physical;
  return kind === KIND_I32 || kind === KIND_I16;
}

/** Accumulators of an ungrouped aggregation live in variables while a leaf is read. */
function writeLoad(w: CodeWriter, calls: readonly PlannedCall[], local: boolean): void {
  for (const { slot } of calls) {
    if (local) w.line(`let x${slot} = g.values[${slot}][0], y${slot} = g.counts[${slot}][0];`);
    else w.line(`let a${slot} = g.values[${slot}], e${slot} = g.counts[${slot}];`);
  }
  if (!local) w.line('let table = g.table, keys = g.keys, mask = table.length - 1;');
}

function writeStore(w: CodeWriter, calls: readonly PlannedCall[]): void {
  for (const { slot } of calls) w.line(`g.values[${slot}][0] = x${slot}; g.counts[${slot}][0] = y${slot};`);
}

/** Finds or makes the row's group, then steps. */
function writeGrouped(row: RowCode, group: Expr, calls: readonly PlannedCall[]): boolean {
  const w = row.writer;
  const value = valueCode(row, group);
  if (value === undefined) return false;
  row.flush();
  const isNull = value.nulls[0];
  w.line('let j = -1;');
  const find = (): void => {
    w.line(`let h = Math.imul(${value.code}, 0x9e3779b1) >>> 7 & mask;`);
    w.line(`while ((j = table[h] - 1) >= 0 && keys[j] !== ${value.code}) h = h + 1 & mask;`);
    w.open('if (j < 0)');
    w.line(`j = g.add(${value.code}, h);`);
    w.line('table = g.table; keys = g.keys; mask = table.length - 1;');
    for (const { slot } of calls) w.line(`a${slot} = g.values[${slot}]; e${slot} = g.counts[${slot}];`);
    w.close();
  };
  if (isNull === undefined) find();
  else {
    w.open(`if (${isNull})`);
    w.line('j = g.nullGroup();');
    for (const { slot } of calls) w.line(`a${slot} = g.values[${slot}]; e${slot} = g.counts[${slot}];`);
    w.close();
    w.open('else');
    find();
    w.close();
  }
  return writeSteps(row, calls, (name, slot) => `${name === 'x' ? 'a' : 'e'}${slot}[j]`);
}

function writeSteps(
  row: RowCode,
  calls: readonly PlannedCall[],
  at: (name: 'x' | 'y', slot: number) => string,
): boolean {
  const w = row.writer;
  for (const call of calls) {
    const conditions: string[] = [];
    if (call.filter !== undefined) conditions.push(conditionCode(row, call.filter, true)!);
    let value: CodeValue | undefined;
    if (call.arg !== undefined) {
      value = valueCode(row, call.arg)!;
      conditions.push(...value.nulls.map((n) => `!${n}`));
    }
    row.flush();
    const step = stepCode(row, call, value, at('x', call.slot), at('y', call.slot));
    w.line(conditions.length === 0 ? step : `if (${conditions.join(' && ')}) { ${step} }`);
  }
  return true;
}

function stepCode(row: RowCode, call: PlannedCall, value: CodeValue | undefined, x: string, y: string): string {
  const group = y.endsWith('[j]') ? 'j' : '0';
  switch (call.how) {
    case 'count':
      return `${y}++;`;
    case 'sum':
    case 'avg':
      return `${x} += ${value!.code}; ${y}++; if (${x} > ${SPILL_AT} || ${x} < -${SPILL_AT}) { g.spill(${call.slot}, ${group}, ${x}); ${x} = 0; }`;
    case 'fsum':
    case 'favg':
      return `${x} += ${value!.code}; ${y}++;`;
    case 'min':
    case 'max': {
      const t = row.writer.fresh();
      return `${t} = ${value!.code}; if (${y} === 0 || ${t} ${call.how === 'min' ? '<' : '>'} ${x}) ${x} = ${t}; ${y}++;`;
    }
  }
}
