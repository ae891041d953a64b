/**
 * The one definition of ExtentDB's bytes (law 13). All integers are little-endian; u64 fields hold integers below 2^53.
 *
 *   file       header | its shadow | page 1 | page 2 …        page p lies at (p + 1) × page size
 *
 *   page       header (64) | slots, u16 each → … free middle … ← nodes | prefix
 *
 *   node       record bytes u16 | record capacity u16 | key length and flags u16 | record (capacity) | key (or its suffix)
 *              A leaf's record is the row's, in an index the included columns' or none; a branch's is its child's page number
 *              (u32); a branch's first key is empty.
 *
 *   version    1   what every file begins as
 *              2   entries of indexes may hold included columns. A file gets it for good before its first such index is made, so
 *                  that programs which know version 1 only refuse it, and open all others
 *
 *   log        generation file: header (512) | groups
 *   group      header (32) | records: type u8, then what `log-records.ts` says
 */

/** The version that a file begins with; its log has it always. */
export const FORMAT_VERSION = 1;
/** The version of files with indexes that include columns. */
export const FORMAT_INCLUDED_COLUMNS = 2;
/** The newest version that this program knows. */
export const FORMAT_VERSION_MAX = 2;
export const PAGE_BYTES_DEFAULT = 8192;
export const PAGE_SIZES: readonly number[] = [4096, 8192, 16384, 32768];

// Page header.
export const PAGE_CHECKSUM_AT = 0;
export const PAGE_PGNO_AT = 4;
export const PAGE_TREE_AT = 8;
/** u32: raised by one with each write of the page to disk. */
export const PAGE_WRITES_AT = 12;
/** u64: position of the last log group that changed the page. */
export const PAGE_LSN_AT = 16;
/** u64: the highest transaction that changed a row on the page. */
export const PAGE_NEWEST_AT = 24;
export const PAGE_KIND_AT = 32;
/** u8: 0 = leaf. */
export const PAGE_LEVEL_AT = 33;
export const PAGE_SLOTS_AT = 34;
/** u16: nodes flagged deleted. */
export const PAGE_FLAGGED_AT = 36;
/** u16: bytes that slots and nodes do not use, wherever they lie. */
export const PAGE_FREE_AT = 38;
/** u16: first byte of the lowest node, or of the prefix; the free middle ends here. */
export const PAGE_HEAP_AT = 40;
export const PAGE_PREFIX_BYTES_AT = 42;
export const PAGE_PREV_AT = 44;
export const PAGE_NEXT_AT = 48;
export const PAGE_HEADER_BYTES = 64;

/** First slot; slot i is the u16 at `SLOTS_AT + 2 * i` and holds its node's offset in the page. */
export const SLOTS_AT = PAGE_HEADER_BYTES;
export const SLOT_BYTES = 2;

export const PAGE_KIND_TREE = 1;

// Node.
export const NODE_RECORD_BYTES_AT = 0;
export const NODE_CAPACITY_AT = 2;
/** u16: bits 0–12 key (suffix) length, then the flags. */
export const NODE_KEY_AT = 4;
export const NODE_RECORD_AT = 6;
export const NODE_HEADER_BYTES = 6;
export const NODE_KEY_BYTES_MASK = 0x1fff;
/** The version store may know older states of this key. Without a version there, the node holds as it stands. */
export const NODE_VERSIONED = 0x2000;
export const NODE_DELETED = 0x4000;
/** The key is stored whole: it does not share the page's prefix. */
export const NODE_WHOLE_KEY = 0x8000;
export const NODE_FLAGS_MASK = 0xe000;
export const CHILD_BYTES = 4;

// File header: at most 512 bytes, so that a disk writes it whole or not at all; two copies, written in turn.
export const FILE_MAGIC = 'ExtentDB';
export const FILE_HEADER_BYTES = 512;
export const FILE_MAGIC_AT = 0;
/** u16: FORMAT_VERSION … FORMAT_VERSION_MAX. */
export const FILE_VERSION_AT = 8;
export const FILE_STATE_AT = 10;
export const FILE_PAGE_BYTES_AT = 12;
export const FILE_ID_AT = 16;
export const FILE_ID_BYTES = 16;
/** u64: raised with each write of the header; the valid copy with the higher one counts. */
export const FILE_SEQUENCE_AT = 32;
/** u64: where the next log generation begins, when the file is clean. */
export const FILE_NEXT_LSN_AT = 40;
/** u64: recovery replays from here. */
export const FILE_REDO_AT = 48;
/** u64: recovery reads from here, to know the rows that open transactions changed before the redo point. */
export const FILE_UNDO_AT = 56;
/** u32: first log generation needed. */
export const FILE_FIRST_GENERATION_AT = 64;
export const FILE_NEXT_GENERATION_AT = 68;
/** u64 */
export const FILE_NEXT_TRANSACTION_AT = 72;
export const FILE_NEXT_TREE_AT = 80;
/** u32: root page of the tree catalog. */
export const FILE_CATALOG_ROOT_AT = 84;
/** Bytes of the database root's own tree row: its space. */
export const FILE_ROOT_ROW_AT = 128;
export const FILE_CHECKSUM_AT = 508;

export const FILE_CLEAN = 1;
export const FILE_DIRTY = 2;

// Trees with fixed ids. The tree catalog's roots stand in the file header, every other tree's in its row of the catalog.
export const ROOT_TREE = 0;
export const TREE_CATALOG = 1;
/** Available extents of the database root. */
export const ROOT_AVAILABLE_TREE = 2;
export const FIRST_USER_TREE = 17;

