/** Expressions as EXPLAIN shows them. Not SQL to be parsed again: columns appear by the names their statement gave them. */
import { typeEntry } from '../exec/values.ts';
import { registry } from '../types/registry.ts';
import type { ColumnId, Expr } from './logical.ts';

/** Names of column ids, filled while a statement is planned for EXPLAIN; a plain number is shown otherwise. */
let names: ReadonlyMap<ColumnId, string> = new Map();

/** Runs `make` with names for column ids at hand. */
export function withColumnNames<T>(known: ReadonlyMap<ColumnId, string>, make: () => T): T {
  const before = names;
  names = known;
  try {
    return make();
  } finally {
    names = before;
  }
}

export function formatExpr(expr: Expr): string {
  switch (expr.kind) {
    case 'const':
      return expr.value === null
        ? 'NULL'
        : typeof expr.value === 'number' || typeof expr.value === 'bigint' || typeof expr.value === 'boolean'
          ? String(expr.value)
          : `'${shownValue(expr)}'`;
    case 'param':
      return `$${expr.index + 1}`;
    case 'column':
      return names.get(expr.id) ?? `#${expr.id}`;
    case 'call':
      if (expr.operator === undefined) return `${expr.fn.name}(${expr.args.map(formatExpr).join(', ')})`;
      return expr.args.length === 1
        ? `(${expr.operator.name} ${formatExpr(expr.args[0]!)})`
        : `(${formatExpr(expr.args[0]!)} ${expr.operator.name} ${formatExpr(expr.args[1]!)})`;
    case 'cast':
      return `(${formatExpr(expr.arg)})::${registry.type(expr.type)?.displayName ?? 'record'}`;
    case 'typmod':
      return formatExpr(expr.arg);
    case 'and':
    case 'or':
      return `(${expr.args.map(formatExpr).join(expr.kind === 'and' ? ' AND ' : ' OR ')})`;
    case 'not':
      return `(NOT ${formatExpr(expr.arg)})`;
    case 'test':
      return `(${formatExpr(expr.arg)} IS ${expr.test.toUpperCase()})`;
    case 'distinct':
      return `(${formatExpr(expr.left)} IS ${expr.negated ? 'NOT ' : ''}DISTINCT FROM ${formatExpr(expr.right)})`;
    case 'case':
      return `CASE ${expr.branches.map((b) => `WHEN ${formatExpr(b.when)} THEN ${formatExpr(b.then)}`).join(' ')}${expr.otherwise === undefined ? '' : ` ELSE ${formatExpr(expr.otherwise)}`} END`;
    case 'anyarray':
      return `(${formatExpr(expr.left)} ${expr.operator.name} ${expr.all ? 'ALL' : 'ANY'} (${formatExpr(expr.array)}))`;
    case 'array':
      return `ARRAY[${expr.items.map(formatExpr).join(', ')}]`;
    case 'row':
      return `ROW(${expr.items.map(formatExpr).join(', ')})`;
    case 'subquery':
      return '(SubPlan)';
    case 'field':
      return `(${formatExpr(expr.arg)}).f${expr.index + 1}`;
    case 'subscript':
      return `${formatExpr(expr.array)}[…]`;
    case 'nullif':
      return `NULLIF(${formatExpr(expr.left)}, ${formatExpr(expr.right)})`;
    case 'rowcompare':
      return `(ROW(${expr.left.map(formatExpr).join(', ')}) ${expr.meaning} ROW(${expr.right.map(formatExpr).join(', ')}))`;
    default:
      return `${expr.kind.toUpperCase()}(${expr.args.map(formatExpr).join(', ')})`;
  }
}

function shownValue(expr: Extract<Expr, { kind: 'const' }>): string {
  const { value } = expr;
  if (typeof value === 'string') return value;
  const entry = typeEntry(expr.type);
  return value === null ? '' : `${entry.name}`;
}
