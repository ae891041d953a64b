/**
 * Queries: WITH, set operations, VALUES, and the select core of `select.ts`.
 *
 * A query is first a {@link Draft}: its output expressions are known, but quoted literals among them may still be untyped.
 * Whoever asked for it decides: a set operation brings its arms to common types, INSERT to the types of its columns, and
 * everybody else makes text of them. Then the draft builds its node.
 */
import type { CommonTable, Query, SetOperationBody, ValuesBody, WithClause } from '../ast/queries.ts';
import type { ScalarClass } from '../lexer/literals.ts';
import type { Column, CteDefinition, Expr, Logical } from '../plan/logical.ts';
import type { Oid } from '../types/contracts.ts';
import { INT4_OID, INT8_OID, NUMERIC_OID, UNKNOWN_OID } from '../types/type-oids.ts';
import { type Binding, columnRef } from './binding.ts';
import { callNamed } from './calls.ts';
import { bindChange } from './changes.ts';
import { coerce, coerceToCommon, commonType, commonTypmod, locationOf, resolveUntyped } from './coerce.ts';
import { bindExpression } from './expressions.ts';
import { type CommonTableEntry, inClause, Level } from './scope.ts';
import { bindSelect } from './select.ts';
import { addTail } from './tails.ts';

export interface Draft {
  readonly exprs: readonly Expr[];
  readonly names: readonly string[];
  /** Puts the query together with these output expressions, the draft's own after conversion. */
  build(exprs: readonly Expr[]): Logical;
}

export interface BoundQuery {
  readonly node: Logical;
}

/** Binds a query whose untyped outputs become text. `parent` is the query around it, null for none. */
export function bindQuery(b: Binding, query: Query, parent: Level | null): BoundQuery {
  const draft = bindDraft(b, query, parent);
  return { node: draft.build(draft.exprs.map((expr) => resolveUntyped(b, expr))) };
}

export function bindDraft(b: Binding, query: Query, parent: Level | null): Draft {
  if (query.with === null) return bindBody(b, query, parent);
  const scope = new Level(parent);
  const tables = bindWith(b, query.with, scope);
  const inner = bindBody(b, query, scope);
  return { ...inner, build: (exprs) => withNode(tables, inner.build(exprs)) };
}

function bindBody(b: Binding, query: Query, parent: Level | null): Draft {
  const { body } = query;
  switch (body.kind) {
    case 'select':
      return bindSelect(b, query, body, parent);
    case 'values':
      return withTail(b, query, parent, bindValues(b, body, parent));
    case 'setOperation':
      return withTail(b, query, parent, bindSetOperation(b, body, parent));
  }
}

/** ORDER BY and LIMIT of a query that is no select core: they see the output columns only. */
function withTail(b: Binding, query: Query, parent: Level | null, draft: Draft): Draft {
  if (query.locking.length > 0) {
    const what = query.body.kind === 'values' ? 'VALUES' : 'UNION/INTERSECT/EXCEPT';
    throw b.error(
      'feature_not_supported',
      `FOR ${query.locking[0]!.strength.toUpperCase()} ${query.body.kind === 'values' ? 'cannot be applied to VALUES' : `is not allowed with ${what}`}`,
      query.locking[0]!.at,
    );
  }
  const hasTail = query.orderBy.length > 0 || query.limit !== null || query.offset !== null;
  return hasTail ? { ...draft, build: (exprs) => addTail(b, query, parent, draft.build(exprs)) } : draft;
}

// ── VALUES ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** `VALUES` as a query: every column has the common type of its items. */
function bindValues(b: Binding, body: ValuesBody, parent: Level | null): Draft {
  const level = new Level(parent);
  const width = body.rows[0]!.length;
  const table = body.slot >= 0 ? rowsParameter(b, body, null) : null;
  if (table !== null) return table;
  const rows = body.rows.map((row) => {
    if (row.length !== width)
      throw b.error('syntax_error', 'VALUES lists must all be the same length', row[0]?.at ?? body.at);
    return inClause(level, 'VALUES', () => row.map((item) => bindExpression(b, level, item)));
  });
  const types = Array.from({ length: width }, (_, i) =>
    commonType(
      b,
      rows.map((row) => row[i]!),
      'VALUES',
    ),
  );
  const typmods = types.map((type, i) =>
    commonTypmod(
      rows.map((row) => row[i]!),
      type,
    ),
  );
  const columns = types.map((type, i) => b.column(`column${i + 1}`, type, typmods[i]!));
  const converted = rows.map((row) => row.map((item, i) => coerceToCommon(b, item, types[i]!, 'VALUES')));
  return draftOf(b, { kind: 'values', rows: converted, columns });
}

