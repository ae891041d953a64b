/**
 * One pass of the online defragmentation task over a database (JetDefragment2; `spec/ese.md` §4.1).
 *
 *   trees in the order of their ids, each:  leaves ──> its space trees
 *
 * Flagged rows that cleanup missed are purged, leaves whose rows fit fewer pages are joined, and extents that become free go up. It
 * covers tables, secondary indexes, long values, the catalog and, after each of these, its space trees; with the target `space
 * trees` only those. Order is not touched: that is REORGANIZE. The position is a tree and a key, so a pass that was stopped goes
 * on there, also after a restart.
 */
import type { Task } from '../base/task.ts';
import type { DatabaseFile } from '../space/open-database-file.ts';
import { CATALOG_TREE, type TreeId } from '../storage/contracts.ts';
import { ROOT_TREE, TREE_LIVE } from '../storage/layout.ts';
import type { Tree } from '../storage/tree.ts';
import { slideWindow, WindowCompactor } from './compact-window.ts';

export type DefragmentTarget = 'database' | 'space trees';

/** Where a pass stands. Tree 0: at the beginning. */
export interface PassPosition {
  readonly tree: TreeId;
  readonly key: Uint8Array;
}

export const PASS_BEGIN: PassPosition = { tree: 0, key: new Uint8Array(0) };

/** What a pass has done so far, in pages. */
export interface PassCounts {
  readonly visited: number;
  readonly freed: number;
}

/** Leaves of space trees keep room for the rows that any change may add. */
const SPACE_TREE_PERCENT = 60;

export class DefragmentPass {
  readonly #file: DatabaseFile;
  readonly #target: DefragmentTarget;
  readonly #isOver: () => boolean;
  readonly #stepped: (position: PassPosition, counts: PassCounts) => void;
  readonly #compactor: WindowCompactor;
  #visited = 0;
  position: PassPosition;

  /**
   * @param isOver - asked before every step: true ends the pass there.
   * @param stepped - told after every step.
   */
  constructor(
    file: DatabaseFile,
    target: DefragmentTarget,
    position: PassPosition,
    isOver: () => boolean,
    stepped: (position: PassPosition, counts: PassCounts) => void,
  ) {
    this.#file = file;
    this.#target = target;
    this.position = position;
    this.#isOver = isOver;
    this.#stepped = stepped;
    this.#compactor = new WindowCompactor(file.store.parts);
  }

  get counts(): PassCounts {
    return { visited: this.#visited, freed: this.#compactor.freed };
  }

  /** @returns true when the pass came to the end of the database. */
  run(): Task<boolean> {
    return this.#file.steps.watch(this.#run());
  }

  *#run(): Task<boolean> {
    const { core } = this.#file.store.parts;
    if (this.position.tree <= ROOT_TREE && !(yield* this.#spaceTrees(core.tree(ROOT_TREE)))) return false;
    for (let id = Math.max(CATALOG_TREE, this.position.tree); ; ) {
      const tree = this.#nextTree(id);
      if (tree === undefined) break;
      if (tree.id !== this.position.tree) this.position = { tree: tree.id, key: PASS_BEGIN.key };
      if (this.#target === 'database' && !(yield* this.#leaves(tree))) return false;
      if (!(yield* this.#spaceTrees(tree))) return false;
      id = tree.id + 1;
    }
    this.position = PASS_BEGIN;
    return true;
  }

  /** The live tree with the lowest id from `id` on. */
  #nextTree(id: TreeId): Tree | undefined {
    let found: Tree | undefined;
    for (const tree of this.#file.store.parts.core.trees.values()) {
      if (tree.id >= id && tree.state === TREE_LIVE && (found === undefined || tree.id < found.id)) found = tree;
    }
    return found;
  }

  *#leaves(tree: Tree): Task<boolean> {
    const ended = yield* this.#slide(tree, tree.fillPercent, this.position.key, (key) => {
      this.position = { tree: tree.id, key };
    });
    // A tree that was dropped meanwhile is no reason to end the pass.
    return ended || tree.state !== TREE_LIVE;
  }

  *#spaceTrees(owner: Tree): Task<boolean> {
    const space = this.#file.space.opened.map.of(owner);
    for (const extents of space === undefined ? [] : [space.owned, space.available]) {
      if (extents === undefined || owner.state !== TREE_LIVE) continue;
      const ended = yield* this.#slide(extents.tree, SPACE_TREE_PERCENT, PASS_BEGIN.key, () => {}, owner);
      if (!ended && owner.state === TREE_LIVE) return false;
    }
    return true;
  }

  #slide(
    tree: Tree,
    fillPercent: number,
    from: Uint8Array,
    keep: (key: Uint8Array) => void,
    owner = tree,
  ): Task<boolean> {
    return slideWindow(this.#file.store.parts, this.#compactor, tree, fillPercent, {
      from,
      isOver: () => owner.state !== TREE_LIVE || this.#isOver(),
      stepped: (key, visited) => {
        if (visited) this.#visited++;
        keep(key);
        this.#stepped(this.position, this.counts);
      },
    });
  }
}
