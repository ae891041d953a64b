/**
 * Scalar expressions.
 *
 * The tree says what was written, with precedence resolved and nothing looked up: `a < b` is an operator named `<`, not a
 * function. Syntax that PostgreSQL's grammar defines as a call (`extract`, `substring … from`, `at time zone`, `overlay`)
 * is a {@link CallExpression} of the function it stands for, in schema `pg_catalog`, with `written` telling the spelling.
 */

import type { Name, QualifiedName, TypeName } from './names.ts';
import type { Query } from './queries.ts';

export type Expression =
  | LiteralExpression
  | ParameterExpression
  | ColumnExpression
  | StarExpression
  | OperatorExpression
  | LogicalExpression
  | NotExpression
  | IsExpression
  | DistinctFromExpression
  | BetweenExpression
  | InExpression
  | LikeExpression
  | QuantifiedExpression
  | ExistsExpression
  | ScalarQueryExpression
  | ArrayExpression
  | ArrayQueryExpression
  | RowExpression
  | CaseExpression
  | CastExpression
  | CollateExpression
  | CallExpression
  | ConditionalExpression
  | SqlValueExpression
  | FieldExpression
  | SubscriptExpression
  | GroupingExpression
  | DefaultExpression
  | CurrentOfExpression;

/** `integer` has no point or exponent whatever its size; the binder chooses int4, int8 or numeric. */
export type LiteralClass = 'integer' | 'numeric' | 'string' | 'bit' | 'boolean' | 'null';

/** A constant. `text` is the value after escapes (`bit`: `b101` or `xff`; boolean: `t` or `f`; null: empty). */
export interface LiteralExpression {
  readonly kind: 'literal';
  readonly at: number;
  readonly literal: LiteralClass;
  readonly text: string;
  /**
   * Index into the values that the normaliser took from this statement, or −1 when the literal is part of the cache key.
   * A plan that reads the text of a literal with a slot is valid for this text alone and must record the assumption.
   */
  readonly slot: number;
}

/** `$n`, numbered from 1. */
export interface ParameterExpression {
  readonly kind: 'parameter';
  readonly at: number;
  readonly number: number;
}

/** `c`, `t.c`, `s.t.c`, `d.s.t.c`; may turn out to be a whole-row reference or a composite's field. */
export interface ColumnExpression {
  readonly kind: 'column';
  readonly at: number;
  readonly parts: readonly Name[];
}

/** `*`, `t.*`, `s.t.*`, or `(composite).*` when `of` is set. */
export interface StarExpression {
  readonly kind: 'star';
  readonly at: number;
  readonly qualifier: readonly Name[];
  readonly of: Expression | null;
}

/** Any operator by name; `left` is null for a prefix operator; `at` is the operator's. `<>` is spelt so, never `!=`. */
export interface OperatorExpression {
  readonly kind: 'operator';
  readonly at: number;
  /** From `OPERATOR(schema.op)`. */
  readonly schema: string | null;
  readonly operator: string;
  readonly left: Expression | null;
  readonly right: Expression;
}

/** `a AND b AND c` is one node with three operands. */
export interface LogicalExpression {
  readonly kind: 'logical';
  readonly at: number;
  readonly connective: 'and' | 'or';
  readonly operands: readonly Expression[];
}

export interface NotExpression {
  readonly kind: 'not';
  readonly at: number;
  readonly operand: Expression;
}

export interface IsExpression {
  readonly kind: 'is';
  readonly at: number;
  readonly operand: Expression;
  readonly test: 'null' | 'true' | 'false' | 'unknown';
  readonly negated: boolean;
}

export interface DistinctFromExpression {
  readonly kind: 'distinctFrom';
  readonly at: number;
  readonly left: Expression;
  readonly right: Expression;
  readonly negated: boolean;
}

export interface BetweenExpression {
  readonly kind: 'between';
  readonly at: number;
  readonly operand: Expression;
  readonly low: Expression;
  readonly high: Expression;
  readonly symmetric: boolean;
  readonly negated: boolean;
}

export interface InExpression {
  readonly kind: 'in';
  readonly at: number;
  readonly operand: Expression;
  /** Null when `query` is set. */
  readonly items: readonly Expression[] | null;
  readonly query: Query | null;
  readonly negated: boolean;
  /** As {@link LiteralExpression.slot}, when the whole list of literals is one array value; its items then have slot −1. */
  readonly slot: number;
}

export interface LikeExpression {
  readonly kind: 'like';
  readonly at: number;
  readonly match: 'like' | 'ilike' | 'similar';
  readonly operand: Expression;
  readonly pattern: Expression;
  readonly escape: Expression | null;
  readonly negated: boolean;
}

/** `x op ANY (…)`, `x op ALL (…)`; `LIKE ANY` has operator `~~`. Exactly one of `array`, `query` is set. */
export interface QuantifiedExpression {
  readonly kind: 'quantified';
  readonly at: number;
  readonly operand: Expression;
  readonly schema: string | null;
  readonly operator: string;
  readonly quantifier: 'any' | 'all';
  readonly array: Expression | null;
  readonly query: Query | null;
}

export interface ExistsExpression {
  readonly kind: 'exists';
  readonly at: number;
  readonly query: Query;
}

