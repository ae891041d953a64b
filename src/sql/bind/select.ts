/**
 * The select core with its tail.
 *
 *     FROM → WHERE → aggregate → HAVING → windows → select list → DISTINCT → ORDER BY → LIMIT
 *
 * Sorting comes before the select list where that changes nothing (no DISTINCT, no sets, no volatile keys): the keys then
 * stand over the rows of FROM, where the planner can answer them with an index, and FOR UPDATE can lock below the limit.
 */
import type { SortItem } from '../ast/expressions.ts';
import type { GroupItem, LockingClause, Query, SelectBody } from '../ast/queries.ts';
import type { Column, Expr, Logical, SortKey } from '../plan/logical.ts';
import type { LockNode } from '../plan/logical-changes.ts';
import { hasSubquery, isVolatile } from '../plan/walk.ts';
import { type Binding, columnRef } from './binding.ts';
import { coerceToBoolean, resolveUntyped } from './coerce.ts';
import { keyOf } from './expression-keys.ts';
import { bindExpression } from './expressions.ts';
import { bindFromList } from './from.ts';
import { Grouping } from './grouping.ts';
import { outputName } from './output-names.ts';
import type { Draft } from './queries.ts';
import { expandStar } from './references.ts';
import { inClause, Level, type ScopeColumn } from './scope.ts';
import { checkOrderable, outputColumn, sortKey } from './sorting.ts';
import { limited } from './tails.ts';
import { declareWindows } from './windows.ts';

interface Target {
  readonly name: string;
  readonly expr: Expr;
  readonly source: ScopeColumn | null;
}

/** An ORDER BY or DISTINCT ON item: an output column by number, or an expression of its own. */
type Key = { readonly output: number } | { readonly expr: Expr };

interface Bound {
  readonly level: Level;
  readonly input: Logical;
  readonly where: Expr | undefined;
  readonly targets: readonly Target[];
  readonly groups: readonly Expr[] | null;
  readonly having: Expr | undefined;
  readonly order: readonly { readonly key: Key; readonly item: SortItem }[];
  readonly distinctOn: readonly Key[] | null;
}

export function bindSelect(b: Binding, query: Query, body: SelectBody, parent: Level | null): Draft {
  if (body.into !== null) throw b.error('syntax_error', 'SELECT ... INTO is not allowed here', body.into.at);
  const level = new Level(parent);
  const from = bindFromList(b, level, body.from, null);
  level.items = from?.items ?? [];
  const input: Logical = from?.node ?? { kind: 'onerow', columns: [] };
  const where = condition(b, level, body.where, 'WHERE');
  declareWindows(b, level, body.windows);
  const targets = inClause(level, 'select list', () => bindTargets(b, level, body));
  const order = inClause(level, 'ORDER BY', () =>
    query.orderBy.map((item) => ({ item, key: bindKey(b, level, targets, item.expression, 'ORDER BY') })),
  );
  const groups = inClause(level, 'GROUP BY', () => bindGroups(b, level, body.groupBy, targets));
  const having = condition(b, level, body.having, 'HAVING');
  const distinctOn =
    body.distinctOn === null
      ? null
      : inClause(level, 'ORDER BY', () => body.distinctOn!.map((e) => bindKey(b, level, targets, e, 'DISTINCT ON')));
  const isGrouped = groups.length > 0 || having !== undefined || body.groupBy.length > 0;
  const bound: Bound = { level, input, where, targets, groups: isGrouped ? groups : null, having, order, distinctOn };
  // A literal that is grouped by or sorted by is a text already there.
  const mustType = body.distinct || order.length > 0 || body.groupBy.length > 0;
  const exprs = targets.map((target) => (mustType ? resolveUntyped(b, target.expr) : target.expr));
  return {
    exprs,
    names: targets.map((target) => target.name),
    build: (final) => build(b, query, body, parent, bound, final),
  };
}

function condition(b: Binding, level: Level, e: SelectBody['where'], clause: 'WHERE' | 'HAVING'): Expr | undefined {
  return e === null
    ? undefined
    : inClause(level, clause, () => coerceToBoolean(b, bindExpression(b, level, e), clause));
}

