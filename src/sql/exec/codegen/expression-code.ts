/**
 * Expressions as JavaScript over one record: `v` view, `b` bytes, `r` the record's start.
 *
 * A generated value is an expression and the flags that make it null. Columns are read once, at the top of the row's code;
 * reading cannot fail. What can raise stays inside the expression, where AND, OR and NOT keep their short circuits. Conditions
 * come as "is true" and "is false", so three-valued logic needs no third value.
 *
 * Numerics are scaled integers in numbers while their static precision is at most 15 digits. Whatever is not covered here
 * makes {@link expressionCode} answer undefined, and the plan stays interpreted.
 */
import {
  KIND_BOOL,
  KIND_DEC64,
  KIND_F32,
  KIND_F64,
  KIND_I16,
  KIND_I32,
  KIND_I64,
  KIND_TEXT,
  KIND_U32,
} from '../../../base/physical.ts';
import { readInt64 } from '../../../engine/record-port.ts';
import type { ColumnId, Expr } from '../../plan/logical.ts';
import type { SqlValue } from '../../types/contracts.ts';
import { Numeric } from '../../types/numeric.ts';
import type { Shape } from '../shape.ts';
import type { CodeWriter } from './code.ts';

export type CodeKind = 'num' | 'int8' | 'bool' | 'dec';

export interface CodeValue {
  readonly code: string;
  readonly kind: CodeKind;
  /** Names of boolean variables; the value is null when one is true. */
  readonly nulls: readonly string[];
  /** Of `dec`: digits behind the point, and the most digits in all. */
  readonly scale: number;
  readonly digits: number;
}

const DIGITS_MAX = 15;
const NUMBER_TYPES: ReadonlySet<number> = new Set([21, 23, 26, 700, 701, 1082]);
const WIDE_TYPES: ReadonlySet<number> = new Set([20, 1083, 1114, 1184]);

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
  readonly #notNull: ReadonlySet<ColumnId>;
  readonly #loaded = new Map<number, { value: string; isNull: string | undefined }>();
  readonly #parameters = new Map<string, { value: string; isNull: string }>();
  /** Lines for the function's start. */
  readonly prologue: string[] = [];
  #pending: string[] = [];

  constructor(writer: CodeWriter, shape: Shape, notNull: ReadonlySet<ColumnId>) {
    this.writer = writer;
    this.shape = shape;
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

  /** The variable that says whether a column is null, or undefined when it never is. */
  nullFlag(position: number): string | undefined {
    const column = this.shape.columns[position]!;
    if (this.#notNull.has(column.id)) return undefined;
    return this.#load(position)?.isNull;
  }

  column(position: number): { value: string; isNull: string | undefined; kind: number } | undefined {
    const loaded = this.#load(position);
    return loaded === undefined ? undefined : { ...loaded, kind: this.shape.columns[position]!.physical.kind };
  }

  #load(position: number): { value: string; isNull: string | undefined } | undefined {
    const known = this.#loaded.get(position);
    if (known !== undefined) return known;
    const { layout } = this.shape;
    const column = this.shape.columns[position]!;
    const at = layout.fixedAt[position]!;
    if (at < 0) return undefined;
    const read = readCode(column.physical.kind, `r + ${at}`, this.writer);
    if (read === undefined) return undefined;
    const value = `c${position}`;
    let isNull: string | undefined;
    if (!this.#notNull.has(column.id)) {
      isNull = `n${position}`;
      this.#pending.push(`const ${isNull} = ${layout.isNullCode(position, 'b', 'r')};`);
    }
    this.#pending.push(`const ${value} = ${read};`);
    const loaded = { value, isNull };
    this.#loaded.set(position, loaded);
    return loaded;
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
      this.prologue.push(`const q${number} = ${raw} === null;`);
      this.prologue.push(
        scale < 0
          ? `const p${number} = ${raw};`
          : `const p${number} = ${this.writer.use(decimalBound)}(${raw}, ${scale});`,
      );
    }
    return known;
  }
}

function readCode(kind: number, at: string, writer: CodeWriter): string | undefined {
  switch (kind) {
    case KIND_BOOL:
      return `b[${at}] !== 0`;
    case KIND_I16:
      return `v.getInt16(${at}, true)`;
    case KIND_I32:
      return `v.getInt32(${at}, true)`;
    case KIND_U32:
      return `v.getUint32(${at}, true)`;
    case KIND_F32:
      return `v.getFloat32(${at}, true)`;
    case KIND_F64:
      return `v.getFloat64(${at}, true)`;
    case KIND_I64:
      return `${writer.use(readInt64)}(v, ${at})`;
    case KIND_DEC64:
      // 15 digits fit a number: the high half is small and signed.
      return `v.getInt32(${at} + 4, true) * 4294967296 + v.getUint32(${at}, true)`;
    default:
      return undefined;
  }
}

