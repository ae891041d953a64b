/**
 * Queries and the statements that change rows.
 *
 * Every query, at any depth, is one {@link Query}: an optional WITH, a body, and the tail (ORDER BY, LIMIT, locking) that
 * belongs to the whole body. A set operation's arms are queries again; an arm that was not parenthesised has an empty tail.
 */

import type { Expression, SortItem, Subscript, WindowDefinition } from './expressions.ts';
import type { Name, QualifiedName, TypeName } from './names.ts';

export interface Query {
  readonly kind: 'query';
  readonly at: number;
  readonly with: WithClause | null;
  readonly body: QueryBody;
  readonly orderBy: readonly SortItem[];
  /** Null is LIMIT ALL or none. */
  readonly limit: Expression | null;
  readonly withTies: boolean;
  readonly offset: Expression | null;
  readonly locking: readonly LockingClause[];
}

export type QueryBody = SelectBody | SetOperationBody | ValuesBody;

export interface SelectBody {
  readonly kind: 'select';
  readonly at: number;
  readonly distinct: boolean;
  /** Set by DISTINCT ON (…); then `distinct` is true. */
  readonly distinctOn: readonly Expression[] | null;
  readonly targets: readonly SelectTarget[];
  readonly from: readonly FromItem[];
  readonly where: Expression | null;
  readonly groupBy: readonly GroupItem[];
  readonly groupDistinct: boolean;
  readonly having: Expression | null;
  readonly windows: readonly NamedWindow[];
  /** Set by SELECT INTO. Where the statement makes that table it is gone before the query is bound. */
  readonly into: SelectInto | null;
}

/** The table that SELECT INTO makes. */
export interface SelectInto extends QualifiedName {
  readonly temporary: boolean;
  readonly unlogged: boolean;
}

export interface SelectTarget {
  readonly expression: Expression;
  readonly alias: Name | null;
}

export type GroupItem =
  | { readonly kind: 'expression'; readonly expression: Expression }
  | { readonly kind: 'empty'; readonly at: number }
  | { readonly kind: 'rollup' | 'cube' | 'sets'; readonly at: number; readonly items: readonly GroupItem[] };

export interface NamedWindow {
  readonly name: Name;
  readonly definition: WindowDefinition;
}

export interface SetOperationBody {
  readonly kind: 'setOperation';
  readonly at: number;
  readonly operation: 'union' | 'intersect' | 'except';
  readonly all: boolean;
  readonly left: Query;
  readonly right: Query;
}

/** `VALUES (…), (…)`. */
export interface ValuesBody {
  readonly kind: 'values';
  readonly at: number;
  readonly rows: readonly (readonly Expression[])[];
  /**
   * When the normaliser took all rows as one table of literals: its index among the values; otherwise −1. Then the plan
   * is the same whatever the number of rows, and the literals inside have slot −1.
   */
  readonly slot: number;
}

export interface WithClause {
  readonly at: number;
  readonly recursive: boolean;
  readonly ctes: readonly CommonTable[];
}

export interface CommonTable {
  readonly name: Name;
  readonly columns: readonly Name[];
  readonly materialized: boolean | null;
  readonly statement: Query | InsertStatement | UpdateStatement | DeleteStatement;
}

export interface LockingClause {
  readonly at: number;
  readonly strength: 'update' | 'no key update' | 'share' | 'key share';
  readonly of: readonly QualifiedName[];
  readonly wait: 'wait' | 'nowait' | 'skip locked';
}

export type FromItem = TableItem | FunctionItem | SubqueryItem | JoinItem;

export interface Alias {
  readonly name: Name;
  readonly columns: readonly Name[];
}

/** A table, view, sequence or CTE by name. */
export interface TableItem {
  readonly kind: 'table';
  readonly at: number;
  readonly name: QualifiedName;
  readonly only: boolean;
  readonly alias: Alias | null;
  readonly sample: { readonly at: number } | null;
}

