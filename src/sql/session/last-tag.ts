/**
 * Keeps the tag of a text's last statement until the implicit transaction has committed: a commit may still fail, of a deferred
 * constraint or a cursor WITH HOLD, and then the client hears of the error alone.
 */
import type { Request } from '../../base/task.ts';
import type { Shape } from '../exec/shape.ts';
import type { Env } from '../exec/state.ts';
import type { CopySource, ResultColumn, ResultSink } from './results.ts';

export class LastTag implements ResultSink {
  #sink: ResultSink;
  #tag: string | undefined;

  constructor(sink: ResultSink) {
    this.#sink = sink;
  }

  /** For the next text. */
  over(sink: ResultSink): this {
    this.#sink = sink;
    this.#tag = undefined;
    return this;
  }

  /** The transaction has ended well. */
  tell(): void {
    if (this.#tag !== undefined) this.#sink.complete(this.#tag);
    this.#tag = undefined;
  }

  complete(tag: string): void {
    this.#tag = tag;
  }

  columns(columns: readonly ResultColumn[]): void {
    this.#sink.columns(columns);
  }

  taker(shape: Shape, columns: readonly ResultColumn[]): (env: Env) => void {
    return this.#sink.taker(shape, columns);
  }

  room(): Request | undefined {
    return this.#sink.room();
  }

  empty(): void {
    this.#sink.empty();
  }

  copyIn(format: 'text' | 'csv', columns: number): CopySource {
    return this.#sink.copyIn(format, columns);
  }

  copyOut(format: 'text' | 'csv', columns: number): void {
    this.#sink.copyOut(format, columns);
  }

  copyLine(bytes: Uint8Array, length: number): void {
    this.#sink.copyLine(bytes, length);
  }

  copyDone(): void {
    this.#sink.copyDone();
  }
}