function kindOf(type: number): CodeKind | undefined {
  if (NUMBER_TYPES.has(type)) return 'num';
  if (WIDE_TYPES.has(type)) return 'int8';
  return type === 16 ? 'bool' : undefined;
}

function plain(code: string, kind: CodeKind, nulls: readonly string[]): CodeValue {
  return { code, kind, nulls, scale: 0, digits: 0 };
}

/** Generates a value, or undefined when something in it is not covered. */
export function valueCode(row: RowCode, expr: Expr): CodeValue | undefined {
  switch (expr.kind) {
    case 'const':
      return constantCode(expr.value, expr.type);
    case 'param': {
      const kind = kindOf(expr.type);
      if (kind === undefined) return undefined;
      const p = row.parameter(expr.index, -1);
      return plain(p.value, kind, [p.isNull]);
    }
    case 'column':
      return columnCode(row, expr.id, expr.type);
    case 'cast':
      return castCode(row, expr);
    case 'typmod':
      return undefined;
    case 'call':
      return callCode(row, expr);
    case 'test': {
      const isTrue = conditionCode(row, expr, true);
      return isTrue === undefined ? undefined : plain(`(${isTrue})`, 'bool', []);
    }
    default:
      return undefined;
  }
}

function constantCode(value: SqlValue, type: number): CodeValue | undefined {
  if (value === null) return undefined;
  if (typeof value === 'number' && Number.isFinite(value) && !Object.is(value, -0))
    return plain(value < 0 ? `(${value})` : `${value}`, WIDE_TYPES.has(type) ? 'int8' : 'num', []);
  if (typeof value === 'boolean') return plain(`${value}`, 'bool', []);
  if (
    value instanceof Numeric &&
    typeof value.coefficient === 'number' &&
    Number.isFinite(value.coefficient) &&
    Math.abs(value.coefficient) < 10 ** DIGITS_MAX
  ) {
    return {
      code: `(${value.coefficient})`,
      kind: 'dec',
      nulls: [],
      scale: value.scale,
      digits: Math.max(1, String(Math.abs(value.coefficient)).length),
    };
  }
  return undefined;
}

function columnCode(row: RowCode, id: ColumnId, type: number): CodeValue | undefined {
  const position = row.shape.position(id);
  if (position < 0) return undefined;
  const column = row.shape.columns[position]!;
  // Infinite dates and timestamps are stored as extremes: what compares them right needs the interpreter's values.
  if (type === 1082 || type === 1114 || type === 1184) return undefined;
  const loaded = row.column(position);
  if (loaded === undefined) return undefined;
  const nulls = loaded.isNull === undefined ? [] : [loaded.isNull];
  if (column.physical.kind === KIND_DEC64) {
    const digits = column.typmod >= 4 ? ((column.typmod - 4) >> 16) & 0xffff : DIGITS_MAX;
    return { code: loaded.value, kind: 'dec', nulls, scale: column.physical.scale, digits };
  }
  const kind = kindOf(type);
  return kind === undefined ? undefined : plain(loaded.value, kind, nulls);
}

function castCode(row: RowCode, expr: Extract<Expr, { kind: 'cast' }>): CodeValue | undefined {
  const arg = valueCode(row, expr.arg);
  if (arg === undefined) return undefined;
  const from = expr.arg.type;
  const to = expr.type;
  if (expr.cast.method === 'relabel') return kindOf(to) === arg.kind ? arg : undefined;
  const integers = from === 21 || from === 23;
  if (integers && (to === 23 || to === 20) && to > from - 100)
    return to === 20 ? { ...arg, kind: 'int8' } : from === 21 ? arg : undefined;
  if (integers && to === 701) return arg;
  if (integers && to === 1700) return { ...arg, kind: 'dec', scale: 0, digits: from === 21 ? 5 : 10 };
  return undefined;
}

