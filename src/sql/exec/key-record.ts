/**
 * Records from index entries: what an index-only scan reads instead of the table.
 *
 *   entry   key: index columns, row key   record: included columns
 *                  └────────────┬───────────────┘
 *                               row
 *
 * A key holds the index's columns and then the row's key, which for a table with a primary key is columns too. Those whose
 * bytes say the whole value (integers, numerics of fixed scale, text, …) are taken out of it again; interval, wide numeric
 * and array keys lose what equality does not see, and are not. Included columns are copied; a long one stays where it is, in the
 * index's own tree.
 */
import {
  KIND_ARRAY,
  KIND_BOOL,
  KIND_BYTES,
  KIND_CHAR1,
  KIND_DEC64,
  KIND_F32,
  KIND_F64,
  KIND_I16,
  KIND_I32,
  KIND_I64,
  KIND_INTERVAL,
  KIND_NUMERIC,
  KIND_RECORD,
  KIND_U32,
  KIND_UUID,
  type PhysicalKind,
} from '../../base/physical.ts';
import { type KeyPart, type RowBuffer, skipKeyPart } from '../../engine/record-port.ts';
import type { ColumnId } from '../plan/logical.ts';
import { type Copier, rowCopier } from './copy.ts';
import { Shape, type ShapeColumn } from './shape.ts';

const LOSSY: ReadonlySet<PhysicalKind> = new Set<PhysicalKind>([KIND_INTERVAL, KIND_NUMERIC, KIND_ARRAY, KIND_RECORD]);

/** A part of the key, and the column of the record that it fills; −1 = none. */
interface Step {
  readonly part: KeyPart;
  readonly column: number;
}

export class KeyRecord {
  readonly shape: Shape;
  readonly #steps: readonly Step[];
  readonly #included: Copier | undefined;
  readonly #plain = new Uint8Array(8192);
  readonly #view = new DataView(this.#plain.buffer);

  /**
   * @param parts - of the index and then of the primary key. @param columns - the table's column of each.
   * @param included - the columns that entries' records have. @param needed - those columns that are wanted.
   */
  constructor(
    parts: readonly KeyPart[],
    columns: readonly (ShapeColumn | undefined)[],
    included: Shape | undefined,
    needed: { has(id: ColumnId): boolean },
  ) {
    const kept: ShapeColumn[] = [];
    const isWanted = ({ id }: ShapeColumn): boolean => needed.has(id) && !kept.some((k) => k.id === id);
    const steps = parts.map((part, i) => {
      const column = columns[i];
      if (column === undefined || LOSSY.has(part.kind) || !isWanted(column)) return { part, column: -1 };
      return { part, column: kept.push(column) - 1 };
    });
    while (steps[steps.length - 1]?.column === -1) steps.pop();
    this.#steps = steps;
    const copied = included?.columns.filter(isWanted) ?? [];
    kept.push(...copied);
    this.shape = new Shape(kept);
    if (included === undefined || copied.length === 0) return;
    // What the key says already is not copied from the record too.
    const source = included.columns.map((c, i) => (copied.includes(c) ? c : { ...c, id: -1 - i }));
    this.#included = rowCopier(new Shape(source, included.layout), this.shape);
  }

  /** Writes an entry as a row of `out`; its record lies at `start`. */
  write(key: Uint8Array, view: DataView, bytes: Uint8Array, start: number, out: RowBuffer): void {
    out.start();
    let at = 0;
    for (let i = 0; i < this.#steps.length; i++) {
      const { part, column } = this.#steps[i]!;
      const end = skipKeyPart(part.kind, part.nullable, part.descending, key, at);
      if (column >= 0) {
        const isNull = part.nullable && key[at] !== 1;
        const from = part.nullable ? at + 1 : at;
        if (isNull) this.#putNull(out, column);
        else this.#put(out, column, part, key, from, end);
      }
      at = end;
    }
    this.#included?.(view, bytes, start, out);
    out.finish();
  }

  #putNull(out: RowBuffer, column: number): void {
    out.setNull(column);
    const variable = this.shape.layout.variableIndex[column]!;
    if (variable >= 0) out.putNothing(variable);
  }

  #put(out: RowBuffer, column: number, part: KeyPart, key: Uint8Array, from: number, end: number): void {
    const plain = this.#plain;
    const flip = part.descending ? 0xff : 0;
    const length = end - from;
    for (let i = 0; i < length; i++) plain[i] = key[from + i]! ^ flip;
    const { layout } = this.shape;
    const variable = layout.variableIndex[column]!;
    if (variable >= 0) {
      out.putBytes(variable, plain, 0, part.kind === KIND_BYTES ? withoutEscapes(plain, length) : length - 1);
      return;
    }
    putFixed(part.kind, this.#view, plain, out, out.at + layout.fixedAt[column]!);
  }
}

/** Takes the escapes out of bytea's bytes in place; returns their number. */
function withoutEscapes(bytes: Uint8Array, length: number): number {
  let to = 0;
  for (let i = 0; i < length - 2; i++) {
    bytes[to++] = bytes[i]!;
    if (bytes[i] === 0) i++;
  }
  return to;
}

function putFixed(kind: PhysicalKind, view: DataView, plain: Uint8Array, out: RowBuffer, at: number): void {
  switch (kind) {
    case KIND_BOOL:
    case KIND_CHAR1:
      out.bytes[at] = plain[0]!;
      return;
    case KIND_I16:
      out.view.setUint16(at, view.getUint16(0) ^ 0x8000, true);
      return;
    case KIND_I32:
      out.view.setUint32(at, (view.getUint32(0) ^ 0x80000000) >>> 0, true);
      return;
    case KIND_U32:
      out.view.setUint32(at, view.getUint32(0), true);
      return;
    case KIND_I64:
    case KIND_DEC64: {
      const nan = kind === KIND_DEC64 && view.getUint32(0) === 0xffffffff && view.getUint32(4) === 0xffffffff;
      out.view.setUint32(at, nan ? 0 : view.getUint32(4), true);
      out.view.setUint32(at + 4, nan ? 0x80000000 : (view.getUint32(0) ^ 0x80000000) >>> 0, true);
      return;
    }
    case KIND_F32:
    case KIND_F64: {
      if (plain[0]! & 0x80) plain[0] = plain[0]! & 0x7f;
      else for (let i = 0; i < 8; i++) plain[i] = plain[i]! ^ 0xff;
      const value = view.getFloat64(0);
      if (kind === KIND_F32) out.view.setFloat32(at, value, true);
      else out.view.setFloat64(at, value, true);
      return;
    }
    case KIND_UUID:
      for (let i = 0; i < 16; i++) out.bytes[at + i] = plain[i]!;
  }
}

/** Kinds that a key holds in full. */
export function isDecodable(kind: PhysicalKind): boolean {
  return !LOSSY.has(kind);
}
