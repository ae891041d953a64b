/**
 * The leaf loop of a table scan: filter and copy, fused.
 *
 *   loop(scan, access, s, out, first, end, step) → the slot that follows the last one handled
 *
 * Plain leaves run a loop over the slots with everything inlined; from the first record of an older layout on, and in a leaf
 * whose rows must be resolved one by one, the same row code runs with the record found first.
 */
import { type LeafScan, NODE_RECORD_AT, type RowBuffer, SLOTS_AT } from '../../../engine/record-port.ts';
import type { TableAccess } from '../../../engine/table-access.ts';
import type { ColumnId, Expr } from '../../plan/logical.ts';
import { conjunctsOf } from '../../plan/walk.ts';
import type { Shape } from '../shape.ts';
import type { ExecState } from '../state.ts';
import { CodeWriter, mayGenerateCode } from './code.ts';
import { copyColumns } from './copy-code.ts';
import { conditionCode } from './expression-code.ts';
import { FIRST, RowCode } from './row-code.ts';

export type LeafLoop = (scan: LeafScan, access: TableAccess, s: ExecState, out: RowBuffer) => void;

export interface CompiledLoop {
  readonly fn: LeafLoop;
  readonly source: string;
}

/** Columns of a table that never hold NULL. */
export function notNullIds(shape: Shape, access: TableAccess): ReadonlySet<ColumnId> {
  return new Set(shape.columns.filter((_, i) => access.columns[i]!.notNull).map((c) => c.id));
}

/** Writes the row code inside a loop: conditions that `continue`, then whatever `accept` writes. False = not covered. */
export function writeRow(row: RowCode, filter: Expr | undefined, accept: () => boolean): boolean {
  for (const condition of conjunctsOf(filter)) {
    const code = conditionCode(row, condition, true);
    if (code === undefined) return false;
    row.flush();
    row.writer.line(`if (!${code}) continue;`);
  }
  return accept();
}

/** Writes both loops around the row code; `leave` ends the function's part that they are. */
export function writeLoops(row: RowCode, layoutNumber: number, body: () => boolean, leave = 'return;'): boolean {
  const w = row.writer;
  w.line('let i = scan.from;');
  w.line('const end = scan.to, n = access.layout.number;');
  w.open('if (scan.plain)');
  w.line('const v = scan.view, b = scan.bytes;');
  w.open('for (; i < end; i++)');
  w.line(`const r = v.getUint16(${SLOTS_AT} + 2 * i, true) + ${NODE_RECORD_AT};`);
  w.line(`if (v.getUint16(r, true) !== ${layoutNumber}) break;`);
  row.restart();
  if (!body()) return false;
  w.close();
  w.line(`if (i === end) ${leave}`);
  w.close();
  w.open('for (; i < end; i++)');
  w.line('let v = scan.view, b = scan.bytes, r = 0;');
  w.open('if (scan.plain)');
  w.line(`r = v.getUint16(${SLOTS_AT} + 2 * i, true) + ${NODE_RECORD_AT};`);
  w.close();
  w.open('else');
  w.line('if (!scan.resolve(i)) continue;');
  w.line('v = scan.row.view; b = scan.row.bytes; r = scan.row.start;');
  w.close();
  w.line(
    'if (v.getUint16(r, true) !== n) { access.translate(v, b, r); v = access.storedView; b = access.stored; r = 0; }',
  );
  row.restart();
  if (!body()) return false;
  w.close();
  return true;
}

/** Compiles filter and copy of a scan; undefined when something is not covered. */
export function compileScanLoop(
  tableShape: Shape,
  access: TableAccess,
  outShape: Shape,
  filter: Expr | undefined,
): CompiledLoop | undefined {
  if (!mayGenerateCode()) return undefined;
  const w = new CodeWriter();
  const row = new RowCode(w, tableShape, notNullIds(tableShape, access));
  const copy = (): boolean => {
    w.line('out.start();');
    copyColumns(w, outShape, (column) => ({
      shape: tableShape,
      names: FIRST,
      position: tableShape.require(column.id),
    }));
    w.line('out.finish();');
    return true;
  };
  if (!writeLoops(row, access.layout.number, () => writeRow(row, filter, copy))) return undefined;
  return w.build<LeafLoop>('scanLeaf', ['scan', 'access', 's', 'out']);
}
