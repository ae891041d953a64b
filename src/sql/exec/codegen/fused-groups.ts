/**
 * The groups of a fused aggregation: accumulators as columns of typed arrays, and a hash table from the grouping integer to
 * the group's number.
 *
 *   table  open addressing, group + 1, 0 = empty        keys    the integer of each group
 *   values[call][group], counts[call][group]            spilled what no longer fits a number, by call and group
 */
export class FusedGroups {
  count = 0;
  table: Int32Array = new Int32Array(256);
  keys: Int32Array = new Int32Array(64);
  values: Float64Array[];
  counts: Float64Array[];
  readonly #spilled: Map<number, bigint>[];
  #nullGroup = -1;

  /** @param calls - accumulators. Without grouping there is one group from the start. */
  constructor(calls: number, grouped: boolean) {
    const size = grouped ? 64 : 1;
    this.values = Array.from({ length: calls }, () => new Float64Array(size));
    this.counts = Array.from({ length: calls }, () => new Float64Array(size));
    this.#spilled = Array.from({ length: calls }, () => new Map());
    this.count = grouped ? 0 : 1;
  }

  /** Makes a group for a key whose search ended at the empty slot `h`. */
  add(key: number, h: number): number {
    const group = this.#newGroup();
    this.keys[group] = key;
    this.table[h] = group + 1;
    if (this.count * 2 > this.table.length) this.#grow();
    return group;
  }

  /** The group of NULL. */
  nullGroup(): number {
    if (this.#nullGroup < 0) this.#nullGroup = this.#newGroup();
    return this.#nullGroup;
  }

  isNull(group: number): boolean {
    return group === this.#nullGroup;
  }

  #newGroup(): number {
    const group = this.count++;
    if (group === this.keys.length) {
      const size = group * 2;
      this.keys = widened(this.keys, new Int32Array(size));
      this.values = this.values.map((v) => widened(v, new Float64Array(size)));
      this.counts = this.counts.map((c) => widened(c, new Float64Array(size)));
    }
    return group;
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
    const map = this.#spilled[call]!;
    map.set(group, (map.get(group) ?? 0n) + BigInt(value));
  }

  /** The whole sum of a call in a group. */
  sum(call: number, group: number): bigint {
    return (this.#spilled[call]!.get(group) ?? 0n) + BigInt(this.values[call]![group]!);
  }
}

function widened<T extends Int32Array | Float64Array>(old: T, next: T): T {
  next.set(old);
  return next;
}
