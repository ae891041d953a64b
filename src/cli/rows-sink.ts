/** Results gathered as texts: what every command that shows rows begins with. */
import type { Shape } from '../sql/exec/shape.ts';
import type { Env } from '../sql/exec/state.ts';
import { columnReader, typeEntry } from '../sql/exec/values.ts';
import type { CopySource, ResultColumn, ResultSink } from '../sql/session/results.ts';
import { padBpchar } from '../sql/types/text-types.ts';

const BPCHAR_OID = 1042;

/** The rows of one statement; values are texts as their types write them. */
export interface GatheredRows {
  readonly columns: readonly ResultColumn[];
  readonly rows: (string | null)[][];
}

export class RowsSink implements ResultSink {
  /** Of the statements that are done, those that had rows. */
  readonly results: GatheredRows[] = [];
  #current: GatheredRows | undefined;

  columns(columns: readonly ResultColumn[]): void {
    this.#current = { columns, rows: [] };
  }

  taker(shape: Shape, columns: readonly ResultColumn[]): (env: Env) => void {
    const readers = shape.columns.map((_, i) => columnReader(shape, i, 0));
    const entries = columns.map((c) => typeEntry(c.type));
    return (env) => {
      this.#current?.rows.push(
        readers.map((read, i) => {
          const value = read(env);
          if (value === null) return null;
          const text = entries[i]!.format(value, env.state.context);
          return columns[i]!.type === BPCHAR_OID ? padBpchar(text, columns[i]!.typmod) : text;
        }),
      );
    };
  }

  /** A statement failed: what it had begun to say is not shown. */
  forget(): void {
    this.#current = undefined;
  }

  room(): undefined {
    return undefined;
  }

  complete(tag: string): void {
    const done = this.#current;
    this.forget();
    this.done(tag, done);
  }

  /** A statement is done. */
  protected done(_tag: string, rows: GatheredRows | undefined): void {
    if (rows !== undefined) this.results.push(rows);
  }

  empty(): void {}

  copyIn(): CopySource {
    return { next: () => undefined };
  }

  copyOut(): void {}

  copyLine(_bytes: Uint8Array, _length: number): void {}

  copyDone(): void {}
}
