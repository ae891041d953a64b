/**
 * The file's header: two copies, written in turn, each small enough for a disk to write whole (`layout.ts`, FILE_*).
 *
 * A header is clean when the file alone is the database, dirty when the log from `redo` on belongs to it.
 */
import { crc32 } from 'node:zlib';
import { fail } from '../base/errors.ts';
import type { VfsFile } from '../io/vfs.ts';
import {
  FILE_CATALOG_ROOT_AT,
  FILE_CHECKSUM_AT,
  FILE_CLEAN,
  FILE_DIRTY,
  FILE_FIRST_GENERATION_AT,
  FILE_HEADER_BYTES,
  FILE_ID_AT,
  FILE_ID_BYTES,
  FILE_MAGIC,
  FILE_MAGIC_AT,
  FILE_NEXT_GENERATION_AT,
  FILE_NEXT_LSN_AT,
  FILE_NEXT_TRANSACTION_AT,
  FILE_NEXT_TREE_AT,
  FILE_PAGE_BYTES_AT,
  FILE_REDO_AT,
  FILE_ROOT_ROW_AT,
  FILE_SEQUENCE_AT,
  FILE_STATE_AT,
  FILE_UNDO_AT,
  FILE_VERSION_AT,
  FORMAT_VERSION,
  FORMAT_VERSION_MAX,
  PAGE_SIZES,
  readU64,
  TREE_ROW_BYTES,
  writeU64,
} from './layout.ts';

export class FileHeader {
  /** Of the format, by what the file holds; it only rises. */
  version: number = FORMAT_VERSION;
  fileId: Uint8Array = new Uint8Array(FILE_ID_BYTES);
  pageBytes = 0;
  clean = true;
  sequence = 0;
  nextLsn = 0;
  redo = 0;
  undo = 0;
  firstGeneration = 1;
  nextGeneration = 1;
  nextTransaction = 1;
  nextTree = 0;
  catalogRoot = 0;
  /** The database root's row: its space. */
  readonly rootRow: Uint8Array = new Uint8Array(TREE_ROW_BYTES);

  /** Writes the copy whose turn it is. The caller syncs. */
  write(file: VfsFile): void {
    this.sequence++;
    const bytes = this.#encode();
    file.write(bytes, 0, FILE_HEADER_BYTES, this.sequence % 2 === 0 ? 0 : this.pageBytes);
  }

  /** A header of its own with the same values: writing it leaves this one's turn alone. */
  copy(): FileHeader {
    const copy = new FileHeader();
    const { rootRow, ...values } = this;
    Object.assign(copy, values, { fileId: this.fileId.slice() });
    copy.rootRow.set(rootRow);
    return copy;
  }

  /** Reads the newer valid copy. @throws `data_corrupted` when the file is no database or both copies are damaged. */
  static read(file: VfsFile): FileHeader {
    let best = decode(file, 0);
    // The shadow lies one page further, and only the header says how long a page is: so each size is tried.
    for (const pageBytes of best === undefined ? PAGE_SIZES : [best.pageBytes]) {
      const shadow = decode(file, pageBytes);
      if (shadow?.pageBytes !== pageBytes) continue;
      if (best === undefined || shadow.sequence > best.sequence) best = shadow;
    }
    if (best === undefined) throw fail('data_corrupted', `file "${file.path}" is not an ExtentDB database`);
    return best;
  }

  #encode(): Uint8Array {
    const bytes = new Uint8Array(FILE_HEADER_BYTES);
    const view = new DataView(bytes.buffer);
    bytes.set(new TextEncoder().encode(FILE_MAGIC), FILE_MAGIC_AT);
    view.setUint16(FILE_VERSION_AT, this.version, true);
    view.setUint8(FILE_STATE_AT, this.clean ? FILE_CLEAN : FILE_DIRTY);
    view.setUint32(FILE_PAGE_BYTES_AT, this.pageBytes, true);
    bytes.set(this.fileId, FILE_ID_AT);
    writeU64(view, FILE_SEQUENCE_AT, this.sequence);
    writeU64(view, FILE_NEXT_LSN_AT, this.nextLsn);
    writeU64(view, FILE_REDO_AT, this.redo);
    writeU64(view, FILE_UNDO_AT, this.undo);
    view.setUint32(FILE_FIRST_GENERATION_AT, this.firstGeneration, true);
    view.setUint32(FILE_NEXT_GENERATION_AT, this.nextGeneration, true);
    writeU64(view, FILE_NEXT_TRANSACTION_AT, this.nextTransaction);
    view.setUint32(FILE_NEXT_TREE_AT, this.nextTree, true);
    view.setUint32(FILE_CATALOG_ROOT_AT, this.catalogRoot, true);
    bytes.set(this.rootRow, FILE_ROOT_ROW_AT);
    view.setUint32(FILE_CHECKSUM_AT, crc32(bytes.subarray(0, FILE_CHECKSUM_AT)), true);
    return bytes;
  }
}

function decode(file: VfsFile, at: number): FileHeader | undefined {
  const bytes = new Uint8Array(FILE_HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  if (file.read(bytes, 0, FILE_HEADER_BYTES, at) < FILE_HEADER_BYTES) return undefined;
  if (new TextDecoder('latin1').decode(bytes.subarray(FILE_MAGIC_AT, FILE_MAGIC_AT + 8)) !== FILE_MAGIC)
    return undefined;
  if (view.getUint32(FILE_CHECKSUM_AT, true) !== crc32(bytes.subarray(0, FILE_CHECKSUM_AT))) return undefined;
  const version = view.getUint16(FILE_VERSION_AT, true);
  if (version < FORMAT_VERSION || version > FORMAT_VERSION_MAX) {
    throw fail(
      'feature_not_supported',
      `file "${file.path}" has format version ${version}, this program knows ${FORMAT_VERSION} to ${FORMAT_VERSION_MAX}`,
    );
  }
  const header = new FileHeader();
  header.version = version;
  header.clean = view.getUint8(FILE_STATE_AT) === FILE_CLEAN;
  header.pageBytes = view.getUint32(FILE_PAGE_BYTES_AT, true);
  header.fileId = bytes.slice(FILE_ID_AT, FILE_ID_AT + FILE_ID_BYTES);
  header.sequence = readU64(view, FILE_SEQUENCE_AT);
  header.nextLsn = readU64(view, FILE_NEXT_LSN_AT);
  header.redo = readU64(view, FILE_REDO_AT);
  header.undo = readU64(view, FILE_UNDO_AT);
  header.firstGeneration = view.getUint32(FILE_FIRST_GENERATION_AT, true);
  header.nextGeneration = view.getUint32(FILE_NEXT_GENERATION_AT, true);
  header.nextTransaction = readU64(view, FILE_NEXT_TRANSACTION_AT);
  header.nextTree = view.getUint32(FILE_NEXT_TREE_AT, true);
  header.catalogRoot = view.getUint32(FILE_CATALOG_ROOT_AT, true);
  header.rootRow.set(bytes.subarray(FILE_ROOT_ROW_AT, FILE_ROOT_ROW_AT + TREE_ROW_BYTES));
  return header;
}
