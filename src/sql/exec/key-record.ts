/**
 * Records from index keys: what an index-only scan reads instead of the table.
 *
 * A key holds the index's columns and then the row's key, which for a table with a primary key is columns too. Those whose
 * bytes say the whole value (integers, numerics of fixed scale, text, …) are taken out of it again; interval, wide numeric
 * and array keys lose what equality does not see, and are not.
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
  readonly #plain = new Uint8Array(8192);
  readonly #view = new DataView(this.#plain.buffer);

  /** @param parts - of the index and then of the primary key; `columns` are the table's columns of each. */
  constructor(parts: readonly KeyPart[], columns: readonly (ShapeColumn | undefined)[]) {
    const kept: ShapeColumn[] = [];
    this.#steps = parts.map((part, i) => {
      const column = columns[i];
      if (column === undefined || LOSSY.has(part.kind) || kept.some((k) => k.id === column.id))
        return { part, column: -1 };
      return { part, column: kept.push(column) - 1 };
    });
    this.shape = new Shape(kept);
  }

  /** Writes the record of a key as a row of `out`. */
  write(key: Uint8Array, out: RowBuffer): void {
    out.start();
    let at = 0;
    for (const { part, column } of this.#steps) {
      const end = skipKeyPart(part.kind, part.nullable, part.descending, key, at);
      if (column >= 0) {
        const isNull = part.nullable && key[at] !== 1;
        const from = part.nullable ? at + 1 : at;
        if (isNull) this.#putNull(out, column);
        else this.#put(out, column, part, key, from, end);
      }
      at = end;
    }
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