export interface FunctionColumn {
  readonly name: Name;
  readonly type: TypeName;
  readonly collation: QualifiedName | null;
}

/** `f(…)`, or `ROWS FROM (f(…), g(…))` with several calls. */
export interface FunctionItem {
  readonly kind: 'function';
  readonly at: number;
  readonly calls: readonly { readonly call: Expression; readonly columns: readonly FunctionColumn[] | null }[];
  readonly rowsFrom: boolean;
  readonly lateral: boolean;
  readonly ordinality: boolean;
  readonly alias: Alias | null;
  /** The column definition list after the alias, for functions that return `record`. */
  readonly columns: readonly FunctionColumn[] | null;
}

export interface SubqueryItem {
  readonly kind: 'subquery';
  readonly at: number;
  readonly query: Query;
  readonly lateral: boolean;
  /** Null is an error of the binder, as in PostgreSQL 15: `subquery in FROM must have an alias`. */
  readonly alias: Alias | null;
}

export interface JoinItem {
  readonly kind: 'join';
  readonly at: number;
  readonly join: 'inner' | 'left' | 'right' | 'full' | 'cross';
  readonly left: FromItem;
  readonly right: FromItem;
  readonly natural: boolean;
  readonly using: readonly Name[] | null;
  /** `USING (…) AS name`. */
  readonly usingAlias: Name | null;
  readonly on: Expression | null;
  /** `(a JOIN b …) AS alias`. */
  readonly alias: Alias | null;
}

export interface InsertStatement {
  readonly kind: 'insert';
  readonly at: number;
  readonly with: WithClause | null;
  readonly table: QualifiedName;
  readonly alias: Name | null;
  /** Null when no column list was written. */
  readonly columns: readonly AssignmentTarget[] | null;
  readonly overriding: 'user' | 'system' | null;
  /** Null is DEFAULT VALUES. */
  readonly source: Query | null;
  readonly onConflict: OnConflict | null;
  readonly returning: readonly SelectTarget[];
}

/** `c`, `c.field`, `c[i]`; the last two are refused by the binder. */
export interface AssignmentTarget {
  readonly name: Name;
  readonly path: readonly (Name | Subscript)[];
}

export interface OnConflict {
  readonly at: number;
  readonly target:
    | {
        readonly kind: 'columns';
        readonly at: number;
        readonly items: readonly ConflictItem[];
        readonly where: Expression | null;
      }
    | { readonly kind: 'constraint'; readonly name: Name }
    | null;
  /** Null is DO NOTHING. */
  readonly update: { readonly set: readonly Assignment[]; readonly where: Expression | null } | null;
}

export interface ConflictItem {
  readonly expression: Expression;
  readonly collation: QualifiedName | null;
  readonly opclass: QualifiedName | null;
}

/** `a = x`; or `(a, b) = row or sub-query` with several targets. */
export interface Assignment {
  readonly at: number;
  readonly targets: readonly AssignmentTarget[];
  readonly multiple: boolean;
  readonly value: Expression;
}

export interface UpdateStatement {
  readonly kind: 'update';
  readonly at: number;
  readonly with: WithClause | null;
  readonly table: QualifiedName;
  readonly only: boolean;
  readonly alias: Name | null;
  readonly set: readonly Assignment[];
  readonly from: readonly FromItem[];
  readonly where: Expression | null;
  readonly returning: readonly SelectTarget[];
}

export interface DeleteStatement {
  readonly kind: 'delete';
  readonly at: number;
  readonly with: WithClause | null;
  readonly table: QualifiedName;
  readonly only: boolean;
  readonly alias: Name | null;
  readonly using: readonly FromItem[];
  readonly where: Expression | null;
  readonly returning: readonly SelectTarget[];
}

/** What EXPLAIN, PREPARE, DECLARE, COPY and CREATE TABLE AS may contain. */
export type PlannableStatement = Query | InsertStatement | UpdateStatement | DeleteStatement;
