/**
 * The groups of a generated aggregation: accumulators as columns of typed arrays, and a way from a row's group key to the
 * group's number.
 *
 *   none      one group, there from the start
 *   integer   table: open addressing, group + 1, 0 = empty          keys: the integer of each group
 *   keyed     hash table over the bytes that the generated code puts into `key`; `rows` has the groups' values
 *
 *   values[call][group], counts[call][group], objects[call][group]     wide sums: what no longer fits a number
 *
 * Beyond `work_mem` no group is added: rows of further ones are put aside, and aggregated by the interpreter in later rounds.
 */
import type { Task } from '../../../base/task.ts';
import { KeyWriter, RowBuffer, readLongReference } from '../../../engine/record-port.ts';
import type { SqlValue } from '../../types/contracts.ts';
import { canonical } from '../../types/wide-integer.ts';
import { HashTable } from '../hash-table.ts';
import type { Shape } from '../shape.ts';
import { SPILL_ROWS_MIN } from '../spill.ts';
import { Env, type ExecState } from '../state.ts';

export type GroupKind = 'none' | 'integer' | 'keyed';

/** Takes a row of a group that found no room: one record, or a pair of which the second may be missing. */
export type PutAside = (
  v: DataView,
  b: Uint8Array,
  r: number,
  w: DataView,
  a: Uint8Array,
  q: number,
  absent: boolean,
) => void;

/** Answer of {@link FusedGroups.lookUp}: the row must be put aside. */
export const NO_ROOM = -2147483648;

/** Key and slots of a group, and the accumulator of a call. */
const GROUP_BYTES = 12;
const CALL_BYTES = 16;
/** Room is made beforehand for at most so many groups. */
const EXPECTED_MAX = 1 << 20;

export class FusedGroups {
  count = 0;
  table: Int32Array = new Int32Array(0);
  keys: Int32Array = new Int32Array(0);
  values: Float64Array[];
  counts: Float64Array[];
  readonly objects: SqlValue[][];
  readonly key = new KeyWriter();
  readonly rows: RowBuffer;
  readonly putAside: PutAside;
  /** For values that must be waited for. */
  readonly env: Env;
  /** The current row has waited. */
  waited = false;
  /** Where the generated code stands, noted before it may have to wait. */
  at = 0;
  readonly #state: ExecState;
  readonly #hash: HashTable;
  readonly #wide: Map<number, bigint>[];
  readonly #mayFill: boolean;
  #nullGroup = -1;
  #full = false;
  #charged = 0;

  /**
   * @param expected - groups, as far as anybody knows: room that is there from the start need not be moved later.
   * @param mayFill - false: groups are added whatever the memory.
   */
  constructor(
    state: ExecState,
    calls: number,
    kind: GroupKind,
    groupShape: Shape,
    expected: number,
    putAside: PutAside,
    mayFill: boolean,
  ) {
    const bytes = GROUP_BYTES + CALL_BYTES * calls;
    const affordable = Math.min(expected, EXPECTED_MAX, state.memory.limitBytes / (4 * bytes));
    const size = kind === 'none' ? 1 : Math.max(64, 1 << (32 - Math.clz32(affordable)));
    this.#state = state;
    this.#mayFill = mayFill;
    this.env = new Env(state);
    this.values = Array.from({ length: calls }, () => new Float64Array(size));
    this.counts = Array.from({ length: calls }, () => new Float64Array(size));
    this.objects = Array.from({ length: calls }, () => []);
    this.#wide = Array.from({ length: calls }, () => new Map());
    this.#hash = new HashTable(state.memory, kind === 'keyed' ? size : 0);
    this.rows = new RowBuffer(groupShape.layout, state.memory);
    this.putAside = putAside;
    if (kind !== 'none') {
      this.keys = new Int32Array(size);
      this.#charge(size * bytes);
    }
    if (kind === 'integer') this.table = new Int32Array(Math.max(256, size * 2));
    this.count = kind === 'none' ? 1 : 0;
  }

