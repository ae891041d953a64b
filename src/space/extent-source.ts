/**
 * Where a tree's extents come from: its first one at birth, the next ones when it has no page left.
 *
 *   size     `growth.ts`
 *   place    the parent's available extents if the hints say `utilize_parent_space`, else (and when the parent has no room)
 *            the database root, which makes the file longer when it has to
 *   small    a tree with a bitmap gets space trees with its second extent: their roots are the first two pages beyond the
 *            bitmap, never pages on top of what the growth rules give. Where an extent is too small for both, the following
 *            ones come along at once.
 */
import { assert } from '../base/assert.ts';
import { HINT_UTILIZE_PARENT_SPACE, NEED, NONE, OK } from '../storage/contracts.ts';
import {
  EXTENT_AT_HAND,
  EXTENT_SEQUENTIAL,
  ROOT_TREE,
  TREE_AVAILABLE_ID_AT,
  TREE_AVAILABLE_ROOT_AT,
  TREE_BITMAP_AT,
  TREE_LAST_PAGES_AT,
  TREE_OWNED_ID_AT,
  TREE_OWNED_PAGES_AT,
  TREE_OWNED_ROOT_AT,
  TREE_PRIMARY_AT,
  TREE_PRIMARY_PAGES_AT,
  TREE_REGION_AT,
} from '../storage/layout.ts';
import { initPage } from '../storage/page.ts';
import type { Tree } from '../storage/tree.ts';
import { CONVERSION_PAGES, ordinaryExtentPages, sequentialExtentPages, sizesExtents } from './growth.ts';
import type { SpaceMap } from './space-map.ts';
import { alignedFirst, carve, coalesce, findRoom, refill, type Space, type SpaceParts } from './tree-space.ts';

/** `acquireExact`: the extent is the tree's. */
export const ACQUIRED = 93;
/** Pages that a small tree's bitmap covers. */
export const SMALL_PAGES_MAX = 32;
const NO_KEY = new Uint8Array(0);

/** A run of pages of one owned extent. */
interface Run {
  readonly first: number;
  readonly last: number;
}

export class ExtentSource {
  readonly #parts: SpaceParts;
  readonly #map: SpaceMap;
  /** What `#find` found: the lender (undefined = the root) and the extent of it. */
  #lender: Space | undefined;
  #foundLast = 0;
  #foundPages = 0;

  constructor(parts: SpaceParts, map: SpaceMap) {
    this.#parts = parts;
    this.#map = map;
  }

