/** ON CONFLICT: which unique indexes are meant, and DO UPDATE over the existing and the excluded row. */
import type { IndexObject, TableObject } from '../../engine/catalog.ts';
import type { Expression } from '../ast/expressions.ts';
import type { OnConflict as OnConflictClause } from '../ast/queries.ts';
import type { Column, Expr } from '../plan/logical.ts';
import type { OnConflict } from '../plan/logical-changes.ts';
import { conjunctsOf } from '../plan/walk.ts';
import type { Binding } from './binding.ts';
import { bindAssignments } from './changes.ts';
import { coerceToBoolean } from './coerce.ts';
import { keyOf } from './expression-keys.ts';
import { bindExpression } from './expressions.ts';
import { bindIndex, rowColumns, rowItem } from './rules.ts';
import { inClause, Level } from './scope.ts';

export function bindConflict(
  b: Binding,
  clause: OnConflictClause,
  table: TableObject,
  alias: string,
  row: readonly Column[],
  parent: Level | null,
): OnConflict {
  const existing = rowColumns(b, table);
  const arbiters = bindArbiters(b, clause, table, row);
  if (clause.update === null) return { arbiters, action: 'nothing', existing, set: [], where: undefined };
  if (clause.target === null) {
    throw b.error(
      'syntax_error',
      'ON CONFLICT DO UPDATE requires inference specification or constraint name',
      clause.at,
      {
        hint: 'For example, ON CONFLICT (column_name).',
      },
    );
  }
  const { update } = clause;
  const level = new Level(parent);
  level.items = [rowItem(b, table, alias, existing), { ...rowItem(b, table, 'excluded', row), unqualified: false }];
  for (const item of level.items) level.register(item);
  const set = inClause(level, 'UPDATE', () => bindAssignments(b, level, table, update.set));
  const where =
    update.where === null
      ? undefined
      : inClause(level, 'WHERE', () => coerceToBoolean(b, bindExpression(b, level, update.where!), 'WHERE'));
  return { arbiters, action: 'update', existing, set, where };
}

function bindArbiters(b: Binding, clause: OnConflictClause, table: TableObject, row: readonly Column[]): IndexObject[] {
  const { target } = clause;
  const { catalog } = b.context;
  if (target === null) return [];
  if (target.kind === 'constraint') {
    const found = catalog
      .constraintsOf(table.oid)
      .find((c) => c.name === target.name.text && (c.type === 'primary' || c.type === 'unique'));
    const index = found === undefined ? undefined : catalog.indexesOf(table.oid).find((i) => i.oid === found.index);
    if (index === undefined) {
      throw b.error(
        'undefined_object',
        `constraint "${target.name.text}" for table "${table.name}" does not exist`,
        undefined,
      );
    }
    if (index.disabled === true) {
      throw b.error('object_not_in_prerequisite_state', `index "${index.name}" is disabled`, target.name.at, {
        hint: `ALTER INDEX ${index.name} ON ${table.name} REBUILD`,
      });
    }
    return [index];
  }
  const level = new Level(null);
  level.items = [level.register(rowItem(b, table, table.name, row))];
  const wanted = new Set(
    inClause(level, 'index', () =>
      target.items.map((item) => keyOf(bindConflictItem(b, level, item.expression, target.at))),
    ),
  );
  const condition =
    target.where === null
      ? undefined
      : inClause(level, 'index', () => coerceToBoolean(b, bindExpression(b, level, target.where!), 'WHERE'));
  const matching = catalog
    .liveIndexesOf(table.oid)
    .filter((index) => index.unique && infers(b, table, row, index, wanted, condition));
  if (matching.length === 0) {
    throw b.error(
      'invalid_column_reference',
      'there is no unique or exclusion constraint matching the ON CONFLICT specification',
      undefined,
    );
  }
  return matching;
}

/** A bare column's error points to the list, as PostgreSQL's does. */
function bindConflictItem(b: Binding, level: Level, e: Expression, at: number): Expr {
  const isBare = e.kind === 'column' && e.parts.length === 1;
  return bindExpression(b, level, isBare ? { ...e, parts: [{ text: e.parts[0]!.text, at }] } : e);
}

/** The index has exactly these keys, and its predicate follows from the condition given. */
function infers(
  b: Binding,
  table: TableObject,
  row: readonly Column[],
  index: IndexObject,
  wanted: ReadonlySet<string>,
  condition: Expr | undefined,
): boolean {
  const { keys, predicate } = bindIndex(b, table, row, index);
  const own = new Set(keys.map(keyOf));
  if (own.size !== wanted.size || [...own].some((key) => !wanted.has(key))) return false;
  const given = new Set(conjunctsOf(condition).map(keyOf));
  return conjunctsOf(predicate).every((part) => given.has(keyOf(part)));
}
