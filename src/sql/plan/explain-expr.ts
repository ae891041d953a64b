/** Expressions as EXPLAIN shows them. Not SQL to be parsed again: columns appear by the names their statement gave them. */
import { typeEntry } from '../exec/values.ts';
import type { EvalContext } from '../types/contracts.ts';
import { registry } from '../types/registry.ts';
import type { ColumnId, Expr } from './logical.ts';

/** What a statement that is planned for EXPLAIN is shown with; otherwise nobody looks. */
interface Shown {
  /** Names of column ids, filled meanwhile; a plain number is shown for others. */
  readonly names: ReadonlyMap<ColumnId, string>;
  /** Settings for the texts of values. */
  readonly context: EvalContext;
}

let shown: Shown | undefined;

/** Runs `make` with names for column ids at hand, and what values are formatted with. */
export function withColumnNames<T>(names: ReadonlyMap<ColumnId, string>, context: EvalContext, make: () => T): T {
  const before = shown;
  shown = { names, context };
  try {
    return make();
  } finally {
    shown = before;
  }
}

export function formatExpr(expr: Expr): string {
  switch (expr.kind) {
    case 'const':
      return shownConstant(expr);
    case 'param':
      return expr.of === undefined ? `$${expr.index + 1}` : formatExpr(expr.of);
    case 'column':
      return shown?.names.get(expr.id) ?? `#${expr.id}`;
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

function shownConstant({ value, type }: Extract<Expr, { kind: 'const' }>): string {
  if (value === null) return 'NULL';
  const entry = typeEntry(type);
  if (typeof value === 'boolean') return String(value);
  const isNumber = entry.category === 'N' && value !== Infinity && value !== -Infinity;
  if (isNumber && (typeof value === 'number' || typeof value === 'bigint')) return String(value);
  if (typeof value === 'string') return `'${value}'`;
  if (shown === undefined) return `'${entry.name}'`;
  const text = entry.format(value, shown.context);
  return isNumber ? text : `'${text}'`;
}
