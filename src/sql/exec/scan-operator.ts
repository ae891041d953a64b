/**
 * How a scan runs: leaf by leaf, range after range.
 *
 *   range 1 ─ leaf ─ leaf ─ … ─ range 2 ─ leaf … ─ end
 *
 * Between leaves it may suspend; in the middle of one it first gives up the page (`park`) and comes back by key. A batch ends at
 * the end of a leaf. The loop over a leaf's slots is the hot one: generated code takes its place when the plan has earned it
 * (`ScanPlan.leafLoop`).
 */
import { assert } from '../../base/assert.ts';
import { KIND_BYTES } from '../../base/physical.ts';
import type { Task } from '../../base/task.ts';
import {
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
import type { LeafLoop } from './codegen/scan-code.ts';
import type { KeyRecord } from './key-record.ts';
import type { KeyRange } from './key-values.ts';
import { BATCH_ROWS, evaluateRow, Operator, pointAt } from './operator.ts';
import type { ScanPlan } from './scan.ts';
import { keyRanges } from './scan-ranges.ts';
import { Env, type ExecState, newRow, SUSPEND } from './state.ts';

/** Looking a range up, in rows read. */
const RANGE_UNITS = 8;

/** Runs one scan; it can be opened again. */
export class ScanOperator extends Operator {
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
