/**
 * The partitions of a table in the order of their bounds, and which of them a key belongs to.
 *
 * Keys are the bytes of an index's key over the partition key's columns, so memcmp decides everything:
 *
 *   range   FROM (1, MINVALUE) TO (5, 10)     [ key(1) … key(5, 10) )    a part that is missing sorts before all that have it,
 *           TO (7, MAXVALUE)                  … successor of key(7) )    MAXVALUE is what follows everything with the parts before
 *   list    IN ('a', 'b', NULL)               key('a'), key('b'), key(NULL)
 *   hash    MODULUS 4, REMAINDER 1            fnv1a(key) mod 4 = 1
 *
 * Partitions are numbered from 1 in this order: ranges from the lowest, lists by their least value, hashes by remainder and
 * modulus, the default last.
 */
import type { Catalog, CatalogObject, IndexObject, Oid, TableObject } from '../../engine/catalog.ts';
import type { BoundDatum, PartitionBound, Partitioning, PartitionKey } from '../../engine/partitioning.ts';
import { compareKeys, type KeyPart, KeyWriter } from '../../engine/record-port.ts';
import { appendPart, type KeyRange, successor } from '../exec/key-values.ts';
import { storedValue } from '../exec/stored-value.ts';
import type { SqlValue } from '../types/contracts.ts';

const EMPTY = new Uint8Array(0);

/** How a partition key's values stand in its keys: ascending, nulls last, each behind a marker. */
export function keyPartOf({ physical }: PartitionKey): KeyPart {
  return { kind: physical.kind, column: 0, descending: false, nullsFirst: false, nullable: true };
}

/** Appends a row's value of one key. */
export function appendKeyValue(key: KeyWriter, of: PartitionKey, value: SqlValue): void {
  appendPart(key, keyPartOf(of), of.physical.scale, value);
}

/** A datum's value; the ends of a range have none. */
export function datumValue(key: PartitionKey, datum: BoundDatum): SqlValue {
  return typeof datum === 'string' ? null : storedValue(key, datum.stored);
}

/** One side of a range as bytes; undefined = above all keys. */
export function rangeEdge(keys: readonly PartitionKey[], data: readonly BoundDatum[]): Uint8Array | undefined {
  const key = new KeyWriter();
  for (const [i, datum] of data.entries()) {
    if (datum === 'minvalue') break;
    if (datum === 'maxvalue') return successor(key.bytes, key.length);
    appendKeyValue(key, keys[i]!, datumValue(keys[i]!, datum));
  }
  return key.bytes.slice(0, key.length);
}

/** Where a sort puts `undefined`: above everything. */
export function compareEdges(a: Uint8Array | undefined, b: Uint8Array | undefined): number {
  if (a === undefined || b === undefined) return a === b ? 0 : a === undefined ? 1 : -1;
  return compareKeys(a, 0, a.length, b, 0, b.length);
}

export function listKey(key: PartitionKey, datum: BoundDatum): Uint8Array {
  const writer = new KeyWriter();
  appendKeyValue(writer, key, datumValue(key, datum));
  return writer.bytes.slice(0, writer.length);
}