/** Select and RETURNING lists. */
export function bindTargets(b: Binding, level: Level, body: Pick<SelectBody, 'targets'>): Target[] {
  return body.targets.flatMap(({ expression, alias }): Target[] => {
    if (expression.kind === 'star') {
      const columns = expandStar(b, level, expression, () => bindExpression(b, level, expression.of ?? expression));
      return columns.map((column) => ({ name: column.name, expr: column.expr, source: column }));
    }
    const expr = bindExpression(b, level, expression);
    if (alias === null && expression.kind === 'column') b.notes({ what: 'output', at: expression.parts.at(-1)!.at });
    return [{ name: alias?.text ?? outputName(expression), expr, source: sourceOf(level, expr) }];
  });
}

/** The FROM column that an expression is, unchanged. */
function sourceOf(level: Level, expr: Expr): ScopeColumn | null {
  if (expr.kind !== 'column') return null;
  for (const item of level.allItems()) {
    for (const column of item.columns) if (column.expr.kind === 'column' && column.expr.id === expr.id) return column;
  }
  return null;
}

function bindKey(b: Binding, level: Level, targets: readonly Target[], e: SortItem['expression'], clause: string): Key {
  const output = outputColumn(
    b,
    level,
    e,
    targets.map((t) => t.name),
    targets.map((t) => keyOf(t.expr)),
    clause,
  );
  if (output !== undefined) return { output };
  const expr = resolveUntyped(b, bindExpression(b, level, e));
  const same = targets.findIndex((target) => keyOf(target.expr) === keyOf(expr));
  return same >= 0 ? { output: same } : { expr };
}

function bindGroups(b: Binding, level: Level, items: readonly GroupItem[], targets: readonly Target[]): Expr[] {
  return items.flatMap((item): Expr[] => {
    if (item.kind === 'empty') return [];
    if (item.kind !== 'expression')
      throw b.unsupported(item.kind === 'sets' ? 'GROUPING SETS' : item.kind.toUpperCase(), item.at);
    const e = item.expression;
    if (e.kind === 'row' && !e.explicit)
      return bindGroups(
        b,
        level,
        e.items.map((expression) => ({ kind: 'expression', expression })),
        targets,
      );
    const output = outputColumn(
      b,
      level,
      e,
      targets.map((t) => t.name),
      targets.map((t) => keyOf(t.expr)),
      'GROUP BY',
    );
    const expr = resolveUntyped(b, output === undefined ? bindExpression(b, level, e) : targets[output]!.expr);
    checkGroup(b, level, expr, e.at);
    return [expr];
  });
}

function checkGroup(b: Binding, level: Level, expr: Expr, at: number): void {
  checkOrderable(b, expr, at);
  const key = keyOf(expr);
  for (const { column } of level.aggregates) {
    if (key.includes(`#${column.id}:`))
      throw b.error('grouping_error', 'aggregate functions are not allowed in GROUP BY', at);
  }
}

function build(
  b: Binding,
  query: Query,
  body: SelectBody,
  parent: Level | null,
  bound: Bound,
  final: readonly Expr[],
): Logical {
  const { level, targets, order } = bound;
  let node = bound.where === undefined ? bound.input : filter(bound.input, bound.where);
  let exprs = final;
  let extra = order.map(({ key }) => ('expr' in key ? key.expr : null));
  let onExtra = (bound.distinctOn ?? []).map((key) => ('expr' in key ? key.expr : null));
  if (bound.groups !== null || level.aggregates.length > 0) {
    const grouping = new Grouping(b, level, bound.groups ?? []);
    const rewrite = (expr: Expr | null) => (expr === null ? null : grouping.rewrite(expr));
    exprs = exprs.map((expr) => grouping.rewrite(expr));
    extra = extra.map(rewrite);
    onExtra = onExtra.map(rewrite);
    const having = bound.having === undefined ? undefined : grouping.rewrite(bound.having);
    const windows = windowNodes(level, (expr) => grouping.rewrite(expr));
    node = grouping.build(node);
    if (having !== undefined) node = filter(node, having);
    node = windows(node);
  } else node = windowNodes(level, (expr) => expr)(node);
  const columns = targets.map((target, i) => outputColumnOf(b, target, exprs[i]!));
  const keys = order.map(
    ({ key, item }, i): SortKey => sortKey(b, 'output' in key ? exprs[key.output]! : extra[i]!, item),
  );
  if (query.locking.length > 0) node = lockRows(b, query, body, bound, sorted(node, keys));
  const simple = !body.distinct && !level.hasSets && keys.every(({ expr }) => !isVolatile(expr) && !hasSubquery(expr));
  if (query.locking.length > 0 || simple) {
    const input = query.locking.length > 0 ? node : sorted(node, keys);
    return limitedSimple(
      b,
      query,
      parent,
      { kind: 'project', input, exprs, columns, hasSets: level.hasSets },
      keys,
      order,
    );
  }
  return sortedAfter(b, query, body, parent, {
    node,
    exprs,
    columns,
    keys,
    order,
    onExtra,
    distinctOn: bound.distinctOn,
    hasSets: level.hasSets,
  });
}