  /** Makes ready for {@link birth}: OK, NONE (again), NEED. */
  prepareBirth(parent: Tree, flags: number, pages: number): number {
    const ready = refill(this.#parts, this.#map.root.space);
    return ready === OK ? this.#find(parent, flags, pages) : ready;
  }

  /** Takes a new tree's first extent and sets its space fields. Inside a group. @returns its first page. */
  birth(tree: Tree, pages: number): number {
    const first = this.#carve(pages);
    tree.view.setUint32(TREE_PRIMARY_AT, first, true);
    tree.view.setUint32(TREE_PRIMARY_PAGES_AT, pages, true);
    tree.view.setUint32(TREE_LAST_PAGES_AT, pages, true);
    tree.view.setUint32(TREE_OWNED_PAGES_AT, pages, true);
    // Bit 0 is the root itself. What lies beyond the bitmap becomes visible when the tree gets space trees.
    const bits = Math.min(pages, SMALL_PAGES_MAX);
    tree.view.setUint32(TREE_BITMAP_AT, ((bits === 32 ? 0xffffffff : (1 << bits) - 1) & ~1) >>> 0, true);
    return first;
  }

  /** Gives a tree that has no page left its next extent, and space trees if it has none. NONE: done, look again; NEED. */
  acquire(tree: Tree, space: Space | undefined, sequential: boolean): number {
    const { core, catalog } = this.#parts;
    const sizes = this.#sizes(tree, space === undefined, sequential);
    const pages = sizes.reduce((sum, n) => sum + n, 0);
    if (pages > 0) {
      const parent = core.trees.get(tree.parent) ?? core.tree(ROOT_TREE);
      const found = this.#find(parent, tree.hints.flags, pages);
      if (found !== OK) return found;
    }
    if (space !== undefined) {
      const status = this.#roomFor(space, pages);
      if (status !== OK) return status;
    }
    if (catalog.locate(tree) < 0) return NEED;
    core.group.begin();
    this.#take(tree, space, sizes, pages, sequential);
    catalog.writeRow(tree);
    core.group.end();
    return NONE;
  }

  /**
   * Gives a tree an extent of exactly so many pages without making the file longer, for what moves out of another one:
   * ACQUIRED, NONE (some room was made: again), EXHAUSTED, NEED.
   */
  acquireExact(space: Space, pages: number): number {
    const { core, catalog } = this.#parts;
    const tree = space.owner;
    const found = this.prepareMove(tree, pages);
    if (found !== OK) return found;
    const status = this.#roomFor(space, pages);
    if (status !== OK) return status;
    if (catalog.locate(tree) < 0) return NEED;
    core.group.begin();
    this.#take(tree, space, [pages], pages, false);
    catalog.writeRow(tree);
    core.group.end();
    return ACQUIRED;
  }

  /** Finds a place of so many pages for a tree without making the file longer: OK, NONE (again), EXHAUSTED, NEED. */
  prepareMove(tree: Tree, pages: number): number {
    const { core } = this.#parts;
    const parent = core.trees.get(tree.parent) ?? core.tree(ROOT_TREE);
    return this.#find(parent, tree.hints.flags, pages, false);
  }

  /** Takes the place that `prepareMove` found. Inside a group. @returns its first page. */
  carveMove(pages: number): number {
    return this.#carve(pages);
  }

  /** Is growth of this kind sized by the tree's hints? Without a growth rule and a minimum, sizes are the ordinary ones. */
  #sizes(tree: Tree, isSmall: boolean, sequential: boolean): number[] {
    const hints = tree.hints;
    const beyond = isSmall ? Math.max(0, tree.view.getUint32(TREE_PRIMARY_PAGES_AT, true) - SMALL_PAGES_MAX) : 0;
    const wanted = isSmall ? CONVERSION_PAGES - beyond : 1;
    if (wanted <= 0) return [];
    if (!sequential || !sizesExtents(hints)) {
      return [ordinaryExtentPages(tree.view.getUint32(TREE_OWNED_PAGES_AT, true), isSmall)];
    }
    const sizes: number[] = [];
    let last = tree.view.getUint32(TREE_LAST_PAGES_AT, true);
    for (let sum = 0; sum < wanted; sum += last) {
      last = sequentialExtentPages(hints, last);
      sizes.push(last);
    }
    return sizes;
  }

  /** Finds a place for `pages` pages: in the parent if it lends, else at the root. */
  #find(parent: Tree, flags: number, pages: number, grow = true): number {
    const { core } = this.#parts;
    this.#lender = undefined;
    if ((flags & HINT_UTILIZE_PARENT_SPACE) !== 0 && parent.id !== ROOT_TREE) {
      const space = this.#map.of(parent);
      // A small parent gets space trees first: from a bitmap nothing can be lent.
      if (space === undefined) return this.acquire(parent, undefined, false);
      const ready = refill(this.#parts, space);
      if (ready !== OK) return ready;
      const status = findRoom(space.available, pages, core.pageBytes);
      if (status === NEED) return NEED;
      if (status === OK) {
        this.#lender = space;
        this.#foundLast = space.available.last;
        this.#foundPages = space.available.pages;
        return space.available.room(space.available.last);
      }
    }
    return this.#map.root.find(pages, grow);
  }

  /** The page that the next {@link #carve} of so many pages begins with. */
  #firstOf(pages: number): number {
    const { pageBytes } = this.#parts.core;
    return this.#lender === undefined
      ? this.#map.root.firstFound(pages)
      : alignedFirst(this.#foundLast - this.#foundPages + 1, pages, pageBytes);
  }

  #carve(pages: number): number {
    if (this.#lender === undefined) return this.#map.root.carve(pages);
    return carve(this.#lender.available, this.#foundLast, this.#foundPages, pages, this.#parts.core.pageBytes);
  }

  #roomFor(space: Space, pages: number): number {
    const { owned, available } = space;
    assert(owned !== undefined, 'the root has no extents to acquire');
    const last = this.#firstOf(pages) + pages - 1;
    const room = owned.room(last);
    return room === OK ? available.room(last) : room;
  }

