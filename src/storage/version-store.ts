/**
 * Before-images of changed rows, so that snapshots see the past and rollback finds its way.
 *
 * One chain per key, newest first: an entry says which transaction made the next newer state and what was before it. Only the
 * newest entry of a key hangs in a hash bucket. A transaction's entries are chained too: rollback walks them backwards. Where
 * entries lie is version-entries.ts' matter.
 *
 * A change calls {@link VersionStore.prepare} first: it makes room and reads what {@link VersionStore.add} will touch; so
 * adding reads nothing and cannot fail. {@link VersionStore.prepareRemoval} does the same for removing.
 *
 * When there are more entries than buckets, their number doubles, a few buckets with each change that is prepared:
 *
 *   old      [moved ─────────│ chains still here ]     slot of a hash: below `moved` in the new buckets, else in the old ones
 */
import { assert } from '../base/assert.ts';
import { DATA_AT, KEY_BYTES_AT, TREE_AT, VERSION_RUN, VersionEntries, type VersionKind } from './version-entries.ts';

/** Buckets moved with each change while their number doubles: two would do. */
const BUCKETS_PER_STEP = 4;
/** So far behind the newest entry of a key does a change look: see `Transactions.pruneBehind`. */
const ENTRIES_LOOKED_BACK = 3;
/** A bucket for so many bytes of memory at most: with much on disk, chains grow longer instead. */
const BUCKET_SHARE = 64;
const NO_BUCKETS = new Uint32Array(0);

/** FNV-1a over tree id and key: short keys, and good enough spread for chained buckets. */
export function hashKey(tree: number, key: Uint8Array, keyBytes: number): number {
  let h = Math.imul(0x811c9dc5 ^ tree, 0x01000193);
  for (let i = 0; i < keyBytes; i++) h = Math.imul(h ^ key[i]!, 0x01000193);
  return (h ^ (h >>> 15)) >>> 0;
}

export class VersionStore extends VersionEntries {
  #buckets: Uint32Array = new Uint32Array(1024);
  #oldBuckets: Uint32Array = NO_BUCKETS;
  #moved = 0;

  /** Before {@link add}: `previous` is the transaction's newest entry. There must be room. @throws 53100, 58030 */
  prepare(tree: number, key: Uint8Array, keyBytes: number, previous: number): void {
    this.#moveBuckets();
    if (!this.hasSpilled) return;
    this.letGo();
    if (previous !== 0) this.bytesOf(previous);
    let a = this.#find(hashKey(tree, key, keyBytes), tree, key, keyBytes);
    for (let n = 0; n < ENTRIES_LOOKED_BACK && a !== 0; n++) a = this.olderOf(a);
  }

  /** As {@link prepare}, for an entry without a key. @throws 58030 */
  prepareRun(previous: number): void {
    if (previous !== 0) this.bytesOf(previous);
  }

  /** Before {@link remove}: reads what it will touch. @throws 58030 */
  prepareRemoval(address: number): void {
    this.#moveBuckets();
    if (!this.hasSpilled) return;
    this.letGo();
    if (this.previousOf(address) !== 0) this.bytesOf(this.previousOf(address));
    if (this.kindOf(address) === VERSION_RUN) return;
    if (this.olderOf(address) !== 0) this.bytesOf(this.olderOf(address));
    let a = this.#headsOf(this.hashOf(address))[this.#slot]!;
    while (a !== 0 && !this.#isSameKey(a, address)) a = this.nextOf(a);
    while (a !== 0 && a !== address) a = this.olderOf(a);
  }

  /** The newest entry of a key, or 0. */
  newest(tree: number, key: Uint8Array, keyBytes: number): number {
    if (this.entries === 0) return 0;
    this.letGoIfPossible();
    return this.#find(hashKey(tree, key, keyBytes), tree, key, keyBytes);
  }

  #find(hash: number, tree: number, key: Uint8Array, keyBytes: number): number {
    let a = this.#headsOf(hash)[this.#slot]!;
    while (a !== 0 && !this.#isKey(a, hash, tree, key, keyBytes)) a = this.nextOf(a);
    return a;
  }

  /** Adds the newest entry of a key and returns its address. There must be room, and `prepare` have been called. */
  add(
    kind: VersionKind,
    mode: number,
    transaction: number,
    previous: number,
    lsn: number,
    command: number,
    tree: number,
    key: Uint8Array,
    keyBytes: number,
    before: Uint8Array,
    beforeStart: number,
    beforeBytes: number,
    moved: Uint8Array | undefined,
  ): number {
    const hash = kind === VERSION_RUN ? 0 : hashKey(tree, key, keyBytes);
    const address = this.write(
      kind,
      mode,
      transaction,
      previous,
      lsn,
      command,
      tree,
      hash,
      key,
      keyBytes,
      before,
      beforeStart,
      beforeBytes,
      moved,
    );
    if (kind !== VERSION_RUN) this.#hang(address, hash, tree, key, keyBytes);
    return address;
  }

  /** Takes an entry out of its key's chain and frees it. `prepareRemoval` must have been called, or it may read. */
  remove(address: number): void {
    if (this.kindOf(address) !== VERSION_RUN) this.#unhang(address);
    this.free(address);
  }

  #hang(address: number, hash: number, tree: number, key: Uint8Array, keyBytes: number): void {
    const heads = this.#headsOf(hash);
    const slot = this.#slot;
    let before = 0;
    let a = heads[slot]!;
    while (a !== 0 && !this.#isKey(a, hash, tree, key, keyBytes)) {
      before = a;
      a = this.nextOf(a);
    }
    if (a === 0) {
      this.setNextOf(address, heads[slot]!);
      heads[slot] = address;
      return;
    }
    // The former newest entry gives its place in the bucket to the new one.
    this.setOlder(address, a);
    this.setNextOf(address, this.nextOf(a));
    this.#link(heads, slot, before, address);
  }

