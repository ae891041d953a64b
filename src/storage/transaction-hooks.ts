/** What the transaction table asks of those who own trees and rows: they are made after it, and set themselves in. */
import { broken } from '../base/assert.ts';
import type { Task } from '../base/task.ts';
import type { Txn } from './transaction.ts';
import type { Tree } from './tree.ts';
import type { SpaceChange } from './tree-catalog.ts';

/** What the transaction table asks of those who own trees and rows. */
export interface TransactionHooks {
  /** Undoes the newest entry of a transaction. An attempt. */
  undoNewest(txn: Txn): number;
  /** Makes ready to change the rows of trees born, dropped or given other hints. An attempt. */
  prepareTrees(trees: readonly Tree[]): number;
  /** Sets and logs the state and space hints of trees, inside the group of the commit. */
  settleTrees(born: readonly Tree[], dropped: readonly Tree[], spaces: readonly SpaceChange[]): void;
  /** The births were undone: their trees are dropped. A task, since it runs groups of its own. */
  abandonTrees(trees: readonly Tree[]): Task<void>;
}

function unset(): never {
  return broken('transactions have no hooks yet');
}

export const NO_HOOKS: TransactionHooks = {
  undoNewest: unset,
  prepareTrees: unset,
  settleTrees: unset,
  abandonTrees: unset,
};
