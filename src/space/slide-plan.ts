/**
 * Which extents at the end of the file move to its front so that it gets shorter and their order stays.
 *
 *   before   | free: what the old trees had      | other | a1 a2 b1 a3 a4 b2 |      a, b: chosen trees
 *   after    | a2 b1 a3 a4 b2 | free | other | a1 |                                 (a2 … b2 moved, in this order)
 *
 * Emptying the last extent first would turn the order of extents around. So as many of them are taken from the end as the room before
 * them holds, and then moved from the first to the last. The plan counts pages only; whether a piece of the extent's size is there
 * comes out when it moves.
 */
import type { Task } from '../base/task.ts';
import { CATALOG_TREE, HINT_UTILIZE_PARENT_SPACE } from '../storage/contracts.ts';
import { ROOT_TREE } from '../storage/layout.ts';
import type { Tree } from '../storage/tree.ts';
import type { OwnedExtent } from './empty-extent.ts';
import type { OpenSpace } from './open-space.ts';
import { EXTENT_FIELDS, listExtents } from './space-audit.ts';

/**
 * Does a tree belong to what may move? Those under one of `heads` do, and the database's own bookkeeping, which stands in
 * everybody's way.
 */
export function mayMove({ parts }: OpenSpace, tree: Tree, heads: readonly number[] | undefined): boolean {
  if (heads === undefined || isBookkeeping(tree)) return true;
  for (let at: Tree | undefined = tree; at !== undefined && at.id !== ROOT_TREE; at = parts.core.trees.get(at.parent))
    if (heads.includes(at.id)) return true;
  return false;
}

function isBookkeeping({ id }: Tree): boolean {
  return id === ROOT_TREE || id === CATALOG_TREE;
}

/**
 * The extents to move, in the order of the file.
 *
 * @param heads - the chosen trees are these and those under them.
 * @param tailAt - whose extent a page lies in; undefined when it is on its way to be free.
 */
export function* planSlide(
  open: OpenSpace,
  heads: readonly number[],
  tailAt: (pgno: number) => Task<OwnedExtent | undefined>,
): Task<OwnedExtent[]> {
  const { root } = open.map;
  const chosen = yield* extentsOf(open, heads);
  const free = yield* listExtents(open, root.tree, 'available');
  let room = 0;
  for (let i = 1; i < free.length; i += EXTENT_FIELDS) room += free[i]!;
  const slide: OwnedExtent[] = [];
  let moving = 0;
  let e = chosen.length - 1;
  let f = free.length - EXTENT_FIELDS;
  for (let end = root.filePages; end > 1; ) {
    const extent = chosen[e];
    if (f >= 0 && free[f]! + free[f + 1]! === end) {
      end = free[f]!;
      room -= free[f + 1]!;
      f -= EXTENT_FIELDS;
    } else if (extent?.last === end - 1) {
      moving += extent.last - extent.first + 1;
      if (moving > room) break;
      slide.push(extent);
      end = extent.first;
      e--;
    } else {
      const tail = yield* tailAt(end - 1);
      if (tail === undefined || tail.last >= end || !isBookkeeping(tail.tree)) break;
      end = tail.first;
    }
  }
  return slide.reverse();
}

/** All extents of the chosen trees. Those that lend to others, or borrow, stay out: there an extent is not one tree's alone. */
function* extentsOf(open: OpenSpace, heads: readonly number[]): Task<OwnedExtent[]> {
  const trees = [...open.parts.core.trees.values()];
  const borrows = (tree: Tree): boolean =>
    tree.parent !== ROOT_TREE && (tree.hints.flags & HINT_UTILIZE_PARENT_SPACE) !== 0;
  const lenders = new Set(trees.filter(borrows).map((tree) => tree.parent));
  const list: OwnedExtent[] = [];
  for (const tree of trees) {
    if (isBookkeeping(tree) || !mayMove(open, tree, heads) || borrows(tree) || lenders.has(tree.id)) continue;
    const space = open.map.of(tree);
    const extents = yield* listExtents(open, tree, 'owned');
    for (let i = 0; i < extents.length; i += EXTENT_FIELDS)
      list.push({ tree, space, first: extents[i]!, last: extents[i]! + extents[i + 1]! - 1 });
  }
  return list.sort((a, b) => a.first - b.first);
}
