/**
 * The records that the code of a row reads, and their columns as variables.
 *
 *   first record    view v   bytes b   start r   columns c0 c1 …   null flags n0 n1 …
 *   second record   view w   bytes a   start q   columns d0 d1 …   null flags m0 m1 …     (the right side of a pair)
 *
 * A column is read once, before the line that first needs it: {@link RowCode.flush} writes the reads. Parameters are read at
 * the function's beginning.
 */
import {
  KIND_BOOL,
  KIND_DEC64,
  KIND_F32,
  KIND_F64,
  KIND_I16,
  KIND_I32,
  KIND_I64,
  KIND_U32,
} from '../../../base/physical.ts';
import { readInt64 } from '../../../engine/record-port.ts';
import type { ColumnId, Expr } from '../../plan/logical.ts';
import { columnsOf } from '../../plan/walk.ts';
import type { SqlValue } from '../../types/contracts.ts';
import { Numeric } from '../../types/numeric.ts';
import type { Shape, ShapeColumn } from '../shape.ts';
import type { CodeWriter } from './code.ts';

/** The names by which code knows a record. */
export interface RecordNames {
  readonly view: string;
  readonly bytes: string;
  readonly start: string;
  readonly value: string;
  readonly isNull: string;
}

export const FIRST: RecordNames = { view: 'v', bytes: 'b', start: 'r', value: 'c', isNull: 'n' };
export const SECOND: RecordNames = { view: 'w', bytes: 'a', start: 'q', value: 'd', isNull: 'm' };

interface Loaded {
  readonly value: string;
  /** Undefined = never null. */
  readonly isNull: string | undefined;
}

/** A column in one of the records. */
export interface Place {
  readonly shape: Shape;
  readonly names: RecordNames;
  readonly position: number;
  readonly column: ShapeColumn;
}

const NO_IDS: ReadonlySet<ColumnId> = new Set();

/** The value of a numeric parameter in units of 10^−scale; between two integers when it has more digits. */
export function decimalBound(value: SqlValue, scale: number): number {
  if (!(value instanceof Numeric)) return Number.NaN;
  const { coefficient } = value;
  if (typeof coefficient === 'number' && !Number.isFinite(coefficient)) return coefficient;
  if (value.scale <= scale) return Number(BigInt(coefficient) * 10n ** BigInt(scale - value.scale));
  const unit = 10n ** BigInt(value.scale - scale);
  const wide = BigInt(coefficient);
  const quotient = wide / unit;
  if (quotient * unit === wide) return Number(quotient);
  return Number(wide < 0n ? quotient - 1n : quotient) + 0.5;
}

/** Collects what the row's code needs before its conditions. */
export class RowCode {
  readonly writer: CodeWriter;
  readonly shape: Shape;
  readonly second: Shape | undefined;
  /** While true the second record is missing: its columns are null. */
  absent = false;
  readonly #notNull: ReadonlySet<ColumnId>;
  readonly #loaded = new Map<string, Loaded>();
  readonly #parameters = new Map<string, { value: string; isNull: string }>();
  #pending: string[] = [];

  constructor(writer: CodeWriter, shape: Shape, notNull: ReadonlySet<ColumnId> = NO_IDS, second?: Shape) {
    this.writer = writer;
    this.shape = shape;
    this.second = second;
    this.#notNull = notNull;
  }

