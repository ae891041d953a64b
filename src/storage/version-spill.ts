/**
 * Chunks of the version store that memory has no room for: in a temporary file, read entry by entry.
 *
 *   file     <database>-versions.tmp: one slot of 256 KiB per chunk, as it lay in memory; made with the first chunk, gone with
 *            the last; nothing of it is logged or synced, for a crash needs none of it
 *   loaded   entries read back, by address, each in bytes of its own; changed ones are written before they are let go
 *
 * Entries are loaded while a change is prepared, or for a reader; they stay until {@link VersionSpill.settle}. So a change that
 * is applied finds what it needs and neither reads nor fails.
 */
import type { Vfs, VfsFile } from '../io/vfs.ts';

/** Header and a short key and record: what one read fetches at first. */
const FIRST_READ_BYTES = 512;
/** What loaded entries may take, about, between two changes. */
const LOADED_BYTES_MAX = 1 << 20;
/** A map entry, two objects. */
const LOADED_OVERHEAD = 300;

/** An entry that was read back; it begins at the first byte. */
export interface LoadedEntry {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  changed: boolean;
}

/** What the layout of entries says about them. */
export interface EntryLayout {
  readonly chunkBytes: number;
  /** Bytes that may have changed since an entry was written. */
  readonly headBytes: number;
  /** Bytes of the entry that begins at `at`. */
  lengthAt(view: DataView, at: number): number;
}

export class VersionSpill {
  readonly limitBytes: number;
  readonly #vfs: Vfs;
  readonly #path: string;
  readonly #layout: EntryLayout;
  #file: VfsFile | undefined;
  /** By chunk: its slot, or −1. */
  readonly #slots: number[] = [];
  #free: number[] = [];
  #slotCount = 0;
  readonly #loaded: Map<number, LoadedEntry> = new Map();
  #loadedBytes = 0;
  /** Chunks in the file. */
  chunks = 0;

  /** @param path - of the temporary file; nothing lies there. */
  constructor(vfs: Vfs, path: string, limitBytes: number, layout: EntryLayout) {
    this.#vfs = vfs;
    this.#path = path;
    this.limitBytes = limitBytes;
    this.#layout = layout;
  }

  get bytes(): number {
    return this.chunks * this.#layout.chunkBytes;
  }

  hasRoom(): boolean {
    return this.bytes + this.#layout.chunkBytes <= this.limitBytes;
  }

  holds(chunk: number): boolean {
    return (this.#slots[chunk] ?? -1) >= 0;
  }

  /** Writes a chunk, `used` bytes of it. @throws 53100, 58030: then it is not in the file. */
  put(chunk: number, bytes: Uint8Array, used: number): void {
    this.#file ??= this.#vfs.open(this.#path, 'new');
    const slot = this.#free.pop() ?? this.#slotCount++;
    try {
      this.#file.write(bytes, 0, used, slot * this.#layout.chunkBytes);
    } catch (error) {
      this.#free.push(slot);
      this.#closeIfEmpty();
      throw error;
    }
    while (this.#slots.length <= chunk) this.#slots.push(-1);
    this.#slots[chunk] = slot;
    this.chunks++;
  }

  /** Forgets a chunk, unread. @param first - the address of its first byte, @param units - addresses that it spans. */
  drop(chunk: number, first: number, units: number): void {
    this.#free.push(this.#slots[chunk]!);
    this.#slots[chunk] = -1;
    this.chunks--;
    for (const [address, entry] of this.#loaded) {
      if (address < first || address >= first + units) continue;
      this.#loadedBytes -= entry.bytes.length + LOADED_OVERHEAD;
      this.#loaded.delete(address);
    }
    this.#closeIfEmpty();
  }

  /** The entry at an address, read if it is not at hand. @throws 58030 */
  entry(address: number, chunk: number, offset: number): LoadedEntry {
    const known = this.#loaded.get(address);
    if (known !== undefined) return known;
    const file = this.#file!;
    const { chunkBytes } = this.#layout;
    const at = this.#slots[chunk]! * chunkBytes + offset;
    const first = Math.min(FIRST_READ_BYTES, chunkBytes - offset);
    let bytes = new Uint8Array(first);
    file.read(bytes, 0, first, at);
    let view = new DataView(bytes.buffer);
    const length = this.#layout.lengthAt(view, 0);
    if (length > first) {
      const whole = new Uint8Array(length);
      whole.set(bytes);
      file.read(whole, first, length - first, at + first);
      bytes = whole;
      view = new DataView(whole.buffer);
    }
    const entry: LoadedEntry = { bytes, view, changed: false };
    this.#loaded.set(address, entry);
    this.#loadedBytes += bytes.length + LOADED_OVERHEAD;
    return entry;
  }

  isLoaded(address: number): boolean {
    return this.#loaded.has(address);
  }

  get isOverfull(): boolean {
    return this.#loadedBytes > LOADED_BYTES_MAX;
  }

  /** Lets go of loaded entries when they are many. `place`: chunk and offset of an address. @throws 53100, 58030 */
  settle(place: (address: number) => { readonly chunk: number; readonly offset: number }): void {
    if (!this.isOverfull) return;
    for (const [address, entry] of this.#loaded) {
      if (entry.changed) {
        const { chunk, offset } = place(address);
        const at = this.#slots[chunk]! * this.#layout.chunkBytes + offset;
        this.#file!.write(entry.bytes, 0, this.#layout.headBytes, at);
        entry.changed = false;
      }
      this.#loadedBytes -= entry.bytes.length + LOADED_OVERHEAD;
      this.#loaded.delete(address);
    }
  }

  #closeIfEmpty(): void {
    if (this.chunks > 0) return;
    this.#file?.discard();
    this.#file = undefined;
    this.#free = [];
    this.#slotCount = 0;
  }

  close(): void {
    this.chunks = 0;
    this.#slots.length = 0;
    this.#loaded.clear();
    this.#loadedBytes = 0;
    this.#closeIfEmpty();
  }
}
