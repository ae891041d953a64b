/**
 * Cleaning behind transactions: versions that nobody can see, nodes whose deletion everybody sees, slack that nobody needs.
 *
 *   versions   transactions in commit order; when the horizon has passed one, its entries go
 *   nodes      page by page, when a delete's entry goes, when a page needs room, or after a hint (an undone insert)
 *   pages      a leaf that became sparse is joined with a neighbour (`merge.ts`)
 *   sweeps     what is too much to remember one by one: all leaves of the tree, one after the other
 *
 * A step is short; the engine's scheduler calls it when there is nothing better to do. A page's nodes are removed in one
 * group. Whether a node may go depends on memory (versions, horizon), so the log lists the slots.
 */
import { fail } from '../base/errors.ts';
import type { BTree } from './btree.ts';
import { NEED, NONE, OK, TREE_LONG } from './contracts.ts';
import type { Core } from './core.ts';
import {
  LONG_CHUNK_KEY_BYTES,
  LONG_HEAD_BYTES,
  NODE_CAPACITY_AT,
  NODE_DELETED,
  NODE_KEY_AT,
  NODE_KEY_BYTES_MASK,
  NODE_RECORD_BYTES_AT,
  PAGE_FREE_AT,
  TREE_DROPPED,
} from './layout.ts';
import { isSparse, Merge } from './merge.ts';
import { compareBytes, copyKey, nodeAt, nodeBytes, nodeFlags, searchPage, slotCount } from './page.ts';
import type { RowVersions } from './row-versions.ts';
import type { Txn } from './transaction.ts';
import { sliceRequest, type Transactions } from './transactions.ts';
import type { Tree } from './tree.ts';
import { VERSION_DELETE, VERSION_RUN } from './version-entries.ts';

/** Entries that one step frees at most: well below a millisecond. */
const ENTRIES_PER_STEP = 512;
/** Cleaning behind a delete looks at its page too: as much work as so many entries more. */
const DELETE_ENTRIES = 3;
/** Hints and sparse leaves remembered; when there are more, their tree is swept. */
const HINTS_MAX = 4096;
const NO_CHUNKS = -2;
const FIRST_KEY = new Uint8Array(0);

/** Slots of a leaf that may go, and slots whose slack may go, both descending; the bytes that this frees. */
export interface Reclaimable {
  readonly removed: readonly number[];
  readonly trimmed: readonly number[];
  readonly gain: number;
}

export const NOTHING_TO_RECLAIM: Reclaimable = { removed: [], trimmed: [], gain: 0 };

export class Purge {
  readonly #core: Core;
  readonly #trees: BTree;
  readonly #versions: RowVersions;
  readonly #transactions: Transactions;
  #hints: { readonly tree: number; readonly key: Uint8Array }[] = [];
  readonly #removed: number[] = [];
  readonly #trimmed: number[] = [];
  readonly #key = new Uint8Array(8192);

  readonly #merge: Merge;
  /** Leaves that became sparse: by tree and a key that they cover. */
  #sparse: { readonly tree: number; readonly key: Uint8Array }[] = [];
  /** By tree: the key from which its leaves are still to be swept. */
  readonly #sweeps: Map<number, Uint8Array> = new Map();

  constructor(core: Core, trees: BTree, versions: RowVersions, transactions: Transactions) {
    this.#core = core;
    this.#merge = new Merge(core, trees);
    this.#trees = trees;
    this.#versions = versions;
    this.#transactions = transactions;
  }

  /** A node with this key may be purgeable soon. */
  hint(tree: number, key: Uint8Array, keyBytes: number): void {
    if (this.#hints.length < HINTS_MAX) this.#hints.push({ tree, key: key.slice(0, keyBytes) });
    else this.#sweeps.set(tree, FIRST_KEY);
  }

  /**
   * The version store has no more memory: cleans it, or else moves old versions to disk. An attempt.
   *
   * @throws 53400 when the temporary file may grow no more: it says who holds the horizon; 53100, 58030 of the file
   */
  versionRoom(): number {
    const { versions } = this.#core;
    const cleans = this.#transactions.cleanable() !== undefined;
    if (cleans && this.step() === NEED) return NEED;
    if (versions.hasRoom()) return OK;
    // What is on disk already is the oldest, and cleaned first: that alone makes no room in memory.
    if (cleans && versions.spilledBytes === 0) return this.#core.want(sliceRequest(this.#core));
    if (versions.makeRoom()) return OK;
    if (cleans) return this.#core.want(sliceRequest(this.#core));
    const limit = (versions.limitBytes + versions.spillLimitBytes) >> 20;
    throw fail('configuration_limit_exceeded', 'version store is full', {
      detail: this.#holder(limit),
      hint: 'End long transactions, or raise the limit of the version store.',
    });
  }

  #holder(limitMiB: number): string {
    const full = `Old versions of rows take all of ${limitMiB} MiB in memory and on disk.`;
    const holder = this.#transactions.horizonHolder;
    if (holder === undefined) return full;
    const since = new Date(holder.sinceMicros / 1000).toISOString();
    const what = holder.isSnapshot ? 'snapshot' : 'transaction';
    return `${full} The session with process id ${holder.owner} holds the oldest ${what}, since ${since}.`;
  }