/** FNV-1a over a key's bytes, its bits mixed once more. Where rows lie depends on it: it never changes. */
export function partitionHash(bytes: Uint8Array, length: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Which partition, by position in {@link PartitionBounds.partitions}; NONE = no partition takes the key. */
export const NO_PARTITION = -1;

interface Span {
  readonly from: Uint8Array;
  readonly to: Uint8Array | undefined;
  readonly partition: number;
}

/** The partitions of one partitioned table. Made once per catalog. */
export class PartitionBounds {
  readonly partitioning: Partitioning;
  readonly partitions: readonly TableObject[];
  readonly #default: number;
  readonly #spans: readonly Span[];
  readonly #listed: ReadonlyMap<string, number>;
  /** By remainder of the greatest modulus. */
  readonly #hashed: Int32Array;

  constructor(partitioning: Partitioning, partitions: readonly TableObject[]) {
    this.partitioning = partitioning;
    this.partitions = [...partitions].sort((a, b) => compareBounds(partitioning, boundOf(a), boundOf(b)));
    const spans: Span[] = [];
    const listed = new Map<string, number>();
    let fallback = NO_PARTITION;
    let modulus = 0;
    this.partitions.forEach((table, partition) => {
      const bound = boundOf(table);
      if (bound.kind === 'default') fallback = partition;
      else if (bound.kind === 'range') spans.push({ ...rangeOf(partitioning.keys, bound.from, bound.to), partition });
      else if (bound.kind === 'list')
        for (const value of bound.values) listed.set(latin1(listKey(partitioning.keys[0]!, value)), partition);
      else modulus = Math.max(modulus, bound.modulus);
    });
    const hashed = new Int32Array(modulus).fill(NO_PARTITION);
    this.partitions.forEach((table, partition) => {
      const bound = boundOf(table);
      if (bound.kind === 'hash') for (let r = bound.remainder; r < modulus; r += bound.modulus) hashed[r] = partition;
    });
    this.#default = fallback;
    this.#spans = spans;
    this.#listed = listed;
    this.#hashed = hashed;
  }

  /** The partition of a whole key. @param hasNull - whether one of its values is NULL. */
  find(key: KeyWriter, hasNull: boolean): number {
    switch (this.partitioning.strategy) {
      case 'hash':
        return this.#hashed.length === 0
          ? NO_PARTITION
          : this.#hashed[partitionHash(key.bytes, key.length) % this.#hashed.length]!;
      case 'list':
        return this.#listed.get(latin1(key.bytes.subarray(0, key.length))) ?? this.#default;
      case 'range': {
        if (hasNull) return this.#default;
        const span = this.#spans[this.#lastFrom(key.bytes, key.length)];
        if (span === undefined) return this.#default;
        const isBelow = span.to === undefined || compareKeys(key.bytes, 0, key.length, span.to, 0, span.to.length) < 0;
        return isBelow ? span.partition : this.#default;
      }
    }
  }

  /** The last range that begins at or before a key, −1 when all begin after it. */
  #lastFrom(bytes: Uint8Array, length: number): number {
    let low = 0;
    let high = this.#spans.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const { from } = this.#spans[middle]!;
      if (compareKeys(from, 0, from.length, bytes, 0, length) <= 0) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /**
   * The partitions that may hold keys of some ranges, ascending.
   *
   * @param isWhole - true when every range is one whole key: all parts are given.
   */
  within(ranges: readonly KeyRange[], isWhole: boolean): number[] {
    const found = new Set<number>();
    for (const range of ranges) {
      if (this.partitioning.strategy === 'range') this.#addSpans(range, found);
      else if (this.partitioning.strategy === 'list') this.#addListed(range, isWhole, found);
      else if (isWhole && range.from !== undefined && this.#hashed.length > 0) {
        const hash = partitionHash(range.from, range.from.length);
        found.add(this.#hashed[hash % this.#hashed.length]!);
      } else this.partitions.forEach((_, i) => void found.add(i));
    }
    found.delete(NO_PARTITION);
    return [...found].sort((a, b) => a - b);
  }

  #addSpans({ from, to }: KeyRange, found: Set<number>): void {
    // What the spans have covered so far; a gap belongs to the default.
    let covered: Uint8Array | undefined = from ?? EMPTY;
    let hasGap = false;
    for (const span of this.#spans) {
      if (compareEdges(span.to, from ?? EMPTY) <= 0 || compareEdges(span.from, to) >= 0) continue;
      found.add(span.partition);
      hasGap ||= compareEdges(span.from, covered) > 0;
      covered = span.to;
    }
    if (hasGap || compareEdges(covered, to) < 0) found.add(this.#default);
  }

  #addListed({ from, to }: KeyRange, isWhole: boolean, found: Set<number>): void {
    if (isWhole && from !== undefined) {
      found.add(this.#listed.get(latin1(from)) ?? this.#default);
      return;
    }
    for (const [text, partition] of this.#listed) {
      const key = Buffer.from(text, 'latin1');
      if (compareEdges(key, from ?? EMPTY) >= 0 && compareEdges(key, to) < 0) found.add(partition);
    }
    found.add(this.#default);
  }

  /** All of them. */
  get all(): number[] {
    return this.partitions.map((_, i) => i);
  }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

function boundOf(table: TableObject): PartitionBound {
  return table.partition?.bound ?? { kind: 'default' };
}

function rangeOf(
  keys: readonly PartitionKey[],
  from: readonly BoundDatum[],
  to: readonly BoundDatum[],
): { from: Uint8Array; to: Uint8Array | undefined } {
  return { from: rangeEdge(keys, from) ?? EMPTY, to: rangeEdge(keys, to) };
}

function compareBounds({ keys }: Partitioning, a: PartitionBound, b: PartitionBound): number {
  if (a.kind === 'default' || b.kind === 'default') return Number(a.kind === 'default') - Number(b.kind === 'default');
  if (a.kind === 'range' && b.kind === 'range') return compareEdges(rangeEdge(keys, a.from), rangeEdge(keys, b.from));
  if (a.kind === 'list' && b.kind === 'list') return compareEdges(leastOf(keys[0]!, a), leastOf(keys[0]!, b));
  if (a.kind === 'hash' && b.kind === 'hash') return a.remainder - b.remainder || a.modulus - b.modulus;
  return 0;
}

function leastOf(key: PartitionKey, { values }: Extract<PartitionBound, { kind: 'list' }>): Uint8Array | undefined {
  return values.map((value) => listKey(key, value)).sort(compareEdges)[0];
}

const known = new WeakMap<Catalog, Map<Oid, PartitionBounds>>();

/** The bounds of a partitioned table's partitions. */
export function boundsOf(catalog: Catalog, table: TableObject, partitioning: Partitioning): PartitionBounds {
  const tables = known.get(catalog) ?? new Map<Oid, PartitionBounds>();
  known.set(catalog, tables);
  const made = tables.get(table.oid) ?? new PartitionBounds(partitioning, catalog.partitionsOf(table.oid));
  tables.set(table.oid, made);
  return made;
}

/** The tables that hold a table's rows, in the order of their numbers: partitions of partitions in their place; or itself. */
export function leavesOf(catalog: Catalog, table: TableObject): TableObject[] {
  if (table.partitioning === undefined) return [table];
  return boundsOf(catalog, table, table.partitioning).partitions.flatMap((partition) => leavesOf(catalog, partition));
}

/** The number of a partition in the whole of its partitioned table; 1 for a table that is none, or is being detached. */
export function partitionNumber(catalog: Catalog, table: TableObject): number {
  const top = [...catalog.ancestorsOf(table)].at(-1);
  const at = top === undefined ? 0 : leavesOf(catalog, top).findIndex((leaf) => leaf.oid === table.oid);
  return Math.max(0, at) + 1;
}

/** The part of a partitioned table's index that belongs to one of the tables that hold its rows. */
export function partOf(catalog: Catalog, leaf: TableObject, index: IndexObject): IndexObject | undefined {
  return catalog.indexesOf(leaf.oid).find((own) => {
    for (let at: IndexObject | undefined = own; at !== undefined; ) {
      if (at.oid === index.oid) return true;
      const above: CatalogObject | undefined = at.parent === undefined ? undefined : catalog.object(at.parent);
      at = above?.kind === 'index' ? above : undefined;
    }
    return false;
  });
}
