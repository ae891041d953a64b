/** Moves columns from record to record by their bytes, without making values of them. */
import { fixedBytes } from '../../base/physical.ts';
import type { RowBuffer } from '../../engine/record-port.ts';
import type { Shape } from './shape.ts';

/** Copies some columns of a record into the row that `out` is building. */
export type Copier = (view: DataView, bytes: Uint8Array, start: number, out: RowBuffer) => void;

/** A copier of column `from` of `source` records to column `to` of `target` rows; both have the same physical kind. */
export function columnCopier(source: Shape, from: number, target: Shape, to: number): Copier {
  const layout = source.layout;
  const nullAt = layout.bitmapAt + (from >> 3);
  const nullBit = 1 << (from & 7);
  const at = layout.fixedAt[from]!;
  if (at >= 0) {
    const size = fixedBytes(layout.columns[from]!.kind);
    const toAt = target.layout.fixedAt[to]!;
    return (_view, bytes, start, out) => {
      if ((bytes[start + nullAt]! & nullBit) !== 0) {
        out.setNull(to);
        return;
      }
      const target = out.bytes;
      let p = start + at;
      let q = out.at + toAt;
      for (let i = 0; i < size; i++) target[q++] = bytes[p++]!;
    };
  }
  const variable = layout.variableIndex[from]!;
  const toVariable = target.layout.variableIndex[to]!;
  return (view, bytes, start, out) => {
    if ((bytes[start + nullAt]! & nullBit) !== 0) {
      out.setNull(to);
      out.putNothing(toVariable);
      return;
    }
    const first = start + layout.variableStart(variable, view, start);
    const end = start + layout.variableEnd(variable, view, start);
    out.putCopy(toVariable, bytes, first, end, layout.isLong(variable, view, start));
  };
}

/** A copier of all columns of `target` that `source` has too, by column id. Variable columns come in `target`'s order. */
export function rowCopier(source: Shape, target: Shape): Copier {
  const copiers: Copier[] = [];
  target.columns.forEach((column, to) => {
    const from = source.position(column.id);
    if (from >= 0) copiers.push(columnCopier(source, from, target, to));
  });
  return (view, bytes, start, out) => {
    for (let i = 0; i < copiers.length; i++) copiers[i]!(view, bytes, start, out);
  };
}
