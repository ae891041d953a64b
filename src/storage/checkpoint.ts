/**
 * Checkpoints: bring the file up to a point of the log, so that recovery starts there and older generations go.
 *
 *   1. start     R = end of the log; from now on a page older than R logs its image before its next change
 *   2. write     every page that is dirty at R, or a copy of it, each only when the log is durable past it
 *      a page that is freed meanwhile is not written: what changed it before R was in memory alone, and recovery from R would find
 *      it as it was before that, did it not find the group that freed it
 *   3. sync      the log, up to the last group that freed a page before its turn; then the file
 *   4. header    redo = R, undo = first record of the oldest transaction open at R; synced; then generations are released
 *
 * Work goes on meanwhile. What the header says of the root's row and of ids is as of R: the log has the rest.
 */
import { REQUEST_FLUSH, type Task } from '../base/task.ts';
import type { Core } from './core.ts';
import { ROOT_TREE, TREE_CATALOG } from './layout.ts';
import { StoreRequest } from './store-request.ts';
import { sliceRequest, type Transactions } from './transactions.ts';
import type { TreeCatalog } from './tree-catalog.ts';

/** Pages written between two chances for others. */
const PAGES_PER_SLICE = 32;

export class Checkpoint {
  readonly #core: Core;
  readonly #transactions: Transactions;
  readonly #catalog: TreeCatalog;
  #running = false;

  constructor(core: Core, transactions: Transactions, catalog: TreeCatalog) {
    this.#core = core;
    this.#transactions = transactions;
    this.#catalog = catalog;
  }

  get running(): boolean {
    return this.#running;
  }

  /** Runs a checkpoint; does nothing while another runs. */
  *run(): Task<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      yield* this.#catalog.saveCounts();
      yield* this.#bringUp();
    } finally {
      this.#running = false;
    }
  }

  *#bringUp(): Task<void> {
    const core = this.#core;
    const { log, cache, header } = core;
    const redo = log.tail;
    core.group.imageFloor = redo;
    const undo = this.#transactions.undoPoint(redo);
    const root = core.tree(ROOT_TREE);
    root.encodeCounts();
    const rootRow = root.row.slice();
    const catalogRoot = core.tree(TREE_CATALOG).root;
    const nextTree = core.nextTree;
    const nextTransaction = this.#transactions.nextId;
    yield log.flushRequest();
    const pages = cache.dirtyPages();
    for (let i = 0; i < pages.length; i += PAGES_PER_SLICE) {
      const early = pages.subarray(i, i + PAGES_PER_SLICE).filter((pgno) => !cache.writePage(pgno));
      if (early.length > 0) {
        // Others may change these pages at every turn: what is flushed for is a copy, or they would never be old enough.
        const copies = Array.from(early, (pgno) => cache.copyPage(pgno));
        yield log.flushRequest();
        for (const copy of copies) cache.writeCopy(copy);
      }
      yield sliceRequest(core);
    }
    yield log.flushRequest();
    yield this.#sync();
    header.redo = redo;
    header.undo = undo;
    header.firstGeneration = log.generationAt(Math.min(redo, undo));
    header.rootRow.set(rootRow);
    header.catalogRoot = catalogRoot;
    header.nextTree = nextTree;
    header.nextTransaction = nextTransaction;
    header.write(core.file);
    yield this.#sync();
    log.release(Math.min(redo, undo));
  }

  /** Syncs the file. A failure is fatal: what the disk holds is unknown until recovery has read it (law 4). */
  #sync(): StoreRequest {
    const { file, clock, log } = this.#core;
    const now = (): void => {
      try {
        file.syncData();
      } catch (error) {
        log.poison(error);
        throw error;
      }
    };
    return new StoreRequest(REQUEST_FLUSH, clock, now, (done) => {
      file.syncDataAsync((error) => {
        if (error !== undefined) log.poison(error);
        done(error);
      });
    });
  }
}
