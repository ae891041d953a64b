/**
 * Log generation files: their header, and reading groups back.
 *
 * Reading follows the chain: each group names the checksum of the one before. The first group that does not fit ends the
 * log, unless a later valid group claims that the log was durable beyond that point: then bytes that were acknowledged are
 * missing, and the database refuses to open.
 */
import { crc32 } from 'node:zlib';
import { fail } from '../base/errors.ts';
import type { Vfs, VfsFile } from '../io/vfs.ts';
import {
  FORMAT_VERSION,
  GROUP_BYTES_AT,
  GROUP_CHAIN_AT,
  GROUP_CHECKSUM_AT,
  GROUP_DURABLE_AT,
  GROUP_GENERATION_AT,
  GROUP_HEADER_BYTES,
  GROUP_LSN_AT,
  LOG_BYTES_AT,
  LOG_CHECKSUM_AT,
  LOG_GENERATION_AT,
  LOG_HEADER_BYTES,
  LOG_ID_AT,
  LOG_MAGIC,
  LOG_MAGIC_AT,
  LOG_START_AT,
  LOG_VERSION_AT,
  readU64,
  writeU64,
} from './layout.ts';

/** One generation file. Positions start … start + bytes − 1 lie in it, its header included. */
export interface Generation {
  readonly number: number;
  readonly start: number;
  readonly bytes: number;
  readonly file: VfsFile;
}

export function writeGenerationHeader(generation: Generation, fileId: Uint8Array): void {
  const bytes = new Uint8Array(LOG_HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode(LOG_MAGIC), LOG_MAGIC_AT);
  view.setUint16(LOG_VERSION_AT, FORMAT_VERSION, true);
  bytes.set(fileId, LOG_ID_AT);
  view.setUint32(LOG_GENERATION_AT, generation.number, true);
  writeU64(view, LOG_START_AT, generation.start);
  writeU64(view, LOG_BYTES_AT, generation.bytes);
  view.setUint32(LOG_CHECKSUM_AT, crc32(bytes.subarray(0, LOG_CHECKSUM_AT)), true);
  generation.file.write(bytes, 0, LOG_HEADER_BYTES, 0);
}

/** Generations found beside a database file, ascending; those of other databases are only counted. */
export function findGenerations(
  vfs: Vfs,
  directory: string,
  fileId: Uint8Array,
): { ours: Generation[]; foreign: number } {
  const ours: Generation[] = [];
  let foreign = 0;
  for (const name of vfs.list(directory)) {
    const file = vfs.open(`${directory}/${name}`, 'write');
    const bytes = new Uint8Array(LOG_HEADER_BYTES);
    const view = new DataView(bytes.buffer);
    const whole = file.read(bytes, 0, LOG_HEADER_BYTES, 0) === LOG_HEADER_BYTES;
    if (!whole || view.getUint32(LOG_CHECKSUM_AT, true) !== crc32(bytes.subarray(0, LOG_CHECKSUM_AT))) {
      // A generation whose header never became durable holds nothing that was acknowledged.
      file.close();
      continue;
    }
    if (!fileId.every((b, i) => bytes[LOG_ID_AT + i] === b)) {
      foreign++;
      file.close();
      continue;
    }
    const number = view.getUint32(LOG_GENERATION_AT, true);
    ours.push({ number, start: readU64(view, LOG_START_AT), bytes: readU64(view, LOG_BYTES_AT), file });
  }
  ours.sort((a, b) => a.number - b.number);
  return { ours, foreign };
}

/** A group read back: its records lie in `bytes` from `from` to `to`, until the next one is read. */
export interface GroupAt {
  bytes: Uint8Array;
  view: DataView;
  lsn: number;
  from: number;
  to: number;
}

/** So much of a generation is read at a time; more than a group has, and read within a slice. */
const WINDOW_BYTES = 1 << 20;

/** Reads the groups of consecutive generations in order, from a position to the log's end. */
export class LogReader {
  readonly group: GroupAt = {
    bytes: new Uint8Array(0),
    view: new DataView(new ArrayBuffer(0)),
    lsn: 0,
    from: 0,
    to: 0,
  };
  readonly #generations: readonly Generation[];
  #index: number;
  #offset: number;
  /** The part of the generation that was read: it begins at #base of the file and has #length bytes. */
  #window: Uint8Array = new Uint8Array(WINDOW_BYTES);
  #view: DataView = new DataView(this.#window.buffer);
  #base = 0;
  #length = 0;
  /** Bytes of the generation. */
  #end = 0;
  #chain: number | undefined;

