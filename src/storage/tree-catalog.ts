/**
 * The tree catalog: one row per tree, in a tree of its own with a fixed id; and the lives of trees.
 *
 *   building → live     in the group of the commit of the transaction that made it
 *   building → dropped  when that is rolled back, or never committed
 *   live → dropped      in the group of the commit of the transaction that dropped it
 *   dropped → gone      when its last user is gone and its pages are back; then its row is removed
 *
 * Rows are redone, never undone: undo of structure does not exist (DESIGN §4). The database root's row stands in the file
 * header and is logged whole. Ids are never reused.
 */
import { assert } from '../base/assert.ts';
import { fail } from '../base/errors.ts';
import type { Task } from '../base/task.ts';
import type { BTree } from './btree.ts';
import { CATALOG_TREE, NEED, NONE, OK, type SpaceHints, TREE_LONG, TREE_SYSTEM, type TreeSpec } from './contracts.ts';
import type { Core } from './core.ts';
import {
  FIRST_USER_TREE,
  NODE_RECORD_AT,
  PAGE_FREE_AT,
  PAGE_LEVEL_AT,
  PAGE_NEXT_AT,
  ROOT_TREE,
  TREE_BUILDING,
  TREE_CATALOG,
  TREE_DROPPED,
  TREE_LIVE,
  TREE_ROW_BYTES,
} from './layout.ts';
import { closeRecord, LOG_ROOT_ROW, openRecord, putBytes, putU32 } from './log-records.ts';
import { copyKey, initPage, nodeAt, nodeBytes, searchPage, slotCount, storedKeyBytes } from './page.ts';
import type { Txn } from './transaction.ts';
import { Tree, treeKey } from './tree.ts';

const NO_KEY = new Uint8Array(0);
const CATALOG_TREE_SPEC: TreeSpec = { kind: TREE_SYSTEM, parent: ROOT_TREE, fillPercent: 90 };
/** The tree catalog's root page in a new file. */
export const CATALOG_ROOT_PGNO = 1;

/** Other hints for a tree. */
export interface SpaceChange {
  readonly tree: Tree;
  readonly fillPercent: number;
  readonly hints: SpaceHints;
}

export class TreeCatalog {
  readonly #core: Core;
  readonly #btree: BTree;
  readonly #key = new Uint8Array(4);
  /** Dropped trees whose pages are not yet back. */
  readonly #dropped: Tree[] = [];

  constructor(core: Core, btree: BTree) {
    this.#core = core;
    this.#btree = btree;
  }

  get root(): Tree {
    return this.#core.tree(ROOT_TREE);
  }

  /** Reads all rows: trees are few and every statement needs them. */
  *load(): Task<void> {
    const core = this.#core;
    const root = new Tree(ROOT_TREE);
    root.decode(core.header.rootRow, 0);
    core.addTree(root);
    core.addTree(core.systemTree(TREE_CATALOG, core.header.catalogRoot));
    let pgno = core.header.catalogRoot;
    let level = -1;
    const key = new Uint8Array(8192);
    while (pgno !== 0) {
      const frame = core.cache.peek(pgno);
      if (frame < 0) {
        yield core.cache.pageRequest(pgno);
        continue;
      }
      const view = core.cache.views[frame]!;
      const bytes = core.cache.bytes[frame]!;
      level = view.getUint8(PAGE_LEVEL_AT);
      if (level > 0) {
        pgno = view.getUint32(nodeAt(view, 0) + NODE_RECORD_AT, true);
        continue;
      }
      for (let slot = 0; slot < slotCount(view); slot++) {
        copyKey(bytes, view, slot, key);
        const tree = new Tree(((key[0]! << 24) | (key[1]! << 16) | (key[2]! << 8) | key[3]!) >>> 0);
        tree.decode(bytes, nodeAt(view, slot) + NODE_RECORD_AT);
        core.addTree(tree);
        if (tree.state === TREE_DROPPED) this.#dropped.push(tree);
        core.nextTree = Math.max(core.nextTree, tree.id + 1);
      }
      pgno = view.getUint32(PAGE_NEXT_AT, true);
    }
  }

