/**
 * How columns lie in a record. This is the only place that knows; generated code gets its offsets and expressions from here.
 *
 *   0        layout number u16
 *   2        fixed columns, each at its own constant offset, packed in column order (a null column keeps its room)
 *   bitmapAt null bitmap, bit i of byte i >> 3, 1 = null
 *   offsetsAt per variable column the end of its bytes, counted from the record's start; top bit = the bytes are a reference
 *            to a long value. u16 in pages (*narrow*), u32 outside them (*wide*), where a row may exceed any page
 *   dataAt   the bytes of the variable columns, in column order, without gaps
 *
 * A reference to a long value is 16 bytes: tree u32, id f64, length in bytes u32. Everything is little-endian.
 *
 * Invariants: every offset is a constant of the layout; a null variable column has no bytes (its end equals the end before
 * it); the record's length is the end of its last variable column, or `dataAt` when there is none.
 */
import { assert } from '../../base/assert.ts';
import { fixedBytes, isVariable, type PhysicalKind } from '../../base/physical.ts';

export const LAYOUT_NUMBER_AT = 0;
const FIXED_AT = 2;
export const LONG_REFERENCE_BYTES = 16;
/** Number used by row buffers, whose records have no table. */
export const ANONYMOUS_LAYOUT = 0xffff;

export interface LayoutColumn {
  readonly kind: PhysicalKind;
  /** Decimal digits behind the point, for DEC64. */
  readonly scale: number;
}

export class RecordLayout {
  readonly number: number;
  readonly wide: boolean;
  readonly columns: readonly LayoutColumn[];
  /** Offset of a fixed column, −1 for a variable one. */
  readonly fixedAt: Int32Array;
  /** Ordinal among the variable columns, −1 for a fixed one. */
  readonly variableIndex: Int32Array;
  readonly variableCount: number;
  readonly bitmapAt: number;
  readonly bitmapBytes: number;
  readonly offsetsAt: number;
  /** Length of a record without variable bytes; where those begin. */
  readonly dataAt: number;

  /** @param number - 0 … 65534 for a table's layout, {@link ANONYMOUS_LAYOUT} for row buffers. */
  constructor(number: number, columns: readonly LayoutColumn[], wide: boolean) {
    this.number = number;
    this.wide = wide;
    this.columns = columns;
    this.fixedAt = new Int32Array(columns.length).fill(-1);
    this.variableIndex = new Int32Array(columns.length).fill(-1);
    let at = FIXED_AT;
    let variables = 0;
    for (let i = 0; i < columns.length; i++) {
      const kind = columns[i]!.kind;
      if (isVariable(kind)) this.variableIndex[i] = variables++;
      else {
        this.fixedAt[i] = at;
        at += fixedBytes(kind);
      }
    }
    this.variableCount = variables;
    this.bitmapAt = at;
    this.bitmapBytes = (columns.length + 7) >> 3;
    this.offsetsAt = at + this.bitmapBytes;
    this.dataAt = this.offsetsAt + variables * (wide ? 4 : 2);
  }

  isNull(column: number, bytes: Uint8Array, start: number): boolean {
    return (bytes[start + this.bitmapAt + (column >> 3)]! & (1 << (column & 7))) !== 0;
  }

  /** End of a variable column's bytes relative to the record's start, with the long-value bit taken off. */
  variableEnd(variable: number, view: DataView, start: number): number {
    const at = start + this.offsetsAt;
    return this.wide
      ? view.getUint32(at + variable * 4, true) & 0x7fffffff
      : view.getUint16(at + variable * 2, true) & 0x7fff;
  }

  variableStart(variable: number, view: DataView, start: number): number {
    return variable === 0 ? this.dataAt : this.variableEnd(variable - 1, view, start);
  }

  isLong(variable: number, view: DataView, start: number): boolean {
    const at = start + this.offsetsAt;
    return this.wide
      ? view.getUint32(at + variable * 4, true) >= 0x80000000
      : view.getUint16(at + variable * 2, true) >= 0x8000;
  }

  /** Bytes of the whole record. */
  length(view: DataView, start: number): number {
    return this.variableCount === 0 ? this.dataAt : this.variableEnd(this.variableCount - 1, view, start);
  }

  // ── code fragments: `v` view, `b` bytes, `r` record start, as variable names in the generated function ──

  /** A JS condition: the column is null. */
  isNullCode(column: number, b: string, r: string): string {
    return `(${b}[${r} + ${this.bitmapAt + (column >> 3)}] & ${1 << (column & 7)}) !== 0`;
  }

  /** A JS expression for the offset of a fixed column. */
  fixedCode(column: number, r: string): string {
    assert(this.fixedAt[column]! >= 0, 'fixedCode of a variable column');
    return `${r} + ${this.fixedAt[column]}`;
  }

  /** JS expressions for first and end byte of a variable column, and the condition that it is a long value. */
  variableCode(column: number, v: string, r: string): { start: string; end: string; long: string } {
    const variable = this.variableIndex[column]!;
    assert(variable >= 0, 'variableCode of a fixed column');
    const read = (i: number): string =>
      this.wide
        ? `${v}.getUint32(${r} + ${this.offsetsAt + i * 4}, true)`
        : `${v}.getUint16(${r} + ${this.offsetsAt + i * 2}, true)`;
    const mask = this.wide ? '0x7fffffff' : '0x7fff';
    return {
      start: variable === 0 ? `${r} + ${this.dataAt}` : `${r} + (${read(variable - 1)} & ${mask})`,
      end: `${r} + (${read(variable)} & ${mask})`,
      long: this.wide ? `${read(variable)} >= 0x80000000` : `${read(variable)} >= 0x8000`,
    };
  }
}

/** Where a long value lies. */
export interface LongReference {
  readonly tree: number;
  readonly id: number;
  readonly length: number;
}

export function readLongReference(view: DataView, at: number): LongReference {
  return { tree: view.getUint32(at, true), id: view.getFloat64(at + 4, true), length: view.getUint32(at + 12, true) };
}

export function writeLongReference(view: DataView, at: number, reference: LongReference): void {
  view.setUint32(at, reference.tree, true);
  view.setFloat64(at + 4, reference.id, true);
  view.setUint32(at + 12, reference.length, true);
}

/** Reads an I64 as a number when it is within ±(2^53 − 1), else as a bigint. */
export function readInt64(view: DataView, at: number): number | bigint {
  const high = view.getInt32(at + 4, true);
  const value = high * 4294967296 + view.getUint32(at, true);
  return Number.isSafeInteger(value) ? value : view.getBigInt64(at, true);
}

export function writeInt64(view: DataView, at: number, value: number | bigint): void {
  if (typeof value === 'bigint') {
    view.setBigInt64(at, value, true);
    return;
  }
  const high = Math.floor(value / 4294967296);
  view.setInt32(at + 4, high, true);
  view.setUint32(at, value - high * 4294967296, true);
}
