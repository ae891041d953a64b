/**
 * Reading leaves in key order.
 *
 *   seeking   the next leaf is found by key: at the start, after `park`, and when the last leaf changed or left the cache
 *   linked    the last leaf is as it was delivered: the next one is its neighbour
 *   done      no more
 *
 * The scan holds no page between two calls. It remembers the delivered leaf by (page, LSN, pages freed since) and, for the case
 * that this no longer fits, the last key in the direction of the scan; so splits, merges, moves and evictions cannot make it lose or
 * repeat a row (law 3). A row that its own statement moves ahead of the scan is invisible by its command number.
 */
import { assert } from '../base/assert.ts';
import type { BTree } from './btree.ts';
import { type KeyBound, type LeafScan, NEED, NONE, OK, type Row, type Snapshot } from './contracts.ts';
import type { Core } from './core.ts';
import {
  keyBytesMax,
  PAGE_FLAGGED_AT,
  PAGE_LSN_AT,
  PAGE_NEWEST_AT,
  PAGE_NEXT_AT,
  PAGE_PREV_AT,
  PAGE_TREE_AT,
  readU64,
} from './layout.ts';
import { compareBytes, copyKey, searchPage, slotCount } from './page.ts';
import { makeRow, type RowVersions } from './row-versions.ts';
import type { Tree } from './tree.ts';

const DONE = 0;
const SEEKING = 1;
const LINKED = 2;

const NO_BYTES = new Uint8Array(0);
const NO_VIEW = new DataView(NO_BYTES.buffer);

export class TreeScan implements LeafScan {
  view: DataView = NO_VIEW;
  bytes: Uint8Array = NO_BYTES;
  from = 0;
  to = 0;
  plain = false;
  readonly row: Row = makeRow(0);
  readonly key: Uint8Array;
  readonly #core: Core;
  readonly #trees: BTree;
  readonly #versions: RowVersions;
  #tree: Tree | undefined;
  #snapshot: Snapshot | undefined;
  #backward = false;
  #lower: KeyBound | undefined;
  #upper: KeyBound | undefined;
  #state = DONE;
  /** Where to seek: a key (length ≥ 0) and whether it is included; −1 = the end of the tree where the scan starts. */
  #position: Uint8Array;
  #positionBytes = -1;
  #inclusive = true;
  #pgno = 0;
  #lsn = 0;
  #freed = 0;

  constructor(core: Core, trees: BTree, versions: RowVersions) {
    this.#core = core;
    this.#trees = trees;
    this.#versions = versions;
    this.key = new Uint8Array(keyBytesMax(core.pageBytes));
    this.#position = new Uint8Array(keyBytesMax(core.pageBytes));
  }

  open(
    treeId: number,
    from: KeyBound | undefined,
    to: KeyBound | undefined,
    backward: boolean,
    snapshot: Snapshot,
  ): void {
    this.close();
    this.#tree = this.#core.tree(treeId);
    this.#tree.users++;
    this.#snapshot = snapshot;
    this.#backward = backward;
    this.#lower = from;
    this.#upper = to;
    this.#state = SEEKING;
    const start = backward ? to : from;
    this.#positionBytes = -1;
    if (start !== undefined) this.#seekTo(start.key, start.length, start.inclusive);
  }

  next(): number {
    const tree = this.#tree;
    if (this.#state === DONE || tree === undefined) return NONE;
    for (;;) {
      const frame = this.#state === LINKED ? this.#neighbour(tree) : this.#seek(tree);
      if (frame < 0) return frame === MISSING ? NEED : this.#end();
      const status = this.#deliver(frame);
      if (status !== SKIP) return status;
    }
  }

  resolve(slot: number): boolean {
    const length = copyKey(this.bytes, this.view, slot, this.key);
    assert(this.#tree !== undefined && this.#snapshot !== undefined, 'scan is open');
    return this.#versions.resolve(
      this.#tree.id,
      this.bytes,
      this.view,
      slot,
      this.key,
      length,
      this.#snapshot,
      this.row,
    );
  }

  keyAt(slot: number): number {
    return copyKey(this.bytes, this.view, slot, this.key);
  }

  park(slot: number, after: boolean): void {
    this.#positionBytes = copyKey(this.bytes, this.view, slot, this.#position);
    this.#inclusive = !after;
    this.#state = SEEKING;
    this.#forgetLeaf();
  }

  close(): void {
    if (this.#tree !== undefined) this.#tree.users--;
    this.#tree = undefined;
    this.#state = DONE;
    this.#forgetLeaf();
  }

  #forgetLeaf(): void {
    this.view = NO_VIEW;
    this.bytes = NO_BYTES;
    this.from = 0;
    this.to = 0;
  }

  #end(): number {
    this.#state = DONE;
    this.#forgetLeaf();
    return NONE;
  }