// Row of the tree catalog: key = tree id u32 big-endian.
export const TREE_KIND_AT = 0;
export const TREE_STATE_AT = 1;
export const TREE_FILL_AT = 2;
/** u8: density percent at which maintenance starts; 0 = never. */
export const TREE_MAINTENANCE_AT = 3;
export const TREE_PARENT_AT = 4;
export const TREE_ROOT_AT = 8;
/** u32: tree id and root page of the owned and of the available extents; 0 while the tree is small. */
export const TREE_OWNED_ID_AT = 12;
export const TREE_OWNED_ROOT_AT = 16;
export const TREE_AVAILABLE_ID_AT = 20;
export const TREE_AVAILABLE_ROOT_AT = 24;
/** u32: first page of the first extent, its pages, and the bitmap of its free ones while the tree is small. */
export const TREE_PRIMARY_AT = 28;
export const TREE_PRIMARY_PAGES_AT = 32;
export const TREE_BITMAP_AT = 36;
/** u32: pages of the last allocation, the base of the next growth step. */
export const TREE_LAST_PAGES_AT = 40;
export const TREE_LEAVES_AT = 44;
export const TREE_PAGES_AT = 48;
/** u32: id of the long-value tree; 0 = none yet. */
export const TREE_LONG_AT = 52;
/** u64 */
export const TREE_ROWS_AT = 56;
// Space hints, in pages and percent; 0 = not given.
export const TREE_INITIAL_PAGES_AT = 72;
export const TREE_GROWTH_AT = 76;
export const TREE_EXTENT_MIN_AT = 80;
export const TREE_EXTENT_MAX_AT = 84;
/** u32: bit set of the grbit hints. */
export const TREE_HINT_FLAGS_AT = 88;
/** u32: pages of all its extents. */
export const TREE_OWNED_PAGES_AT = 92;
/** u32 each, 0 = empty: pages kept so that the space trees can split. */
export const TREE_RESERVE_AT = 96;
export const TREE_RESERVE_SLOTS = 16;
/** u32: where the file ends for the allocator (the database root only): pages backed on disk. */
export const TREE_FILE_PAGES_AT = 160;
/** u32: pages of the database root's extents that are trimmed or being trimmed (the database root only). */
export const TREE_TRIMMED_AT = 164;
/** u32: last page of the available extent that sequential growth takes its pages from; 0 = none yet (not the root). */
export const TREE_REGION_AT = 164;
export const TREE_ROW_BYTES = 168;

// Row of a space tree: key = last page of the extent, u32 big-endian.
export const EXTENT_PAGES_AT = 0;
/** u32: 0 = at hand, else EXTENT_TRIMMING, EXTENT_TRIMMED (the database root's only) or EXTENT_SEQUENTIAL (other trees'). */
export const EXTENT_STATE_AT = 4;
export const EXTENT_ROW_BYTES = 8;
export const EXTENT_AT_HAND = 0;
/** Its hole is being punched; after a crash it counts as trimmed. */
export const EXTENT_TRIMMING = 1;
/** It has no space on disk; it must be reserved before a page of it is used. */
export const EXTENT_TRIMMED = 2;
/** The rest of the extent that sequential growth is filling; other growth leaves it alone. At most one per tree. */
export const EXTENT_SEQUENTIAL = 3;
/** Extents that are no longer small begin at a multiple of this in the file. */
export const EXTENT_ALIGN_BYTES = 65536;

export const TREE_BUILDING = 1;
export const TREE_LIVE = 2;
export const TREE_DROPPED = 3;

// Log generation header.
export const LOG_MAGIC = 'ExtntLog';
export const LOG_HEADER_BYTES = 512;
export const LOG_MAGIC_AT = 0;
export const LOG_VERSION_AT = 8;
export const LOG_ID_AT = 16;
export const LOG_GENERATION_AT = 32;
/** u64: log position of the generation's first byte (of its header). */
export const LOG_START_AT = 40;
/** u64: bytes of the generation, header included. */
export const LOG_BYTES_AT = 48;
export const LOG_CHECKSUM_AT = 508;

// Log group header.
export const GROUP_CHECKSUM_AT = 0;
export const GROUP_BYTES_AT = 4;
export const GROUP_LSN_AT = 8;
export const GROUP_GENERATION_AT = 16;
/** u32: checksum of the group before. */
export const GROUP_CHAIN_AT = 20;
/** u64: the log was known durable up to here when the group was written. */
export const GROUP_DURABLE_AT = 24;
export const GROUP_HEADER_BYTES = 32;

const TWO_32 = 2 ** 32;

/** Reads a u64 that holds an integer below 2^53. */
export function readU64(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * TWO_32 + view.getUint32(at, true);
}

export function writeU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, Math.floor(value / TWO_32), true);
}

/** Where page `pgno` lies in the file. */
export function pageOffset(pgno: number, pageBytes: number): number {
  return (pgno + 1) * pageBytes;
}

/** Bytes of a page that slots and nodes can use. */
export function usableBytes(pageBytes: number): number {
  return pageBytes - PAGE_HEADER_BYTES;
}

/** The longest key that trees of this page size take. */
export function keyBytesMax(pageBytes: number): number {
  return pageBytes >> 3;
}

/** The longest record: with it and the longest key, two nodes and a separator always fit a page. */
export function recordBytesMax(pageBytes: number): number {
  return Math.floor(usableBytes(pageBytes) / 3);
}

// Keys of long-value trees: the id of the value (u48 big-endian), for a chunk followed by its number (u32 big-endian).
export const LONG_HEAD_BYTES = 6;
export const LONG_CHUNK_KEY_BYTES = 10;

/** Bytes of a long value that one chunk holds: a page's worth. */
export function longChunkBytes(pageBytes: number): number {
  return usableBytes(pageBytes) - NODE_HEADER_BYTES - SLOT_BYTES - 2 * LONG_CHUNK_KEY_BYTES;
}
