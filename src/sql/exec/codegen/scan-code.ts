/**
 * The leaf loop of a table scan: filter and copy, fused.
 *
 *   loop(scan, access, s, out, first, end, step) → the slot that follows the last one handled
 *
 * Plain leaves run a loop over the slots with everything inlined; from the first record of an older layout on, and in a leaf
 * whose rows must be resolved one by one, the same row code runs with the record found first.
 */
import { fixedBytes, isVariable } from '../../../base/physical.ts';
import { type LeafScan, NODE_RECORD_AT, type RowBuffer, SLOTS_AT } from '../../../engine/record-port.ts';
import type { TableAccess } from '../../../engine/table-access.ts';
import type { ColumnId, Expr } from '../../plan/logical.ts';
import { conjunctsOf } from '../../plan/walk.ts';
import type { Shape } from '../shape.ts';
import type { ExecState } from '../state.ts';
import { CodeWriter, mayGenerateCode } from './code.ts';
import { conditionCode, RowCode } from './expression-code.ts';

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
  const body = (): boolean => writeRow(row, filter, () => writeCopy(row, tableShape, outShape));
  return finishLoop(w, row, access.layout.number, body, conjunctsOf(filter));
}

/**
 * Writes the whole function. Parameters are read at its start, so the conditions are generated once before to learn which.
 */
function finishLoop(
  w: CodeWriter,
  row: RowCode,
  layoutNumber: number,
  body: () => boolean,
  conditions: readonly Expr[],
): CompiledLoop | undefined {
  for (const condition of conditions) if (conditionCode(row, condition, true) === undefined) return undefined;
  for (const line of row.prologue) w.line(line);
  if (!writeLoops(row, layoutNumber, body)) return undefined;
  return w.build<LeafLoop>('scanLeaf', ['scan', 'access', 's', 'out']);
}

/** Copies the wanted columns into a new row of `out`. */
function writeCopy(row: RowCode, from: Shape, to: Shape): boolean {
  const w = row.writer;
  w.line('out.start();');
  to.columns.forEach((column, target) => {
    const source = from.require(column.id);
    const isNull = from.layout.isNullCode(source, 'b', 'r');
    const { kind } = column.physical;
    if (isVariable(kind)) {
      const range = from.layout.variableCode(source, 'v', 'r');
      const variable = to.layout.variableIndex[target]!;
      w.line(
        `if (${isNull}) { out.setNull(${target}); out.putNothing(${variable}); } else out.putCopy(${variable}, b, ${range.start}, ${range.end}, ${range.long});`,
      );
      return;
    }
    w.line(
      `if (${isNull}) out.setNull(${target}); else { ${copyFixed(fixedBytes(kind), from.layout.fixedAt[source]!, to.layout.fixedAt[target]!)} }`,
    );
  });
  w.line('out.finish();');
  return true;
}

function copyFixed(size: number, from: number, to: number): string {
  if (size === 1) return `out.bytes[out.at + ${to}] = b[r + ${from}];`;
  if (size === 2) return `out.view.setInt16(out.at + ${to}, v.getInt16(r + ${from}, true), true);`;
  const words: string[] = [];
  for (let i = 0; i < size; i += 4)
    words.push(`out.view.setInt32(out.at + ${to + i}, v.getInt32(r + ${from + i}, true), true);`);
  return words.join(' ');
}