  #unhang(address: number): void {
    const heads = this.#headsOf(this.hashOf(address));
    const slot = this.#slot;
    const older = this.olderOf(address);
    let before = 0;
    let a = heads[slot]!;
    for (; a !== 0 && !this.#isSameKey(a, address); a = this.nextOf(a)) before = a;
    if (a === address) {
      const next = this.nextOf(a);
      if (older !== 0) this.setNextOf(older, next);
      this.#link(heads, slot, before, older !== 0 ? older : next);
      return;
    }
    let newer = a;
    while (newer !== 0 && this.olderOf(newer) !== address) newer = this.olderOf(newer);
    assert(newer !== 0, 'version entry is in no chain');
    this.setOlder(newer, older);
  }

  #isSameKey(a: number, b: number): boolean {
    if (a === b) return true;
    if (this.hashOf(a) !== this.hashOf(b)) return false;
    return this.#isKeyAt(a, this.treeOf(b), this.bytesOf(b), this.keyAt(b), this.keyBytesOf(b));
  }

  #link(heads: Uint32Array, slot: number, before: number, address: number): void {
    if (before === 0) heads[slot] = address;
    else this.setNextOf(before, address);
  }

  /** The buckets that a hash is in now; `#slot` is its place there. */
  #headsOf(hash: number): Uint32Array {
    const old = this.#oldBuckets;
    const slot = hash & (old.length - 1);
    if (old.length > 0 && slot >= this.#moved) {
      this.#slot = slot;
      return old;
    }
    this.#slot = hash & (this.#buckets.length - 1);
    return this.#buckets;
  }

  #slot = 0;

  #isKey(address: number, hash: number, tree: number, key: Uint8Array, keyBytes: number): boolean {
    return this.hashOf(address) === hash && this.#isKeyAt(address, tree, key, 0, keyBytes);
  }

  #isKeyAt(address: number, tree: number, key: Uint8Array, keyAt: number, keyBytes: number): boolean {
    const view = this.viewOf(address);
    const at = this.offset(address);
    if (view.getUint32(at + TREE_AT, true) !== tree || view.getUint16(at + KEY_BYTES_AT, true) !== keyBytes)
      return false;
    const bytes = this.bytesOf(address);
    for (let i = 0; i < keyBytes; i++) if (bytes[at + DATA_AT + i] !== key[keyAt + i]) return false;
    return true;
  }

  /** Goes on doubling the buckets, or begins to. @throws 58030 */
  #moveBuckets(): void {
    if (this.#oldBuckets.length === 0) {
      if (this.entries < this.#buckets.length || this.#buckets.length >= this.limitBytes / BUCKET_SHARE) return;
      this.#oldBuckets = this.#buckets;
      this.#buckets = new Uint32Array(this.#oldBuckets.length * 2);
      this.#moved = 0;
    }
    const old = this.#oldBuckets;
    for (let n = 0; n < BUCKETS_PER_STEP && this.#moved < old.length; n++) {
      // All is read before anything changes: reading may fail.
      for (let a = old[this.#moved]!; a !== 0; a = this.nextOf(a));
      for (let a = old[this.#moved]!; a !== 0; ) {
        const next = this.nextOf(a);
        const slot = this.hashOf(a) & (this.#buckets.length - 1);
        this.setNextOf(a, this.#buckets[slot]!);
        this.#buckets[slot] = a;
        a = next;
      }
      this.#moved++;
    }
    if (this.#moved === old.length) this.#oldBuckets = NO_BUCKETS;
  }
}
