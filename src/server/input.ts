/**
 * What a client says: bytes in, frames out.
 *
 *   first frame of a connection:  length i32 | body            (4 … 10,000)
 *   every later frame:            type u8 | length i32 | body   (length counts itself, not the type)
 *
 * A chunk from the socket is read where it lies. Only when it ends inside a frame its rest is copied into a buffer of ours,
 * which grows as bytes arrive, never by what a length field promises. Memory that was handed out is not written again, so
 * COPY may keep pieces while it waits.
 */
import { decodeClientText } from '../base/bytes.ts';
import { type ExtentError, fail } from '../base/errors.ts';

export const STARTUP_BYTES_MAX = 10_000;
/** Frames that carry no statement, value or data are short. */
const SMALL_FRAME_BYTES_MAX = 10_000;
const EMPTY = new Uint8Array(0);

/** Types of frames: the letters of the protocol. */
export const BIND = 0x42;
export const CLOSE = 0x43;
export const COPY_DATA = 0x64;
export const COPY_DONE = 0x63;
export const COPY_FAIL = 0x66;
export const DESCRIBE = 0x44;
export const EXECUTE = 0x45;
export const FLUSH = 0x48;
export const FUNCTION_CALL = 0x46;
export const PARSE = 0x50;
export const QUERY = 0x51;
export const SYNC = 0x53;
export const TERMINATE = 0x58;

/** By type: 0 = no such frame, 1 = always short, 2 = may be long. */
const SIZES = new Uint8Array(256);
for (const type of [CLOSE, COPY_DONE, COPY_FAIL, DESCRIBE, EXECUTE, FLUSH, SYNC, TERMINATE]) SIZES[type] = 1;
for (const type of [BIND, COPY_DATA, FUNCTION_CALL, PARSE, QUERY]) SIZES[type] = 2;

/** Frames that cannot be: the connection ends. `tell` = the client hears why. */
export class BrokenFraming extends Error {
  readonly tell: ExtentError | undefined;

  constructor(tell?: ExtentError) {
    super('the client broke the protocol');
    this.tell = tell;
  }
}

export class Input {
  /** Type, first byte and end of the current frame's body, in `bytes`. */
  type = 0;
  at = 0;
  end = 0;
  bytes: Uint8Array = EMPTY;
  #view: DataView = new DataView(EMPTY.buffer);
  /** The unread part of `bytes`. */
  #next = 0;
  #filled = 0;
  #owned = false;
  readonly #frameBytesMax: number;

  constructor(frameBytesMax: number) {
    this.#frameBytesMax = frameBytesMax;
  }

  /** Bytes that wait to be read. */
  get queued(): number {
    return this.#filled - this.#next;
  }

  feed(chunk: Uint8Array): void {
    const rest = this.#filled - this.#next;
    if (rest === 0) {
      this.#use(chunk, 0, chunk.length, false);
      return;
    }
    if (!this.#owned || this.#filled + chunk.length > this.bytes.length) {
      const larger = new Uint8Array(Math.max(1024, (rest + chunk.length) * 2));
      larger.set(this.bytes.subarray(this.#next, this.#filled));
      this.#use(larger, 0, rest, true);
    }
    this.bytes.set(chunk, this.#filled);
    this.#filled += chunk.length;
  }

  #use(bytes: Uint8Array, from: number, to: number, owned: boolean): void {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#next = from;
    this.#filled = to;
    this.#owned = owned;
  }

  /** Moves to the startup frame; false = not all of it is here. @throws BrokenFraming */
  startup(): boolean {
    const { queued } = this;
    if (queued < 4) return false;
    const length = this.#view.getInt32(this.#next);
    if (length < 8 || length > STARTUP_BYTES_MAX) throw new BrokenFraming();
    if (queued < length) return false;
    this.#frame(0, this.#next + 4, this.#next + length);
    return true;
  }

  /** Moves to the next frame; false = not all of it is here. @throws BrokenFraming */
  next(): boolean {
    const at = this.#next;
    const queued = this.#filled - at;
    if (queued < 1) return false;
    const type = this.bytes[at]!;
    const size = SIZES[type]!;
    if (size === 0) throw new BrokenFraming(fail('protocol_violation', `invalid frontend message type ${type}`));
    if (queued < 5) return false;
    const length = this.#view.getInt32(at + 1);
    if (length < 4 || length > (size === 1 ? SMALL_FRAME_BYTES_MAX : this.#frameBytesMax)) throw new BrokenFraming();
    if (queued <= length) return false;
    this.#frame(type, at + 5, at + 1 + length);
    return true;
  }

  #frame(type: number, at: number, end: number): void {
    this.type = type;
    this.at = at;
    this.end = end;
    this.#next = end;
  }

  // ── the body of the current frame ──

  #need(bytes: number): void {
    if (this.at + bytes > this.end) throw fail('protocol_violation', 'insufficient data left in message');
  }

  byte(): number {
    this.#need(1);
    return this.bytes[this.at++]!;
  }

  /** Counts are unsigned: up to 65,535 parameters. */
  uint16(): number {
    this.#need(2);
    const value = this.#view.getUint16(this.at);
    this.at += 2;
    return value;
  }

  int32(): number {
    this.#need(4);
    const value = this.#view.getInt32(this.at);
    this.at += 4;
    return value;
  }

  uint32(): number {
    return this.int32() >>> 0;
  }

  /** Text up to a zero byte. @throws 08P01 without one, 22021 for what is not UTF-8. */
  cstring(): string {
    const { bytes, at, end } = this;
    let zero = at;
    while (zero < end && bytes[zero] !== 0) zero++;
    if (zero === end) throw fail('protocol_violation', 'invalid string in message');
    this.at = zero + 1;
    return zero === at ? '' : decodeClientText(bytes, at, zero);
  }

  /** Passes over bytes and returns where they begin. */
  skip(length: number): number {
    if (length < 0) throw fail('protocol_violation', 'insufficient data left in message');
    this.#need(length);
    const start = this.at;
    this.at = start + length;
    return start;
  }

  /** The body must have been read to its end. */
  finish(): void {
    if (this.at !== this.end) throw fail('protocol_violation', 'invalid message format');
  }
}