  /** Makes an empty tree as part of a transaction. */
  *create(txn: Txn, spec: TreeSpec): Task<Tree> {
    const core = this.#core;
    const parent = core.tree(spec.parent);
    for (;;) {
      const status = this.#tryCreate(spec, core.nextTree);
      // A tree of long values is named by its parent's row.
      if (status === NEED || (spec.kind === TREE_LONG && this.locate(parent) < 0)) yield core.need;
      else if (status === OK) break;
    }
    const tree = this.#birth(core.nextTree, spec, parent, TREE_BUILDING);
    txn.born.push(tree);
    return tree;
  }

  /** Lays out an empty database: the tree catalog's root, the allocator's own pages, the first tree ids. */
  format(): void {
    const core = this.#core;
    core.group.begin();
    const root = this.root;
    root.state = TREE_LIVE;
    const frame = core.cache.takeFrame(CATALOG_ROOT_PGNO);
    initPage(core.cache.bytes[frame]!, core.cache.views[frame]!, CATALOG_ROOT_PGNO, TREE_CATALOG, 0, NO_KEY, 0);
    core.group.newPage(frame);
    core.tree(TREE_CATALOG).setRoot(CATALOG_ROOT_PGNO);
    core.nextTree = FIRST_USER_TREE;
    core.allocator.format();
    this.logRoot();
    core.group.end();
  }

  /** Makes the tree of the engine's catalog, when the file is new. */
  *createFixed(): Task<void> {
    const core = this.#core;
    if (core.trees.has(CATALOG_TREE)) return;
    for (;;) {
      const status = this.#tryCreate(CATALOG_TREE_SPEC, CATALOG_TREE);
      if (status === NEED) yield core.need;
      else if (status === OK) break;
    }
    this.#birth(CATALOG_TREE, CATALOG_TREE_SPEC, core.tree(ROOT_TREE), TREE_LIVE);
  }

  /**
   * The long-value tree of a table or an index, made when first needed and live at once: it belongs to no transaction. One with hints was
   * made by `create`, with its table or by the change that gave the hints.
   */
  *longTreeOf(tree: Tree): Task<Tree> {
    const core = this.#core;
    const spec: TreeSpec = { kind: TREE_LONG, parent: tree.id, fillPercent: 100 };
    while (tree.longTree === 0) {
      const status = this.#tryCreate(spec, core.nextTree);
      if (status === NEED || this.locate(tree) < 0) yield core.need;
      else if (status === OK) this.#birth(core.nextTree, spec, tree, TREE_LIVE);
    }
    return core.tree(tree.longTree);
  }

