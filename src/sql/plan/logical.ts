/**
 * The bound tree: what the binder makes of a statement and the planner starts from.
 *
 * Every column that any node of a statement produces has a number that is unique in the statement, its {@link ColumnId}.
 * An expression refers to columns by these numbers alone, so scopes, aliases and nesting levels are gone: a sub-query that
 * uses a ColumnId which no node inside it produces is correlated, and that is the whole of the definition.
 *
 * Types are settled: every operator and function is a registry entry, every coercion an explicit node, and a constant holds
 * a value of its type. Positions (`at`, UTF-16 offset in the statement text) stay where an error can still arise at run time.
 */
import type { TableObject } from '../../engine/catalog.ts';
import type { AggregateEntry, CastEntry, FunctionEntry, Oid, OperatorEntry, SqlValue } from '../types/contracts.ts';
import type { DeleteNode, InsertNode, LockNode, UpdateNode } from './logical-changes.ts';

export type ColumnId = number;

/** A column as a node puts it out. */
export interface Column {
  readonly id: ColumnId;
  readonly name: string;
  readonly type: Oid;
  readonly typmod: number;
  /** For RowDescription: the table column it comes from unchanged. */
  readonly origin?: { readonly table: Oid; readonly number: number };
  /** True when it provably holds no NULL (NOT NULL column not on the nullable side of a join). */
  readonly notNull?: boolean;
}

// ── expressions ──────────────────────────────────────────────────────────────────────────────────────────────────────────

interface ExprBase {
  readonly type: Oid;
  readonly typmod: number;
  readonly at?: number;
  /** The words of SQL that stand for it: `CURRENT_DATE`. */
  readonly written?: string;
}

export interface ConstExpr extends ExprBase {
  readonly kind: 'const';
  readonly value: SqlValue;
}
/**
 * `$n`, or a literal that became a parameter of the cached plan, or a constant that each execution computes for itself; `index`
 * from 0 into the statement's parameter values.
 */
export interface ParamExpr extends ExprBase {
  readonly kind: 'param';
  readonly index: number;
  /** Of a computed one: how (fold.ts). */
  readonly of?: Expr;
}
export interface ColumnExpr extends ExprBase {
  readonly kind: 'column';
  readonly id: ColumnId;
}
/** A function, or an operator by way of its function (`operator` is set: planner and EXPLAIN look at it). */
export interface CallExpr extends ExprBase {
  readonly kind: 'call';
  readonly fn: FunctionEntry;
  readonly operator?: OperatorEntry;
  /** VARIADIC arguments are already gathered into an array, except for VARIADIC "any". */
  readonly args: readonly Expr[];
}
export interface CastExpr extends ExprBase {
  readonly kind: 'cast';
  readonly cast: CastEntry;
  readonly arg: Expr;
  readonly explicit: boolean;
}
/** Forces a value into the node's typmod (varchar(n), numeric(p,s) …) without changing its type. */
export interface TypmodExpr extends ExprBase {
  readonly kind: 'typmod';
  readonly arg: Expr;
  readonly explicit: boolean;
}
export interface AndOrExpr extends ExprBase {
  readonly kind: 'and' | 'or';
  readonly args: readonly Expr[];
}
export interface NotExpr extends ExprBase {
  readonly kind: 'not';
  readonly arg: Expr;
}
/** IS [NOT] NULL / TRUE / FALSE / UNKNOWN. For a row-valued argument IS NULL is true when all fields are null. */
export interface TestExpr extends ExprBase {
  readonly kind: 'test';
  readonly test: 'null' | 'not null' | 'true' | 'not true' | 'false' | 'not false' | 'unknown' | 'not unknown';
  readonly arg: Expr;
}
/** `a IS [NOT] DISTINCT FROM b` by the type's equality operator. */
export interface DistinctExpr extends ExprBase {
  readonly kind: 'distinct';
  readonly negated: boolean;
  readonly operator: OperatorEntry;
  readonly left: Expr;
  readonly right: Expr;
}
/** CASE; a simple CASE has become comparisons. All results have the node's type. `otherwise` undefined = NULL. */
export interface CaseExpr extends ExprBase {
  readonly kind: 'case';
  readonly branches: readonly { readonly when: Expr; readonly then: Expr }[];
  readonly otherwise?: Expr;
}
export interface CoalesceExpr extends ExprBase {
  readonly kind: 'coalesce';
  readonly args: readonly Expr[];
}
/** NULLIF(a, b) by an equality operator on (converted) operands; the result is the unconverted first. */
export interface NullIfExpr extends ExprBase {
  readonly kind: 'nullif';
  readonly operator: OperatorEntry;
  readonly left: Expr;
  readonly right: Expr;
  /** What is returned when they differ; usually the same node as `left`. */
  readonly result: Expr;
}
export interface MinMaxExpr extends ExprBase {
  readonly kind: 'greatest' | 'least';
  readonly args: readonly Expr[];
}
/** `left op ANY/ALL (array)`; IN with a list of values of one type is this too, with an array node on the right. */
export interface AnyArrayExpr extends ExprBase {
  readonly kind: 'anyarray';
  readonly all: boolean;
  readonly operator: OperatorEntry;
  readonly left: Expr;
  readonly array: Expr;
  /** Converts left and element before the operator where its argument types differ; undefined = none needed. */
  readonly elementType: Oid;
}
/** ARRAY[…]; for nested constructors the elements are arrays of the same dimensions. */
export interface ArrayExpr extends ExprBase {
  readonly kind: 'array';
  readonly elementType: Oid;
  readonly multidimensional: boolean;
  readonly items: readonly Expr[];
}
/** ROW(…), also a whole-row reference. */
export interface RowExpr extends ExprBase {
  readonly kind: 'row';
  readonly items: readonly Expr[];
  readonly names: readonly string[];
}
/** Comparison of two rows of equal length, field operators all of one meaning. */
export interface RowCompareExpr extends ExprBase {
  readonly kind: 'rowcompare';
  readonly meaning: 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge';
  readonly left: readonly Expr[];
  readonly right: readonly Expr[];
  /** Per field: for eq/ne the `=` operator, else `<` and `=`. */
  readonly equals: readonly OperatorEntry[];
  readonly less: readonly OperatorEntry[];
}
/** `(row).field`, by position from 0. */
export interface FieldExpr extends ExprBase {
  readonly kind: 'field';
  readonly arg: Expr;
  readonly index: number;
}
/** `a[i][j]` or, with slices, `a[l:u]`; a missing slice bound is undefined. */
export interface SubscriptExpr extends ExprBase {
  readonly kind: 'subscript';
  readonly array: Expr;
  /** False: `lower` are the subscripts, `upper` is empty. */
  readonly slice: boolean;
  readonly lower: readonly (Expr | undefined)[];
  readonly upper: readonly (Expr | undefined)[];
}
/**
 * A sub-query as a value. `scalar`: its one column of its one row, NULL without rows, 21000 with more. `exists`. `any`/`all`:
 * `left op` each row (left has as many items as the plan has columns; IN is `= ANY`). `array`: ARRAY(select …).
 */
