/**
 * What generated code does with a row that is aggregated: find its group, step the accumulators.
 *
 * Covered: grouping by any number of columns whose bytes say whether they are equal, and of integer and boolean expressions;
 * count, sum, avg, min and max of numbers and of numerics with at most 15 digits. Sums are exact: they are kept in a number
 * and moved to a bigint before they could round.
 *
 *   open    accumulators into variables                    a0 e0 o0 … (grouped: arrays), x0 y0 … (one group: values)
 *   write   row: { key → group j, made or put aside;  a0[j] += …;  e0[j]++ … }
 *   close   variables back                                 (one group)
 */
import {
  fixedBytes,
  KIND_ARRAY,
  KIND_BPCHAR,
  KIND_F32,
  KIND_F64,
  KIND_INTERVAL,
  KIND_NAME,
  KIND_NUMERIC,
  KIND_RECORD,
  KIND_TEXT,
  type PhysicalKind,
} from '../../../base/physical.ts';
import type { AggregateCall, Expr } from '../../plan/logical.ts';
import type { Shape } from '../shape.ts';
import { CodeWriter } from './code.ts';
import { copyColumn } from './copy-code.ts';
import { type CodeValue, conditionCode, valueCode } from './expression-code.ts';
import { type GroupKind, NO_ROOM } from './fused-groups.ts';
import type { Place, RowCode } from './row-code.ts';

type How = 'count' | 'sum' | 'avg' | 'min' | 'max' | 'fsum' | 'favg' | 'wsum' | 'wavg' | 'omin' | 'omax';

/**
 * How one call is accumulated. `slot` is its accumulator column; sums and averages count their non-null arguments too. `f…`:
 * floats; `w…`: values that may be bigints; `o…`: such values as they are.
 */
export interface FusedCall {
  readonly how: How;
  readonly slot: number;
  /** Digits behind the point of what is summed. */
  readonly scale: number;
  readonly type: number;
}

interface PlannedCall extends FusedCall {
  readonly arg: Expr | undefined;
  readonly filter: Expr | undefined;
}

/** A partial sum moves to the bigint when it passes this: one more addend below it cannot reach 2^53. */
const SPILL_AT = 4e15;
/** Kinds whose equality is not that of their bytes, or not known here. */
const NO_KEY: ReadonlySet<number> = new Set([KIND_ARRAY, KIND_BPCHAR, KIND_INTERVAL, KIND_NUMERIC, KIND_RECORD]);
const SMALL_INTEGERS: ReadonlySet<number> = new Set([21, 23]);

export class AggregateSink {
  readonly kind: GroupKind;
  readonly calls: readonly PlannedCall[];
  readonly #groups: readonly Expr[];
  readonly #groupShape: Shape;

  private constructor(kind: GroupKind, groups: readonly Expr[], groupShape: Shape, calls: readonly PlannedCall[]) {
    this.kind = kind;
    this.#groups = groups;
    this.#groupShape = groupShape;
    this.calls = calls;
  }

  /** Undefined when something is not covered. @param like - row code over the same records, to try expressions on. */
  static plan(
    like: (w: CodeWriter) => RowCode,
    groups: readonly Expr[],
    groupShape: Shape,
    calls: readonly AggregateCall[],
  ): AggregateSink | undefined {
    const row = like(new CodeWriter());
    const planned: PlannedCall[] = [];
    for (const call of calls) {
      const one = planCall(row, call, planned.length);
      if (one === undefined) return undefined;
      planned.push(one);
    }
    const kind = groups.length === 0 ? 'none' : groups.length === 1 && isInteger(row, groups[0]!) ? 'integer' : 'keyed';
    if (kind === 'keyed' && !groups.every((g, i) => isKey(row, g, groupShape, i))) return undefined;
    return new AggregateSink(kind, groups, groupShape, planned);
  }

  /** All expressions that the sink evaluates. */
  get expressions(): readonly Expr[] {
    return [...this.#groups, ...this.calls.flatMap((c) => [c.arg, c.filter]).filter((e): e is Expr => e !== undefined)];
  }

  open(w: CodeWriter): void {
    for (const { slot } of this.calls) {
      if (this.kind === 'none')
        w.line(`let x${slot} = g.values[${slot}][0], y${slot} = g.counts[${slot}][0], o${slot} = g.objects[${slot}];`);
      else w.line(`let a${slot} = g.values[${slot}], e${slot} = g.counts[${slot}], o${slot} = g.objects[${slot}];`);
    }
    if (this.kind !== 'none') w.line('let j = -1;');
    if (this.kind === 'integer') w.line('let h = 0, table = g.table, keys = g.keys, mask = table.length - 1;');
    if (this.kind === 'keyed') w.line('const key = g.key, out = g.rows;');
  }

  close(w: CodeWriter): void {
    if (this.kind !== 'none') return;
    for (const { slot } of this.calls) w.line(`g.values[${slot}][0] = x${slot}; g.counts[${slot}][0] = y${slot};`);
  }

  /** @param note - code that notes where it stands, before a value is waited for. */
  write(row: RowCode, note: string): boolean {
    const w = row.writer;
    if (this.kind === 'none') return this.#writeSteps(row);
    w.open('row:');
    const done =
      (this.kind === 'integer' ? this.#writeInteger(row, this.#groups[0]!) : this.#writeKeyed(row, note)) &&
      this.#writeSteps(row);
    w.close();
    return done;
  }

  /** The row goes to the others whose groups found no room. */
  #putAside(row: RowCode): string {
    const pair = row.second === undefined || row.absent ? 'v, b, r' : 'w, a, q';
    return `g.putAside(v, b, r, ${pair}, ${row.absent}); break row;`;
  }

  #reload(w: CodeWriter): void {
    for (const { slot } of this.calls) w.line(`a${slot} = g.values[${slot}]; e${slot} = g.counts[${slot}];`);
  }