function callCode(row: RowCode, expr: Extract<Expr, { kind: 'call' }>): CodeValue | undefined {
  const { fn } = expr;
  if (!fn.strict || fn.returnsSet || fn.volatility === 'v') return undefined;
  if (expr.operator !== undefined && expr.args.length === 2) {
    const decimal = decimalCode(row, expr);
    if (decimal !== undefined) return decimal;
  }
  if (fn.code === undefined) return undefined;
  const kind = kindOf(expr.type);
  const args = expr.args.map((a) => valueCode(row, a));
  if (kind === undefined || args.some((a) => a === undefined || a.kind === 'dec')) return undefined;
  const values = args as CodeValue[];
  // A template may name an operand twice: what is not a plain name or number is kept in a temporary first.
  const assigned: string[] = [];
  const names = values.map((a) => {
    if (/^[a-z]\d+$|^\(?-?\d+(\.\d+)?\)?$|^true$|^false$/.test(a.code)) return a.code;
    const t = row.writer.fresh();
    assigned.push(`${t} = ${a.code}`);
    return t;
  });
  const body = fn.code(
    names,
    (f) => row.writer.use(f),
    () => row.writer.fresh(),
  );
  const code = assigned.length === 0 ? body : `(${assigned.join(', ')}, ${body})`;
  return plain(
    code,
    kind,
    values.flatMap((a) => a.nulls),
  );
}

const COMPARISON: Readonly<Record<string, string>> = { eq: '===', ne: '!==', lt: '<', le: '<=', gt: '>', ge: '>=' };

/** Arithmetic and comparison of numerics whose digits are bounded. */
function decimalCode(row: RowCode, expr: Extract<Expr, { kind: 'call' }>): CodeValue | undefined {
  const [left, right] = expr.args as [Expr, Expr];
  if (left.type !== 1700 || right.type !== 1700) return undefined;
  const comparison = COMPARISON[expr.operator!.meaning];
  if (comparison !== undefined && (left.kind === 'param' || right.kind === 'param'))
    return decimalParameter(row, left, right, comparison);
  const a = valueCode(row, left);
  const b = valueCode(row, right);
  if (a?.kind !== 'dec' || b?.kind !== 'dec') return undefined;
  const nulls = [...a.nulls, ...b.nulls];
  const scale = Math.max(a.scale, b.scale);
  const whole = Math.max(a.digits - a.scale, b.digits - b.scale);
  if (comparison !== undefined) {
    if (whole + scale > DIGITS_MAX) return undefined;
    return plain(`(${rescaled(a, scale)} ${comparison} ${rescaled(b, scale)})`, 'bool', nulls);
  }
  switch (expr.operator!.name) {
    case '+':
    case '-': {
      const digits = whole + scale + 1;
      if (digits > DIGITS_MAX) return undefined;
      return {
        code: `(${rescaled(a, scale)} ${expr.operator!.name} ${rescaled(b, scale)})`,
        kind: 'dec',
        nulls,
        scale,
        digits,
      };
    }
    case '*': {
      const digits = a.digits + b.digits;
      if (digits > DIGITS_MAX) return undefined;
      return { code: `(${a.code} * ${b.code})`, kind: 'dec', nulls, scale: a.scale + b.scale, digits };
    }
    default:
      return undefined;
  }
}

function rescaled(value: CodeValue, scale: number): string {
  return value.scale === scale ? value.code : `${value.code} * ${10 ** (scale - value.scale)}`;
}

function decimalParameter(row: RowCode, left: Expr, right: Expr, comparison: string): CodeValue | undefined {
  const parameterLeft = left.kind === 'param';
  const other = valueCode(row, parameterLeft ? right : left);
  const parameter = parameterLeft ? left : right;
  if (other?.kind !== 'dec' || parameter.kind !== 'param') return undefined;
  const p = row.parameter(parameter.index, other.scale);
  const nulls = [...other.nulls, p.isNull];
  return plain(
    parameterLeft ? `(${p.value} ${comparison} ${other.code})` : `(${other.code} ${comparison} ${p.value})`,
    'bool',
    nulls,
  );
}

/** "expr is true" (or "is false") as a JS condition, or undefined. */
export function conditionCode(row: RowCode, expr: Expr, wanted: boolean): string | undefined {
  switch (expr.kind) {
    case 'and':
    case 'or': {
      const parts = expr.args.map((a) => conditionCode(row, a, wanted));
      if (parts.includes(undefined)) return undefined;
      return `(${parts.join((expr.kind === 'and') === wanted ? ' && ' : ' || ')})`;
    }
    case 'not':
      return conditionCode(row, expr.arg, !wanted);
    case 'test':
      return testCode(row, expr, wanted);
    case 'anyarray':
      return listCode(row, expr, wanted);
    default: {
      const text = textEquality(row, expr, wanted);
      if (text !== undefined) return text;
      const value = valueCode(row, expr);
      if (value?.kind !== 'bool') return undefined;
      const nulls = value.nulls.map((n) => `!${n}`);
      return `(${[...nulls, wanted ? value.code : `!${value.code}`].join(' && ')})`;
    }
  }
}

