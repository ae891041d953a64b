/** Results of a script or a shell: tables and tags as text; COPY's data comes from the lines behind the statement. */
import { typeEntry } from '../sql/exec/values.ts';
import type { CopySource } from '../sql/session/results.ts';
import { type GatheredRows, RowsSink } from './rows-sink.ts';
import { tableText } from './table-text.ts';

export class TextSink extends RowsSink {
  readonly #print: (text: string) => void;
  /** Gives the data of COPY FROM STDIN. */
  readonly #copyData: () => Uint8Array;

  constructor(print: (text: string) => void, copyData: () => Uint8Array) {
    super();
    this.#print = print;
    this.#copyData = copyData;
  }

  protected override done(tag: string, result: GatheredRows | undefined): void {
    if (result === undefined) this.#print(`${tag}\n`);
    else
      this.#print(
        tableText(
          result.columns.map((c) => ({ name: c.name, right: typeEntry(c.type).category === 'N' })),
          result.rows,
        ),
      );
  }

  override copyIn(): CopySource {
    let data: Uint8Array | undefined = this.#copyData();
    return {
      next: () => {
        const piece = data;
        data = undefined;
        return piece;
      },
    };
  }

  override copyLine(bytes: Uint8Array, length: number): void {
    this.#print(Buffer.from(bytes.subarray(0, length)).toString());
  }
}