  #writeInteger(row: RowCode, group: Expr): boolean {
    const w = row.writer;
    const value = valueCode(row, group);
    if (value === undefined) return false;
    row.flush();
    const t = w.fresh();
    if (value.nulls.length > 0) {
      w.open(`if (${value.nulls.join(' || ')})`);
      w.line('j = g.nullGroup();');
      this.#reload(w);
      w.close();
      w.open('else');
    } else w.open('');
    w.line(`${t} = ${value.code};`);
    w.line(`h = Math.imul(${t}, 0x9e3779b1) >>> 7 & mask;`);
    w.line(`while ((j = table[h] - 1) >= 0 && keys[j] !== ${t}) h = h + 1 & mask;`);
    w.open('if (j < 0)');
    w.line(`if (g.isFull()) { g.integerKey(${t}); ${this.#putAside(row)} }`);
    w.line(`j = g.add(${t}, h);`);
    w.line('table = g.table; keys = g.keys; mask = table.length - 1;');
    this.#reload(w);
    w.close();
    w.close();
    return true;
  }

  #writeKeyed(row: RowCode, note: string): boolean {
    const w = row.writer;
    w.line('key.length = 0;');
    const writers: (() => void)[] = [];
    let waits = false;
    for (const [i, group] of this.#groups.entries()) {
      const place = columnPlace(row, group);
      if (place !== undefined) {
        waits ||= place.shape.layout.fixedAt[place.position]! < 0;
        writeColumnKey(row, place, note);
        writers.push(() => copyColumn(w, this.#groupShape, i, row.isAbsent(place) ? undefined : place));
        continue;
      }
      const value = valueCode(row, group);
      if (value === undefined) return false;
      writers.push(writeValueKey(row, value, this.#groupShape, i));
    }
    w.line('j = g.lookUp();');
    if (waits) w.line('if (g.waited) g.rowDone();');
    w.open('if (j < 0)');
    w.line(`if (j === ${NO_ROOM}) { ${this.#putAside(row)} }`);
    w.line('j = -1 - j;');
    w.line('out.start();');
    for (const write of writers) write();
    w.line('out.finish();');
    this.#reload(w);
    w.close();
    return true;
  }

  #writeSteps(row: RowCode): boolean {
    const w = row.writer;
    for (const call of this.calls) {
      const conditions: string[] = [];
      if (call.filter !== undefined) conditions.push(conditionCode(row, call.filter, true)!);
      let value: CodeValue | undefined;
      if (call.arg !== undefined) {
        value = valueCode(row, call.arg)!;
        conditions.push(...value.nulls.map((n) => `!${n}`));
      }
      row.flush();
      const step = this.#stepCode(row, call, value);
      w.line(conditions.length === 0 ? step : `if (${conditions.join(' && ')}) { ${step} }`);
    }
    return true;
  }

  #stepCode(row: RowCode, { how, slot }: PlannedCall, value: CodeValue | undefined): string {
    const group = this.kind === 'none' ? '0' : 'j';
    const x = this.kind === 'none' ? `x${slot}` : `a${slot}[j]`;
    const y = this.kind === 'none' ? `y${slot}` : `e${slot}[j]`;
    const carry = `if (${x} > ${SPILL_AT} || ${x} < -${SPILL_AT}) { g.spill(${slot}, ${group}, ${x}); ${x} = 0; }`;
    if (how === 'count') return `${y}++;`;
    if (how === 'fsum' || how === 'favg') return `${x} += ${value!.code}; ${y}++;`;
    if (how === 'sum' || how === 'avg') return `${x} += ${value!.code}; ${y}++; ${carry}`;
    const t = row.writer.fresh();
    const take = `${t} = ${value!.code};`;
    if (how === 'wsum' || how === 'wavg')
      return `${take} ${y}++; if (typeof ${t} === 'number' && ${t} < ${SPILL_AT} && ${t} > -${SPILL_AT}) { ${x} += ${t}; ${carry} } else g.addWide(${slot}, ${group}, ${t});`;
    const best = how === 'omin' || how === 'omax' ? `o${slot}[${group}]` : x;
    return `${take} if (${y} === 0 || ${t} ${how.endsWith('min') ? '<' : '>'} ${best}) ${best} = ${t}; ${y}++;`;
  }
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
  const { kind, scale } = value;
  const integer = kind === 'num' && arg.type !== 700 && arg.type !== 701;
  switch (compiled) {
    case 'count':
      return { ...base, how: 'count', arg };
    case 'sum_int':
      return kind === 'num' ? { ...base, how: 'sum', arg } : undefined;
    case 'sum_int8':
      return kind === 'int8' || integer ? { ...base, how: 'wsum', arg } : undefined;
    case 'avg_int':
      return kind === 'int8'
        ? { ...base, how: 'wavg', arg }
        : kind === 'num'
          ? { ...base, how: 'avg', arg }
          : undefined;
    case 'sum_numeric':
    case 'avg_numeric':
      return kind === 'dec' ? { ...base, how: compiled === 'sum_numeric' ? 'sum' : 'avg', arg, scale } : undefined;
    case 'sum_float':
      return kind === 'num' && arg.type === 701 ? { ...base, how: 'fsum', arg } : undefined;
    case 'min':
    case 'max':
      if (kind === 'int8') return { ...base, how: compiled === 'min' ? 'omin' : 'omax', arg, type: arg.type };
      return kind === 'dec' || integer ? { ...base, how: compiled, arg, scale, type: arg.type } : undefined;
    default:
      return undefined;
  }
}