  /** Enters new extents, one owned row for each, and what of them is free. */
  #take(tree: Tree, space: Space | undefined, sizes: readonly number[], pages: number, sequential: boolean): void {
    const free: Run[] = [];
    const owned: Run[] = [];
    const primary = tree.view.getUint32(TREE_PRIMARY_AT, true);
    const primaryPages = tree.view.getUint32(TREE_PRIMARY_PAGES_AT, true);
    if (space === undefined) {
      owned.push({ first: primary, last: primary + primaryPages - 1 });
      if (primaryPages > SMALL_PAGES_MAX)
        free.push({ first: primary + SMALL_PAGES_MAX, last: primary + primaryPages - 1 });
    }
    let first = pages === 0 ? 0 : this.#carve(pages);
    for (const size of sizes) {
      owned.push({ first, last: first + size - 1 });
      free.push({ first, last: first + size - 1 });
      first += size;
    }
    tree.view.setUint32(TREE_OWNED_PAGES_AT, tree.view.getUint32(TREE_OWNED_PAGES_AT, true) + pages, true);
    const lastSize = sizes[sizes.length - 1];
    // Ordinary extents are no step of the growth rules.
    if (sequential && lastSize !== undefined) tree.view.setUint32(TREE_LAST_PAGES_AT, lastSize, true);
    const target = space ?? this.#convert(tree, takeTwo(free));
    const { owned: ownedTree, available } = target;
    assert(ownedTree !== undefined, 'tree has owned extents');
    for (const run of owned) ownedTree.insert(run.last, run.last - run.first + 1);
    free.forEach((run, i) => {
      const region = sequential && i === free.length - 1;
      available.insert(run.last, run.last - run.first + 1, region ? EXTENT_SEQUENTIAL : EXTENT_AT_HAND);
      if (region) tree.view.setUint32(TREE_REGION_AT, run.last, true);
    });
    if (space === undefined) freeBitmap(tree, target);
  }

  /** A small tree gets space trees, empty ones. */
  #convert(tree: Tree, roots: readonly [number, number]): Space {
    const { core, catalog } = this.#parts;
    const ownedId = core.nextTree++;
    const availableId = core.nextTree++;
    this.spacePage(roots[0], ownedId);
    this.spacePage(roots[1], availableId);
    tree.view.setUint32(TREE_OWNED_ID_AT, ownedId, true);
    tree.view.setUint32(TREE_OWNED_ROOT_AT, roots[0], true);
    tree.view.setUint32(TREE_AVAILABLE_ID_AT, availableId, true);
    tree.view.setUint32(TREE_AVAILABLE_ROOT_AT, roots[1], true);
    const space = this.#map.open(tree);
    assert(space !== undefined, 'space trees were made');
    catalog.logRoot();
    return space;
  }

  /** Makes the empty root of a space tree. Inside a group. */
  spacePage(pgno: number, id: number): void {
    const { core } = this.#parts;
    const frame = core.cache.takeFrame(pgno);
    initPage(core.cache.bytes[frame]!, core.cache.views[frame]!, pgno, id, 0, NO_KEY, 0);
    core.group.newPage(frame);
  }
}

/** Takes the first two pages out of a list of runs. */
function takeTwo(runs: Run[]): readonly [number, number] {
  const next = (): number => {
    const run = runs[0];
    assert(run !== undefined, 'there are pages for the space trees');
    if (run.first === run.last) runs.shift();
    else runs[0] = { first: run.first + 1, last: run.last };
    return run.first;
  };
  return [next(), next()];
}

/** What the bitmap still has free becomes available extents: from now on the bitmap says nothing. */
function freeBitmap(tree: Tree, { available }: Space): void {
  const bitmap = tree.view.getUint32(TREE_BITMAP_AT, true);
  const primary = tree.view.getUint32(TREE_PRIMARY_AT, true);
  const pages = tree.view.getUint32(TREE_PRIMARY_PAGES_AT, true);
  tree.view.setUint32(TREE_BITMAP_AT, 0, true);
  const isFree = (bit: number): boolean => bit < SMALL_PAGES_MAX && (bitmap & (1 << bit)) !== 0;
  for (let bit = 0; bit < SMALL_PAGES_MAX; bit++) {
    const first = bit;
    while (isFree(bit)) bit++;
    if (bit > first) coalesce(available, primary + first, primary + bit - 1, primary, primary + pages - 1);
  }
}