export interface SubqueryExpr extends ExprBase {
  readonly kind: 'subquery';
  readonly mode: 'scalar' | 'exists' | 'any' | 'all' | 'array';
  readonly plan: Logical;
  readonly left: readonly Expr[];
  readonly operators: readonly OperatorEntry[];
}
/** The current value of a domain of one row only: the row of a VALUES under construction in ON CONFLICT and the like use columns. */
export type Expr =
  | ConstExpr
  | ParamExpr
  | ColumnExpr
  | CallExpr
  | CastExpr
  | TypmodExpr
  | AndOrExpr
  | NotExpr
  | TestExpr
  | DistinctExpr
  | CaseExpr
  | CoalesceExpr
  | NullIfExpr
  | MinMaxExpr
  | AnyArrayExpr
  | ArrayExpr
  | RowExpr
  | RowCompareExpr
  | FieldExpr
  | SubscriptExpr
  | SubqueryExpr;

// ── relations ────────────────────────────────────────────────────────────────────────────────────────────────────────────

export interface NodeBase {
  /** What the node puts out, in order. */
  readonly columns: readonly Column[];
}

/** A stored table. `columns[i]` is the table column `numbers[i]`; system columns: −1 ctid (tid), −6 tableoid, −7 a whole key for targets. */
export interface ScanNode extends NodeBase {
  readonly kind: 'scan';
  readonly table: TableObject;
  readonly numbers: readonly number[];
  readonly alias: string;
  /** FROM ONLY: the table's own tree, without what lies in its partitions. */
  readonly only?: boolean;
}
/** A relation computed from the catalog: pg_catalog and information_schema. `numbers` as in ScanNode. */
export interface VirtualNode extends NodeBase {
  readonly kind: 'virtual';
  readonly relation: VirtualRelation;
  readonly numbers: readonly number[];
  readonly alias: string;
}
/** A catalog view's description; `rows` is called when the scan starts. */
export interface VirtualRelation {
  readonly oid: Oid;
  readonly schema: string;
  readonly name: string;
  readonly columns: readonly { readonly name: string; readonly type: Oid; readonly typmod: number }[];
}
/** Functions in FROM: one, or ROWS FROM several side by side. The last column is the ordinality if asked for. */
export interface FunctionNode extends NodeBase {
  readonly kind: 'function';
  readonly calls: readonly {
    readonly call: CallExpr;
    readonly columnCount: number /** columns of a record by AS (…) or of a composite result are taken apart */;
    readonly expand: boolean;
  }[];
  readonly ordinality: boolean;
  readonly alias: string;
}
export interface ValuesNode extends NodeBase {
  readonly kind: 'values';
  readonly rows: readonly (readonly Expr[])[];
}
export interface FilterNode extends NodeBase {
  readonly kind: 'filter';
  readonly input: Logical;
  readonly predicate: Expr;
}
/** Computes columns: `exprs[i]` is `columns[i]`; input columns not named are gone. A set-returning call makes it a ProjectSet. */
export interface ProjectNode extends NodeBase {
  readonly kind: 'project';
  readonly input: Logical;
  readonly exprs: readonly Expr[];
  /** Set when an expression contains a set-returning call: rows multiply, functions in lock step as PostgreSQL does. */
  readonly hasSets: boolean;
}
/** `lateral`: the right side refers to columns of the left. Semi and anti joins are made by the planner only. */
export interface JoinNode extends NodeBase {
  readonly kind: 'join';
  readonly type: 'inner' | 'left' | 'right' | 'full' | 'semi' | 'anti';
  readonly left: Logical;
  readonly right: Logical;
  readonly on: Expr | undefined;
  readonly lateral: boolean;
}
export interface AggregateCall {
  readonly aggregate: AggregateEntry;
  readonly args: readonly Expr[];
  readonly direct: readonly Expr[];
  readonly distinct: boolean;
  readonly order: readonly SortKey[];
  readonly filter?: Expr;
}
/** Groups by `groups[i]` → `columns[i]`, aggregates → the remaining columns. Without groups: exactly one row. */
export interface AggregateNode extends NodeBase {
  readonly kind: 'aggregate';
  readonly input: Logical;
  readonly groups: readonly Expr[];
  readonly calls: readonly AggregateCall[];
}
export type FrameBound =
  | { readonly kind: 'unbounded preceding' | 'current row' | 'unbounded following' }
  | { readonly kind: 'preceding' | 'following'; readonly offset: Expr };