  /** Makes room for a new row and for the root page: everything that the birth needs is there when it answers OK. */
  #tryCreate(spec: TreeSpec, id: number): number {
    const core = this.#core;
    const pages = firstPages(spec);
    if (core.allocator.prepareBirth(core.tree(spec.parent), spec.hints, pages) === NEED) return NEED;
    if (core.reserve() === NEED) return NEED;
    return this.#rowRoom(id);
  }

  /** Room for one more row in the catalog: OK, NONE (some was made: ask again), NEED. */
  #rowRoom(id: number): number {
    const core = this.#core;
    const catalog = core.tree(TREE_CATALOG);
    const keyBytes = treeKey(id, this.#key);
    const frame = this.#btree.descend(catalog, this.#key, keyBytes);
    if (frame < 0) return NEED;
    const view = core.cache.views[frame]!;
    const wanted = nodeBytes(TREE_ROW_BYTES, storedKeyBytes(core.cache.bytes[frame]!, view, this.#key, keyBytes));
    if (wanted <= view.getUint16(PAGE_FREE_AT, true)) return OK;
    return this.#btree.makeRoom(catalog, this.#key, keyBytes, wanted) === NEED ? NEED : NONE;
  }

  #birth(id: number, spec: TreeSpec, parent: Tree, state: number): Tree {
    const core = this.#core;
    const tree = new Tree(id);
    tree.kind = spec.kind;
    tree.state = state;
    tree.parent = spec.parent;
    tree.fillPercent = spec.fillPercent;
    if (spec.hints !== undefined) tree.setHints(spec.hints);
    tree.leaves = 1;
    tree.pages = 1;
    tree.height = 1;
    core.group.begin();
    const pgno = core.allocator.birth(tree, firstPages(spec));
    tree.setRoot(pgno);
    const frame = core.cache.takeFrame(pgno);
    initPage(core.cache.bytes[frame]!, core.cache.views[frame]!, pgno, id, 0, NO_KEY, 0);
    core.group.newPage(frame);
    core.addTree(tree);
    this.insertRow(tree);
    if (spec.kind === TREE_LONG) {
      parent.longTree = id;
      this.writeRow(parent);
    }
    core.nextTree = Math.max(core.nextTree, id + 1);
    this.logRoot();
    core.group.end();
    return tree;
  }

  drop(txn: Txn, tree: Tree): void {
    if (tree.id <= CATALOG_TREE || tree.state === TREE_DROPPED)
      throw fail('undefined_object', `tree ${tree.id} does not exist`);
    if (!txn.dropped.includes(tree)) txn.dropped.push(tree);
    // A table's indexes and long values, and the long values of its indexes.
    for (const child of this.childrenOf(tree)) if (!txn.dropped.includes(child)) this.drop(txn, child);
  }

  /** Trees whose space comes from this one. */
  childrenOf(tree: Tree): Tree[] {
    return [...this.#core.trees.values()].filter(
      (t) => t.parent === tree.id && t.id > CATALOG_TREE && t.state !== TREE_DROPPED,
    );
  }

  /** Brings the leaves with these trees' rows into the cache. An attempt; nothing may suspend before they are changed. */
  prepareRows(trees: readonly Tree[]): number {
    for (const tree of trees) if (this.locate(tree) < 0) return NEED;
    return OK;
  }

  /** The frame of the leaf with a tree's row, or −1 with the request left. The root's row is not in a leaf: 0. */
  locate(tree: Tree): number {
    if (tree.id === ROOT_TREE) return 0;
    return this.#btree.descend(this.#core.tree(TREE_CATALOG), this.#key, treeKey(tree.id, this.#key));
  }

  settle(born: readonly Tree[], dropped: readonly Tree[], spaces: readonly SpaceChange[]): void {
    for (const change of spaces) if (!dropped.includes(change.tree)) this.changeSpace(change);
    for (const tree of born) {
      if (dropped.includes(tree)) continue;
      tree.state = TREE_LIVE;
      this.writeRow(tree);
    }
    for (const tree of dropped) {
      tree.state = TREE_DROPPED;
      this.writeRow(tree);
      this.#dropped.push(tree);
    }
  }

  /** Gives a tree other hints, inside a group. Its leaf must be resident. */
  changeSpace({ tree, fillPercent, hints }: SpaceChange): void {
    tree.fillPercent = fillPercent;
    tree.setHints(hints);
    this.writeRow(tree);
  }

  /** Marks trees dropped whose births were undone. */
  *abandon(born: readonly Tree[]): Task<void> {
    const core = this.#core;
    const trees = new Set(born);
    // What is added on the way is looked at too.
    for (const tree of trees) for (const child of this.childrenOf(tree)) trees.add(child);
    for (const tree of trees) {
      const owner = tree.kind === TREE_LONG ? core.trees.get(tree.parent) : undefined;
      const rows = owner === undefined ? [tree] : [tree, owner];
      while (core.reserveEmergency() === NEED || this.prepareRows(rows) === NEED) yield core.need;
      core.group.begin();
      tree.state = TREE_DROPPED;
      this.writeRow(tree);
      if (owner?.longTree === tree.id && core.trees.has(owner.id)) {
        owner.longTree = 0;
        this.writeRow(owner);
      }
      core.group.end();
      this.#dropped.push(tree);
    }
  }

  /** Births that no transaction finished: recovery gives them up. */
  unfinished(): Tree[] {
    return [...this.#core.trees.values()].filter((tree) => tree.id >= FIRST_USER_TREE && tree.state === TREE_BUILDING);
  }

  /** Writes a tree's row inside a group. Its leaf must be resident. */
  writeRow(tree: Tree): void {
    const core = this.#core;
    tree.encodeCounts();
    if (tree.id === ROOT_TREE) {
      this.logRoot();
      return;
    }
    const frame = this.locate(tree);
    assert(frame >= 0, 'leaf with the tree row is resident');
    const slot = searchPage(core.cache.bytes[frame]!, core.cache.views[frame]!, this.#key, 4);
    assert(slot >= 0, 'tree row is in the catalog');
    core.group.replaceNode(frame, slot, tree.row, 0, TREE_ROW_BYTES);
  }

  insertRow(tree: Tree): void {
    const core = this.#core;
    tree.encodeCounts();
    const frame = this.locate(tree);
    assert(frame >= 0, 'leaf for the tree row is resident');
    const slot = searchPage(core.cache.bytes[frame]!, core.cache.views[frame]!, this.#key, 4);
    assert(slot < 0, 'tree row is new');
    core.group.insertNode(frame, -slot - 1, this.#key, 4, tree.row, 0, TREE_ROW_BYTES);
  }

  /** Logs what stands in the file header: the root's row and the next tree id. */
  logRoot(): void {
    const core = this.#core;
    const root = this.root;
    root.encodeCounts();
    const log = core.log;
    const at = openRecord(log, LOG_ROOT_ROW, 0, 0, 0);
    putU32(log, core.nextTree);
    putU32(log, core.tree(TREE_CATALOG).root);
    putBytes(log, root.row, 0, TREE_ROW_BYTES);
    closeRecord(log, at);
  }

  /** Saves the counts of every tree, for the checkpoint. */
  *saveCounts(): Task<void> {
    const core = this.#core;
    for (const tree of [...core.trees.values()]) {
      if (tree.id <= TREE_CATALOG || !hasRow(tree) || !tree.countsChanged) continue;
      while (core.reserveEmergency() === NEED || this.locate(tree) < 0) yield core.need;
      if (!core.trees.has(tree.id)) continue;
      core.group.begin();
      this.writeRow(tree);
      core.group.end();
    }
  }

  /** Gives back a bounded part of a dropped tree that nobody uses: OK = did something, NONE = nothing to do, NEED. */
  reclaimStep(): number {
    if (this.#dropped.length === 0) return NONE;
    // Children first: what they have may lie in their parent's extents.
    const parents = new Set([...this.#core.trees.values()].map((tree) => tree.parent));
    const index = this.#dropped.findIndex((tree) => !parents.has(tree.id) && !this.#isUsed(tree));
    const tree = this.#dropped[index];
    if (tree === undefined) return NONE;
    const status = this.#core.allocator.reclaim(tree);
    if (status === NEED) return NEED;
    if (status === OK) this.#dropped.splice(index, 1);
    return OK;
  }

  /** Reads somebody a dropped tree, or one that it was dropped with? Records there may refer to long values here. */
  #isUsed(tree: Tree): boolean {
    for (let at: Tree | undefined = tree; at?.state === TREE_DROPPED; at = this.#core.trees.get(at.parent))
      if (at.users > 0) return true;
    return false;
  }

  /** Removes a tree's row inside a group, and forgets the tree. Its leaf must be resident. */
  removeRow(tree: Tree): void {
    const core = this.#core;
    const frame = this.locate(tree);
    assert(frame >= 0, 'leaf with the tree row is resident');
    core.group.reclaim(frame, [searchPage(core.cache.bytes[frame]!, core.cache.views[frame]!, this.#key, 4)], []);
    core.trees.delete(tree.id);
  }
}

/** Pages of a new tree's first extent. */
function firstPages(spec: TreeSpec): number {
  return Math.max(1, spec.hints?.initialPages ?? 1);
}

/** Space trees and the tree catalog have no row. */
function hasRow(tree: Tree): boolean {
  return tree.state !== 0;
}
