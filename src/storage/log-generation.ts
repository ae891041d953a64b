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

/** A group read back: its records lie in `bytes` from `from` to `to`. */
export interface GroupAt {
  bytes: Uint8Array;
  view: DataView;
  lsn: number;
  from: number;
  to: number;
}

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
  #content: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(this.#content.buffer);
  #chain: number | undefined;

  /** @param from - position of a group, or of the log's end. */
  constructor(generations: readonly Generation[], from: number) {
    this.#generations = generations;
    this.#index = generations.findIndex((g) => from >= g.start && from <= g.start + g.bytes);
    this.#offset = this.#index < 0 ? 0 : from - generations[this.#index]!.start;
    if (this.#index >= 0) this.#load();
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
      this.#index = i;
      this.#offset = LOG_HEADER_BYTES;
      this.#load();
      if (this.#isGroup(LOG_HEADER_BYTES, this.#chain)) return this.#take();
    }
    this.#refuseGap(stoppedIn, stoppedAt, stop);
    this.#index = -1;
    return false;
  }

  #take(): boolean {
    const bytes = this.#view.getUint32(this.#offset + GROUP_BYTES_AT, true);
    this.#chain = this.#view.getUint32(this.#offset + GROUP_CHECKSUM_AT, true);
    const group = this.group;
    group.bytes = this.#content;
    group.view = this.#view;
    group.lsn = readU64(this.#view, this.#offset + GROUP_LSN_AT);
    group.from = this.#offset + GROUP_HEADER_BYTES;
    group.to = this.#offset + bytes;
    this.#offset += bytes;
    return true;
  }

  #isGroup(offset: number, chain: number | undefined): boolean {
    const view = this.#view;
    const generation = this.#generations[this.#index]!;
    if (offset + GROUP_HEADER_BYTES > this.#content.length) return false;
    const bytes = view.getUint32(offset + GROUP_BYTES_AT, true);
    if (bytes < GROUP_HEADER_BYTES || (bytes & 7) !== 0 || offset + bytes > this.#content.length) return false;
    if (view.getUint32(offset + GROUP_GENERATION_AT, true) !== generation.number) return false;
    if (readU64(view, offset + GROUP_LSN_AT) !== generation.start + offset) return false;
    if (chain !== undefined && view.getUint32(offset + GROUP_CHAIN_AT, true) !== chain) return false;
    return (
      view.getUint32(offset + GROUP_CHECKSUM_AT, true) === crc32(this.#content.subarray(offset + 4, offset + bytes))
    );
  }

  /** Looks behind the end for groups that prove that more had been acknowledged. */
  #refuseGap(index: number, offset: number, stop: number): void {
    for (let i = index; i < this.#generations.length; i++) {
      this.#index = i;
      this.#load();
      for (let at = i === index ? offset : LOG_HEADER_BYTES; at < this.#content.length; at += 8) {
        if (!this.#isGroup(at, undefined)) continue;
        if (readU64(this.#view, at + GROUP_DURABLE_AT) <= stop) continue;
        const path = this.#generations[index]!.file.path;
        throw fail(
          'data_corrupted',
          `log file "${path}" is damaged at position ${stop}: groups that were durable are missing`,
        );
      }
    }
  }

  #load(): void {
    const generation = this.#generations[this.#index]!;
    this.#content = new Uint8Array(Math.min(generation.bytes, generation.file.size()));
    this.#view = new DataView(this.#content.buffer);
    generation.file.read(this.#content, 0, this.#content.length, 0);
  }
}
