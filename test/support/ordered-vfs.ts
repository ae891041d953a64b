/**
 * A file system that knows in which order things must reach the disk, around any other one, and notes what breaks it.
 *
 *   log      its groups are parsed as they are written; a group is durable when its file was synced after that
 *   page     may be written only when the last group that changed it, whose LSN it bears, is durable (DESIGN §3, law 4)
 *   hole     may be punched only where durable groups say that the pages are gone, and nowhere else (law 7)
 *
 * A power cut shows such a mistake only if it falls between the two steps and takes the right sectors; this shows it each time.
 */
import { crc32 } from 'node:zlib';
import type { Done, OpenMode, Vfs, VfsFile, VfsLock } from '../../src/io/vfs.ts';
import {
  GROUP_BYTES_AT,
  GROUP_CHECKSUM_AT,
  GROUP_GENERATION_AT,
  GROUP_HEADER_BYTES,
  GROUP_LSN_AT,
  LOG_GENERATION_AT,
  LOG_HEADER_BYTES,
  LOG_START_AT,
  PAGE_LSN_AT,
  readU64,
} from '../../src/storage/layout.ts';
import { GONE_FIRST_AT, GONE_LAST_AT, LOG_GONE, RECORD_BYTES_AT } from '../../src/storage/log-records.ts';

/** A group on its way to the disk, and the pages that it says are gone. */
interface Group {
  readonly lsn: number;
  readonly end: number;
  readonly gone: readonly (readonly [first: number, last: number])[];
}

export class OrderedVfs implements Vfs {
  readonly #inner: Vfs;
  readonly #path: string;
  readonly #pageBytes: number;
  /** What was done out of order. */
  readonly broken: string[] = [];
  readonly #files = new Map<string, LogFile>();
  /** End of the last group that was written. */
  #written = 0;
  readonly #gone = new Set<number>();

  /**
   * @param path - the database file, whose log lies in `<path>-log`; the order of other files is nobody's concern here.
   * @param pageBytes - its page size.
   */
  constructor(inner: Vfs, path: string, pageBytes: number) {
    this.#inner = inner;
    this.#path = path;
    this.#pageBytes = pageBytes;
  }

