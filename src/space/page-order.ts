/**
 * Page numbers in key order, and what their order says about reading them one after the other.
 *
 *   succ(x)       the next higher page number in the list
 *   out of order  p(i + 1) ≠ succ(p(i)); the last page has no successor and never counts
 *   fragment      a run of p(i + 1) = p(i) + 1
 *
 * So a hole that belongs to somebody else ends a fragment without being out of order.
 */
import type { Task } from '../base/task.ts';
import type { Core } from '../storage/core.ts';
import { sliceRequest } from '../storage/transactions.ts';

const CHUNK = 4096;
/** Pages or words looked at between two slices: below a millisecond. */
const STEPS_PER_SLICE = 1 << 16;

export class PageOrder {
  count = 0;
  /** Runs of consecutive page numbers. */
  fragments = 0;
  /** Pages whose right neighbour lies before them in the file. */
  backward = 0;
  readonly #chunks: Uint32Array[] = [];
  #last = 0;
  #lowest = Number.POSITIVE_INFINITY;
  #highest = 0;

  add(pgno: number): void {
    if (this.count % CHUNK === 0) this.#chunks.push(new Uint32Array(CHUNK));
    this.#chunks[this.#chunks.length - 1]![this.count % CHUNK] = pgno;
    if (this.count === 0 || pgno !== this.#last + 1) this.fragments++;
    if (this.count > 0 && pgno < this.#last) this.backward++;
    this.count++;
    this.#last = pgno;
    if (pgno < this.#lowest) this.#lowest = pgno;
    if (pgno > this.#highest) this.#highest = pgno;
  }

  at(i: number): number {
    return this.#chunks[Math.floor(i / CHUNK)]![i % CHUNK]!;
  }

  /** How many pages are not followed by their successor. Looks at each page, and at each word of a bitmap, once. */
  *outOfOrder(core: Core): Task<number> {
    if (this.count < 2) return 0;
    const low = this.#lowest;
    const bits = new Uint32Array(((this.#highest - low) >>> 5) + 1);
    let steps = 0;
    for (let i = 0; i < this.count; i++) {
      const p = this.at(i) - low;
      bits[p >>> 5]! |= 1 << (p & 31);
      if (++steps % STEPS_PER_SLICE === 0) yield sliceRequest(core);
    }
    let misplaced = 0;
    for (let i = 0; i + 1 < this.count; i++) {
      const p = this.at(i) - low + 1;
      let word = p >>> 5;
      let rest = word < bits.length ? (bits[word]! >>> (p & 31)) << (p & 31) : 0;
      while (rest === 0 && ++word < bits.length) {
        rest = bits[word]!;
        if (++steps % STEPS_PER_SLICE === 0) yield sliceRequest(core);
      }
      const successor = rest === 0 ? -1 : low + word * 32 + 31 - Math.clz32(rest & -rest);
      if (successor !== this.at(i + 1)) misplaced++;
      if (++steps % STEPS_PER_SLICE === 0) yield sliceRequest(core);
    }
    return misplaced;
  }

  /**
   * Share of the runs of pages in one extent that do not begin in the extent right behind that of the run before.
   *
   * @param extents - (first page, pages, state) of each extent, in the order of the file.
   * @param fields - numbers per extent.
   */
  *extentFragmentation(core: Core, extents: readonly number[], fields: number): Task<number> {
    let runs = 0;
    let misplaced = 0;
    let before = -1;
    for (let i = 0; i < this.count; i++) {
      if ((i + 1) % CHUNK === 0) yield sliceRequest(core);
      const extent = extentOf(extents, fields, this.at(i));
      if (runs > 0 && extent === before) continue;
      runs++;
      const end = before < 0 ? -1 : extents[before * fields]! + extents[before * fields + 1]!;
      if (runs > 1 && extents[extent * fields] !== end) misplaced++;
      before = extent;
    }
    return runs === 0 ? 0 : misplaced / runs;
  }
}

/** Index of the extent that holds a page: the last one that begins at or before it. */
function extentOf(extents: readonly number[], fields: number, pgno: number): number {
  let low = 0;
  let high = extents.length / fields - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (extents[middle * fields]! <= pgno) low = middle;
    else high = middle - 1;
  }
  return low;
}
