/**
 * A tree as memory knows it: its row of the tree catalog, decoded at open, written back inside groups.
 *
 * The row is the truth for what recovery needs (root, state, space); rows, leaf pages and pages are counted here, saved with
 * each checkpoint and approximate after a crash.
 */
import type { SpaceHints, TreeFacts, TreeId, TreeKind } from './contracts.ts';
import {
  readU64,
  TREE_EXTENT_MAX_AT,
  TREE_EXTENT_MIN_AT,
  TREE_FILL_AT,
  TREE_GROWTH_AT,
  TREE_HINT_FLAGS_AT,
  TREE_INITIAL_PAGES_AT,
  TREE_KIND_AT,
  TREE_LEAVES_AT,
  TREE_LONG_AT,
  TREE_MAINTENANCE_AT,
  TREE_PAGES_AT,
  TREE_PARENT_AT,
  TREE_ROOT_AT,
  TREE_ROW_BYTES,
  TREE_ROWS_AT,
  TREE_STATE_AT,
  writeU64,
} from './layout.ts';

export class Tree {
  readonly id: TreeId;
  /** The row, as `layout.ts` lays it out; `space/` reads and writes its own fields. */
  readonly row: Uint8Array = new Uint8Array(TREE_ROW_BYTES);
  readonly view: DataView = new DataView(this.row.buffer);
  /** Root page; copied from the row because every descent needs it. */
  root = 0;
  rows = 0;
  leaves = 0;
  pages = 0;
  height = 0;
  /** Next id of a long value; 0 = to be found behind the last one in the tree. */
  nextLong = 0;
  /** Scans and statements that use the tree: a dropped tree gives its pages back when nobody does. */
  users = 0;

  constructor(id: TreeId) {
    this.id = id;
  }

  get kind(): TreeKind {
    const kind = this.view.getUint8(TREE_KIND_AT);
    return kind === 0 ? 0 : kind === 1 ? 1 : kind === 2 ? 2 : 3;
  }

  set kind(value: TreeKind) {
    this.view.setUint8(TREE_KIND_AT, value);
  }

  get state(): number {
    return this.view.getUint8(TREE_STATE_AT);
  }

  set state(value: number) {
    this.view.setUint8(TREE_STATE_AT, value);
  }

  get parent(): TreeId {
    return this.view.getUint32(TREE_PARENT_AT, true);
  }

  set parent(value: TreeId) {
    this.view.setUint32(TREE_PARENT_AT, value, true);
  }

  get fillPercent(): number {
    return this.view.getUint8(TREE_FILL_AT);
  }

  set fillPercent(value: number) {
    this.view.setUint8(TREE_FILL_AT, value);
  }

  /** Id of the tree that holds this tree's long values; 0 = none yet. */
  get longTree(): TreeId {
    return this.view.getUint32(TREE_LONG_AT, true);
  }

  set longTree(value: TreeId) {
    this.view.setUint32(TREE_LONG_AT, value, true);
  }

  get hints(): SpaceHints {
    return {
      initialPages: this.view.getUint32(TREE_INITIAL_PAGES_AT, true),
      growthPercent: this.view.getUint32(TREE_GROWTH_AT, true),
      extentPagesMin: this.view.getUint32(TREE_EXTENT_MIN_AT, true),
      extentPagesMax: this.view.getUint32(TREE_EXTENT_MAX_AT, true),
      maintenancePercent: this.view.getUint8(TREE_MAINTENANCE_AT),
      flags: this.view.getUint32(TREE_HINT_FLAGS_AT, true),
    };
  }

  setHints(hints: SpaceHints): void {
    this.view.setUint32(TREE_INITIAL_PAGES_AT, hints.initialPages, true);
    this.view.setUint32(TREE_GROWTH_AT, hints.growthPercent, true);
    this.view.setUint32(TREE_EXTENT_MIN_AT, hints.extentPagesMin, true);
    this.view.setUint32(TREE_EXTENT_MAX_AT, hints.extentPagesMax, true);
    this.view.setUint8(TREE_MAINTENANCE_AT, hints.maintenancePercent);
    this.view.setUint32(TREE_HINT_FLAGS_AT, hints.flags, true);
  }

  setRoot(pgno: number): void {
    this.root = pgno;
    this.view.setUint32(TREE_ROOT_AT, pgno, true);
  }

  /** Takes over a row read from the catalog or the file header. */
  decode(bytes: Uint8Array, start: number): void {
    this.row.set(bytes.subarray(start, start + TREE_ROW_BYTES));
    this.root = this.view.getUint32(TREE_ROOT_AT, true);
    this.rows = readU64(this.view, TREE_ROWS_AT);
    this.leaves = this.view.getUint32(TREE_LEAVES_AT, true);
    this.pages = this.view.getUint32(TREE_PAGES_AT, true);
  }

  /** Brings the counts into the row, before it is written. */
  encodeCounts(): void {
    writeU64(this.view, TREE_ROWS_AT, Math.max(0, this.rows));
    this.view.setUint32(TREE_LEAVES_AT, this.leaves, true);
    this.view.setUint32(TREE_PAGES_AT, this.pages, true);
  }

  /** Have the counts changed since the row was last written? */
  get countsChanged(): boolean {
    return (
      readU64(this.view, TREE_ROWS_AT) !== this.rows ||
      this.view.getUint32(TREE_LEAVES_AT, true) !== this.leaves ||
      this.view.getUint32(TREE_PAGES_AT, true) !== this.pages
    );
  }

  facts(): TreeFacts {
    return {
      rows: Math.max(0, this.rows),
      leafPages: this.leaves,
      pages: this.pages,
      height: Math.max(1, this.height),
    };
  }
}

/** A tree id as a key of the tree catalog. */
export function treeKey(id: TreeId, into: Uint8Array): number {
  into[0] = id >>> 24;
  into[1] = id >>> 16;
  into[2] = id >>> 8;
  into[3] = id;
  return 4;
}
