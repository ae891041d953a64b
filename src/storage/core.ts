/**
 * What the parts of one open store share: file, cache, log, open trees, and the request of the attempt that lacked something.
 */
import { assert } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import { fail } from '../base/errors.ts';
import type { Request } from '../base/task.ts';
import type { VfsFile } from '../io/vfs.ts';
import { NEED, OK } from './contracts.ts';
import type { FileHeader } from './file-header.ts';
import { Group } from './group.ts';
import type { Log } from './log.ts';
import type { PageAllocator } from './page-allocator.ts';
import type { PageCache } from './page-cache.ts';
import { Tree } from './tree.ts';
import type { VersionStore } from './version-store.ts';

/** Frames that any one group can take: new pages of a split at each level, in the tree and in its space trees. */
const FRAMES_RESERVED = 24;

export class Core {
  readonly clock: Clock;
  readonly file: VfsFile;
  readonly header: FileHeader;
  readonly cache: PageCache;
  readonly log: Log;
  readonly group: Group;
  readonly versions: VersionStore;
  readonly allocator: PageAllocator;
  readonly trees: Map<number, Tree> = new Map();
  readonly pageBytes: number;
  /** Log bytes that any one group can take: images of the pages it touches, and its records. */
  readonly groupBytes: number;
  readOnly = false;
  /** Id of the next tree; never reused. */
  nextTree = 0;
  #need: Request | undefined;

  constructor(
    clock: Clock,
    file: VfsFile,
    header: FileHeader,
    cache: PageCache,
    log: Log,
    versions: VersionStore,
    allocator: PageAllocator,
  ) {
    this.clock = clock;
    this.file = file;
    this.header = header;
    this.cache = cache;
    this.log = log;
    this.group = new Group(log, cache);
    this.versions = versions;
    this.allocator = allocator;
    this.pageBytes = cache.pageBytes;
    this.groupBytes = 20 * this.pageBytes + 16384;
  }

  /** What the last attempt that answered NEED waits for. */
  get need(): Request {
    assert(this.#need !== undefined, 'no attempt answered NEED');
    return this.#need;
  }

  /** Leaves a request for the caller's caller to yield; returns NEED. */
  want(request: Request): number {
    this.#need = request;
    return NEED;
  }

  wantPage(pgno: number): number {
    return this.want(this.cache.pageRequest(pgno));
  }

  /** Makes sure of what any group needs: clean frames and log room. An attempt; the first step of every change. */
  reserve(): number {
    return this.#reserve(false);
  }

  /** As `reserve`, with the emergency generation too: for rollback, checkpoint and shutdown. */
  reserveEmergency(): number {
    return this.#reserve(true);
  }

  #reserve(emergency: boolean): number {
    if (this.readOnly) throw fail('read_only_sql_transaction', 'the database is open read-only');
    if (!this.cache.ensureFree(FRAMES_RESERVED)) return this.want(this.cache.cleaning());
    if (this.log.room(this.groupBytes, emergency)) return OK;
    return this.want(this.log.roomRequest(this.groupBytes, emergency));
  }

  tree(id: number): Tree {
    const tree = this.trees.get(id);
    if (tree === undefined) throw fail('undefined_object', `tree ${id} does not exist`);
    return tree;
  }

  addTree(tree: Tree): Tree {
    this.trees.set(tree.id, tree);
    return tree;
  }

  /** A tree without a row of its own: the tree catalog and space trees. */
  systemTree(id: number, root: number): Tree {
    const tree = new Tree(id);
    tree.kind = 3;
    tree.setRoot(root);
    tree.fillPercent = 100;
    return tree;
  }
}
