/** Walking and rewriting bound trees: children of expressions and nodes, the columns they use, substitution. */
import type { AggregateCall, ColumnId, Expr, Logical, SortKey } from './logical.ts';

/** Direct sub-expressions; a sub-query's own plan is not among them. */
export function childrenOf(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case 'const':
    case 'param':
    case 'column':
      return [];
    case 'call':
    case 'and':
    case 'or':
    case 'coalesce':
    case 'greatest':
    case 'least':
      return expr.args;
    case 'cast':
    case 'typmod':
    case 'not':
    case 'test':
    case 'field':
      return [expr.arg];
    case 'distinct':
      return [expr.left, expr.right];
    case 'nullif':
      return [expr.left, expr.right, expr.result];
    case 'case':
      return [
        ...expr.branches.flatMap((b) => [b.when, b.then]),
        ...(expr.otherwise === undefined ? [] : [expr.otherwise]),
      ];
    case 'anyarray':
      return [expr.left, expr.array];
    case 'array':
    case 'row':
      return expr.items;
    case 'rowcompare':
      return [...expr.left, ...expr.right];
    case 'subscript':
      return [expr.array, ...[...expr.lower, ...expr.upper].filter((e): e is Expr => e !== undefined)];
    case 'subquery':
      return expr.left;
  }
}

/** A copy with every direct sub-expression replaced. */
export function mapChildren(expr: Expr, f: (e: Expr) => Expr): Expr {
  switch (expr.kind) {
    case 'const':
    case 'param':
    case 'column':
      return expr;
    case 'call':
    case 'and':
    case 'or':
    case 'coalesce':
    case 'greatest':
    case 'least':
      return { ...expr, args: expr.args.map(f) };
    case 'cast':
    case 'typmod':
    case 'not':
    case 'test':
    case 'field':
      return { ...expr, arg: f(expr.arg) };
    case 'distinct':
      return { ...expr, left: f(expr.left), right: f(expr.right) };
    case 'nullif':
      return { ...expr, left: f(expr.left), right: f(expr.right), result: f(expr.result) };
    case 'case': {
      const branches = expr.branches.map((b) => ({ when: f(b.when), then: f(b.then) }));
      return expr.otherwise === undefined ? { ...expr, branches } : { ...expr, branches, otherwise: f(expr.otherwise) };
    }
    case 'anyarray':
      return { ...expr, left: f(expr.left), array: f(expr.array) };
    case 'array':
    case 'row':
      return { ...expr, items: expr.items.map(f) };
    case 'rowcompare':
      return { ...expr, left: expr.left.map(f), right: expr.right.map(f) };
    case 'subscript': {
      const some = (e: Expr | undefined): Expr | undefined => (e === undefined ? undefined : f(e));
      return { ...expr, array: f(expr.array), lower: expr.lower.map(some), upper: expr.upper.map(some) };
    }
    case 'subquery':
      return { ...expr, left: expr.left.map(f) };
  }
}

/** Calls `visit` for an expression and all below it, sub-queries' plans excluded. */
export function walkExpr(expr: Expr, visit: (e: Expr) => void): void {
  visit(expr);
  for (const child of childrenOf(expr)) walkExpr(child, visit);
}

const freeOfExpr = new WeakMap<Expr, ReadonlySet<ColumnId>>();
const freeOfNode = new WeakMap<Logical, ReadonlySet<ColumnId>>();

/** The columns that an expression uses, those of the outer query that its sub-queries use included. */
export function columnsOf(expr: Expr): ReadonlySet<ColumnId> {
  const known = freeOfExpr.get(expr);
  if (known !== undefined) return known;
  const found = new Set<ColumnId>();
  walkExpr(expr, (e) => {
    if (e.kind === 'column') found.add(e.id);
    else if (e.kind === 'subquery') for (const id of freeColumns(e.plan)) found.add(id);
  });
  freeOfExpr.set(expr, found);
  return found;
}

function sortExprs(keys: readonly SortKey[]): Expr[] {
  return keys.map((k) => k.expr);
}

export function callExprs(calls: readonly AggregateCall[]): Expr[] {
  return calls.flatMap((c) => [
    ...c.args,
    ...c.direct,
    ...sortExprs(c.order),
    ...(c.filter === undefined ? [] : [c.filter]),
  ]);
}

/** Expressions that stand directly in a node. */
export function expressionsOf(node: Logical): readonly Expr[] {
  switch (node.kind) {
    case 'scan':
    case 'virtual':
    case 'onerow':
    case 'ctescan':
    case 'recursive':
    case 'with':
    case 'setop':
    case 'lock':
      return [];
    case 'function':
      return node.calls.map((c) => c.call);
    case 'values':
      return node.rows.flat();
    case 'filter':
      return [node.predicate];
    case 'project':
      return node.exprs;
    case 'join':
      return node.on === undefined ? [] : [node.on];
    case 'aggregate':
      return [...node.groups, ...callExprs(node.calls)];
    case 'window':
      return [
        ...node.partition,
        ...sortExprs(node.order),
        ...node.calls.flatMap((c) => [...c.args, ...(c.filter === undefined ? [] : [c.filter])]),
      ];
    case 'sort':
      return sortExprs(node.keys);
    case 'limit':
      return [node.limit, node.offset, ...sortExprs(node.ties ?? [])].filter((e): e is Expr => e !== undefined);
    case 'distinct':
      return node.on ?? [];
    case 'insert':
      return [
        ...node.defaults.map((d) => d.expr),
        ...ruleExprs(node.rules),
        ...(node.returning?.exprs ?? []),
        ...(node.onConflict === undefined
          ? []
          : [
              ...node.onConflict.set.map((s) => s.expr),
              ...(node.onConflict.where === undefined ? [] : [node.onConflict.where]),
            ]),
      ];
    case 'update':
      return [...node.set.map((s) => s.expr), ...ruleExprs(node.rules), ...(node.returning?.exprs ?? [])];
    case 'delete':
      return [...ruleExprs(node.rules), ...(node.returning?.exprs ?? [])];
  }
}

