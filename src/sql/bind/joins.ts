/** Joins: their conditions, merged columns of USING and NATURAL, and the names that are visible above them. */

import type { Name } from '../ast/names.ts';
import type { JoinItem } from '../ast/queries.ts';
import type { Column, Expr, JoinNode, Logical } from '../plan/logical.ts';
import { freeColumns, touches } from '../plan/walk.ts';
import type { Binding } from './binding.ts';
import { coerceToBoolean, coerceToCommon, commonType } from './coerce.ts';
import { bindExpression } from './expressions.ts';
import { type BoundFrom, bindFromItem, makeItem } from './from.ts';
import { operatorCall } from './operators.ts';
import { checkNames, type Item, inClause, type Level, type ScopeColumn, withItems } from './scope.ts';

/** A join node; what its outer side makes nullable is so in its columns. */
export function joinNode(type: JoinNode['type'], left: Logical, right: Logical, on: Expr | undefined): JoinNode {
  const made = new Set(left.columns.map((c) => c.id));
  const lateral = touches(freeColumns(right), made);
  const nullable = (column: Column): Column => (column.notNull === true ? { ...column, notNull: false } : column);
  const leftColumns = type === 'right' || type === 'full' ? left.columns.map(nullable) : left.columns;
  const rightColumns = type === 'left' || type === 'full' ? right.columns.map(nullable) : right.columns;
  return { kind: 'join', type, left, right, on, lateral, columns: [...leftColumns, ...rightColumns] };
}

export function bindJoin(b: Binding, level: Level, item: JoinItem, siblings: readonly Item[]): BoundFrom {
  const left = bindFromItem(b, level, item.left, siblings);
  const hides = item.join === 'right' || item.join === 'full';
  for (const seen of left.items) seen.forbidden = hides;
  const right = bindFromItem(b, level, item.right, [...siblings, ...left.items]);
  for (const seen of left.items) seen.forbidden = false;
  checkNames(b, left.items, right.items);
  const type = item.join === 'cross' ? 'inner' : item.join;
  const names = item.natural ? commonNames(left, right) : (item.using ?? []);
  const merged = names.map((name) => mergeColumn(b, left, right, name, type));
  let on = conjunctionOf(merged.map((m) => m.equal));
  if (item.on !== null) {
    const condition = item.on;
    on = inClause(level, 'JOIN conditions', () =>
      withItems(level, [...left.items, ...right.items], () =>
        coerceToBoolean(b, bindExpression(b, level, condition), 'JOIN/ON'),
      ),
    );
  }
  const node = joinNode(type, left.node, right.node, on);
  return { node, items: joinItems(b, level, item, left, right, merged) };
}

function conjunctionOf(parts: readonly Expr[]): Expr | undefined {
  if (parts.length < 2) return parts[0];
  return { kind: 'and', args: parts, type: 16, typmod: -1 };
}

function visibleColumns(side: BoundFrom): readonly ScopeColumn[] {
  return side.items.filter((item) => item.unqualified).flatMap((item) => item.columns);
}

function commonNames(left: BoundFrom, right: BoundFrom): Name[] {
  const rightNames = new Set(visibleColumns(right).map((c) => c.name));
  const names = new Set(visibleColumns(left).map((c) => c.name));
  return [...names].filter((name) => rightNames.has(name)).map((text) => ({ text, at: 0 }));
}

interface MergedColumn {
  readonly name: string;
  readonly left: ScopeColumn;
  readonly right: ScopeColumn;
  readonly expr: Expr;
  readonly equal: Expr;
}

/** A column of USING: its equality, and the one column that stands for both. */
function mergeColumn(b: Binding, left: BoundFrom, right: BoundFrom, name: Name, type: JoinNode['type']): MergedColumn {
  const pick = (side: BoundFrom, which: string): ScopeColumn => {
    const found = visibleColumns(side).filter((c) => c.name === name.text);
    if (found.length === 1) return found[0]!;
    if (found.length === 0)
      throw b.error(
        'undefined_column',
        `column "${name.text}" specified in USING clause does not exist in ${which} table`,
        undefined,
      );
    throw b.error(
      'ambiguous_column',
      `common column name "${name.text}" appears more than once in ${which} table`,
      undefined,
    );
  };
  const l = pick(left, 'left');
  const r = pick(right, 'right');
  const equal = operatorCall(b, '=', null, l.expr, r.expr, name.at);
  const common = commonType(b, [l.expr, r.expr], 'JOIN/USING');
  const [from, to] = [l.expr, r.expr].map((expr) => coerceToCommon(b, expr, common, 'JOIN/USING'));
  const both: Expr = { kind: 'coalesce', args: [from!, to!], type: common, typmod: -1 };
  return { name: name.text, left: l, right: r, expr: type === 'full' ? both : type === 'right' ? to! : from!, equal };
}

/** The names of a join: its sides by their aliases, and all columns unqualified with the merged ones first. */
function joinItems(
  b: Binding,
  level: Level,
  item: JoinItem,
  left: BoundFrom,
  right: BoundFrom,
  merged: readonly MergedColumn[],
): Item[] {
  const nullableLeft = item.join === 'right' || item.join === 'full';
  const nullableRight = item.join === 'left' || item.join === 'full';
  const drop = (columns: readonly ScopeColumn[], nullable: boolean): ScopeColumn[] =>
    columns.map((column) => (nullable && column.notNull === true ? { ...column, notNull: false } : column));
  const leftColumns = drop(
    visibleColumns(left).filter((c) => !merged.some((m) => m.left === c)),
    nullableLeft,
  );
  const rightColumns = drop(
    visibleColumns(right).filter((c) => !merged.some((m) => m.right === c)),
    nullableRight,
  );
  const mergedColumns = merged.map((m): ScopeColumn => {
    const kept = m.expr === m.left.expr ? m.left : m.expr === m.right.expr ? m.right : undefined;
    return kept === undefined ? { name: m.name, expr: m.expr } : { ...kept, name: m.name, named: undefined };
  });
  const columns = [...mergedColumns, ...leftColumns, ...rightColumns];
  const whole: Item = { ...makeItem(b, item.alias, null, columns), qualified: item.alias !== null };
  const inner = [...left.items, ...right.items];
  for (const seen of inner) {
    seen.unqualified = false;
    if (item.alias !== null) seen.qualified = false;
  }
  const items = [...inner, level.register(whole)];
  if (item.usingAlias !== null) {
    const usingItem = {
      ...makeItem(b, { name: item.usingAlias, columns: [] }, null, mergedColumns),
      unqualified: false,
    };
    items.push(usingItem);
  }
  return items;
}
