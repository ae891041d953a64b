/**
 * The hash table of generated joins: right rows by the hash of their keys, made when all of a round's are there.
 *
 *   hash × golden ratio ── top bits ──> heads: row + 1 (0 = none) ──> next: row + 1 …        hashes: per row, compared first
 *
 * It also says where the probe stands, since a probe gives way when its batch is full or its time is over.
 */
import type { Task } from '../../base/task.ts';
import { type RowBuffer, readLongReference } from '../../engine/record-port.ts';
import { Env, type ExecState } from './state.ts';

/** Rows entered between two looks at the clock. */
const LINK_ROWS = 2048;
const BITS_MIN = 8;
/** A table may have fewer heads than rows: chains are longer then. */
const BITS_MAX = 26;

/** Enters the rows `from` … `to` − 1. */
export type LinkRows = (t: JoinTable, from: number, to: number, s: ExecState) => void;

export class JoinTable {
  /** The right rows. */
  readonly rows: RowBuffer;
  heads: Int32Array = new Int32Array(0);
  next: Int32Array = new Int32Array(0);
  hashes: Int32Array = new Int32Array(0);
  /** Right rows that met a left one; empty unless somebody asks. */
  matched: Uint8Array = new Uint8Array(0);
  /** What a hash is shifted by to find its head. */
  shift = 32 - BITS_MIN;
  /** A key of the right side is a long value: generated code does not read those. */
  hasLong = false;

  /** The left row, the right row + 1 that it meets next (0 = none left, −1 = look it up), and whether it has met one. */
  row = 0;
  candidate = -1;
  met = false;
  /** Candidates tried in the last call, and pairs that it aggregated. */
  work = 0;
  pairs = 0;
  /** For long values on the left. */
  readonly env: Env;
  waited = false;
  readonly #state: ExecState;
  #charged = 0;

  constructor(state: ExecState, rows: RowBuffer) {
    this.#state = state;
    this.rows = rows;
    this.env = new Env(state);
  }

  /** Enters all rows; false when generated code cannot. */
  *link(enter: LinkRows, notesMatches: boolean): Task<boolean> {
    this.clear();
    const { count } = this.rows;
    const bits = Math.min(BITS_MAX, Math.max(BITS_MIN, 32 - Math.clz32(count)));
    this.#charged = (1 << bits) * 4 + count * (notesMatches ? 9 : 8);
    this.#state.memory.charge(this.#charged);
    this.shift = 32 - bits;
    this.heads = new Int32Array(1 << bits);
    this.next = new Int32Array(count);
    this.hashes = new Int32Array(count);
    this.matched = new Uint8Array(notesMatches ? count : 0);
    for (let from = 0; from < count && !this.hasLong; from += LINK_ROWS) {
      enter(this, from, Math.min(count, from + LINK_ROWS), this.#state);
      if (this.#state.spent(LINK_ROWS)) yield this.#state.session.slice();
    }
    return !this.hasLong;
  }

  /** Another batch of left rows. */
  begin(): void {
    this.row = 0;
    this.candidate = -1;
  }

  /** Bytes of the left row's long key. @throws SUSPEND when it must be read first. */
  longBytes(row: number, candidate: number, view: DataView, at: number): Uint8Array {
    this.row = row;
    this.candidate = candidate;
    this.waited = true;
    const reference = readLongReference(view, at);
    return this.env.wait((): Task<Uint8Array> => this.#state.session.readLong(reference));
  }

  /** A left row that waited is done. */
  rowDone(): void {
    this.waited = false;
    this.env.rowDone();
  }

  clear(): void {
    this.#state.memory.usedBytes -= this.#charged;
    this.#charged = 0;
    this.hasLong = false;
    this.heads = new Int32Array(0);
    this.next = new Int32Array(0);
    this.hashes = new Int32Array(0);
    this.matched = new Uint8Array(0);
  }
}