  open(path: string, mode: OpenMode): VfsFile {
    const file = this.#inner.open(path, mode);
    if (path === this.#path) return new PageFile(this, file);
    // Who only reads, as a backup does, changes nothing about what is durable.
    if (mode === 'read' || !path.startsWith(`${this.#path}-log/`)) return file;
    const log = new LogFile(this, file);
    this.#files.set(path, log);
    return log;
  }

  noteWritten({ end }: Group): void {
    this.#written = Math.max(this.#written, end);
  }

  noteDurable({ gone }: Group): void {
    for (const [first, last] of gone) for (let pgno = first; pgno <= last; pgno++) this.#gone.add(pgno);
  }

  /** A page of the database file is written. */
  checkPage(bytes: Uint8Array, at: number, length: number, offset: number): void {
    if (offset < this.#pageBytes || length !== this.#pageBytes) return;
    const pgno = offset / this.#pageBytes - 1;
    this.#gone.delete(pgno);
    const lsn = readU64(new DataView(bytes.buffer, bytes.byteOffset + at), PAGE_LSN_AT);
    const isDurable = lsn < this.#written && [...this.#files.values()].every((file) => file.isDurable(lsn));
    if (!isDurable) this.broken.push(`page ${pgno} is written before the group at ${lsn} is durable`);
  }

  checkHole(offset: number, length: number): void {
    for (let at = offset; at < offset + length; at += this.#pageBytes) {
      const pgno = at / this.#pageBytes - 1;
      if (this.#gone.has(pgno)) continue;
      this.broken.push(`page ${pgno} is punched before a durable group says that it is gone`);
      return;
    }
  }

  /** Pages that have their place on disk again. */
  noteFilled(offset: number, length: number): void {
    for (let at = offset; at < offset + length; at += this.#pageBytes) this.#gone.delete(at / this.#pageBytes - 1);
  }

  exists(path: string): boolean {
    return this.#inner.exists(path);
  }

  canonical(path: string): string {
    return this.#inner.canonical(path);
  }

  list(directory: string): string[] {
    return this.#inner.list(directory);
  }

  makeDirectory(path: string): void {
    this.#inner.makeDirectory(path);
  }

  removeDirectory(path: string): void {
    this.#inner.removeDirectory(path);
  }

  rename(from: string, to: string): void {
    this.#inner.rename(from, to);
  }

  unlink(path: string): void {
    this.#inner.unlink(path);
    this.forget(path);
  }

  /** A file of the log is gone. */
  forget(path: string): void {
    this.#files.delete(path);
  }

  canPunch(directory: string): boolean {
    return this.#inner.canPunch(directory);
  }

  syncDirectory(path: string): void {
    this.#inner.syncDirectory(path);
  }

  syncDirectoryAsync(path: string, done: Done): void {
    this.#inner.syncDirectoryAsync(path, done);
  }

  lock(path: string): VfsLock {
    return this.#inner.lock(path);
  }
}

/** Hands everything on. */
class InnerFile implements VfsFile {
  protected readonly order: OrderedVfs;
  protected readonly inner: VfsFile;

  constructor(order: OrderedVfs, inner: VfsFile) {
    this.order = order;
    this.inner = inner;
  }

  get path(): string {
    return this.inner.path;
  }

  read(into: Uint8Array, at: number, length: number, offset: number): number {
    return this.inner.read(into, at, length, offset);
  }

  readAsync(into: Uint8Array, at: number, length: number, offset: number, done: Done): void {
    this.inner.readAsync(into, at, length, offset, done);
  }

  write(from: Uint8Array, at: number, length: number, offset: number): void {
    this.inner.write(from, at, length, offset);
  }

  writeAsync(from: Uint8Array, at: number, length: number, offset: number, done: Done): void {
    this.inner.writeAsync(from, at, length, offset, done);
  }

  syncData(): void {
    this.inner.syncData();
  }

  syncDataAsync(done: Done): void {
    this.inner.syncDataAsync(done);
  }

  size(): number {
    return this.inner.size();
  }

  diskBytes(): number {
    return this.inner.diskBytes();
  }

  truncate(size: number): void {
    this.inner.truncate(size);
  }

  allocate(offset: number, length: number): void {
    this.inner.allocate(offset, length);
  }

  punch(offset: number, length: number): boolean {
    return this.inner.punch(offset, length);
  }

  punchAsync(offset: number, length: number, done: (error: unknown, punched: boolean) => void): void {
    this.inner.punchAsync(offset, length, done);
  }

  dataRanges(): number[] | undefined {
    return this.inner.dataRanges();
  }

  close(): void {
    this.inner.close();
  }

  discard(): void {
    this.inner.discard();
    this.order.forget(this.path);
  }
}

class PageFile extends InnerFile {
  override write(from: Uint8Array, at: number, length: number, offset: number): void {
    this.order.checkPage(from, at, length, offset);
    this.inner.write(from, at, length, offset);
  }

  override writeAsync(from: Uint8Array, at: number, length: number, offset: number, done: Done): void {
    this.order.checkPage(from, at, length, offset);
    this.inner.writeAsync(from, at, length, offset, done);
  }

  override allocate(offset: number, length: number): void {
    this.inner.allocate(offset, length);
    this.order.noteFilled(offset, length);
  }

  override punch(offset: number, length: number): boolean {
    this.order.checkHole(offset, length);
    return this.inner.punch(offset, length);
  }

  override punchAsync(offset: number, length: number, done: (error: unknown, punched: boolean) => void): void {
    this.order.checkHole(offset, length);
    this.inner.punchAsync(offset, length, done);
  }
}

class LogFile extends InnerFile {
  /** Groups written and not synced since. */
  #pending: Group[] = [];
  /** End of the last group that is durable: when it is written once more, with the same bytes, it stays so. */
  #durable = 0;
  #generation = 0;
  #start = 0;

  constructor(order: OrderedVfs, inner: VfsFile) {
    super(order, inner);
    const size = inner.size();
    if (size < LOG_HEADER_BYTES) return;
    const bytes = new Uint8Array(size);
    inner.read(bytes, 0, size, 0);
    this.#note(bytes, 0, size, 0);
  }

  isDurable(lsn: number): boolean {
    return this.#pending.every((group) => lsn < group.lsn);
  }

  override write(from: Uint8Array, at: number, length: number, offset: number): void {
    this.#note(from, at, length, offset);
    this.inner.write(from, at, length, offset);
  }

  override writeAsync(from: Uint8Array, at: number, length: number, offset: number, done: Done): void {
    this.#note(from, at, length, offset);
    this.inner.writeAsync(from, at, length, offset, done);
  }

  override syncData(): void {
    this.inner.syncData();
    this.#synced(new Set(this.#pending));
  }

  override syncDataAsync(done: Done): void {
    const before = new Set(this.#pending);
    this.inner.syncDataAsync((error) => {
      if (error === undefined) this.#synced(before);
      done(error);
    });
  }

  #synced(groups: Set<Group>): void {
    for (const group of groups) {
      this.order.noteDurable(group);
      this.#durable = Math.max(this.#durable, group.end);
    }
    this.#pending = this.#pending.filter((group) => !groups.has(group));
  }

  /** Parses what is written: the file's header, or groups from one's beginning on. */
  #note(bytes: Uint8Array, at: number, length: number, offset: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, at + length);
    let from = at;
    if (offset === 0) {
      this.#generation = view.getUint32(at + LOG_GENERATION_AT, true);
      this.#start = readU64(view, at + LOG_START_AT);
      from += LOG_HEADER_BYTES;
    }
    while (from + GROUP_HEADER_BYTES <= at + length) {
      const groupBytes = view.getUint32(from + GROUP_BYTES_AT, true);
      const lsn = readU64(view, from + GROUP_LSN_AT);
      const isGroup =
        groupBytes >= GROUP_HEADER_BYTES &&
        from + groupBytes <= at + length &&
        view.getUint32(from + GROUP_GENERATION_AT, true) === this.#generation &&
        lsn === this.#start + offset + from - at &&
        view.getUint32(from + GROUP_CHECKSUM_AT, true) === crc32(bytes.subarray(from + 4, from + groupBytes));
      if (!isGroup) return;
      const group = { lsn, end: lsn + groupBytes, gone: goneIn(view, from + GROUP_HEADER_BYTES, from + groupBytes) };
      if (group.end > this.#durable) this.#pending.push(group);
      this.order.noteWritten(group);
      from += groupBytes;
    }
  }
}

function goneIn(view: DataView, from: number, to: number): [number, number][] {
  const gone: [number, number][] = [];
  for (let at = from; at < to; at += view.getUint32(at + RECORD_BYTES_AT, true)) {
    const type = view.getUint8(at);
    if (type === 0) break;
    if (type === LOG_GONE)
      gone.push([view.getUint32(at + GONE_FIRST_AT, true), view.getUint32(at + GONE_LAST_AT, true)]);
  }
  return gone;
}