function ruleExprs(rules: {
  readonly checks: readonly { readonly expr: Expr }[];
  readonly generated: readonly { readonly expr: Expr }[];
  readonly indexes: readonly { readonly keys: readonly Expr[]; readonly predicate: Expr | undefined }[];
}): Expr[] {
  return [
    ...rules.checks.map((c) => c.expr),
    ...rules.generated.map((g) => g.expr),
    ...rules.indexes.flatMap((i) => [...i.keys, ...(i.predicate === undefined ? [] : [i.predicate])]),
  ];
}

/** Nodes directly below a node. */
export function inputsOf(node: Logical): readonly Logical[] {
  switch (node.kind) {
    case 'scan':
    case 'virtual':
    case 'onerow':
    case 'ctescan':
    case 'function':
    case 'values':
      return [];
    case 'join':
    case 'setop':
      return [node.left, node.right];
    case 'recursive':
      return [node.base, node.step];
    case 'with':
      return [...node.ctes.map((c) => c.plan), node.body];
    case 'insert':
      return [node.source];
    default:
      return [node.input];
  }
}

/** Ids that a node makes itself: its own columns, and the helper rows of changes. */
function producedBy(node: Logical, into: Set<ColumnId>): void {
  for (const c of node.columns) into.add(c.id);
  if (node.kind === 'insert' || node.kind === 'update' || node.kind === 'delete')
    for (const c of node.rules.row) into.add(c.id);
  if (node.kind === 'insert') for (const c of node.onConflict?.existing ?? []) into.add(c.id);
  for (const input of inputsOf(node)) producedBy(input, into);
}

/** Columns that a plan uses but does not make: a correlated sub-query has some. */
export function freeColumns(node: Logical): ReadonlySet<ColumnId> {
  const known = freeOfNode.get(node);
  if (known !== undefined) return known;
  const used = new Set<ColumnId>();
  const collect = (n: Logical): void => {
    for (const e of expressionsOf(n)) for (const id of columnsOf(e)) used.add(id);
    for (const input of inputsOf(n)) collect(input);
  };
  collect(node);
  const produced = new Set<ColumnId>();
  producedBy(node, produced);
  for (const id of produced) used.delete(id);
  freeOfNode.set(node, used);
  return used;
}

/** Replaces column references. References inside sub-queries' plans are out of reach: see {@link canSubstitute}. */
export function substitute(expr: Expr, replacements: ReadonlyMap<ColumnId, Expr>): Expr {
  if (expr.kind === 'column') return replacements.get(expr.id) ?? expr;
  return mapChildren(expr, (e) => substitute(e, replacements));
}

/** True when no sub-query inside refers to one of the columns. */
export function canSubstitute(expr: Expr, ids: (id: ColumnId) => boolean): boolean {
  let can = true;
  walkExpr(expr, (e) => {
    if (e.kind === 'subquery') for (const id of freeColumns(e.plan)) if (ids(id)) can = false;
  });
  return can;
}

/** True when evaluating twice, or never, could be noticed. */
export function isVolatile(expr: Expr): boolean {
  let found = false;
  walkExpr(expr, (e) => {
    if (e.kind === 'call' && e.fn.volatility === 'v') found = true;
    if (e.kind === 'subquery' && planIsVolatile(e.plan)) found = true;
  });
  return found;
}

const volatilePlans = new WeakMap<Logical, boolean>();

export function planIsVolatile(node: Logical): boolean {
  const known = volatilePlans.get(node);
  if (known !== undefined) return known;
  const result =
    node.kind === 'insert' ||
    node.kind === 'update' ||
    node.kind === 'delete' ||
    expressionsOf(node).some(isVolatile) ||
    inputsOf(node).some(planIsVolatile);
  volatilePlans.set(node, result);
  return result;
}

export function hasSubquery(expr: Expr): boolean {
  let found = false;
  walkExpr(expr, (e) => {
    if (e.kind === 'subquery') found = true;
  });
  return found;
}

/** Takes an AND apart. */
export function conjunctsOf(expr: Expr | undefined): Expr[] {
  if (expr === undefined) return [];
  if (expr.kind === 'and') return expr.args.flatMap(conjunctsOf);
  return expr.kind === 'const' && expr.value === true ? [] : [expr];
}

/** Puts conjuncts together; undefined = no condition. */
export function conjunction(parts: readonly Expr[]): Expr | undefined {
  if (parts.length <= 1) return parts[0];
  return { kind: 'and', type: 16, typmod: -1, args: parts };
}

export function subsetOf(ids: Iterable<ColumnId>, of: { has(id: ColumnId): boolean }): boolean {
  for (const id of ids) if (!of.has(id)) return false;
  return true;
}

export function touches(ids: Iterable<ColumnId>, of: { has(id: ColumnId): boolean }): boolean {
  for (const id of ids) if (of.has(id)) return true;
  return false;
}
