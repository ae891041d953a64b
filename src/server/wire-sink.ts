/**
 * Results as messages: what statements say goes into the connection's output, COPY's data comes from its input.
 *
 *   COPY FROM: G, then the client's d* and c or f        COPY TO: H, d*, c
 */
import { fail } from '../base/errors.ts';
import type { Request } from '../base/task.ts';
import type { Shape } from '../sql/exec/shape.ts';
import type { Env } from '../sql/exec/state.ts';
import type { CopySource, ResultColumn, ResultSink } from '../sql/session/results.ts';
import { BrokenFraming, COPY_DATA, COPY_DONE, COPY_FAIL, FLUSH, SYNC } from './input.ts';
import {
  COMMAND_COMPLETE,
  COPY_DATA_OUT,
  COPY_DONE_OUT,
  COPY_IN_RESPONSE,
  COPY_OUT_RESPONSE,
  EMPTY_QUERY,
  writeRowDescription,
} from './messages.ts';
import type { Peer } from './peer.ts';
import { type Formats, type RowEncoder, RowFormat, TEXT_FORMATS } from './row-encoder.ts';

export class WireSink implements ResultSink {
  /** Simple queries describe their rows unasked. */
  describes = true;
  /** Formats of the portal that runs. */
  formats: Formats = TEXT_FORMATS;
  readonly #peer: Peer;
  /** Rows in text format by their shape; a prepared statement's is used again and again. */
  readonly #textEncoders = new WeakMap<Shape, RowEncoder>();
  /** The last encoder with other formats. */
  #binary: { readonly shape: Shape; readonly formats: string; readonly encoder: RowEncoder } | undefined;

  constructor(peer: Peer) {
    this.#peer = peer;
  }

  columns(columns: readonly ResultColumn[]): void {
    if (this.describes) writeRowDescription(this.#peer.out, columns, TEXT_FORMATS);
  }

  taker(shape: Shape, columns: readonly ResultColumn[]): (env: Env) => void {
    const { formats } = this;
    const known = formats.length === 0 ? this.#textEncoders.get(shape) : undefined;
    if (known !== undefined) return known;
    const key = formats.join();
    if (this.#binary?.shape === shape && this.#binary.formats === key) return this.#binary.encoder;
    const { out } = this.#peer;
    const format = new RowFormat(shape, columns, formats);
    const encoder: RowEncoder = (env) => format.write(env, out);
    if (formats.length === 0) this.#textEncoders.set(shape, encoder);
    else this.#binary = { shape, formats: key, encoder };
    return encoder;
  }

  room(): Request | undefined {
    return this.#peer.room();
  }

  complete(tag: string): void {
    const { out } = this.#peer;
    out.begin(COMMAND_COMPLETE);
    out.cstring(tag);
    out.end();
  }

  empty(): void {
    this.#peer.out.bare(EMPTY_QUERY);
  }

  copyIn(_format: 'text' | 'csv', columns: number): CopySource {
    this.#copyResponse(COPY_IN_RESPONSE, columns);
    return new WireCopySource(this.#peer);
  }

  copyOut(_format: 'text' | 'csv', columns: number): void {
    this.#copyResponse(COPY_OUT_RESPONSE, columns);
  }

  #copyResponse(type: number, columns: number): void {
    const { out } = this.#peer;
    out.begin(type);
    out.byte(0);
    out.int16(columns);
    for (let i = 0; i < columns; i++) out.int16(0);
    out.end();
  }

  copyLine(bytes: Uint8Array, length: number): void {
    const { out } = this.#peer;
    out.begin(COPY_DATA_OUT);
    out.copy(bytes, 0, length);
    out.end();
  }

  copyDone(): void {
    this.#peer.out.bare(COPY_DONE_OUT);
  }
}

/** The client's side of COPY FROM STDIN. */
class WireCopySource implements CopySource {
  readonly #peer: Peer;
  #done = false;

  constructor(peer: Peer) {
    this.#peer = peer;
  }

  next(): Uint8Array | undefined | Request {
    const { input } = this.#peer;
    if (this.#done) return undefined;
    while (input.next()) {
      switch (input.type) {
        case COPY_DATA:
          return input.bytes.subarray(input.at, input.end);
        case COPY_DONE:
          this.#done = true;
          return undefined;
        case COPY_FAIL:
          throw fail('query_canceled', `COPY from stdin failed: ${input.cstring()}`);
        case FLUSH:
        case SYNC:
          // The client may not know yet that COPY began.
          break;
        default:
          throw new BrokenFraming(
            fail(
              'protocol_violation',
              `unexpected message type 0x${input.type.toString(16).toUpperCase().padStart(2, '0')} during COPY from stdin`,
            ),
          );
      }
    }
    if (this.#peer.ended)
      throw new BrokenFraming(
        fail('connection_failure', 'unexpected EOF on client connection with an open transaction'),
      );
    return this.#peer.moreInput;
  }
}
