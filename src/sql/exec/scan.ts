/**
 * Reading tables: all of one, ranges of its key, ranges of an index.
 *
 * A scan works leaf by leaf. Between leaves it may suspend; in the middle of one it first gives up the page (`park`) and comes
 * back by key. A batch ends at the end of a leaf. The loop over a leaf's slots is the hot one: generated code takes its
 * place when the plan has earned it (`ScanPlan.leafLoop`).
 *
 *   range 1 ─ leaf ─ leaf ─ … ─ range 2 ─ leaf … ─ end
 */
import { assert } from '../../base/assert.ts';
import { KIND_BYTES } from '../../base/physical.ts';
import type { Task } from '../../base/task.ts';
import type { IndexObject, TableObject } from '../../engine/catalog.ts';
import {
  type KeyPart,
  KeyWriter,
  type LeafScan,
  NEED,
  NODE_RECORD_AT,
  NONE,
  OK,
  type Row,
  RowBuffer,
  SLOTS_AT,
  skipKeyPart,
} from '../../engine/record-port.ts';
import type { TableAccess } from '../../engine/table-access.ts';
import type { ColumnId, Expr } from '../plan/logical.ts';
import { PgArray } from '../types/array.ts';
import { type CompiledLoop, compileScanLoop, type LeafLoop } from './codegen/scan-code.ts';
import { type Copier, rowCopier } from './copy.ts';
import { compileEval, type Scope } from './evaluate.ts';
import type { KeyRecord } from './key-record.ts';
import { appendPart, type BoundValue, EXACT, type KeyRange, rangeAfter } from './key-values.ts';
import { BATCH_ROWS, evaluateRow, Operator, type PlanNode, pointAt } from './operator.ts';
import { PointScanOperator } from './point-scan.ts';
import type { Shape } from './shape.ts';
import { Env, type ExecState, newRow, SUSPEND } from './state.ts';
import type { Eval } from './values.ts';

/** Looking a range up, in rows read. */
const RANGE_UNITS = 8;

export interface RangeBound {
  readonly expr: Expr;
  readonly inclusive: boolean;
}

/** Which part of an index (or of the primary key) a scan reads: leading parts equal, the next one in a list or between bounds. */
export interface RangeSpec {
  /** undefined = the table's own tree. */
  readonly index: IndexObject | undefined;
  readonly parts: readonly KeyPart[];
  readonly scales: readonly number[];
  /** Per leading part the expression it equals; `null` stands for IS NULL. */
  readonly equals: readonly (Expr | null)[];
  /** An array whose elements the next part equals one of. */
  readonly anyOf: Expr | undefined;
  readonly lower: RangeBound | undefined;
  readonly upper: RangeBound | undefined;
}

export interface CompiledRange {
  readonly spec: RangeSpec;
  readonly equals: readonly (Eval | null)[];
  readonly anyOf: Eval | undefined;
  readonly lower: Eval | undefined;
  readonly upper: Eval | undefined;
}

/** Compiles the values of a range; they depend on nothing that is scanned. */
export function compileRange(spec: RangeSpec, scope: Scope): CompiledRange {
  const outside = { ...scope, shape0: undefined };
  const compiled = (expr: Expr | undefined): Eval | undefined =>
    expr === undefined ? undefined : compileEval(expr, outside);
  return {
    spec,
    equals: spec.equals.map((e) => (e === null ? null : compileEval(e, outside))),
    anyOf: compiled(spec.anyOf),
    lower: compiled(spec.lower?.expr),
    upper: compiled(spec.upper?.expr),
  };
}

export interface ScanOptions {
  readonly table: TableObject;
  readonly alias: string;
  /** All live columns of the table, with the table's stored layout. */
  readonly tableShape: Shape;
  /** What the scan puts out: a subset of them, and the row key if asked for. */
  readonly shape: Shape;
  /** Column id under which the row key is put out, as bytes. */
  readonly keyColumn: ColumnId | undefined;
  readonly tableOidColumn: ColumnId | undefined;
  readonly filter: Expr | undefined;
  readonly range: RangeSpec | undefined;
  /** Columns of the primary key in key order; undefined = the table has none. */
  readonly primaryOrder: readonly { readonly id: ColumnId; readonly descending: boolean }[] | undefined;
  /** Set when the index's entries hold all that is needed: the table is not read. */
  readonly keyRecord: KeyRecord | undefined;
  readonly rows: number;
  /** Estimated cost, in rows read in order. */
  readonly cost: number;
  readonly details: readonly string[];
}