const CLASS_TYPES: Readonly<Record<ScalarClass, Oid>> = {
  int4: INT4_OID,
  int8: INT8_OID,
  numeric: NUMERIC_OID,
  string: UNKNOWN_OID,
};

/**
 * Rows of literals as parameters: one array per column, side by side. The number of rows is then no part of the plan.
 *
 * @param targets the types that INSERT wants per column; null takes the literals' own
 * @returns null when a wanted type cannot be an array's element; the rows then are constants of this statement alone
 */
export function rowsParameter(b: Binding, body: ValuesBody, targets: readonly Oid[] | null): Draft | null {
  const value = b.values[body.slot];
  if (value?.kind !== 'rows') return null;
  const types = value.classes.map((kind, i) => targets?.[i] ?? (kind === 'string' ? 25 : CLASS_TYPES[kind]));
  const arrays = types.map((type) => b.type(type)?.arrayOid ?? 0);
  const isPlain = types.every((type, i) => arrays[i] !== 0 && b.type(type)?.category !== 'A');
  if (!isPlain || b.context.registry.functionsNamed('unnest').length === 0) {
    b.cacheable = false;
    return null;
  }
  const columns = types.map((type, i) => b.column(`column${i + 1}`, type));
  const calls = arrays.map((array, i) => {
    const call = callNamed(b, 'unnest', [b.literalParameter(body.slot, array, value.at, i)], value.at);
    if (call.kind !== 'call') throw b.unsupported('this list of rows', value.at);
    return { call, columnCount: 1, expand: false };
  });
  return draftOf(b, { kind: 'function', calls, ordinality: false, alias: '*VALUES*', columns });
}

/** A finished node as a draft: conversions become a projection above it. */
export function draftOf(b: Binding, node: Logical): Draft {
  return {
    exprs: node.columns.map((column) => columnRef(column)),
    names: node.columns.map((column) => column.name),
    build: (exprs) => {
      if (exprs.every((expr, i) => expr.kind === 'column' && expr.id === node.columns[i]!.id)) return node;
      const columns = exprs.map((expr, i) => b.column(node.columns[i]!.name, expr.type, expr.typmod));
      return { kind: 'project', input: node, exprs, columns, hasSets: false };
    },
  };
}

// ── set operations ─────────────────────────────────────────────────────────────────────────────────────────────────────

function bindSetOperation(b: Binding, body: SetOperationBody, parent: Level | null): Draft {
  const left = bindDraft(b, body.left, parent);
  if (body.right.body.kind === 'select' && body.right.body.into !== null)
    throw b.error(
      'syntax_error',
      'INTO is only allowed on first SELECT of UNION/INTERSECT/EXCEPT',
      body.right.body.into.at,
    );
  const right = bindDraft(b, body.right, parent);
  return combine(b, body, left, right);
}

function combine(b: Binding, body: SetOperationBody, left: Draft, right: Draft): Draft {
  const name = body.operation.toUpperCase();
  if (left.exprs.length !== right.exprs.length) {
    throw b.error(
      'syntax_error',
      `each ${name} query must have the same number of columns`,
      locationOf(right.exprs[0] ?? left.exprs[0]!),
    );
  }
  const types = left.exprs.map((expr, i) => commonType(b, [expr, right.exprs[i]!], name));
  const typmods = types.map((type, i) => commonTypmod([left.exprs[i]!, right.exprs[i]!], type));
  const arms = [left, right].map((arm) =>
    arm.build(arm.exprs.map((expr, i) => coerceToCommon(b, expr, types[i]!, name))),
  );
  const columns = types.map((type, i) => b.column(left.names[i]!, type, typmods[i]!));
  return draftOf(b, { kind: 'setop', op: body.operation, all: body.all, left: arms[0]!, right: arms[1]!, columns });
}

// ── WITH ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

interface BoundTable {
  readonly entry: CommonTableEntry;
  readonly name: string;
  readonly plan: Logical;
  readonly materialized: boolean | null;
}

/** Binds the tables of a WITH clause and names them in `scope`. */
export function bindWith(b: Binding, clause: WithClause, scope: Level): BoundTable[] {
  const tables: BoundTable[] = [];
  for (const cte of clause.ctes) {
    if (scope.ctes.has(cte.name.text)) {
      throw b.error('duplicate_alias', `WITH query name "${cte.name.text}" specified more than once`, cte.name.at);
    }
    const table = clause.recursive ? bindMaybeRecursive(b, cte, scope) : bindTable(b, cte, scope);
    scope.ctes.set(cte.name.text, table.entry);
    tables.push(table);
  }
  return tables;
}

/** Definitions are made when the query around them is bound and the references are counted. */
export function withNode(tables: readonly BoundTable[], body: Logical): Logical {
  const ctes = tables.map(
    ({ entry, name, plan, materialized }): CteDefinition => ({
      id: entry.id,
      name,
      plan,
      materialized: materialized ?? undefined,
      uses: entry.uses,
    }),
  );
  return { kind: 'with', ctes, body, columns: body.columns };
}