export interface WindowCall {
  /** One of the two. */
  readonly fn?: FunctionEntry;
  readonly aggregate?: AggregateEntry;
  readonly args: readonly Expr[];
  readonly filter?: Expr;
}
/** All calls over one window definition; puts out the input's columns, then one per call. */
export interface WindowNode extends NodeBase {
  readonly kind: 'window';
  readonly input: Logical;
  readonly partition: readonly Expr[];
  readonly order: readonly SortKey[];
  readonly frame: {
    readonly mode: 'rows' | 'range' | 'groups';
    readonly start: FrameBound;
    readonly end: FrameBound;
    readonly exclude: 'no others' | 'current row' | 'group' | 'ties';
  };
  readonly calls: readonly WindowCall[];
}
export interface SortKey {
  readonly expr: Expr;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}
export interface SortNode extends NodeBase {
  readonly kind: 'sort';
  readonly input: Logical;
  readonly keys: readonly SortKey[];
}
/** `limit` undefined = all. A null value of either means none. */
export interface LimitNode extends NodeBase {
  readonly kind: 'limit';
  readonly input: Logical;
  readonly limit: Expr | undefined;
  readonly offset: Expr | undefined;
  /** WITH TIES: the sort keys of the input decide. */
  readonly ties: readonly SortKey[] | undefined;
}
/** DISTINCT over all columns, or DISTINCT ON (`on`): the first row of each group in the input's order. */
export interface DistinctNode extends NodeBase {
  readonly kind: 'distinct';
  readonly input: Logical;
  readonly on: readonly Expr[] | undefined;
}
/** Column types of both sides already agree with the node's. */
export interface SetOpNode extends NodeBase {
  readonly kind: 'setop';
  readonly op: 'union' | 'intersect' | 'except';
  readonly all: boolean;
  readonly left: Logical;
  readonly right: Logical;
}
/** Introduces named plans; data-modifying ones run to their end even if nobody reads them. */
export interface WithNode extends NodeBase {
  readonly kind: 'with';
  readonly ctes: readonly CteDefinition[];
  readonly body: Logical;
}
export interface CteDefinition {
  readonly id: number;
  readonly name: string;
  readonly plan: Logical;
  /** MATERIALIZED / NOT MATERIALIZED / unsaid. */
  readonly materialized: boolean | undefined;
  /** Number of references; one that is used once may be inlined. */
  readonly uses: number;
}
/** A reference to a CTE: columns are new ids for the definition's columns, in order. */
export interface CteScanNode extends NodeBase {
  readonly kind: 'ctescan';
  readonly cte: number;
  readonly alias: string;
}
/** WITH RECURSIVE: the plan of its CteDefinition. Inside `step`, a CteScan of `cte` reads the working table. */
export interface RecursiveNode extends NodeBase {
  readonly kind: 'recursive';
  readonly cte: number;
  readonly all: boolean;
  readonly base: Logical;
  readonly step: Logical;
}
/** No FROM: one row without columns. */
export interface OneRowNode extends NodeBase {
  readonly kind: 'onerow';
}

export type Logical =
  | ScanNode
  | VirtualNode
  | FunctionNode
  | ValuesNode
  | FilterNode
  | ProjectNode
  | JoinNode
  | AggregateNode
  | WindowNode
  | SortNode
  | LimitNode
  | DistinctNode
  | SetOpNode
  | WithNode
  | CteScanNode
  | RecursiveNode
  | OneRowNode
  | LockNode
  | InsertNode
  | UpdateNode
  | DeleteNode;