/** A limit above the select list; for WITH TIES it goes below, where the sort keys are. */
function limitedSimple(
  b: Binding,
  query: Query,
  parent: Level | null,
  project: Extract<Logical, { kind: 'project' }>,
  keys: readonly SortKey[],
  order: Bound['order'],
): Logical {
  if (!query.withTies) return limited(b, query, parent, project, order.length > 0 ? keys : []);
  return { ...project, input: limited(b, query, parent, project.input, keys) };
}

function filter(input: Logical, predicate: Expr): Logical {
  return { kind: 'filter', input, predicate, columns: input.columns };
}

function sorted(input: Logical, keys: readonly SortKey[]): Logical {
  return keys.length === 0 ? input : { kind: 'sort', input, keys, columns: input.columns };
}

function outputColumnOf(b: Binding, { name, source }: Target, expr: Expr): Column {
  const column = b.column(name, expr.type, expr.typmod);
  b.keepFields(column, expr);
  if (source === null || expr.kind !== 'column') return column;
  const known = source.notNull === undefined ? column : { ...column, notNull: source.notNull };
  return source.origin === undefined ? known : { ...known, origin: source.origin };
}

/** One node per window definition, over the columns below. */
function windowNodes(level: Level, rewrite: (expr: Expr) => Expr): (input: Logical) => Logical {
  const windows = level.windows.map((window) => ({
    partition: window.partition.map(rewrite),
    order: window.order.map((key) => ({ ...key, expr: rewrite(key.expr) })),
    frame: window.frame,
    calls: window.calls.map(({ call }) => {
      const args = call.args.map(rewrite);
      return call.filter === undefined ? { ...call, args } : { ...call, args, filter: rewrite(call.filter) };
    }),
    columns: window.calls.map((c) => c.column),
  }));
  return (input) =>
    windows.reduce<Logical>(
      (node, { columns, ...window }) => ({
        kind: 'window',
        input: node,
        ...window,
        columns: [...node.columns, ...columns],
      }),
      input,
    );
}

interface SortedAfter {
  readonly node: Logical;
  readonly exprs: readonly Expr[];
  readonly columns: readonly Column[];
  readonly keys: readonly SortKey[];
  readonly order: Bound['order'];
  readonly onExtra: readonly (Expr | null)[];
  readonly distinctOn: readonly Key[] | null;
  readonly hasSets: boolean;
}