  #seekTo(key: Uint8Array, length: number, inclusive: boolean): void {
    // A bound may be longer than any key of the tree.
    if (length > this.#position.length) this.#position = new Uint8Array(length);
    for (let i = 0; i < length; i++) this.#position[i] = key[i]!;
    this.#positionBytes = length;
    this.#inclusive = inclusive;
  }

  /** The leaf where the position lies. */
  #seek(tree: Tree): number {
    const frame =
      this.#positionBytes < 0
        ? this.#trees.descendEdge(tree, this.#backward)
        : this.#trees.descend(tree, this.#position, this.#positionBytes);
    return frame < 0 ? MISSING : frame;
  }

  /** The leaf after the delivered one, if that is unchanged; else seeks behind its last key. */
  #neighbour(tree: Tree): number {
    const cache = this.#core.cache;
    const frame = cache.peek(this.#pgno);
    const view = frame < 0 ? undefined : cache.views[frame]!;
    if (
      view === undefined ||
      cache.freed !== this.#freed ||
      readU64(view, PAGE_LSN_AT) !== this.#lsn ||
      view.getUint32(PAGE_TREE_AT, true) !== tree.id
    ) {
      this.#state = SEEKING;
      return this.#seek(tree);
    }
    const next = view.getUint32(this.#backward ? PAGE_PREV_AT : PAGE_NEXT_AT, true);
    if (next === 0) return FINISHED;
    const neighbour = cache.peek(next);
    if (neighbour >= 0) return neighbour;
    this.#core.want(this.#core.cache.pageRequest(next, 0));
    return MISSING;
  }

  /** Cuts the leaf to the range and delivers it, or skips it. */
  #deliver(frame: number): number {
    const cache = this.#core.cache;
    const bytes = cache.bytes[frame]!;
    const view = cache.views[frame]!;
    const count = slotCount(view);
    let from = 0;
    let to = count;
    if (this.#state === SEEKING && this.#positionBytes >= 0) {
      const at = cut(bytes, view, this.#position, this.#positionBytes, this.#inclusive, this.#backward);
      if (this.#backward) to = at;
      else from = at;
    }
    let last = false;
    const bound = this.#backward ? this.#lower : this.#upper;
    if (bound !== undefined && from < to) {
      const outermost = this.#backward ? from : to - 1;
      this.#positionBytes = copyKey(bytes, view, outermost, this.#position);
      if (this.#isBeyond(bound)) {
        last = true;
        const at = cut(bytes, view, bound.key, bound.length, bound.inclusive, !this.#backward);
        if (this.#backward) from = Math.max(from, at);
        else to = Math.min(to, at);
      }
    } else if (from < to) this.#positionBytes = copyKey(bytes, view, this.#backward ? from : to - 1, this.#position);
    this.#state = last ? DONE : LINKED;
    this.#inclusive = false;
    this.#pgno = cache.pgnoOf(frame);
    this.#lsn = readU64(view, PAGE_LSN_AT);
    this.#freed = cache.freed;
    if (from >= to) {
      if (last) return this.#end();
      // An empty leaf, or one whose keys all lie before the position: its neighbour is looked at at once.
      return SKIP;
    }
    this.view = view;
    this.bytes = bytes;
    this.from = from;
    this.to = to;
    assert(this.#snapshot !== undefined, 'scan is open');
    this.plain =
      view.getUint16(PAGE_FLAGGED_AT, true) === 0 && readU64(view, PAGE_NEWEST_AT) < this.#snapshot.oldestOpen;
    return OK;
  }

  /** Does the position lie beyond the bound where the scan ends? */
  #isBeyond(bound: KeyBound): boolean {
    const order = compareBytes(this.#position, 0, this.#positionBytes, bound.key, 0, bound.length);
    if (order === 0) return !bound.inclusive;
    return this.#backward ? order < 0 : order > 0;
  }
}

const MISSING = -1;
const FINISHED = -2;
const SKIP = -3;

/** The slot that begins (`upper` false) or ends (`upper` true) the part of a leaf from or up to a key. */
function cut(
  bytes: Uint8Array,
  view: DataView,
  key: Uint8Array,
  keyBytes: number,
  inclusive: boolean,
  upper: boolean,
): number {
  const found = searchPage(bytes, view, key, keyBytes);
  if (found < 0) return -found - 1;
  return found + (inclusive === upper ? 1 : 0);
}
