/**
 * Which trees stand under which: a table's indexes and long values. Found by going through all trees, and again only after
 * trees were made (each has a new id) or went (there are fewer): a tree never gets another parent.
 */
import type { TreeId } from '../storage/contracts.ts';
import type { Core } from '../storage/core.ts';
import { ROOT_TREE } from '../storage/layout.ts';
import type { Tree } from '../storage/tree.ts';

export class TreeFamilies {
  readonly #core: Core;
  readonly #children = new Map<TreeId, TreeId[]>();
  #nextTree = 0;
  #trees = 0;

  constructor(core: Core) {
    this.#core = core;
  }

  /** A tree and all that stand under it; empty when there is no such tree. */
  of(id: TreeId): Tree[] {
    this.#update();
    const family: Tree[] = [];
    const todo = [id];
    for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
      const tree = this.#core.trees.get(next);
      if (tree !== undefined) family.push(tree);
      todo.push(...(this.#children.get(next) ?? []));
    }
    return family;
  }

  #update(): void {
    const { trees, nextTree } = this.#core;
    if (this.#nextTree === nextTree && this.#trees === trees.size) return;
    this.#nextTree = nextTree;
    this.#trees = trees.size;
    this.#children.clear();
    for (const { id, parent } of trees.values()) {
      if (parent === ROOT_TREE) continue;
      const siblings = this.#children.get(parent);
      if (siblings === undefined) this.#children.set(parent, [id]);
      else siblings.push(id);
    }
  }
}