/** The select list first, with hidden columns for keys that are not in it; then DISTINCT, sort, limit. */
function sortedAfter(b: Binding, query: Query, body: SelectBody, parent: Level | null, s: SortedAfter): Logical {
  const exprs = [...s.exprs];
  const columns = [...s.columns];
  const place = (expr: Expr): Column => {
    const at = exprs.findIndex((other) => keyOf(other) === keyOf(expr) && !isVolatile(other));
    if (at >= 0) return columns[at]!;
    exprs.push(expr);
    const column = b.column('', expr.type, expr.typmod);
    columns.push(column);
    return column;
  };
  const keys = s.keys.map((key, i): SortKey => {
    const source = s.order[i]!;
    if ('expr' in source.key && body.distinct && s.distinctOn === null) {
      throw b.error(
        'invalid_column_reference',
        'for SELECT DISTINCT, ORDER BY expressions must appear in select list',
        source.item.at,
      );
    }
    const column = 'output' in source.key ? columns[source.key.output]! : place(key.expr);
    return { ...key, expr: columnRef(column) };
  });
  const on = s.distinctOn?.map((key, i) => columnRef('output' in key ? columns[key.output]! : place(s.onExtra[i]!)));
  if (on !== undefined) checkDistinctOn(b, on, keys, body);
  for (const [i, column] of columns.entries())
    if (body.distinct && s.distinctOn === null)
      checkOrderable(b, exprs[i]!, body.targets[i]?.expression.at ?? column.id);
  let node: Logical = { kind: 'project', input: s.node, exprs, columns, hasSets: s.hasSets };
  if (body.distinct && on === undefined) node = { kind: 'distinct', input: node, on: undefined, columns };
  node = sorted(node, keys);
  if (on !== undefined) node = { kind: 'distinct', input: node, on, columns };
  node = limited(b, query, parent, node, keys);
  if (columns.length === s.columns.length) return node;
  const visible = s.columns.map((column) => ({ ...column, id: b.newId() }));
  return {
    kind: 'project',
    input: node,
    exprs: s.columns.map((column) => columnRef(column)),
    columns: visible,
    hasSets: false,
  };
}

/** The first sort keys must be the DISTINCT ON expressions, in any order. */
function checkDistinctOn(b: Binding, on: readonly Expr[], keys: readonly SortKey[], body: SelectBody): void {
  const wanted = new Set(on.map(keyOf));
  const leading = keys.slice(0, wanted.size);
  if (leading.every((key) => wanted.has(keyOf(key.expr)))) return;
  throw b.error(
    'invalid_column_reference',
    'SELECT DISTINCT ON expressions must match initial ORDER BY expressions',
    body.distinctOn?.[0]?.at,
  );
}

// ── FOR UPDATE ─────────────────────────────────────────────────────────────────────────────────────────────────────────

function lockRows(b: Binding, query: Query, body: SelectBody, bound: Bound, input: Logical): Logical {
  const { level } = bound;
  const first = query.locking[0]!;
  const refuse = (what: string) =>
    b.error('feature_not_supported', `FOR ${first.strength.toUpperCase()} is not allowed with ${what}`, undefined);
  if (body.distinct) throw refuse('DISTINCT clause');
  if (body.groupBy.length > 0) throw refuse('GROUP BY clause');
  if (bound.having !== undefined) throw refuse('HAVING clause');
  if (level.aggregates.length > 0) throw refuse('aggregate functions');
  if (level.windows.length > 0) throw refuse('window functions');
  if (level.hasSets) throw refuse('set-returning functions in the target list');
  const targets: LockNode['targets'][number][] = [];
  for (const clause of query.locking) targets.push(...lockTargets(b, level, clause));
  return { kind: 'lock', input, targets, columns: input.columns };
}

function lockTargets(b: Binding, level: Level, clause: LockingClause): LockNode['targets'][number][] {
  const wait = clause.wait === 'skip locked' ? 'skip' : clause.wait;
  const items = level.allItems().filter((item) => item.scan !== null);
  const chosen =
    clause.of.length === 0
      ? items
      : clause.of.map((name) => {
          const found = level.allItems().find((item) => item.alias === name.name && item.qualified);
          if (found === undefined) {
            throw b.error(
              'undefined_table',
              `relation "${name.name}" in FOR ${clause.strength.toUpperCase()} clause not found in FROM clause`,
              name.at,
            );
          }
          if (found.scan === null)
            throw b.unsupported(`FOR ${clause.strength.toUpperCase()} of "${name.name}", which is no table`, name.at);
          return found;
        });
  return chosen.flatMap(({ scan }) => {
    if (scan === null) return [];
    b.locks(scan.node.table, 'row share');
    return [{ scan: scan.node, strength: clause.strength, wait }];
  });
}
