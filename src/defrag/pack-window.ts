/**
 * Packing a stretch of neighbouring leaves into one page less: first it is worked out where each new page begins, by the sizes of
 * rows and the prefix that their keys will share; only what fits is built.
 *
 *   leaves     │ a b c     │ d e f    │ g h │          three leaves, `from` … `to`
 *   new pages  │ a b c d e │ f g h │                   two pages, made of pieces of leaves
 *                          f                           the separator: the shortest key that parts e and f
 *
 * Nodes and slack that may go (`cuts`) stay behind; the other flagged nodes, and slack, travel along. Leaves are seen through {@link PageImages}: the cache's frames, or copies that a plan made.
 */
import { CHILD_BYTES, NODE_CAPACITY_AT, NODE_RECORD_BYTES_AT } from '../storage/layout.ts';
import { commonBytes, copyKey, initPage, nodeAt, nodeBytes, slotCount, storedKeyBytes } from '../storage/page.ts';
import { appendNodes } from '../storage/page-build.ts';
import type { Reclaimable } from '../storage/purge.ts';

const KEY_BYTES_MAX = 8192;

/** Pages by a number that the caller has for each. */
export interface PageImages {
  readonly bytes: readonly Uint8Array[];
  readonly views: readonly DataView[];
  pgnoOf(frame: number): number;
}

/** A stretch of a window: places of its first and its last leaf. */
export interface Run {
  readonly from: number;
  readonly to: number;
}

/** A part of a leaf that goes into one new page. */
interface Piece {
  readonly page: number;
  readonly frame: number;
  readonly from: number;
  readonly to: number;
  /** Its nodes lose their slack. */
  readonly isCut: boolean;
}

export class WindowPacker {
  /** The new pages, after {@link build}; there are so many as {@link pages} says. Neighbours are not set in their headers. */
  readonly bytes: readonly Uint8Array[];
  readonly views: readonly DataView[];
  pages = 0;
  /** The keys that part one new page from the next. */
  readonly separators: Uint8Array[] = [];
  readonly #pieces: Piece[] = [];
  /** Of each new page: its first key, and how many bytes of that all its keys share. */
  readonly #firsts: readonly Uint8Array[];
  readonly #prefixes: number[] = [];
  /** The next row's key, and that of the row before it. */
  #key = new Uint8Array(KEY_BYTES_MAX);
  #before = new Uint8Array(KEY_BYTES_MAX);
  #bytesBefore = 0;
  /** Of the page that is being filled: its rows, their bytes with whole keys, and what the keys share. */
  #count = 0;
  #full = 0;
  #shared = 0;
  #pagesMax = 0;

  /** @param pagesMax - leaves of a stretch at most. */
  constructor(pageBytes: number, pagesMax: number) {
    this.bytes = Array.from({ length: pagesMax }, () => new Uint8Array(pageBytes));
    this.views = this.bytes.map((page) => new DataView(page.buffer));
    this.#firsts = this.bytes.map(() => new Uint8Array(KEY_BYTES_MAX));
  }

