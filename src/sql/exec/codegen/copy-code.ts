/** Copying columns from records into the row that `out` is building, by their bytes. */
import { fixedBytes, isVariable } from '../../../base/physical.ts';
import type { Shape, ShapeColumn } from '../shape.ts';
import type { CodeWriter } from './code.ts';
import type { RecordNames } from './row-code.ts';

/** Where a column of the new row comes from; undefined = it is null. */
export interface CopySource {
  readonly shape: Shape;
  readonly names: RecordNames;
  readonly position: number;
}

/** Writes one column of a row of `to`. */
export function copyColumn(w: CodeWriter, to: Shape, target: number, source: CopySource | undefined): void {
  const { kind } = to.columns[target]!.physical;
  const variable = to.layout.variableIndex[target]!;
  const putNull = `out.setNull(${target});${variable >= 0 ? ` out.putNothing(${variable});` : ''}`;
  if (source === undefined) {
    w.line(putNull);
    return;
  }
  const { names, position } = source;
  const { layout } = source.shape;
  const isNull = layout.isNullCode(position, names.bytes, names.start);
  if (isVariable(kind)) {
    const range = layout.variableCode(position, names.view, names.start);
    w.line(
      `if (${isNull}) { ${putNull} } else out.putCopy(${variable}, ${names.bytes}, ${range.start}, ${range.end}, ${range.long});`,
    );
    return;
  }
  const copy = copyFixed(names, fixedBytes(kind), layout.fixedAt[position]!, to.layout.fixedAt[target]!);
  w.line(`if (${isNull}) ${putNull} else { ${copy} }`);
}

/** Writes all columns of a row of `to`, in order. */
export function copyColumns(w: CodeWriter, to: Shape, sourceOf: (column: ShapeColumn) => CopySource | undefined): void {
  to.columns.forEach((column, target) => {
    copyColumn(w, to, target, sourceOf(column));
  });
}

function copyFixed({ view, bytes, start }: RecordNames, size: number, from: number, to: number): string {
  if (size === 1) return `out.bytes[out.at + ${to}] = ${bytes}[${start} + ${from}];`;
  if (size === 2) return `out.view.setInt16(out.at + ${to}, ${view}.getInt16(${start} + ${from}, true), true);`;
  const words: string[] = [];
  for (let i = 0; i < size; i += 4)
    words.push(`out.view.setInt32(out.at + ${to + i}, ${view}.getInt32(${start} + ${from + i}, true), true);`);
  return words.join(' ');
}