function bindTable(b: Binding, cte: CommonTable, scope: Level): BoundTable {
  const { statement } = cte;
  const plan = statement.kind === 'query' ? bindQuery(b, statement, scope).node : bindChange(b, statement, scope);
  return tableOf(b, cte, b.newCte(), plan);
}

function tableOf(b: Binding, cte: CommonTable, id: number, plan: Logical): BoundTable {
  const entry: CommonTableEntry = { id, columns: renamed(b, cte, plan.columns), forbidden: null, uses: 0 };
  return { entry, name: cte.name.text, plan, materialized: cte.materialized };
}

/** The columns under the names of `WITH name (a, b)`. */
function renamed(b: Binding, cte: CommonTable, columns: readonly Column[]): readonly Column[] {
  const { columns: names, name } = cte;
  if (names.length > columns.length) {
    const text = `WITH query "${name.text}" has ${columns.length} columns available but ${names.length} columns specified`;
    throw b.error('invalid_column_reference', text, name.at);
  }
  return columns.map((column, i) => ({ ...column, name: names[i]?.text ?? column.name }));
}

/** In WITH RECURSIVE a UNION whose right arm uses the table itself is recursive; anything else is an ordinary table. */
function bindMaybeRecursive(b: Binding, cte: CommonTable, scope: Level): BoundTable {
  const { statement, name } = cte;
  const id = b.newCte();
  const forbid = (reason: string, at?: number): CommonTableEntry => ({
    id,
    columns: [],
    forbidden: { reason, at },
    uses: 0,
  });
  if (
    statement.kind !== 'query' ||
    statement.body.kind !== 'setOperation' ||
    statement.body.operation !== 'union' ||
    statement.with !== null
  ) {
    scope.ctes.set(
      name.text,
      forbid(
        `recursive query "${name.text}" does not have the form non-recursive-term UNION [ALL] recursive-term`,
        name.at,
      ),
    );
    return bindTable(b, cte, scope);
  }
  const { body } = statement;
  scope.ctes.set(
    name.text,
    forbid(`recursive reference to query "${name.text}" must not appear within its non-recursive term`),
  );
  const left = bindDraft(b, body.left, scope);
  const base = left.build(left.exprs.map((expr) => resolveUntyped(b, expr)));
  const entry: CommonTableEntry = {
    id,
    columns: renamed(b, cte, base.columns),
    forbidden: null,
    uses: 0,
    recursionDepth: b.expressionDepth,
  };
  scope.ctes.set(name.text, entry);
  const right = bindDraft(b, body.right, scope);
  entry.recursionDepth = undefined;
  if (entry.uses === 0) {
    const draft = combine(b, body, draftOf(b, base), right);
    const node = withTail(b, statement, scope, draft).build(draft.exprs);
    return tableOf(b, cte, id, node);
  }
  refuseTail(b, statement);
  if (right.exprs.length !== base.columns.length) {
    throw b.error('syntax_error', 'each UNION query must have the same number of columns', body.right.at);
  }
  const step = right.build(
    right.exprs.map((expr, i) => recursiveColumn(b, expr, base.columns[i]!, i, name.text, locationOf(left.exprs[i]!))),
  );
  const columns = base.columns.map((column) => b.column(column.name, column.type, column.typmod));
  const plan: Logical = { kind: 'recursive', cte: id, all: body.all, base, step, columns };
  entry.uses = 0;
  return { entry, name: name.text, plan, materialized: cte.materialized };
}

function refuseTail(b: Binding, query: Query): void {
  const refuse = (what: string) =>
    b.error('feature_not_supported', `${what} in a recursive query is not implemented`, query.at);
  if (query.orderBy.length > 0) throw refuse('ORDER BY');
  if (query.offset !== null) throw refuse('OFFSET');
  if (query.limit !== null) throw refuse('LIMIT');
}

/** The recursive term must have the types of the other one. */
function recursiveColumn(
  b: Binding,
  expr: Expr,
  column: Column,
  i: number,
  name: string,
  at: number | undefined,
): Expr {
  if (expr.type === UNKNOWN_OID) return coerce(b, expr, { oid: column.type, typmod: -1 }, 'implicit');
  const overall = commonType(b, [columnRef(column), expr], 'UNION');
  if (overall === column.type) return coerceToCommon(b, expr, column.type, 'UNION');
  const text = `recursive query "${name}" column ${i + 1} has type ${b.typeName(column.type)} in non-recursive term but type ${b.typeName(overall)} overall`;
  throw b.error('datatype_mismatch', text, at, {
    hint: 'Cast the output of the non-recursive term to the correct type.',
  });
}
