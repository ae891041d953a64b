/**
 * Expressions as JavaScript over one record or a pair of them; `row-code.ts` names what they read.
 *
 * A generated value is an expression and the flags that make it null. Columns are read once, at the top of the row's code;
 * reading cannot fail. What can raise stays inside the expression, where AND, OR and NOT keep their short circuits. Conditions
 * come as "is true" and "is false", so three-valued logic needs no third value.
 *
 * Numerics are scaled integers in numbers while their static precision is at most 15 digits. Whatever is not covered here
 * makes {@link expressionCode} answer undefined, and the plan stays interpreted.
 */
import { KIND_DEC64, KIND_TEXT } from '../../../base/physical.ts';
import type { ColumnId, Expr } from '../../plan/logical.ts';
import type { SqlValue } from '../../types/contracts.ts';
import { Numeric } from '../../types/numeric.ts';
import type { Place, RowCode } from './row-code.ts';

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
  const place = row.find(id);
  if (place === undefined) return undefined;
  const { column } = place;
  // Infinite dates and timestamps are stored as extremes: what compares them right needs the interpreter's values.
  if (type === 1082 || type === 1114 || type === 1184) return undefined;
  const loaded = row.column(place);
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
    const place = row.find(expr.id);
    return place === undefined ? undefined : row.nullTest(place);
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
  const { layout } = column.shape;
  // Values move out longest first, so in records like these one this short is never a long value.
  if (layout.variableCount > 16 || layout.dataAt > 500 || Buffer.byteLength(other.value) >= 32) return undefined;
  if (row.isAbsent(column)) return '(false)';
  const range = row.range(column);
  const same = `${row.writer.use(sameBytes)}(${column.names.bytes}, ${range.start}, ${range.end}, ${row.writer.use(Buffer.from(other.value))})`;
  const positive = (meaning === 'eq') === wanted;
  const condition = `(!(${range.long}) && ${same})`;
  return `(!${row.nullTest(column)} && ${positive ? condition : `!${condition}`})`;
}

function textColumn(row: RowCode, expr: Expr): Place | undefined {
  const bare = expr.kind === 'cast' && expr.cast.method === 'relabel' ? expr.arg : expr;
  if (bare.kind !== 'column') return undefined;
  const place = row.find(bare.id);
  return place?.column.physical.kind === KIND_TEXT ? place : undefined;
}

function sameBytes(bytes: Uint8Array, start: number, end: number, other: Uint8Array): boolean {
  if (end - start !== other.length) return false;
  for (let i = 0; i < other.length; i++) if (bytes[start + i] !== other[i]) return false;
  return true;
}