  /** Writes the reads that expressions made so far need. */
  flush(): void {
    for (const line of this.#pending) this.writer.line(line);
    this.#pending = [];
  }

  /** Columns must be read again: another loop begins. */
  restart(): void {
    this.#loaded.clear();
    this.#pending = [];
  }

  /** Columns of the second record must be read again: another of them, or none. */
  restartSecond(): void {
    for (const key of [...this.#loaded.keys()]) if (key.startsWith(SECOND.value)) this.#loaded.delete(key);
  }

  /** Reads the first record's columns that expressions use, here. */
  preload(exprs: readonly Expr[]): void {
    for (const expr of exprs)
      for (const id of columnsOf(expr)) {
        const place = this.find(id);
        if (place?.names === FIRST) this.column(place);
      }
    this.flush();
  }

  find(id: ColumnId): Place | undefined {
    const first = this.shape.position(id);
    if (first >= 0) return { shape: this.shape, names: FIRST, position: first, column: this.shape.columns[first]! };
    const second = this.second?.position(id) ?? -1;
    return second < 0
      ? undefined
      : { shape: this.second!, names: SECOND, position: second, column: this.second!.columns[second]! };
  }

  isAbsent(place: Place): boolean {
    return this.absent && place.names === SECOND;
  }

  /** A condition, in parentheses: the column is null. */
  nullTest(place: Place): string {
    if (this.isAbsent(place)) return '(true)';
    return `(${place.shape.layout.isNullCode(place.position, place.names.bytes, place.names.start)})`;
  }

  /** The variables of a fixed column; undefined when its kind is not covered. */
  column(place: Place): Loaded | undefined {
    if (this.isAbsent(place)) return { value: '0', isNull: 'true' };
    const { names, position, column } = place;
    const value = `${names.value}${position}`;
    const known = this.#loaded.get(value);
    if (known !== undefined) return known;
    const at = place.shape.layout.fixedAt[position]!;
    if (at < 0) return undefined;
    const read = readCode(column.physical.kind, names, `${names.start} + ${at}`, this.writer);
    if (read === undefined) return undefined;
    let isNull: string | undefined;
    if (!this.#notNull.has(column.id)) {
      isNull = `${names.isNull}${position}`;
      this.#pending.push(`const ${isNull} = ${this.nullTest(place)};`);
    }
    this.#pending.push(`const ${value} = ${read};`);
    const loaded = { value, isNull };
    this.#loaded.set(value, loaded);
    return loaded;
  }

  /** First and end byte of a variable column, and the condition that it is a long value. */
  range(place: Place): { readonly start: string; readonly end: string; readonly long: string } {
    return place.shape.layout.variableCode(place.position, place.names.view, place.names.start);
  }

  /** A parameter, read once per call of the function. `scale` ≥ 0 asks for a numeric in units of 10^−scale. */
  parameter(index: number, scale: number): { value: string; isNull: string } {
    const key = `${index}/${scale}`;
    let known = this.#parameters.get(key);
    if (known === undefined) {
      const number = this.#parameters.size;
      known = { value: `p${number}`, isNull: `q${number}` };
      this.#parameters.set(key, known);
      const raw = `s.parameters[${index}]`;
      this.writer.top(`const q${number} = ${raw} === null;`);
      this.writer.top(
        scale < 0
          ? `const p${number} = ${raw};`
          : `const p${number} = ${this.writer.use(decimalBound)}(${raw}, ${scale});`,
      );
    }
    return known;
  }
}

function readCode(kind: number, names: RecordNames, at: string, writer: CodeWriter): string | undefined {
  const { view, bytes } = names;
  switch (kind) {
    case KIND_BOOL:
      return `${bytes}[${at}] !== 0`;
    case KIND_I16:
      return `${view}.getInt16(${at}, true)`;
    case KIND_I32:
      return `${view}.getInt32(${at}, true)`;
    case KIND_U32:
      return `${view}.getUint32(${at}, true)`;
    case KIND_F32:
      return `${view}.getFloat32(${at}, true)`;
    case KIND_F64:
      return `${view}.getFloat64(${at}, true)`;
    case KIND_I64:
      return `${writer.use(readInt64)}(${view}, ${at})`;
    case KIND_DEC64:
      // 15 digits fit a number: the high half is small and signed.
      return `${view}.getInt32(${at} + 4, true) * 4294967296 + ${view}.getUint32(${at}, true)`;
    default:
      return undefined;
  }
}