/** True when a value of the expression is a 16- or 32-bit integer in generated code. */
function isInteger(row: RowCode, group: Expr): boolean {
  return SMALL_INTEGERS.has(group.type) && valueCode(row, group)?.kind === 'num';
}

function columnPlace(row: RowCode, expr: Expr): Place | undefined {
  return expr.kind === 'column' ? row.find(expr.id) : undefined;
}

function isKey(row: RowCode, group: Expr, groupShape: Shape, at: number): boolean {
  const to = groupShape.columns[at]!.physical;
  const place = columnPlace(row, group);
  if (place !== undefined) {
    const { physical } = place.column;
    return physical.kind === to.kind && physical.scale === to.scale && !NO_KEY.has(to.kind) && hasKeyCode(to.kind);
  }
  return isInteger(row, group) || (group.type === 16 && valueCode(row, group)?.kind === 'bool');
}

function hasKeyCode(kind: PhysicalKind): boolean {
  return kind === KIND_TEXT || kind === KIND_NAME || fixedBytes(kind) > 0;
}

/** Appends a column to the key: 0 for null, else 1 and its bytes, a text's behind their number. */
function writeColumnKey(row: RowCode, place: Place, note: string): void {
  const w = row.writer;
  const { names, position, shape, column } = place;
  const at = `${names.start} + ${shape.layout.fixedAt[position]!}`;
  if (row.isAbsent(place)) {
    w.line('key.byte(0);');
    return;
  }
  w.line(`if (${row.nullTest(place)}) key.byte(0);`);
  w.open('else');
  w.line('key.byte(1);');
  const { kind } = column.physical;
  if (kind === KIND_TEXT || kind === KIND_NAME) {
    const { start, end, long } = row.range(place);
    const [from, to] = [w.fresh(), w.fresh()];
    w.line(`${from} = ${start}; ${to} = ${end};`);
    w.open(`if (${long})`);
    w.line(note);
    w.line(`const bytes = g.longBytes(${names.view}, ${from});`);
    w.line('key.uint32(bytes.length); key.append(bytes, 0, bytes.length);');
    w.close();
    w.line(`else { key.uint32(${to} - ${from}); key.append(${names.bytes}, ${from}, ${to}); }`);
  } else if (kind === KIND_F32 || kind === KIND_F64)
    w.line(`key.float64(${names.view}.getFloat${kind === KIND_F32 ? 32 : 64}(${at}, true));`);
  else {
    const size = fixedBytes(kind);
    if (size === 1) w.line(`key.byte(${names.bytes}[${at}]);`);
    else if (size === 2) w.line(`key.int16(${names.view}.getInt16(${at}, true));`);
    else for (let i = 0; i < size; i += 4) w.line(`key.uint32(${names.view}.getUint32(${at} + ${i}, true));`);
  }
  w.close();
}

/** Appends a computed value to the key; returns what writes it to the group's row. */
function writeValueKey(row: RowCode, value: CodeValue, groupShape: Shape, at: number): () => void {
  const w = row.writer;
  row.flush();
  const t = w.fresh();
  const isNull = value.nulls.length === 0 ? 'false' : value.nulls.join(' || ');
  const size = fixedBytes(groupShape.columns[at]!.physical.kind);
  const offset = `out.at + ${groupShape.layout.fixedAt[at]!}`;
  const append = value.kind === 'bool' ? `key.byte(${t} ? 1 : 0);` : `key.int32(${t});`;
  const put =
    value.kind === 'bool'
      ? `out.bytes[${offset}] = ${t} ? 1 : 0;`
      : `out.view.setInt${size * 8}(${offset}, ${t}, true);`;
  w.line(`if (${isNull}) key.byte(0); else { ${t} = ${value.code}; key.byte(1); ${append} }`);
  return () => w.line(`if (${isNull}) out.setNull(${at}); else { ${put} }`);
}