  /**
   * Divides the rows of a stretch among one page less than it has.
   *
   * @param cuts - what may go, leaf by leaf as `frames`.
   * @param capacity - bytes that a new page may be filled with.
   * @returns false when they do not fit, or fit even fewer pages: then a shorter stretch does.
   */
  divide(
    images: PageImages,
    frames: readonly number[],
    cuts: readonly Reclaimable[],
    { from, to }: Run,
    capacity: number,
  ): boolean {
    this.#pieces.length = 0;
    this.separators.length = 0;
    this.#begin(to - from);
    for (let i = from; i <= to; i++) {
      const frame = frames[i]!;
      const view = images.views[frame]!;
      const { removed, trimmed } = cuts[i]!;
      let cut = trimmed.length - 1;
      let start = 0;
      // Whole stretches between what goes and what is cut, which both are listed from behind.
      for (let r = removed.length - 1; r >= -1; r--) {
        const end = r < 0 ? slotCount(view) : removed[r]!;
        for (; cut >= 0 && trimmed[cut]! < end; cut--) {
          if (!this.#take(images, frame, start, trimmed[cut]!, false, capacity)) return false;
          if (!this.#take(images, frame, trimmed[cut]!, trimmed[cut]! + 1, true, capacity)) return false;
          start = trimmed[cut]! + 1;
        }
        if (!this.#take(images, frame, start, end, false, capacity)) return false;
        start = end + 1;
      }
    }
    this.#prefixes[this.pages - 1] = this.#shared;
    return this.pages === this.#pagesMax;
  }

  /** Builds the pages of the division made last, with the numbers of the stretch's first leaves. */
  build(images: PageImages, frames: readonly number[], { from }: Run, treeId: number): void {
    for (let p = 0; p < this.pages; p++) {
      const pgno = images.pgnoOf(frames[from + p]!);
      initPage(this.bytes[p]!, this.views[p]!, pgno, treeId, 0, this.#firsts[p]!, this.#prefixes[p]!);
    }
    for (const { page, frame, from: first, to, isCut } of this.#pieces) {
      appendNodes(this.bytes[page]!, this.views[page]!, images.bytes[frame]!, images.views[frame]!, first, to, isCut);
    }
  }

  /** What the new separators take in the branch above beyond what the old ones, of slots first … last, give back. */
  branchGrowth(bytes: Uint8Array, view: DataView, first: number, last: number): number {
    let growth = 0;
    for (let slot = first; slot <= last; slot++) {
      const keyBytes = copyKey(bytes, view, slot, this.#key);
      growth -= nodeBytes(CHILD_BYTES, storedKeyBytes(bytes, view, this.#key, keyBytes));
    }
    for (const separator of this.separators) {
      growth += nodeBytes(CHILD_BYTES, storedKeyBytes(bytes, view, separator, separator.length));
    }
    return growth;
  }

  #begin(pagesMax: number): void {
    this.#pagesMax = pagesMax;
    this.pages = 1;
    this.#count = 0;
    this.#full = 0;
    this.#shared = 0;
  }

  /** Takes slots start … end − 1 of a leaf into the new pages; false when there is no page left for them. */
  #take(images: PageImages, frame: number, start: number, end: number, isCut: boolean, capacity: number): boolean {
    const bytes = images.bytes[frame]!;
    const view = images.views[frame]!;
    let from = start;
    for (let slot = start; slot < end; slot++) {
      const key = this.#key;
      const keyBytes = copyKey(bytes, view, slot, key);
      const held = view.getUint16(nodeAt(view, slot) + (isCut ? NODE_RECORD_BYTES_AT : NODE_CAPACITY_AT), true);
      const node = nodeBytes(held, keyBytes);
      const first = this.#firsts[this.pages - 1]!;
      let prefix = this.#count === 0 ? keyBytes : commonBytes(first, this.#shared, key, keyBytes);
      if (this.#count > 0 && this.#full + node - (this.#count + 1) * prefix + prefix > capacity) {
        if (this.pages === this.#pagesMax) return false;
        if (slot > from) this.#pieces.push({ page: this.pages - 1, frame, from, to: slot, isCut });
        this.#separate(keyBytes);
        from = slot;
        prefix = keyBytes;
      }
      if (this.#count === 0) this.#firsts[this.pages - 1]!.set(key);
      this.#shared = prefix;
      this.#count++;
      this.#full += node;
      this.#key = this.#before;
      this.#before = key;
      this.#bytesBefore = keyBytes;
    }
    if (end > from) this.#pieces.push({ page: this.pages - 1, frame, from, to: end, isCut });
    return true;
  }

  /** Begins the next page: the separator is the shortest key between the last row and the next one. */
  #separate(keyBytes: number): void {
    this.#prefixes[this.pages - 1] = this.#shared;
    const shared = commonBytes(this.#before, this.#bytesBefore, this.#key, keyBytes);
    this.separators.push(this.#key.slice(0, Math.min(keyBytes, shared + 1)));
    this.pages++;
    this.#count = 0;
    this.#full = 0;
  }
}
