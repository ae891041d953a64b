/**
 * The code of a filter and projection over rows in buffers.
 *
 *   project(rows, from, s, out, place)      place.row: the row at hand, for one that must wait; place.env: points to it
 *
 * Columns taken over are copied by their bytes, numbers and booleans computed in place. What is not covered is a call of the
 * interpreter's closure for that column or condition, so one expression does not keep the others from being generated.
 */
import {
  fixedBytes,
  KIND_BOOL,
  KIND_F32,
  KIND_F64,
  KIND_I16,
  KIND_I32,
  KIND_I64,
  KIND_U32,
} from '../../../base/physical.ts';
import { type RowBuffer, writeInt64 } from '../../../engine/record-port.ts';
import type { Expr } from '../../plan/logical.ts';
import { conjunctsOf } from '../../plan/walk.ts';
import { compileEval, type Scope } from '../evaluate.ts';
import type { Shape } from '../shape.ts';
import type { Env, ExecState } from '../state.ts';
import { columnWriter } from '../values.ts';
import { writeBatchLoop } from './aggregate-code.ts';
import { CodeWriter, mayGenerateCode } from './code.ts';
import { copyColumn } from './copy-code.ts';
import { type CodeValue, conditionCode, valueCode } from './expression-code.ts';
import { RowCode } from './row-code.ts';

/** Where a projection stands. */
export interface ProjectPlace {
  readonly env: Env;
  row: number;
}

export type ProjectRows = (rows: RowBuffer, from: number, s: ExecState, out: RowBuffer, place: ProjectPlace) => void;

export interface CompiledProject {
  readonly fn: ProjectRows;
  readonly source: string;
}

const SETTERS: Readonly<Record<number, string>> = {
  [KIND_I16]: 'setInt16',
  [KIND_I32]: 'setInt32',
  [KIND_U32]: 'setUint32',
  [KIND_F32]: 'setFloat32',
  [KIND_F64]: 'setFloat64',
};

/** Compiles a projection of rows of `from`; undefined when the interpreter would have to do all of it. */
export function compileProject(
  from: Shape,
  to: Shape,
  predicate: Expr | undefined,
  exprs: readonly Expr[],
  scope: Scope,
): CompiledProject | undefined {
  if (!mayGenerateCode()) return undefined;
  const w = new CodeWriter();
  const row = new RowCode(w, from);
  const conditions = conjunctsOf(predicate);
  const interpreted = (e: Expr): boolean => conditionCode(new RowCode(new CodeWriter(), from), e, true) === undefined;
  const columns = exprs.map((e, i) => columnWay(from, to, e, i));
  const calls = columns.filter((way) => way === 'call').length + conditions.filter(interpreted).length;
  if (calls === exprs.length + conditions.length) return undefined;
  w.line('const e = place.env;');
  writeBatchLoop(w, 'from');
  w.line('place.row = i;');
  if (calls > 0) w.line('e.v0 = v; e.b0 = b; e.r0 = r;');
  for (const condition of conditions) {
    const code = conditionCode(row, condition, true);
    row.flush();
    w.line(
      code === undefined
        ? `if (${w.use(compileEval(condition, scope))}(e) !== true) ${calls > 0 ? '{ e.rowDone(); continue; }' : 'continue;'}`
        : `if (!${code}) ${calls > 0 ? '{ e.rowDone(); continue; }' : 'continue;'}`,
    );
  }
  w.line('out.start();');
  exprs.forEach((expr, i) => {
    if (columns[i] === 'copy' && expr.kind === 'column') copyColumn(w, to, i, row.find(expr.id));
    else if (columns[i] === 'value') writeValue(row, to, i, valueCode(row, expr)!);
    else w.line(`${w.use(columnWriter(to, i))}(out, ${w.use(compileEval(expr, scope))}(e));`);
  });
  w.line('out.finish();');
  if (calls > 0) w.line('e.rowDone();');
  w.close();
  return w.build<ProjectRows>('projectRows', ['rows', 'from', 's', 'out', 'place']);
}

/** How a column of the new row is made. */
function columnWay(from: Shape, to: Shape, expr: Expr, at: number): 'copy' | 'value' | 'call' {
  const { kind, scale } = to.columns[at]!.physical;
  const row = new RowCode(new CodeWriter(), from);
  const place = expr.kind === 'column' ? row.find(expr.id) : undefined;
  if (place?.column.physical.kind === kind && place.column.physical.scale === scale) return 'copy';
  const value = valueCode(row, expr);
  if (value === undefined) return 'call';
  const fits =
    (value.kind === 'num' && SETTERS[kind] !== undefined) ||
    (value.kind === 'bool' && kind === KIND_BOOL) ||
    (value.kind === 'int8' && kind === KIND_I64 && expr.type === 20);
  return fits ? 'value' : 'call';
}

function writeValue(row: RowCode, to: Shape, at: number, value: CodeValue): void {
  const w = row.writer;
  row.flush();
  const { kind } = to.columns[at]!.physical;
  const offset = `out.at + ${to.layout.fixedAt[at]!}`;
  const put =
    fixedBytes(kind) === 1
      ? `out.bytes[${offset}] = ${value.code} ? 1 : 0;`
      : kind === KIND_I64
        ? `${w.use(writeInt64)}(out.view, ${offset}, ${value.code});`
        : `out.view.${SETTERS[kind]!}(${offset}, ${value.code}, true);`;
  w.line(value.nulls.length === 0 ? put : `if (${value.nulls.join(' || ')}) out.setNull(${at}); else { ${put} }`);
}
