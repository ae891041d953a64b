/**
 * What one tree's row and its space trees say of its space, and whether that is still so.
 *
 * A tally is taken page by page while others work. It holds as long as the row and the pages that were read have not changed: the
 * report (`space-report.ts`) takes those anew that do not, until all hold at the same moment.
 */
import type { Task } from '../base/task.ts';
import type { TreeId } from '../storage/contracts.ts';
import type { Core } from '../storage/core.ts';
import {
  EXTENT_PAGES_AT,
  EXTENT_STATE_AT,
  NODE_RECORD_AT,
  PAGE_LSN_AT,
  ROOT_TREE,
  readU64,
  TREE_AVAILABLE_ID_AT,
  TREE_CATALOG,
  TREE_OWNED_ID_AT,
  TREE_PRIMARY_PAGES_AT,
  TREE_RESERVE_SLOTS,
  TREE_ROW_BYTES,
} from '../storage/layout.ts';
import { copyKey, nodeAt, slotCount } from '../storage/page.ts';
import type { Tree } from '../storage/tree.ts';
import { LevelCursor, rootLevel } from './level-cursor.ts';
import type { DatabaseFile } from './open-database-file.ts';
import { reserveAt } from './tree-space.ts';

/** A row of a space tree has a key of four bytes. */
const KEY_BYTES = 4;

/** What a tree's row and its space trees say. */
export interface Tally {
  readonly tree: Tree;
  readonly root: number;
  readonly row: DataView;
  /** End of the log when it was begun: while that stands, nothing has changed. */
  readonly tail: number;
  /** The pages that were read, and their LSNs then. */
  readonly pages: number[];
  readonly lsns: number[];
  owned: number[];
  available: number[];
  reserved: number;
  space: number;
  /** Pages of the tree catalog, which owns none. */
  own: number;
}

/** Ids of a tree's owned and available extents; none for a small tree. */
export function spaceTreesOf(tree: Tree): TreeId[] {
  const owned = tree.view.getUint32(TREE_OWNED_ID_AT, true);
  const available = tree.view.getUint32(TREE_AVAILABLE_ID_AT, true);
  return [owned, available].filter((id) => id !== 0);
}

/** Is what was tallied still so? */
export function isCurrent(core: Core, known: Tally | undefined): boolean {
  if (known === undefined) return false;
  if (core.log.tail === known.tail) return true;
  if (known.root !== known.tree.root) return false;
  for (let at = 0; at < TREE_ROW_BYTES; at += 4)
    if (known.row.getUint32(at) !== known.tree.view.getUint32(at)) return false;
  return known.pages.every((pgno, i) => {
    const frame = core.cache.peek(pgno);
    // Of a page that has left the cache nobody knows whether it changed: it is read again.
    return frame >= 0 && readU64(core.cache.views[frame]!, PAGE_LSN_AT) === known.lsns[i];
  });
}

export function* tally(file: DatabaseFile, tree: Tree): Task<Tally> {
  const { core } = file.store.parts;
  const into: Tally = {
    tree,
    root: tree.root,
    row: new DataView(tree.row.slice().buffer),
    tail: core.log.tail,
    pages: [],
    lsns: [],
    owned: [],
    available: [],
    reserved: 0,
    space: 0,
    own: 0,
  };
  tree.users++;
  try {
    if (tree.id === TREE_CATALOG) into.own = yield* countPages(core, tree, into);
    else yield* tallyExtents(file, into);
  } finally {
    tree.users--;
  }
  return into;
}

function* tallyExtents(file: DatabaseFile, into: Tally): Task<void> {
  const { core } = file.store.parts;
  const { tree } = into;
  for (let i = 0; i < TREE_RESERVE_SLOTS; i++) if (reserveAt(tree, i) !== 0) into.reserved++;
  const ownedId = tree.view.getUint32(TREE_OWNED_ID_AT, true);
  const availableId = tree.view.getUint32(TREE_AVAILABLE_ID_AT, true);
  if (ownedId !== 0) into.owned = yield* readExtents(core, ownedId, into);
  else if (tree.id === ROOT_TREE || tree.view.getUint32(TREE_PRIMARY_PAGES_AT, true) > 0)
    into.owned = yield* file.space.extents(tree, 'owned');
  if (availableId !== 0) into.available = yield* readExtents(core, availableId, into);
  else if (into.owned.length > 0) into.available = yield* file.space.extents(tree, 'available');
}

/** Reads a space tree; its pages are counted. */
function* readExtents(core: Core, id: TreeId, into: Tally): Task<number[]> {
  const list: number[] = [];
  const tree = core.trees.get(id);
  // Its owner has just gone; the next round will not know it any more.
  if (tree === undefined) return list;
  const key = new Uint8Array(KEY_BYTES);
  const top = yield* rootLevel(core, tree);
  for (let level = top; level >= 0; level--) {
    const cursor = new LevelCursor(core, tree, level);
    for (let frame = yield* cursor.next(); frame >= 0; frame = yield* cursor.next()) {
      const view = core.cache.views[frame]!;
      remember(into, cursor.pgno, view);
      into.space++;
      if (level > 0) continue;
      for (let slot = 0; slot < slotCount(view); slot++) {
        copyKey(core.cache.bytes[frame]!, view, slot, key);
        const last = ((key[0]! << 24) | (key[1]! << 16) | (key[2]! << 8) | key[3]!) >>> 0;
        const at = nodeAt(view, slot) + NODE_RECORD_AT;
        const pages = view.getUint32(at + EXTENT_PAGES_AT, true);
        list.push(last - pages + 1, pages, view.getUint32(at + EXTENT_STATE_AT, true));
      }
    }
  }
  return list;
}

/** Counts a tree's pages by the level above the leaves. */
function* countPages(core: Core, tree: Tree, into: Tally): Task<number> {
  const top = yield* rootLevel(core, tree);
  let pages = 1;
  for (let level = top; level > 0; level--) {
    const cursor = new LevelCursor(core, tree, level);
    for (let frame = yield* cursor.next(); frame >= 0; frame = yield* cursor.next()) {
      remember(into, cursor.pgno, core.cache.views[frame]!);
      pages += slotCount(core.cache.views[frame]!);
    }
  }
  if (top === 0) remember(into, tree.root, core.cache.views[core.cache.load(tree.root)]!);
  return pages;
}

function remember(into: Tally, pgno: number, view: DataView): void {
  into.pages.push(pgno);
  into.lsns.push(readU64(view, PAGE_LSN_AT));
}