  /** True when no group may be added: from the first time on, or a group could be here and among the rows put aside. */
  isFull(): boolean {
    if (!this.#full) this.#full = this.#mayFill && this.count >= SPILL_ROWS_MIN && this.#state.memory.exceeded;
    return this.#full;
  }

  /** Makes a group for an integer whose search ended at the empty slot `h`. */
  add(key: number, h: number): number {
    const group = this.#newGroup();
    this.keys[group] = key;
    this.table[h] = group + 1;
    if (this.count * 2 > this.table.length) this.#grow();
    return group;
  }

  /** Makes `key` from an integer, for a row that is put aside. */
  integerKey(key: number): void {
    this.key.length = 0;
    this.key.int32(key);
  }

  /** The group of NULL. */
  nullGroup(): number {
    if (this.#nullGroup < 0) this.#nullGroup = this.#newGroup();
    return this.#nullGroup;
  }

  isNull(group: number): boolean {
    return group === this.#nullGroup;
  }

  /** The group of `key`; −1 − group when it is new, and its values must be written to `rows`; or {@link NO_ROOM}. */
  lookUp(): number {
    const { key } = this;
    if (this.isFull()) {
      const known = this.#hash.find(key.bytes, key.length);
      return known < 0 ? NO_ROOM : known;
    }
    const group = this.#hash.findOrAdd(key.bytes, key.length);
    if (group < this.count) return group;
    this.#newGroup();
    return -1 - group;
  }

  /** Bytes of a long value whose reference lies at `at`. @throws SUSPEND when it must be read first. */
  longBytes(view: DataView, at: number): Uint8Array {
    this.waited = true;
    const reference = readLongReference(view, at);
    return this.env.wait((): Task<Uint8Array> => this.#state.session.readLong(reference));
  }

  /** A row that waited is done. */
  rowDone(): void {
    this.waited = false;
    this.env.rowDone();
  }

  #newGroup(): number {
    const group = this.count++;
    if (group === this.values[0]?.length || group === this.keys.length) {
      const size = group * 2;
      this.keys = widened(this.keys, new Int32Array(size));
      this.values = this.values.map((v) => widened(v, new Float64Array(size)));
      this.counts = this.counts.map((c) => widened(c, new Float64Array(size)));
      this.#charge(group * (GROUP_BYTES + CALL_BYTES * this.values.length));
    }
    return group;
  }

  #charge(bytes: number): void {
    this.#charged += bytes;
    this.#state.memory.charge(bytes);
  }

  #grow(): void {
    const table = new Int32Array(this.table.length * 2);
    const mask = table.length - 1;
    for (let group = 0; group < this.count; group++) {
      if (group === this.#nullGroup) continue;
      let h = (Math.imul(this.keys[group]!, 0x9e3779b1) >>> 7) & mask;
      while (table[h] !== 0) h = (h + 1) & mask;
      table[h] = group + 1;
    }
    this.table = table;
  }

  /** Takes a partial sum over. */
  spill(call: number, group: number, value: number): void {
    this.addWide(call, group, BigInt(value));
  }

  /** Adds to a sum what its number has no room for. */
  addWide(call: number, group: number, value: number | bigint): void {
    const map = this.#wide[call]!;
    map.set(group, (map.get(group) ?? 0n) + BigInt(value));
  }

  /** The whole sum of a call in a group. */
  sum(call: number, group: number): number | bigint {
    const wide = this.#wide[call]!;
    const rest = this.values[call]![group]!;
    const high = wide.size === 0 ? undefined : wide.get(group);
    return high === undefined ? rest : canonical(high + BigInt(rest));
  }

  release(): void {
    this.#hash.clear();
    this.rows.release();
    this.#state.memory.usedBytes -= this.#charged;
    this.#charged = 0;
  }
}

function widened<T extends Int32Array | Float64Array>(old: T, next: T): T {
  next.set(old);
  return next;
}
