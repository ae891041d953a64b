/**
 * The open spaces of a database: which trees have space trees, whose a space tree is, and which space encloses a page.
 *
 *   child tree ── parent ──> table ── parent ──> database root
 *
 * An extent that a tree took from its parent (`utilize_parent_space`) still lies in an owned extent of the parent; one that
 * came from the root does not. So where an extent goes when it is free is read from the owned extents and stands nowhere else.
 */
import { fail } from '../base/errors.ts';
import { NEED, OK } from '../storage/contracts.ts';
import {
  ROOT_TREE,
  TREE_AVAILABLE_ID_AT,
  TREE_AVAILABLE_ROOT_AT,
  TREE_OWNED_ID_AT,
  TREE_OWNED_ROOT_AT,
} from '../storage/layout.ts';
import type { Tree } from '../storage/tree.ts';
import { ExtentTree } from './extent-tree.ts';
import { RootSpace } from './root-space.ts';
import type { Space, SpaceParts } from './tree-space.ts';

export class SpaceMap {
  readonly #parts: SpaceParts;
  /** By tree id; small trees have none. */
  readonly #spaces: Map<number, Space> = new Map();
  /** By id of a space tree: whose it is. */
  readonly #owners: Map<number, Space> = new Map();
  #root: RootSpace | undefined;

  constructor(parts: SpaceParts) {
    this.#parts = parts;
  }

  get root(): RootSpace {
    if (this.#root === undefined) throw fail('internal_error', 'the database root has no space yet');
    return this.#root;
  }

  /** The space of a tree that has space trees. */
  of(tree: Tree): Space | undefined {
    return this.#spaces.get(tree.id);
  }

  /** The space that a space tree belongs to. */
  ownerOf(spaceTree: Tree): Space | undefined {
    return this.#owners.get(spaceTree.id);
  }

  /** Opens the space trees that a tree's row names. */
  open(tree: Tree): Space | undefined {
    const owned = this.#extents(tree, TREE_OWNED_ID_AT, TREE_OWNED_ROOT_AT);
    const available = this.#extents(tree, TREE_AVAILABLE_ID_AT, TREE_AVAILABLE_ROOT_AT);
    if (available === undefined) return undefined;
    const space: Space = { owner: tree, owned, available };
    this.#spaces.set(tree.id, space);
    if (tree.id === ROOT_TREE) this.#root = new RootSpace(this.#parts, space);
    if (owned !== undefined) this.#owners.set(owned.tree.id, space);
    this.#owners.set(available.tree.id, space);
    return space;
  }

  forget(tree: Tree): void {
    const space = this.#spaces.get(tree.id);
    if (space === undefined) return;
    for (const extents of [space.owned, space.available]) {
      if (extents === undefined) continue;
      this.#owners.delete(extents.tree.id);
      this.#parts.core.trees.delete(extents.tree.id);
    }
    this.#spaces.delete(tree.id);
  }

  /**
   * The nearest space above a tree that owns page `first`: the space and its `owned` at the extent, undefined for the root,
   * NEED when a page of a space tree is missing.
   */
  enclosing(tree: Tree, first: number): Space | undefined | typeof NEED {
    for (let at = tree; at.parent !== ROOT_TREE; ) {
      const parent = this.#parts.core.trees.get(at.parent);
      if (parent === undefined) return undefined;
      const space = this.#spaces.get(parent.id);
      if (space?.owned !== undefined) {
        const status = space.owned.find(first);
        if (status === NEED) return NEED;
        if (status === OK && space.owned.first <= first) return space;
      }
      at = parent;
    }
    return undefined;
  }

  #extents(tree: Tree, idAt: number, rootAt: number): ExtentTree | undefined {
    const { core, btree, ceiling } = this.#parts;
    const id = tree.view.getUint32(idAt, true);
    if (id === 0) return undefined;
    core.nextTree = Math.max(core.nextTree, id + 1);
    const system = core.addTree(core.systemTree(id, tree.view.getUint32(rootAt, true)));
    return new ExtentTree(core, btree, system, ceiling);
  }
}
