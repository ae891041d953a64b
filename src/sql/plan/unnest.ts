/**
 * Sub-queries in conditions become joins.
 *
 *   EXISTS (…)            semi join         NOT EXISTS (…)   anti join
 *   x IN (…), x = ANY(…)  semi join on x = column
 *
 * The sub-query's own conditions that use outer columns move into the join's condition, when only projections and filters
 * lie above them; otherwise the sub-query stays a sub-plan, evaluated per row. NOT IN stays one too: a null among its rows
 * makes it unknown, which no anti join says.
 */
import type { Column, ColumnId, Expr, FilterNode, Logical, SubqueryExpr } from './logical.ts';
import { idsOf } from './needed.ts';
import {
  canSubstitute,
  columnsOf,
  conjunction,
  conjunctsOf,
  freeColumns,
  isVolatile,
  planIsVolatile,
  substitute,
  touches,
} from './walk.ts';

/** Joins what it can of the conditions into `node`; the rest is given back. */
export function unnestConditions(node: Logical, conditions: readonly Expr[]): { node: Logical; rest: Expr[] } {
  let current = node;
  const rest: Expr[] = [];
  for (const condition of conditions) {
    const joined = tryJoin(current, condition);
    if (joined === undefined) rest.push(condition);
    else current = joined;
  }
  return { node: current, rest };
}

function tryJoin(node: Logical, condition: Expr): Logical | undefined {
  const negated = condition.kind === 'not';
  const inner = negated ? condition.arg : condition;
  if (inner.kind !== 'subquery' || planIsVolatile(inner.plan)) return undefined;
  if (inner.mode === 'exists') return joinExists(node, inner, negated);
  if (inner.mode === 'any' && !negated) return joinAny(node, inner);
  return undefined;
}

function joinExists(node: Logical, expr: SubqueryExpr, negated: boolean): Logical | undefined {
  const pulled = pullUp(expr.plan);
  if (pulled === undefined) return undefined;
  const outer = new Set(node.columns.map((c) => c.id));
  // Without a condition that ties the two, asking once is cheaper than joining.
  if (!pulled.conditions.some((c) => touches(columnsOf(c), outer))) return undefined;
  return {
    kind: 'join',
    type: negated ? 'anti' : 'semi',
    left: node,
    right: pulled.node,
    on: conjunction(pulled.conditions),
    lateral: false,
    columns: node.columns,
  };
}

function joinAny(node: Logical, expr: SubqueryExpr): Logical | undefined {
  if (expr.left.some((l) => isVolatile(l)) || expr.operators.some((o) => o.meaning !== 'eq')) return undefined;
  const outer = new Set(node.columns.map((c) => c.id));
  if (!expr.left.some((l) => touches(columnsOf(l), outer))) return undefined;
  const free = freeColumns(expr.plan);
  const equal = (
    columns: readonly { readonly id: ColumnId; readonly type: number; readonly typmod: number }[],
  ): Expr[] =>
    expr.left.map((l, i) => ({
      kind: 'call',
      type: 16,
      typmod: -1,
      fn: expr.operators[i]!.fn,
      operator: expr.operators[i]!,
      args: [l, { kind: 'column', id: columns[i]!.id, type: columns[i]!.type, typmod: columns[i]!.typmod }],
    }));
  if (free.size === 0) {
    return {
      kind: 'join',
      type: 'semi',
      left: node,
      right: expr.plan,
      on: conjunction(equal(expr.plan.columns)),
      lateral: false,
      columns: node.columns,
    };
  }
  return undefined;
}

interface Pulled {
  readonly node: Logical;
  readonly conditions: readonly Expr[];
  /** What columns of projections that are gone stand for: expressions over the node's columns. */
  readonly meanings: ReadonlyMap<ColumnId, Expr>;
}

/**
 * Takes the correlated conditions out of a sub-query that is projections and filters over something uncorrelated. The
 * projections go: EXISTS does not look at columns, and conditions above a projection get what it computes.
 */
function pullUp(plan: Logical): Pulled | undefined {
  if (plan.kind === 'project') {
    if (plan.hasSets) return undefined;
    const inner = pullUp(plan.input);
    if (inner === undefined) return undefined;
    const meanings = new Map<ColumnId, Expr>();
    for (const [i, column] of plan.columns.entries()) {
      const expr = plan.exprs[i]!;
      // What cannot be said of the node's columns is missed only where a condition asks for it.
      if (canSubstitute(expr, (id) => isMoved(inner, id))) meanings.set(column.id, substitute(expr, inner.meanings));
    }
    return { ...inner, meanings };
  }
  if (plan.kind === 'filter') return pullUpFilter(plan);
  return freeColumns(plan).size === 0 && plan.kind !== 'limit'
    ? { node: plan, conditions: [], meanings: identities(plan.columns) }
    : undefined;
}

function identities(columns: readonly Column[]): Map<ColumnId, Expr> {
  return new Map(columns.map(({ id, type, typmod }) => [id, { kind: 'column', id, type, typmod }]));
}

function pullUpFilter(plan: FilterNode): Pulled | undefined {
  const inner = pullUp(plan.input);
  if (inner === undefined) return undefined;
  const made = idsOf(plan.input.columns);
  const there = idsOf(inner.node.columns);
  const correlated: Expr[] = [];
  const local: Expr[] = [];
  for (const c of conjunctsOf(plan.predicate)) {
    const isKnown = [...columnsOf(c)].every((id) => !made.has(id) || inner.meanings.has(id));
    if (!isKnown || !canSubstitute(c, (id) => isMoved(inner, id))) return undefined;
    const meant = substitute(c, inner.meanings);
    if ([...columnsOf(meant)].every((id) => there.has(id))) local.push(meant);
    else correlated.push(meant);
  }
  if (correlated.some(isVolatile)) return undefined;
  const predicate = conjunction(local);
  const node: Logical =
    predicate === undefined
      ? inner.node
      : { kind: 'filter', input: inner.node, predicate, columns: inner.node.columns };
  return { ...inner, node, conditions: [...inner.conditions, ...correlated] };
}

/** True for a column of a projection that is gone, unless it has the same number below. */
function isMoved({ meanings }: Pulled, id: ColumnId): boolean {
  const meaning = meanings.get(id);
  return meaning !== undefined && !(meaning.kind === 'column' && meaning.id === id);
}
