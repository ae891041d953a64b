/** Attempts as tasks: the loops that yield what an attempt lacks and try again, and a plain walk over a tree. */
import type { Request, Task } from '../base/task.ts';
import {
  type KeyBound,
  type LeafScan,
  NEED,
  NONE,
  type Row,
  type Snapshot,
  type Store,
  type Transaction,
  type TreeId,
} from '../storage/contracts.ts';
import { NODE_RECORD_AT, NODE_RECORD_BYTES_AT, SLOTS_AT } from '../storage/layout.ts';

/** Repeats an attempt until it has all that it needs. */
export function* attempt(store: Store, attemptOnce: () => number): Task<number> {
  for (;;) {
    const status = attemptOnce();
    if (status !== NEED) return status;
    yield store.need;
  }
}

export function* insertRecord(
  store: Store,
  t: Transaction,
  tree: TreeId,
  key: Uint8Array,
  keyLength: number,
  record: Uint8Array,
  start: number,
  length: number,
): Task<number> {
  for (;;) {
    const status = store.insert(t, tree, key, keyLength, record, start, length);
    if (status !== NEED) return status;
    yield store.need;
  }
}

const EMPTY = new Uint8Array(0);
const EMPTY_VIEW = new DataView(new ArrayBuffer(0));

export function emptyRow(): Row {
  return {
    bytes: EMPTY,
    view: EMPTY_VIEW,
    start: 0,
    length: 0,
    commitSeq: 0,
    movedTo: undefined,
    key: EMPTY,
    keyLength: 0,
  };
}

/** A row that `checkUnique` can fill: with room for the longest key. */
export function emptyKeyedRow(store: Store): Row {
  return { ...emptyRow(), key: new Uint8Array(store.keyBytesMax * 2) };
}

/** Called per visible row with the whole key and the record; both are valid during the call only. */
export type RowVisitor = (
  key: Uint8Array,
  keyLength: number,
  bytes: Uint8Array,
  view: DataView,
  start: number,
  length: number,
) => void;

/** Visits the rows of a range that a snapshot sees, in key order. The visitor must not change the tree. */
export function* visitRows(
  store: Store,
  tree: TreeId,
  from: KeyBound | undefined,
  to: KeyBound | undefined,
  snapshot: Snapshot,
  slice: () => Request | undefined,
  visit: RowVisitor,
): Task<void> {
  const scan = store.scan();
  try {
    scan.open(tree, from, to, false, snapshot);
    for (;;) {
      const status = scan.next();
      if (status === NEED) {
        yield store.need;
        continue;
      }
      if (status === NONE) return;
      visitLeaf(scan, visit);
      const pause = slice();
      if (pause !== undefined) yield pause;
    }
  } finally {
    scan.close();
  }
}

function visitLeaf(scan: LeafScan, visit: RowVisitor): void {
  for (let slot = scan.from; slot < scan.to; slot++) {
    if (scan.plain) {
      const node = scan.view.getUint16(SLOTS_AT + 2 * slot, true);
      const length = scan.view.getUint16(node + NODE_RECORD_BYTES_AT, true);
      visit(scan.key, scan.keyAt(slot), scan.bytes, scan.view, node + NODE_RECORD_AT, length);
    } else if (scan.resolve(slot)) {
      const { row } = scan;
      visit(scan.key, scan.keyAt(slot), row.bytes, row.view, row.start, row.length);
    }
  }
}
