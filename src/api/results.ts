/** Results in node-postgres' shape. */
import { fail, unsupported } from '../base/errors.ts';
import type { Shape } from '../sql/exec/shape.ts';
import type { Env } from '../sql/exec/state.ts';
import { columnReader, typeEntry } from '../sql/exec/values.ts';
import type { CopySource, Notice, ResultColumn, ResultSink } from '../sql/session/results.ts';
import { type Convert, converter, isIdentity, textConverter } from './js-values.ts';
import { arrayMaker, type MakeRow, objectMaker, type ReadColumn } from './rows.ts';

/** A column of a result. */
export interface FieldDef {
  readonly name: string;
  /** The table and column that it comes from unchanged; 0 when it does not. */
  readonly tableID: number;
  readonly columnID: number;
  readonly dataTypeID: number;
  /** pg_type.typlen: bytes, or −1 for variable length. */
  readonly dataTypeSize: number;
  readonly dataTypeModifier: number;
  readonly format: 'text';
}

export interface QueryResult<R> {
  rows: R[];
  /** Null for statements that count nothing. */
  rowCount: number | null;
  /** First word of the command tag, e.g. `SELECT`. */
  command: string;
  fields: FieldDef[];
  /** What the statement said besides. */
  notices: Notice[];
}

/** Own parsers of values: given a type's oid, a function from the wire's text. */
export interface TypeParsers {
  getTypeParser(oid: number, format: 'text'): (text: string) => unknown;
}

export interface RowOptions {
  readonly rowMode?: 'object' | 'array' | undefined;
  readonly types?: TypeParsers | undefined;
}

/** Collects the results of the statements of one call. */
export class ResultCollector implements ResultSink {
  readonly results: QueryResult<object>[] = [];
  readonly #options: RowOptions;
  readonly #often: boolean;
  #current: QueryResult<object> = emptyResult();
  #maker: { readonly shape: Shape; readonly make: MakeRow } | undefined;

  constructor(options: RowOptions, often: boolean) {
    this.#options = options;
    this.#often = often;
  }

  /** Begins another call; makers stay. */
  reset(): void {
    this.results.length = 0;
    this.#current = emptyResult();
  }

  /** Rows of the only statement, whether it has ended or not. */
  get rows(): object[] {
    return (this.results[0] ?? this.#current).rows;
  }

  /** Hands over the rows collected so far, and begins anew. */
  takeRows(): object[] {
    const { rows } = this;
    this.reset();
    return rows;
  }

  notice(notice: Notice): void {
    this.#current.notices.push(notice);
  }

  columns(columns: readonly ResultColumn[]): void {
    this.#current.fields = columns.map(field);
  }

  taker(shape: Shape, columns: readonly ResultColumn[]): (env: Env) => void {
    if (this.#maker?.shape !== shape) this.#maker = { shape, make: this.#makerOf(shape, columns) };
    const { make } = this.#maker;
    const { rows } = this.#current;
    return (env) => {
      rows.push(make(env));
    };
  }

  #makerOf(shape: Shape, columns: readonly ResultColumn[]): MakeRow {
    const readers = columns.map((column, i) => readerOf(shape, i, column, this.#options.types));
    return this.#options.rowMode === 'array'
      ? arrayMaker(readers)
      : objectMaker(
          columns.map((c) => c.name),
          readers,
          this.#often,
        );
  }

  room(): undefined {
    return undefined;
  }

  complete(tag: string): void {
    const [command = '', ...numbers] = tag.split(' ');
    const last = numbers[numbers.length - 1];
    this.#current.command = command;
    this.#current.rowCount = last !== undefined && /^\d+$/.test(last) ? Number(last) : null;
    this.#finish();
  }

  empty(): void {
    this.#finish();
  }

  #finish(): void {
    this.results.push(this.#current);
    this.#current = emptyResult();
  }

  copyIn(): CopySource {
    throw unsupported('COPY FROM STDIN in the embedded API');
  }

  copyOut(): void {
    throw unsupported('COPY TO STDOUT in the embedded API');
  }

  copyLine(): void {
    throw fail('internal_error', 'COPY has not begun');
  }

  copyDone(): void {}
}

function emptyResult(): QueryResult<object> {
  return { rows: [], rowCount: null, command: '', fields: [], notices: [] };
}

function field(column: ResultColumn): FieldDef {
  return {
    name: column.name,
    tableID: column.table,
    columnID: column.number,
    dataTypeID: column.type,
    dataTypeSize: typeEntry(column.type).length,
    dataTypeModifier: column.typmod,
    format: 'text',
  };
}

/** A reader of column `position` of a record, as programs get it. */
export function readerOf(shape: Shape, position: number, column: ResultColumn, types?: TypeParsers): ReadColumn {
  const read = columnReader(shape, position, 0);
  const convert = types === undefined ? converter(column) : parsed(types.getTypeParser(column.type, 'text'), column);
  if (isIdentity(convert)) return read;
  return (env) => {
    const value = read(env);
    return value === null ? null : convert(value, env.state.context);
  };
}

function parsed(parse: (text: string) => unknown, column: ResultColumn): Convert {
  const text = textConverter(column);
  return (value, context) => parse(text(value, context));
}
