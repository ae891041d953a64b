/**
 * Ordering on a list: the moves that `LeafOrderer` would make, counted.
 *
 *   leaf i of the keys, place p of the file:   stands there already → nothing · p at hand → a move · a leaf there → a swap
 *
 * Pages that only look free, because they lie in a bitmap or are put aside, are passed over, as the real one does.
 */
import type { PlannedSpace } from './plan-space.ts';

export interface OrderCounts {
  moved: number;
  swaps: number;
  rewritten: number;
}

/** Order of the leaves of a plan. A step a call, so that whoever plans can pause. */
export class PlannedOrder {
  readonly #pages: Int32Array;
  readonly #places: Int32Array;
  readonly #space: PlannedSpace;
  readonly #leafAt = new Map<number, number>();
  #leaf = 0;
  #at = 0;
  readonly counts: OrderCounts = { moved: 0, swaps: 0, rewritten: 0 };

  /** @param pages - of the leaves, in the order of keys. */
  constructor(pages: readonly number[], space: PlannedSpace) {
    this.#pages = Int32Array.from(pages);
    this.#space = space;
    this.#places = Int32Array.from([...pages, ...space.atHand()]).sort();
    for (const [leaf, page] of pages.entries()) this.#leafAt.set(page, leaf);
  }

  /** Places one leaf; false when it was the last, or there is no place left. */
  step(): boolean {
    const page = this.#pages[this.#leaf];
    if (page === undefined) return false;
    for (; this.#at < this.#places.length; this.#at++) {
      const place = this.#places[this.#at] ?? 0;
      if (place !== page && !this.#put(page, place)) continue;
      this.#at++;
      return ++this.#leaf < this.#pages.length;
    }
    return false;
  }

  #put(page: number, place: number): boolean {
    if (this.#space.isAtHand(place)) {
      this.#space.refill(page);
      // The page may just have been put aside.
      return this.#space.isAtHand(place) && this.#move(page, place);
    }
    const other = this.#leafAt.get(place);
    if (other === undefined) return false;
    this.#set(other, page);
    this.#set(this.#leaf, place);
    this.counts.moved += 2;
    this.counts.swaps++;
    this.counts.rewritten += 2;
    return true;
  }

  #move(page: number, place: number): boolean {
    this.#leafAt.delete(page);
    this.#set(this.#leaf, place);
    this.#space.take(place);
    this.#space.give(page, page);
    this.counts.moved++;
    this.counts.rewritten++;
    return true;
  }

  #set(leaf: number, page: number): void {
    this.#pages[leaf] = page;
    this.#leafAt.set(page, leaf);
  }
}