  /** Does a bounded piece of work: OK = there was some, NONE = nothing to do now, NEED. */
  step(): number {
    const txn = this.#transactions.cleanable();
    if (txn !== undefined) return this.#clean(txn);
    const hint = this.#hints[this.#hints.length - 1];
    if (hint === undefined) return this.#mergeStep();
    if (this.#purgeAt(hint.tree, hint.key, hint.key.length) === NEED) return NEED;
    this.#hints.pop();
    return OK;
  }

  /** Removes what may go from a leaf, if that makes at least `wanted` bytes free. The caller has reserved a group. */
  reclaimPage(tree: Tree, frame: number, wanted: number): boolean {
    const view = this.#core.cache.views[frame]!;
    if (wanted > view.byteLength) return false;
    const gain = this.#collect(tree, frame);
    if (gain === 0 || view.getUint16(PAGE_FREE_AT, true) + gain < wanted) return false;
    this.#apply(frame);
    return true;
  }

  /** Removes and cuts what may go from a leaf; false when that is nothing. The caller has reserved a group. */
  reclaimLeaf(tree: Tree, frame: number): boolean {
    if (this.#collect(tree, frame) === 0) return false;
    this.#apply(frame);
    return true;
  }

  /** What {@link reclaimLeaf} would remove and cut, which changes nothing: for whoever rewrites a leaf, and for plans. */
  reclaimable(tree: Tree, frame: number): Reclaimable {
    const gain = this.#collect(tree, frame);
    if (gain === 0) return NOTHING_TO_RECLAIM;
    return { removed: [...this.#removed], trimmed: [...this.#trimmed], gain };
  }

  /** Joins branches on the way to a key that together fill little more than one: OK = joined, NONE, NEED. */
  mergeBranches(tree: Tree, key: Uint8Array): number {
    return this.#merge.tryBranches(tree, key, key.length);
  }

  #mergeStep(): number {
    const sparse = this.#sparse[this.#sparse.length - 1];
    if (sparse === undefined) return this.#sweepStep();
    const tree = this.#core.trees.get(sparse.tree);
    if (tree !== undefined && tree.state !== TREE_DROPPED) {
      const status = this.#merge.tryAt(tree, sparse.key, sparse.key.length);
      if (status === NEED) return NEED;
      // What was joined may be joined further.
      if (status === OK) return OK;
    }
    this.#sparse.pop();
    return OK;
  }

  #noteSparse(tree: Tree, frame: number, key: Uint8Array, keyBytes: number): void {
    if (!isSparse(this.#core.cache.views[frame]!)) return;
    if (this.#sparse.length >= HINTS_MAX) {
      this.#sweeps.set(tree.id, FIRST_KEY);
      return;
    }
    const last = this.#sparse[this.#sparse.length - 1];
    if (last?.tree === tree.id && compareBytes(last.key, 0, last.key.length, key, 0, keyBytes) === 0) return;
    this.#sparse.push({ tree: tree.id, key: key.slice(0, keyBytes) });
  }

  /** Goes one leaf further in a tree that is swept: OK, NONE when there is nothing to sweep, NEED. */
  #sweepStep(): number {
    const [sweep] = this.#sweeps;
    if (sweep === undefined) return NONE;
    const [treeId, from] = sweep;
    const tree = this.#core.trees.get(treeId);
    if (tree === undefined || tree.state === TREE_DROPPED) {
      this.#sweeps.delete(treeId);
      return OK;
    }
    if (this.#core.reserve() === NEED) return NEED;
    const frame = this.#trees.descend(tree, from, from.length);
    if (frame < 0) return NEED;
    const head = tree.kind === TREE_LONG ? this.#flaggedHead(tree, frame) : undefined;
    if (head !== undefined) return this.#purgeLong(tree, head);
    if (this.#collect(tree, frame) > 0 && this.#removed.length > 0) this.#apply(frame);
    const next = this.#trees.separatorAfter();
    if (isSparse(this.#core.cache.views[frame]!)) {
      const status = this.#merge.tryAt(tree, from, from.length);
      // NEED: the leaf is visited again; OK: what was joined may be joined further.
      if (status !== NONE) return status;
    }
    if (next === undefined) this.#sweeps.delete(treeId);
    else this.#sweeps.set(treeId, next);
    return OK;
  }

  /** The key of the first long value on a leaf whose head may go. */
  #flaggedHead(tree: Tree, frame: number): Uint8Array | undefined {
    const { cache } = this.#core;
    for (let slot = 0; slot < slotCount(cache.views[frame]!); slot++) {
      if ((nodeFlags(cache.views[frame]!, slot) & NODE_DELETED) === 0) continue;
      if (copyKey(cache.bytes[frame]!, cache.views[frame]!, slot, this.#key) !== LONG_HEAD_BYTES) continue;
      const head = this.#key.slice(0, LONG_HEAD_BYTES);
      if (this.#purgeableHead(tree, frame, head) >= 0) return head;
    }
    return undefined;
  }

  #clean(txn: Txn): number {
    const versions = this.#core.versions;
    for (let n = 0; n < ENTRIES_PER_STEP && txn.newest !== 0; n++) {
      const entry = txn.newest;
      const kind = versions.kindOf(entry);
      versions.prepareRemoval(entry);
      if (kind === VERSION_DELETE) {
        const length = versions.keyBytesOf(entry);
        const at = versions.keyAt(entry);
        const key = this.#deleted;
        for (let i = 0; i < length; i++) key[i] = versions.bytesOf(entry)[at + i]!;
        if (this.#purgeAt(versions.treeOf(entry), key, length) === NEED) return NEED;
        versions.prepareRemoval(entry);
      } else if (kind === VERSION_RUN) {
        const run = txn.runs.pop();
        if (run !== undefined) this.#versions.runs.remove(run);
      }
      txn.newest = versions.previousOf(entry);
      versions.remove(entry);
      n += kind === VERSION_DELETE ? DELETE_ENTRIES : 0;
    }
    if (txn.newest === 0) this.#transactions.cleaned(txn);
    return OK;
  }

  readonly #deleted = new Uint8Array(8192);

  /** Purges the leaf that covers a key. */
  #purgeAt(treeId: number, key: Uint8Array, keyBytes: number): number {
    const tree = this.#core.trees.get(treeId);
    if (tree === undefined || tree.state === TREE_DROPPED) return OK;
    if (tree.kind === TREE_LONG && keyBytes === LONG_HEAD_BYTES) return this.#purgeLong(tree, key);
    if (this.#core.reserve() === NEED) return NEED;
    const frame = this.#trees.descend(tree, key, keyBytes);
    if (frame < 0) return NEED;
    if (this.#collect(tree, frame) > 0 && this.#removed.length > 0) {
      this.#apply(frame);
      this.#noteSparse(tree, frame, key, keyBytes);
    }
    return OK;
  }

  /** Removes a long value whose head may go: its chunks leaf by leaf, then the head. So a crash leaves a flagged head. */
  #purgeLong(tree: Tree, head: Uint8Array): number {
    for (;;) {
      if (this.#core.reserve() === NEED) return NEED;
      const headFrame = this.#trees.descend(tree, head, LONG_HEAD_BYTES);
      if (headFrame < 0) return NEED;
      const slot = this.#purgeableHead(tree, headFrame, head);
      if (slot < 0) return OK;
      const chunkFrame = this.#chunks(tree, head);
      if (chunkFrame === NEED) return NEED;
      if (this.#removed.length === 0) this.#removed.push(slot);
      this.#trimmed.length = 0;
      // With chunks found, their page comes first; the head goes in the round that finds none.
      const changed = chunkFrame === NO_CHUNKS ? headFrame : chunkFrame;
      this.#apply(changed);
      if (chunkFrame === NO_CHUNKS) this.#noteSparse(tree, changed, head, LONG_HEAD_BYTES);
      else this.#noteSparse(tree, changed, this.#key, LONG_CHUNK_KEY_BYTES);
      if (chunkFrame !== NO_CHUNKS) continue;
      this.#searched = undefined;
      return OK;
    }
  }

  #purgeableHead(tree: Tree, frame: number, head: Uint8Array): number {
    const view = this.#core.cache.views[frame]!;
    const slot = searchPage(this.#core.cache.bytes[frame]!, view, head, LONG_HEAD_BYTES);
    if (slot < 0 || (nodeFlags(view, slot) & NODE_DELETED) === 0) return -1;
    return this.#versions.isPurgeable(tree.id, view, slot, head, LONG_HEAD_BYTES) ? slot : -1;
  }

  /**
   * Lists the chunks of a value on the first leaf that has some, and returns its frame, NO_CHUNKS or NEED. It goes from
   * separator to separator and not along the leaves: behind the value there may be thousands of emptied ones.
   */
  #chunks(tree: Tree, head: Uint8Array): number {
    const { cache } = this.#core;
    this.#removed.length = 0;
    for (let from = this.#chunksFrom(tree, head); ; ) {
      const frame = this.#trees.descend(tree, from, from.length);
      if (frame < 0) return NEED;
      const bytes = cache.bytes[frame]!;
      const view = cache.views[frame]!;
      const found = searchPage(bytes, view, from, from.length);
      const count = slotCount(view);
      for (let slot = found < 0 ? -found - 1 : found; slot < count; slot++) {
        copyKey(bytes, view, slot, this.#key);
        if (compareBytes(this.#key, 0, LONG_HEAD_BYTES, head, 0, LONG_HEAD_BYTES) !== 0) break;
        this.#removed.unshift(slot);
      }
      if (this.#removed.length > 0) return frame;
      const next = this.#trees.separatorAfter();
      if (next === undefined) return NO_CHUNKS;
      const compared = Math.min(next.length, LONG_HEAD_BYTES);
      if (compareBytes(next, 0, compared, head, 0, LONG_HEAD_BYTES) > 0) return NO_CHUNKS;
      from = next;
      this.#searched = { tree: tree.id, head: head.slice(0, LONG_HEAD_BYTES), next };
    }
  }

  /** The first key that a chunk of a value may still have. */
  #chunksFrom(tree: Tree, head: Uint8Array): Uint8Array {
    const searched = this.#searched;
    if (searched?.tree === tree.id && compareBytes(searched.head, 0, LONG_HEAD_BYTES, head, 0, LONG_HEAD_BYTES) === 0) {
      return searched.next;
    }
    const first = new Uint8Array(LONG_CHUNK_KEY_BYTES);
    first.set(head.subarray(0, LONG_HEAD_BYTES));
    return first;
  }

  /** A value that goes, and the key below which it has no chunk any more, so that waiting for a page starts nothing anew. */
  #searched: { readonly tree: number; readonly head: Uint8Array; readonly next: Uint8Array } | undefined;

  /** Lists what may go; returns the bytes that it frees. */
  #collect(tree: Tree, frame: number): number {
    const view = this.#core.cache.views[frame]!;
    const bytes = this.#core.cache.bytes[frame]!;
    this.#removed.length = 0;
    this.#trimmed.length = 0;
    let gain = 0;
    for (let slot = slotCount(view) - 1; slot >= 0; slot--) {
      const at = nodeAt(view, slot);
      const keyField = view.getUint16(at + NODE_KEY_AT, true);
      const capacity = view.getUint16(at + NODE_CAPACITY_AT, true);
      const slack = capacity - view.getUint16(at + NODE_RECORD_BYTES_AT, true);
      const deleted = (keyField & NODE_DELETED) !== 0;
      if (!deleted && slack === 0) continue;
      const keyBytes = copyKey(bytes, view, slot, this.#key);
      // The head of a long value goes after its chunks, see there.
      if (deleted && tree.kind === TREE_LONG && keyBytes === LONG_HEAD_BYTES) continue;
      if (deleted && this.#versions.isPurgeable(tree.id, view, slot, this.#key, keyBytes)) {
        this.#removed.push(slot);
        gain += nodeBytes(capacity, keyField & NODE_KEY_BYTES_MASK);
      } else if (slack > 0 && this.#versions.isSlackFree(tree.id, view, slot, this.#key, keyBytes)) {
        this.#trimmed.push(slot);
        gain += slack;
      }
    }
    return gain;
  }

  #apply(frame: number): void {
    const group = this.#core.group;
    group.begin();
    group.reclaim(frame, this.#removed, this.#trimmed);
    group.end();
  }
}
