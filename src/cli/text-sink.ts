/** Results of a script or a shell: tables and tags as text; COPY's data comes from the lines behind the statement. */
import type { Shape } from '../sql/exec/shape.ts';
import type { Env } from '../sql/exec/state.ts';
import { columnReader, typeEntry } from '../sql/exec/values.ts';
import type { CopySource, ResultColumn, ResultSink } from '../sql/session/results.ts';
import { padBpchar } from '../sql/types/text-types.ts';
import { tableText } from './table-text.ts';

const BPCHAR_OID = 1042;

export class TextSink implements ResultSink {
  readonly #print: (text: string) => void;
  /** Gives the data of COPY FROM STDIN. */
  readonly #copyData: () => Uint8Array;
  #columns: readonly ResultColumn[] | undefined;
  #rows: (string | null)[][] = [];

  constructor(print: (text: string) => void, copyData: () => Uint8Array) {
    this.#print = print;
    this.#copyData = copyData;
  }

  columns(columns: readonly ResultColumn[]): void {
    this.#columns = columns;
    this.#rows = [];
  }

  taker(shape: Shape, columns: readonly ResultColumn[]): (env: Env) => void {
    const readers = shape.columns.map((_, i) => columnReader(shape, i, 0));
    const entries = columns.map((c) => typeEntry(c.type));
    return (env) => {
      this.#rows.push(
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
    this.#columns = undefined;
    this.#rows = [];
  }

  room(): undefined {
    return undefined;
  }

  complete(tag: string): void {
    if (this.#columns === undefined) this.#print(`${tag}\n`);
    else
      this.#print(
        tableText(
          this.#columns.map((c) => ({ name: c.name, right: typeEntry(c.type).category === 'N' })),
          this.#rows,
        ),
      );
    this.forget();
  }

  empty(): void {}

  copyIn(): CopySource {
    let data: Uint8Array | undefined = this.#copyData();
    return {
      next: () => {
        const piece = data;
        data = undefined;
        return piece;
      },
    };
  }

  copyOut(): void {}

  copyLine(bytes: Uint8Array, length: number): void {
    this.#print(Buffer.from(bytes.subarray(0, length)).toString());
  }

  copyDone(): void {}
}
