/**
 * How far a pass over all trees is, in percent of their leaves: those of the trees that lie behind, and of the one at work those
 * that were visited. What is counted changes while it runs, so a percentage never falls, and 100 is for the end.
 */
import type { Core } from '../storage/core.ts';
import { TREE_LIVE } from '../storage/layout.ts';
import type { PassPosition } from './defragment-pass.ts';

export class PassProgress {
  readonly #core: Core;
  #tree = -1;
  /** Leaves of the trees behind, of the one at work, of all. */
  #before = 0;
  #leaves = 0;
  #total = 1;
  /** Pages that had been visited when the tree was begun. */
  #visited = 0;
  #percent = 0;

  constructor(core: Core) {
    this.#core = core;
  }

  get percent(): number {
    return this.#percent;
  }

  /** The pass is at a place, and has visited so many pages. */
  reach({ tree }: PassPosition, visited: number): void {
    if (tree !== this.#tree) this.#enter(tree, visited);
    const done = this.#before + Math.min(this.#leaves, visited - this.#visited);
    this.#percent = Math.max(this.#percent, Math.min(99.9, (100 * done) / this.#total));
  }

  #enter(tree: number, visited: number): void {
    this.#tree = tree;
    this.#visited = visited;
    this.#before = 0;
    this.#leaves = 0;
    let behind = 0;
    for (const { id, leaves, state } of this.#core.trees.values()) {
      if (state !== TREE_LIVE) continue;
      if (id < tree) this.#before += leaves;
      else if (id === tree) this.#leaves = leaves;
      else behind += leaves;
    }
    this.#total = Math.max(1, this.#before + this.#leaves + behind);
  }
}