export class ScanPlan implements PlanNode {
  readonly shape: Shape;
  readonly rows: number;
  readonly details: readonly string[];
  readonly children: readonly PlanNode[] = [];
  readonly options: ScanOptions;
  readonly scope: Scope;
  readonly filter: Eval | undefined;
  readonly copy: Copier;
  readonly range: CompiledRange | undefined;
  /** Position of the row key in the output, or −1. */
  readonly keyPosition: number;
  readonly tableOidPosition: number;

  constructor(options: ScanOptions, scope: Scope) {
    this.options = options;
    this.scope = scope;
    this.shape = options.shape;
    this.rows = options.rows;
    this.details = options.details;
    const recordShape = options.keyRecord?.shape ?? options.tableShape;
    this.filter =
      options.filter === undefined ? undefined : compileEval(options.filter, { ...scope, shape0: recordShape });
    this.copy = rowCopier(recordShape, options.shape);
    this.keyPosition = options.keyColumn === undefined ? -1 : options.shape.position(options.keyColumn);
    this.tableOidPosition = options.tableOidColumn === undefined ? -1 : options.shape.position(options.tableOidColumn);
    const spec = options.range;
    this.isPoint =
      spec !== undefined &&
      spec.index === undefined &&
      spec.anyOf === undefined &&
      spec.lower === undefined &&
      spec.upper === undefined &&
      spec.equals.length === spec.parts.length;
    this.range = spec === undefined ? undefined : compileRange(spec, scope);
  }

  get title(): string {
    return titleOf(this.options, this.#backward);
  }

  start(state: ExecState): Operator {
    return this.isPoint ? new PointScanOperator(state, this) : new ScanOperator(state, this);
  }

  /** True when the whole primary key is given: at most one row. */
  readonly isPoint: boolean;

  #backward = false;

  /** Reads from the end to the beginning. */
  get backward(): boolean {
    return this.#backward;
  }

  /**
   * Can the scan deliver its rows in this order? If so it will, reading backward where that is what it takes; for the
   * planner, before the plan runs. Rows come in key order of the table's own tree: behind the columns that are fixed.
   *
   * @param ids - columns of the table's shape that are sorted by.
   */
  deliversOrder(
    ids: readonly ColumnId[],
    keys: readonly { readonly descending: boolean; readonly nullsFirst: boolean }[],
  ): boolean {
    const { range, primaryOrder } = this.options;
    if (primaryOrder === undefined || range?.index !== undefined || range?.anyOf !== undefined) return false;
    const fixed = range?.equals.length ?? 0;
    const rest = primaryOrder.slice(fixed);
    const wanted = ids
      .map((id, i) => ({ id, key: keys[i]! }))
      .filter(({ id }) => !primaryOrder.slice(0, fixed).some((p) => p.id === id));
    // The whole key decides: what is sorted by after it changes nothing.
    const compared = wanted.slice(0, rest.length);
    const against = compared.length > 0 && compared[0]!.key.descending !== rest[0]!.descending;
    for (let i = 0; i < compared.length; i++) {
      const { id, key } = compared[i]!;
      if (rest[i]!.id !== id || (key.descending !== rest[i]!.descending) !== against) return false;
    }
    this.#backward = against;
    return true;
  }

  /** True when every row of the table is read, in any order. */
  get isWholeTable(): boolean {
    return this.range === undefined && this.keyPosition < 0 && this.tableOidPosition < 0;
  }

  #starts = 0;

  /** Counts executions; true when generating code pays: many rows, or often run. */
  isWorthCompiling(): boolean {
    this.#starts++;
    return this.options.cost >= COMPILE_ROWS || this.#starts >= COMPILE_STARTS;
  }

  #loop: { readonly compiled: CompiledLoop | undefined } | undefined;

  /** The generated leaf loop, when there is one by now. */
  leafLoop(access: TableAccess): CompiledLoop | undefined {
    if (this.#loop === undefined) {
      if (
        this.keyPosition >= 0 ||
        this.tableOidPosition >= 0 ||
        this.options.range?.index !== undefined ||
        this.backward ||
        !this.isWorthCompiling()
      )
        return undefined;
      this.#loop = { compiled: compileScanLoop(this.options.tableShape, access, this.shape, this.options.filter) };
    }
    return this.#loop.compiled;
  }

  /** Generated code, for EXPLAIN. */
  get generated(): string | undefined {
    return this.#loop?.compiled?.source;
  }
}

/** Generated code takes over at about this many rows, or at this execution. */
const COMPILE_ROWS = 1000;
const COMPILE_STARTS = 3;

function titleOf(options: ScanOptions, backward: boolean): string {
  const name = options.alias === options.table.name ? options.table.name : `${options.table.name} ${options.alias}`;
  const { range } = options;
  if (range === undefined) return `Seq Scan${backward ? ' Backward' : ''} on ${name}`;
  const way = backward ? ' Backward' : '';
  return `Index ${options.keyRecord === undefined ? '' : 'Only '}Scan${way} using ${range.index?.name ?? `${options.table.name}_pkey`} on ${name}`;
}

class ScanOperator extends Operator {
  readonly #plan: ScanPlan;
  readonly #access: TableAccess;
  readonly #env: Env;
  readonly #out: RowBuffer;
  readonly #scan: LeafScan;
  readonly #row: Row = newRow();
  readonly #rowKey = new KeyWriter();
  readonly #decoded: RowBuffer | undefined;
  #ranges: readonly KeyRange[] = [];
  #nextRange = 0;
  #open = false;
  #inLeaf = false;
  #slot = 0;
  readonly #loop: LeafLoop | undefined;

