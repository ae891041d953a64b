/**
 * Where results go. A statement does not know whether it answers a socket, an embedded call or nobody.
 */
import type { Request } from '../../base/task.ts';
import type { Shape } from '../exec/shape.ts';
import type { Env } from '../exec/state.ts';
import type { Oid } from '../types/contracts.ts';

/** A column of a result, as RowDescription tells it. */
export interface ResultColumn {
  readonly name: string;
  readonly type: Oid;
  readonly typmod: number;
  /** The table column it comes from unchanged; 0 when it does not. */
  readonly table: Oid;
  readonly number: number;
}

export type NoticeSeverity = 'WARNING' | 'NOTICE' | 'INFO' | 'LOG' | 'DEBUG';

export interface Notice {
  readonly severity: NoticeSeverity;
  readonly sqlstate: string;
  readonly message: string;
  readonly detail?: string | undefined;
  readonly hint?: string | undefined;
  readonly position?: number | undefined;
}

export interface ResultSink {
  /** A statement returns rows with these columns; called before the first row, not at all for statements without rows. */
  columns(columns: readonly ResultColumn[]): void;
  /**
   * Makes the function that takes one row: the record 0 of the environment, of this shape. When reading the row throws, it
   * takes nothing, and may be called again for the same row.
   */
  taker(shape: Shape, columns: readonly ResultColumn[]): (env: Env) => void;
  /** What must be waited for before more rows are taken; undefined = nothing. */
  room(): Request | undefined;
  /** The statement is done; `tag` is its command tag, e.g. `INSERT 0 3`. */
  complete(tag: string): void;
  /** The text was empty. */
  empty(): void;
  /** Data for COPY … FROM STDIN: opens the stream. `chunk` waits through the request it gives. */
  copyIn(format: 'text' | 'csv', columns: number): CopySource;
  /** COPY … TO STDOUT begins; then a line per call. */
  copyOut(format: 'text' | 'csv', columns: number): void;
  copyLine(bytes: Uint8Array, length: number): void;
  copyDone(): void;
}

/** The incoming side of COPY. */
export interface CopySource {
  /** The next piece of data; undefined at its end; a request when there is none yet. @throws 57014 when the client gave up. */
  next(): Uint8Array | undefined | Request;
}

/** A sink that forgets everything but the number of rows. */
export class CountingSink implements ResultSink {
  rows = 0;
  columns(): void {}
  taker(_shape?: Shape): (env?: Env) => void {
    return () => {
      this.rows++;
    };
  }
  room(): Request | undefined {
    return undefined;
  }
  complete(): void {}
  empty(): void {}
  copyIn(): CopySource {
    return { next: () => undefined };
  }
  copyOut(): void {}
  copyLine(): void {}
  copyDone(): void {}
}