  /** @param from - position of a group, or of the log's end. */
  constructor(generations: readonly Generation[], from: number) {
    this.#generations = generations;
    this.#index = generations.findIndex((g) => from >= g.start && from <= g.start + g.bytes);
    this.#offset = this.#index < 0 ? 0 : from - generations[this.#index]!.start;
    if (this.#index >= 0) this.#enter(this.#index);
  }

  /** Checksum of the last group read: what the next one must name. */
  get chain(): number {
    return this.#chain ?? 0;
  }

  /** Moves to the next group; false at the end of the log. @throws `data_corrupted` when acknowledged groups are missing. */
  next(): boolean {
    if (this.#index < 0) return false;
    if (this.#isGroup(this.#offset, this.#chain)) return this.#take();
    const stop = this.#generations[this.#index]!.start + this.#offset;
    const stoppedIn = this.#index;
    const stoppedAt = this.#offset;
    for (let i = this.#index + 1; i < this.#generations.length; i++) {
      this.#enter(i);
      this.#offset = LOG_HEADER_BYTES;
      if (this.#isGroup(LOG_HEADER_BYTES, this.#chain)) return this.#take();
    }
    this.#refuseGap(stoppedIn, stoppedAt, stop);
    this.#index = -1;
    return false;
  }

  #take(): boolean {
    const at = this.#offset - this.#base;
    const bytes = this.#view.getUint32(at + GROUP_BYTES_AT, true);
    this.#chain = this.#view.getUint32(at + GROUP_CHECKSUM_AT, true);
    const group = this.group;
    group.bytes = this.#window;
    group.view = this.#view;
    group.lsn = readU64(this.#view, at + GROUP_LSN_AT);
    group.from = at + GROUP_HEADER_BYTES;
    group.to = at + bytes;
    this.#offset += bytes;
    return true;
  }

  #isGroup(offset: number, chain: number | undefined): boolean {
    const generation = this.#generations[this.#index]!;
    if (!this.#has(offset, GROUP_HEADER_BYTES)) return false;
    const bytes = this.#view.getUint32(offset - this.#base + GROUP_BYTES_AT, true);
    if (bytes < GROUP_HEADER_BYTES || (bytes & 7) !== 0 || offset + bytes > this.#end) return false;
    if (this.#view.getUint32(offset - this.#base + GROUP_GENERATION_AT, true) !== generation.number) return false;
    if (readU64(this.#view, offset - this.#base + GROUP_LSN_AT) !== generation.start + offset) return false;
    if (chain !== undefined && this.#view.getUint32(offset - this.#base + GROUP_CHAIN_AT, true) !== chain) return false;
    if (!this.#has(offset, bytes)) return false;
    const at = offset - this.#base;
    return this.#view.getUint32(at + GROUP_CHECKSUM_AT, true) === crc32(this.#window.subarray(at + 4, at + bytes));
  }

  /** Looks behind the end for groups that prove that more had been acknowledged. */
  #refuseGap(index: number, offset: number, stop: number): void {
    for (let i = index; i < this.#generations.length; i++) {
      this.#enter(i);
      for (let at = i === index ? offset : LOG_HEADER_BYTES; at < this.#end; at += 8) {
        if (!this.#isGroup(at, undefined)) continue;
        if (readU64(this.#view, at - this.#base + GROUP_DURABLE_AT) <= stop) continue;
        const path = this.#generations[index]!.file.path;
        throw fail(
          'data_corrupted',
          `log file "${path}" is damaged at position ${stop}: groups that were durable are missing`,
        );
      }
    }
  }

  #enter(index: number): void {
    const generation = this.#generations[index]!;
    this.#index = index;
    this.#end = Math.min(generation.bytes, generation.file.size());
    this.#base = 0;
    this.#length = 0;
  }

  /** Makes sure that a range of the generation is in the window; false when the generation ends before its end. */
  #has(offset: number, bytes: number): boolean {
    if (offset + bytes > this.#end) return false;
    if (offset >= this.#base && offset + bytes <= this.#base + this.#length) return true;
    if (bytes > this.#window.length) {
      this.#window = new Uint8Array(bytes);
      this.#view = new DataView(this.#window.buffer);
    }
    this.#base = offset;
    const wanted = Math.min(this.#window.length, this.#end - offset);
    this.#length = this.#generations[this.#index]!.file.read(this.#window, 0, wanted, offset);
    return this.#length >= bytes;
  }
}
