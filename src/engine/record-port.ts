/**
 * The record format as the layers above the engine may use it: layouts with their code fragments, row buffers, keys, and the
 * place of a record in a leaf. `sql/` takes these names from here and knows nothing else of storage.
 */
import type { TableLockMode } from '../storage/contracts.ts';

export {
  type BulkAppender,
  EXISTS,
  HINT_APPEND_SEQUENTIAL,
  HINT_DELETE_SEQUENTIAL,
  HINT_HOTPOINT_SEQUENTIAL,
  HINT_SCAN_BACKWARD,
  HINT_SCAN_FORWARD,
  HINT_UTILIZE_PARENT_SPACE,
  type LeafScan,
  LOCK_NOWAIT,
  LOCK_SKIP,
  LOCK_WAIT,
  type LockFacts,
  NEED,
  NO_SPACE_HINTS,
  NONE,
  OK,
  ROW_KEY_SHARE,
  ROW_NO_KEY_UPDATE,
  ROW_SHARE,
  ROW_UPDATE,
  type Row,
  type RowLockMode,
  type SessionLocks,
  type Snapshot,
  type SpaceHints,
  type Store,
  TABLE_ACCESS_EXCLUSIVE,
  TABLE_EXCLUSIVE,
  TABLE_ROW_EXCLUSIVE,
  TABLE_SHARE,
  TABLE_SHARE_ROW_EXCLUSIVE,
  TABLE_SHARE_UPDATE_EXCLUSIVE,
  type TableLockMode,
  TREE_INDEX,
  TREE_TABLE,
  type Transaction,
  WOULD_BLOCK,
} from '../storage/contracts.ts';
export { LONG_HEAD_BYTES, NODE_RECORD_AT, NODE_RECORD_BYTES_AT, SLOTS_AT } from '../storage/layout.ts';
export {
  appendFixed,
  appendKeyPart,
  appendNull,
  appendVariable,
  compareKeys,
  type KeyPart,
  KeyWriter,
} from '../storage/record/key.ts';
export { skipKeyPart } from '../storage/record/key-skip.ts';
export {
  ANONYMOUS_LAYOUT,
  LONG_REFERENCE_BYTES,
  type LongReference,
  RecordLayout,
  readInt64,
  readLongReference,
  writeInt64,
} from '../storage/record/layout.ts';
export { RowBuffer, RowMemory } from '../storage/record/row-buffer.ts';

/** Table lock modes by the names that statements use. */
export const TABLE_LOCK_MODES: Readonly<Record<TableLockName, TableLockMode>> = {
  'access share': 1,
  'row share': 2,
  'row exclusive': 3,
  'share update exclusive': 4,
  share: 5,
  'share row exclusive': 6,
  exclusive: 7,
  'access exclusive': 8,
};

export type TableLockName =
  | 'access share'
  | 'row share'
  | 'row exclusive'
  | 'share update exclusive'
  | 'share'
  | 'share row exclusive'
  | 'exclusive'
  | 'access exclusive';