export interface ScalarQueryExpression {
  readonly kind: 'scalarQuery';
  readonly at: number;
  readonly query: Query;
}

/** `ARRAY[…]`; nested brackets are nested nodes. */
export interface ArrayExpression {
  readonly kind: 'array';
  readonly at: number;
  readonly items: readonly Expression[];
}

export interface ArrayQueryExpression {
  readonly kind: 'arrayQuery';
  readonly at: number;
  readonly query: Query;
}

/** `ROW(…)` or `(a, b)`. */
export interface RowExpression {
  readonly kind: 'row';
  readonly at: number;
  readonly items: readonly Expression[];
  readonly explicit: boolean;
}

export interface CaseBranch {
  readonly when: Expression;
  readonly result: Expression;
}

export interface CaseExpression {
  readonly kind: 'case';
  readonly at: number;
  readonly operand: Expression | null;
  readonly branches: readonly CaseBranch[];
  readonly otherwise: Expression | null;
}

export interface CastExpression {
  readonly kind: 'cast';
  /** The `::`, the `CAST`, or the type's name of a typed literal. */
  readonly at: number;
  readonly operand: Expression;
  readonly type: TypeName;
  readonly written: 'cast' | 'colons' | 'prefix';
}

export interface CollateExpression {
  readonly kind: 'collate';
  readonly at: number;
  readonly operand: Expression;
  readonly collation: QualifiedName;
}

export interface CallArgument {
  /** From `name => value`. */
  readonly name: Name | null;
  readonly value: Expression;
}

/** One sort key of ORDER BY, in a query, an aggregate, a window or an ON CONFLICT-free index list. */
export interface SortItem {
  readonly at: number;
  readonly expression: Expression;
  readonly direction: 'asc' | 'desc' | 'using' | 'default';
  /** Only with direction `using`. */
  readonly operator: { readonly schema: string | null; readonly name: string } | null;
  readonly nulls: 'first' | 'last' | 'default';
}

export interface CallExpression {
  readonly kind: 'call';
  readonly at: number;
  readonly name: QualifiedName;
  readonly args: readonly CallArgument[];
  /** `count(*)`. */
  readonly star: boolean;
  readonly distinct: boolean;
  /** The last argument was written `VARIADIC x`. */
  readonly variadic: boolean;
  readonly orderBy: readonly SortItem[];
  /** The ORDER BY came from WITHIN GROUP. */
  readonly withinGroup: boolean;
  readonly filter: Expression | null;
  readonly over: WindowDefinition | Name | null;
  /** `call`, or the SQL syntax that stands for it: `extract`, `position`, `overlay`, `substring`, `trim`, `at time zone`, `normalize`, `is normalized`, `overlaps`, `collation for`. */
  readonly written: string;
}

/** Grammar-level functions whose arguments are resolved to one common type. */
export interface ConditionalExpression {
  readonly kind: 'conditional';
  readonly at: number;
  readonly name: 'coalesce' | 'nullif' | 'greatest' | 'least';
  readonly args: readonly Expression[];
}

export type SqlValueName =
  | 'current_date'
  | 'current_time'
  | 'current_timestamp'
  | 'localtime'
  | 'localtimestamp'
  | 'current_role'
  | 'current_user'
  | 'session_user'
  | 'user'
  | 'current_catalog'
  | 'current_schema';

export interface SqlValueExpression {
  readonly kind: 'sqlValue';
  readonly at: number;
  readonly name: SqlValueName;
  readonly precision: number | null;
}

/** `(composite).field`. */
export interface FieldExpression {
  readonly kind: 'field';
  readonly at: number;
  readonly operand: Expression;
  readonly field: Name;
}

/** One `[i]` (then `upper` is null and `slice` false) or `[lower:upper]`. */
export interface Subscript {
  readonly slice: boolean;
  readonly lower: Expression | null;
  readonly upper: Expression | null;
}

export interface SubscriptExpression {
  readonly kind: 'subscript';
  readonly at: number;
  readonly operand: Expression;
  readonly subscripts: readonly Subscript[];
}

/** `GROUPING(a, b)`. */
export interface GroupingExpression {
  readonly kind: 'grouping';
  readonly at: number;
  readonly args: readonly Expression[];
}

/** `DEFAULT` as a value of INSERT or UPDATE. */
export interface DefaultExpression {
  readonly kind: 'default';
  readonly at: number;
}

/** `WHERE CURRENT OF cursor`. */
export interface CurrentOfExpression {
  readonly kind: 'currentOf';
  readonly at: number;
  readonly cursor: string;
}

export type FrameBound =
  | { readonly kind: 'unboundedPreceding' | 'currentRow' | 'unboundedFollowing' }
  | { readonly kind: 'preceding' | 'following'; readonly offset: Expression };

export interface Frame {
  readonly at: number;
  readonly unit: 'rows' | 'range' | 'groups';
  readonly start: FrameBound;
  readonly end: FrameBound;
  readonly exclude: 'no others' | 'current row' | 'group' | 'ties';
}

export interface WindowDefinition {
  readonly kind: 'window';
  readonly at: number;
  /** `OVER (w ORDER BY …)` refines window `w`. */
  readonly base: Name | null;
  readonly partitionBy: readonly Expression[];
  readonly orderBy: readonly SortItem[];
  readonly frame: Frame | null;
}