  constructor(state: ExecState, plan: ScanPlan) {
    super(state);
    this.#plan = plan;
    this.#access = state.session.access(plan.options.table);
    this.#env = new Env(state);
    this.#out = new RowBuffer(plan.shape.layout, state.memory);
    this.#scan = state.session.store.scan();
    this.#decoded =
      plan.options.keyRecord === undefined
        ? undefined
        : new RowBuffer(plan.options.keyRecord.shape.layout, state.memory);
    this.#loop = plan.leafLoop(this.#access)?.fn;
  }

  *open(): Task<void> {
    this.loops++;
    this.#closeScan();
    this.#nextRange = 0;
    const { range } = this.#plan;
    if (range === undefined) this.#ranges = [{ from: undefined, to: undefined }];
    else {
      const ranges = yield* evaluateRow(this.#env, () => keyRanges(this.#env, range));
      this.#ranges = this.#plan.backward ? [...ranges].reverse() : ranges;
    }
  }

  *next(): Task<RowBuffer | undefined> {
    const out = this.#out;
    out.clear();
    for (;;) {
      if (!this.#open && !this.#openNext()) break;
      const status = this.#inLeaf ? OK : this.#scan.next();
      if (status === NEED) {
        yield this.state.session.need();
        continue;
      }
      if (status === NONE) {
        this.#closeScan();
        if (this.state.spent(RANGE_UNITS)) yield this.state.session.slice();
        continue;
      }
      if (this.#loop !== undefined) {
        this.#loop(this.#scan, this.#access, this.state, out);
        if (out.count >= BATCH_ROWS) break;
        if (this.state.spent(this.#scan.to - this.#scan.from)) yield this.state.session.slice();
        continue;
      }
      if (!this.#inLeaf) this.#enterLeaf();
      if (!this.#runLeaf()) {
        // The row at #slot must wait: give up the page and come back to this row.
        this.#scan.park(this.#slot, false);
        this.#inLeaf = false;
        if (this.#missing !== undefined) {
          const request = this.#missing;
          this.#missing = undefined;
          yield request;
        } else yield* this.#env.finishWait();
        continue;
      }
      this.#inLeaf = false;
      if (out.count >= BATCH_ROWS) break;
      if (this.state.spent(this.#scan.to - this.#scan.from)) yield this.state.session.slice();
    }
    this.producedRows += out.count;
    return out.count === 0 ? undefined : out;
  }

  #missing: ReturnType<typeof this.state.session.need> | undefined;

  #openNext(): boolean {
    const range = this.#ranges[this.#nextRange];
    if (range === undefined) return false;
    this.#nextRange++;
    const { options } = this.#plan;
    const index = options.range?.index;
    // A plan that others made may use an index that this transaction's snapshot cannot.
    if (index !== undefined) this.state.session.requireReadable(index.oid);
    const tree = index?.tree ?? options.table.tree;
    const from = range.from === undefined ? undefined : { key: range.from, length: range.from.length, inclusive: true };
    const to = range.to === undefined ? undefined : { key: range.to, length: range.to.length, inclusive: false };
    this.#scan.open(tree, from, to, this.#plan.backward, this.state.snapshot);
    this.#open = true;
    this.#inLeaf = false;
    return true;
  }

  #enterLeaf(): void {
    this.#inLeaf = true;
    this.#slot = this.#plan.backward ? this.#scan.to - 1 : this.#scan.from;
  }

  /** Handles the leaf's slots from #slot on; false when the row at #slot must wait. */
  #runLeaf(): boolean {
    const scan = this.#scan;
    const step = this.#plan.backward ? -1 : 1;
    const end = step > 0 ? scan.to : scan.from - 1;
    const indexed = this.#plan.options.range?.index !== undefined;
    try {
      for (let slot = this.#slot; slot !== end; slot += step) {
        this.#slot = slot;
        if (indexed) {
          if (!this.#indexRow(slot)) return false;
        } else this.#tableRow(slot);
      }
    } catch (thrown) {
      if (thrown !== SUSPEND) throw thrown;
      this.#out.abandon();
      return false;
    }
    return true;
  }

  #tableRow(slot: number): void {
    const scan = this.#scan;
    if (scan.plain)
      this.#take(scan.view, scan.bytes, scan.view.getUint16(SLOTS_AT + 2 * slot, true) + NODE_RECORD_AT, slot);
    else if (scan.resolve(slot)) this.#take(scan.row.view, scan.row.bytes, scan.row.start, slot);
  }

  /** Finds the table row of an index entry; false when its page is missing. */
  #indexRow(slot: number): boolean {
    const scan = this.#scan;
    if (!scan.plain && !scan.resolve(slot)) return true;
    const length = scan.keyAt(slot);
    const { keyRecord } = this.#plan.options;
    const key = this.#rowKey;
    if (keyRecord === undefined || this.#plan.keyPosition >= 0) {
      const { parts } = this.#plan.options.range!;
      let at = 0;
      for (let i = 0; i < parts.length; i++)
        at = skipKeyPart(parts[i]!.kind, parts[i]!.nullable, parts[i]!.descending, scan.key, at);
      key.length = 0;
      key.append(scan.key, at, length);
    }
    if (keyRecord !== undefined) {
      this.#entryRow(keyRecord, slot);
      return true;
    }
    const row = this.#row;
    const status = this.state.session.store.find(
      this.#plan.options.table.tree,
      key.bytes,
      key.length,
      this.state.snapshot,
      row,
    );
    if (status === NEED) {
      this.#missing = this.state.session.need();
      return false;
    }
    // An entry and its row carry the same versions: a visible entry has a visible row.
    assert(status === OK, 'an index entry without its row');
    this.#take(row.view, row.bytes, row.start, -1);
    return true;
  }

  /** Takes an entry for its row. */
  #entryRow(keyRecord: KeyRecord, slot: number): void {
    const scan = this.#scan;
    const decoded = this.#decoded!;
    decoded.clear();
    if (scan.plain) {
      const node = scan.view.getUint16(SLOTS_AT + 2 * slot, true);
      keyRecord.write(scan.key, scan.view, scan.bytes, node + NODE_RECORD_AT, decoded);
    } else keyRecord.write(scan.key, scan.row.view, scan.row.bytes, scan.row.start, decoded);
    pointAt(this.#env, decoded, 0);
    this.#emit(-1);
  }

  /** Filters one stored record and puts it out. `slot` is its place in the leaf, −1 when `#rowKey` has its key. */
  #take(view: DataView, bytes: Uint8Array, start: number, slot: number): void {
    const env = this.#env;
    const access = this.#access;
    if (view.getUint16(start, true) === access.layout.number) {
      env.v0 = view;
      env.b0 = bytes;
      env.r0 = start;
    } else {
      access.translate(view, bytes, start);
      env.v0 = access.storedView;
      env.b0 = access.stored;
      env.r0 = 0;
    }
    this.#emit(slot);
  }

  /** Filters the record that the environment points to, and puts it out. */
  #emit(slot: number): void {
    const env = this.#env;
    const plan = this.#plan;
    if (plan.filter === undefined || plan.filter(env) === true) {
      const out = this.#out;
      out.start();
      plan.copy(env.v0, env.b0, env.r0, out);
      if (plan.tableOidPosition >= 0)
        out.view.setUint32(out.at + plan.shape.layout.fixedAt[plan.tableOidPosition]!, plan.options.table.oid, true);
      if (plan.keyPosition >= 0) this.#putKey(slot);
      out.finish();
    }
    env.rowDone();
  }

  #putKey(slot: number): void {
    const plan = this.#plan;
    assert(plan.shape.columns[plan.keyPosition]!.physical.kind === KIND_BYTES, 'row keys are bytes');
    const variable = plan.shape.layout.variableIndex[plan.keyPosition]!;
    if (slot < 0) this.#out.putBytes(variable, this.#rowKey.bytes, 0, this.#rowKey.length);
    else {
      const length = this.#scan.keyAt(slot);
      this.#out.putBytes(variable, this.#scan.key, 0, length);
    }
  }

