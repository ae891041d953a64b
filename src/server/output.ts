/**
 * What a connection has to say: one growing buffer of complete messages, written to the socket in as few pieces as possible.
 *
 *   type u8 | length i32 (itself included, type not) | body          all integers big-endian
 *
 * `begin` leaves the length open and `end` patches it. While a message is being written the buffer may move: keep positions
 * relative to its start, never the array. Between two messages the buffer may be handed to the socket.
 */
import { fail } from '../base/errors.ts';

const FIRST_BYTES = 16 << 10;
/** A buffer that grew beyond this is let go after it was sent. */
const KEPT_BYTES_MAX = 256 << 10;
const MESSAGE_BYTES_MAX = 1 << 30;

export class OutputBuffer {
  bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  view: DataView = viewOf(this.bytes);
  /** Bytes in use. */
  at = 0;
  #lengthAt = 0;

  /** Makes room for `more` bytes. @throws 54000 when a single answer would exceed 1 GiB. */
  room(more: number): void {
    const need = this.at + more;
    if (need > this.bytes.length) this.#grow(need);
  }

  #grow(need: number): void {
    if (need > MESSAGE_BYTES_MAX) throw fail('program_limit_exceeded', 'a result row exceeds 1 GB');
    const larger = Buffer.allocUnsafeSlow(Math.max(need, this.bytes.length * 2));
    this.bytes.copy(larger, 0, 0, this.at);
    this.bytes = larger;
    this.view = viewOf(larger);
  }

  /** Starts a message. */
  begin(type: number): void {
    this.room(5);
    this.bytes[this.at] = type;
    this.#lengthAt = this.at + 1;
    this.at += 5;
  }

  /** Ends the message that was begun last. */
  end(): void {
    this.view.setInt32(this.#lengthAt, this.at - this.#lengthAt);
  }

  /** A message without a body. */
  bare(type: number): void {
    this.room(5);
    this.bytes[this.at] = type;
    this.view.setInt32(this.at + 1, 4);
    this.at += 5;
  }

  byte(value: number): void {
    this.room(1);
    this.bytes[this.at++] = value;
  }

  int16(value: number): void {
    this.room(2);
    this.view.setInt16(this.at, value);
    this.at += 2;
  }

  int32(value: number): void {
    this.room(4);
    this.view.setInt32(this.at, value);
    this.at += 4;
  }

  /** Text without an end mark. @returns the number of bytes written. */
  text(value: string): number {
    const length = value.length;
    this.room(length * 3);
    const { bytes } = this;
    const start = this.at;
    let to = start;
    let i = 0;
    // Short ASCII, the usual case, costs less in a loop than a call out of JavaScript.
    if (length <= 32) {
      for (; i < length; i++) {
        const unit = value.charCodeAt(i);
        if (unit > 127) break;
        bytes[to++] = unit;
      }
    }
    if (i < length) to = start + bytes.write(value, start, 'utf8');
    this.at = to;
    return to - start;
  }

  /** Text with its closing zero byte. */
  cstring(value: string): void {
    this.text(value);
    this.byte(0);
  }

  copy(source: Uint8Array, start: number, end: number): void {
    const length = end - start;
    this.room(length);
    const { bytes } = this;
    let to = this.at;
    if (length <= 48) for (let from = start; from < end; from++) bytes[to++] = source[from]!;
    else bytes.set(start === 0 && end === source.length ? source : source.subarray(start, end), to);
    this.at += length;
  }

  /** Takes the finished messages out, for a socket that keeps the memory until it has sent them. */
  take(): Buffer {
    const taken = this.bytes.subarray(0, this.at);
    // A large result goes on as it began: growing anew from the first size would copy every piece several times.
    this.bytes = Buffer.allocUnsafeSlow(Math.min(this.bytes.length, KEPT_BYTES_MAX));
    this.view = viewOf(this.bytes);
    this.at = 0;
    return taken;
  }

  /** The finished messages, for a socket that may send them at once; then call {@link sent} or {@link take}. */
  peek(): Buffer {
    return this.bytes.subarray(0, this.at);
  }

  /** Everything was sent: the memory is free again. */
  sent(): void {
    this.at = 0;
    if (this.bytes.length <= KEPT_BYTES_MAX) return;
    this.bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
    this.view = viewOf(this.bytes);
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
