/**
 * The way of free space upward: pages become available to their tree; an extent that is wholly free leaves it at once, to the
 * space that encloses it (a table that lent it) or to the database root, and there the same again.
 *
 * `prepare…` makes every leaf on the way resident and roomy, `give…` follows it inside a group.
 */
import { assert } from '../base/assert.ts';
import { NEED, OK } from '../storage/contracts.ts';
import { TREE_DROPPED, TREE_OWNED_PAGES_AT } from '../storage/layout.ts';
import type { Tree } from '../storage/tree.ts';
import type { SpaceMap } from './space-map.ts';
import { coalesce, refill, roomAround, type Space, type SpaceParts } from './tree-space.ts';

export class Upward {
  readonly #parts: SpaceParts;
  readonly #map: SpaceMap;

  constructor(parts: SpaceParts, map: SpaceMap) {
    this.#parts = parts;
    this.#map = map;
  }

  /** Makes ready for {@link giveInto}: OK, NONE (some room was made: again), NEED. */
  prepareInto(space: Space, first: number, last: number): number {
    const ready = refill(this.#parts, space);
    if (ready !== OK) return ready;
    const room = roomAround(space.available, first, last);
    if (room !== OK || space.owned === undefined) return room;
    if (this.#parts.catalog.locate(space.owner) < 0) return NEED;
    const status = space.owned.find(first);
    if (status === NEED) return NEED;
    assert(status === OK && space.owned.first <= first, 'pages lie in an owned extent');
    return this.prepareUp(space.owner, space.owned.first, space.owned.last);
  }

  /** Makes ready for {@link giveUp}. */
  prepareUp(tree: Tree, first: number, last: number): number {
    const upper = this.#map.enclosing(tree, first);
    if (upper === NEED) return NEED;
    if (upper === undefined) return this.prepareInto(this.#map.root.space, first, last);
    return upper.owner.state === TREE_DROPPED ? OK : this.prepareInto(upper, first, last);
  }

  /** Pages first … last, of one extent, become available in a space; the extent goes up when all of it is. Inside a group. */
  giveInto(space: Space, first: number, last: number): void {
    const { owned, available, owner } = space;
    if (owned === undefined) {
      this.#map.root.add(first, last);
      return;
    }
    assert(owned.find(first) === OK && owned.first <= first, 'pages lie in an owned extent');
    const extentFirst = owned.first;
    const extentLast = owned.last;
    if (!coalesce(available, first, last, extentFirst, extentLast)) return;
    available.remove(extentLast);
    owned.remove(extentLast);
    const pages = owner.view.getUint32(TREE_OWNED_PAGES_AT, true) - (extentLast - extentFirst + 1);
    owner.view.setUint32(TREE_OWNED_PAGES_AT, pages, true);
    this.#parts.catalog.writeRow(owner);
    this.giveUp(owner, extentFirst, extentLast);
  }

  /** An extent leaves a tree. Inside a group. What a dropped parent lent goes up with the parent. */
  giveUp(tree: Tree, first: number, last: number): void {
    const upper = this.#map.enclosing(tree, first);
    assert(upper !== NEED, 'owned extents above are resident');
    if (upper === undefined) this.#map.root.add(first, last);
    else if (upper.owner.state !== TREE_DROPPED) this.giveInto(upper, first, last);
  }
}