  #closeScan(): void {
    if (this.#open) this.#scan.close();
    this.#open = false;
    this.#inLeaf = false;
  }

  close(): void {
    this.#closeScan();
    this.#decoded?.release();
    this.#out.release();
  }
}

/** The key ranges that a specification means for the current parameters, in key order and disjoint. */
export function keyRanges(env: Env, range: CompiledRange): readonly KeyRange[] {
  const { spec } = range;
  const prefix = new KeyWriter();
  for (let i = 0; i < spec.equals.length; i++) {
    const equals = range.equals[i];
    const value = equals === null || equals === undefined ? null : equals(env);
    if (equals !== null && value === null) return [];
    if (appendPart(prefix, spec.parts[i]!, spec.scales[i]!, value) !== EXACT) return [];
  }
  const next = spec.equals.length;
  if (range.anyOf !== undefined) return listRanges(env, range, prefix, next);
  const lower = bound(env, range.lower, spec.lower);
  const upper = bound(env, range.upper, spec.upper);
  const found = rangeAfter(prefix, spec.parts[next], spec.scales[next] ?? 0, lower, upper);
  return found === undefined ? [] : [found];
}

function bound(env: Env, evaluate: Eval | undefined, spec: RangeBound | undefined): BoundValue | undefined {
  return evaluate === undefined || spec === undefined ? undefined : { value: evaluate(env), inclusive: spec.inclusive };
}

function listRanges(env: Env, range: CompiledRange, prefix: KeyWriter, next: number): readonly KeyRange[] {
  const list = range.anyOf!(env);
  if (!(list instanceof PgArray)) return [];
  const base = prefix.length;
  const found = new Map<string, KeyRange>();
  for (const value of list.values) {
    prefix.length = base;
    if (value === null || appendPart(prefix, range.spec.parts[next]!, range.spec.scales[next]!, value) !== EXACT)
      continue;
    const one = rangeAfter(prefix, undefined, 0, undefined, undefined)!;
    found.set(Buffer.from(one.from!).toString('latin1'), one);
  }
  return [...found.entries()].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, r]) => r);
}
