/** Rewriting bound trees node by node: the expressions that stand directly in a node, and the nodes below it. */
import type { AggregateCall, Expr, FrameBound, Logical, SortKey, WindowNode } from './logical.ts';
import type { InsertNode, Returning } from './logical-changes.ts';

export type MapExpr = (expr: Expr) => Expr;

/**
 * A copy of a node with its own expressions and the nodes below it replaced. A node without either is given back as it is: scans
 * are known by identity. What a table's rules say of its rows stays as it is.
 *
 * @param below - maps an input; it may answer the same node.
 */
export function mapNode(node: Logical, f: MapExpr, below: (node: Logical) => Logical): Logical {
  switch (node.kind) {
    case 'scan':
    case 'virtual':
    case 'onerow':
    case 'ctescan':
      return node;
    case 'function':
      return {
        ...node,
        calls: node.calls.map((c) => ({ ...c, call: { ...c.call, args: c.call.args.map(f) } })),
      };
    case 'values':
      return { ...node, rows: node.rows.map((row) => row.map(f)) };
    case 'filter':
      return { ...node, input: below(node.input), predicate: f(node.predicate) };
    case 'project':
      return { ...node, input: below(node.input), exprs: node.exprs.map(f) };
    case 'join':
      return {
        ...node,
        left: below(node.left),
        right: below(node.right),
        on: node.on === undefined ? undefined : f(node.on),
      };
    case 'aggregate':
      return {
        ...node,
        input: below(node.input),
        groups: node.groups.map(f),
        calls: node.calls.map((call) => mapCall(call, f)),
      };
    case 'window':
      return mapWindow(node, f, below);
    case 'sort':
      return { ...node, input: below(node.input), keys: mapKeys(node.keys, f) };
    case 'limit':
      return {
        ...node,
        input: below(node.input),
        limit: node.limit === undefined ? undefined : f(node.limit),
        offset: node.offset === undefined ? undefined : f(node.offset),
        ties: node.ties === undefined ? undefined : mapKeys(node.ties, f),
      };
    case 'distinct':
      return { ...node, input: below(node.input), on: node.on?.map(f) };
    case 'setop':
      return { ...node, left: below(node.left), right: below(node.right) };
    case 'with':
      return { ...node, ctes: node.ctes.map((cte) => ({ ...cte, plan: below(cte.plan) })), body: below(node.body) };
    case 'recursive':
      return { ...node, base: below(node.base), step: below(node.step) };
    case 'lock':
      return { ...node, input: below(node.input) };
    case 'insert':
      return mapInsert(node, f, below);
    case 'update':
      return {
        ...node,
        input: below(node.input),
        set: node.set.map((s) => ({ ...s, expr: f(s.expr) })),
        returning: mapReturning(node.returning, f),
      };
    case 'delete':
      return { ...node, input: below(node.input), returning: mapReturning(node.returning, f) };
  }
}

function mapKeys(keys: readonly SortKey[], f: MapExpr): SortKey[] {
  return keys.map((key) => ({ ...key, expr: f(key.expr) }));
}

function mapCall(call: AggregateCall, f: MapExpr): AggregateCall {
  return {
    ...call,
    args: call.args.map(f),
    direct: call.direct.map(f),
    order: mapKeys(call.order, f),
    ...(call.filter === undefined ? {} : { filter: f(call.filter) }),
  };
}

function mapWindow(node: WindowNode, f: MapExpr, below: (node: Logical) => Logical): WindowNode {
  const bound = (b: FrameBound): FrameBound => ('offset' in b ? { ...b, offset: f(b.offset) } : b);
  return {
    ...node,
    input: below(node.input),
    partition: node.partition.map(f),
    order: mapKeys(node.order, f),
    frame: { ...node.frame, start: bound(node.frame.start), end: bound(node.frame.end) },
    calls: node.calls.map((call) => ({
      ...call,
      args: call.args.map(f),
      ...(call.filter === undefined ? {} : { filter: f(call.filter) }),
    })),
  };
}

function mapInsert(node: InsertNode, f: MapExpr, below: (node: Logical) => Logical): InsertNode {
  const conflict = node.onConflict;
  return {
    ...node,
    source: below(node.source),
    onConflict:
      conflict === undefined
        ? undefined
        : {
            ...conflict,
            set: conflict.set.map((s) => ({ ...s, expr: f(s.expr) })),
            where: conflict.where === undefined ? undefined : f(conflict.where),
          },
    returning: mapReturning(node.returning, f),
  };
}

function mapReturning(returning: Returning | undefined, f: MapExpr): Returning | undefined {
  return returning === undefined ? undefined : { ...returning, exprs: returning.exprs.map(f) };
}