function testCode(row: RowCode, expr: Extract<Expr, { kind: 'test' }>, wanted: boolean): string | undefined {
  const { test } = expr;
  if (test === 'null' || test === 'not null') {
    const isNull = nullCode(row, expr.arg);
    if (isNull === undefined) return undefined;
    return (test === 'null') === wanted ? isNull : `!${isNull}`;
  }
  const truth = test.endsWith('true')
    ? conditionCode(row, expr.arg, true)
    : test.endsWith('false')
      ? conditionCode(row, expr.arg, false)
      : undefined;
  if (truth === undefined) return undefined;
  return test.startsWith('not') === wanted ? `!${truth}` : truth;
}

function nullCode(row: RowCode, expr: Expr): string | undefined {
  if (expr.kind === 'column') {
    const position = row.shape.position(expr.id);
    if (position < 0) return undefined;
    return `(${row.shape.layout.isNullCode(position, 'b', 'r')})`;
  }
  const value = valueCode(row, expr);
  return value === undefined ? undefined : value.nulls.length === 0 ? '(false)' : `(${value.nulls.join(' || ')})`;
}

/** `column IN (list of integers)`: the list becomes a set, made once per execution. */
function listCode(row: RowCode, expr: Extract<Expr, { kind: 'anyarray' }>, wanted: boolean): string | undefined {
  if (expr.all || expr.operator.meaning !== 'eq' || expr.array.kind !== 'array' || !wanted) return undefined;
  if (![21, 23].includes(expr.left.type) || ![21, 23].includes(expr.elementType)) return undefined;
  const numbers: number[] = [];
  for (const item of expr.array.items) {
    if (item.kind !== 'const' || typeof item.value !== 'number') return undefined;
    numbers.push(item.value);
  }
  const left = valueCode(row, expr.left);
  if (left?.kind !== 'num') return undefined;
  return `(${[...left.nulls.map((n) => `!${n}`), `${row.writer.use(new Set(numbers))}.has(${left.code})`].join(' && ')})`;
}

/** `text column = constant`, compared by bytes without making a string. */
function textEquality(row: RowCode, expr: Expr, wanted: boolean): string | undefined {
  if (expr.kind !== 'call' || expr.operator === undefined || expr.args.length !== 2) return undefined;
  const { meaning } = expr.operator;
  if (meaning !== 'eq' && meaning !== 'ne') return undefined;
  const [left, right] = expr.args as [Expr, Expr];
  const column = textColumn(row, left) ?? textColumn(row, right);
  const other = textColumn(row, left) === undefined ? left : right;
  if (column === undefined || other.kind !== 'const' || typeof other.value !== 'string') return undefined;
  const { layout } = row.shape;
  // Values move out longest first, so in records like these one this short is never a long value.
  if (layout.variableCount > 16 || layout.dataAt > 500 || Buffer.byteLength(other.value) >= 32) return undefined;
  const range = layout.variableCode(column, 'v', 'r');
  const same = `${row.writer.use(sameBytes)}(b, ${range.start}, ${range.end}, ${row.writer.use(Buffer.from(other.value))})`;
  const positive = (meaning === 'eq') === wanted;
  const condition = `(!(${range.long}) && ${same})`;
  return `(!(${layout.isNullCode(column, 'b', 'r')}) && ${positive ? condition : `!${condition}`})`;
}

function textColumn(row: RowCode, expr: Expr): number | undefined {
  const bare = expr.kind === 'cast' && expr.cast.method === 'relabel' ? expr.arg : expr;
  if (bare.kind !== 'column') return undefined;
  const position = row.shape.position(bare.id);
  return position >= 0 && row.shape.columns[position]!.physical.kind === KIND_TEXT ? position : undefined;
}

function sameBytes(bytes: Uint8Array, start: number, end: number, other: Uint8Array): boolean {
  if (end - start !== other.length) return false;
  for (let i = 0; i < other.length; i++) if (bytes[start + i] !== other[i]) return false;
  return true;
}
