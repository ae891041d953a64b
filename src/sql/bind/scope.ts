/**
 * Names in a query: which columns can be seen from where.
 *
 *   Level  one query: its FROM items, aggregates and window calls; `parent` is the query around it
 *   Item   one FROM item as names see it: an alias, its columns, and whether it can be seen unqualified, qualified, or only
 *          by LATERAL items so far
 *
 * A name is looked for in the innermost level, then outwards. What is found in an outer level needs no mark: the reference
 * holds the column's number, and a number that no node of a sub-query produces makes it correlated.
 */

import type { Name } from '../ast/names.ts';
import type {
  AggregateCall,
  Column,
  ColumnId,
  Expr,
  FrameBound,
  ScanNode,
  SortKey,
  WindowCall,
} from '../plan/logical.ts';
import type { Oid } from '../types/contracts.ts';
import type { Binding } from './binding.ts';

export interface ScopeColumn {
  readonly name: string;
  /** Usually a column reference; a merged column of USING may be a COALESCE. */
  readonly expr: Expr;
  readonly origin?: Column['origin'];
  readonly notNull?: boolean;
  /** The column whose name it has, of a table or view that stands in FROM itself; unset behind other names. */
  readonly named?: Column['origin'] | undefined;
}

export interface Item {
  /** Null for a join without an alias. */
  readonly alias: string | null;
  /** Set when the item is a table named without an alias: `schema.table.column` may refer to it. */
  readonly schema: string | null;
  readonly columns: readonly ScopeColumn[];
  /** The scan, when the item is a stored table: it knows system columns and can be locked. */
  readonly scan: ScanBuilder | null;
  /** What `tableoid` says where no scan can: of catalog views, and of rows that a statement returns. */
  readonly tableOid: Expr | null;
  /** The row type of a whole-row reference. */
  readonly rowType: Oid;
  /** A function that returns one unnamed value: the whole-row reference is that value. */
  readonly isScalar: boolean;
  qualified: boolean;
  unqualified: boolean;
  /** True for the left side of a RIGHT or FULL join while its LATERAL right side is bound. */
  forbidden: boolean;
}

/** A scan whose list of columns may still grow by system columns. */
export interface ScanBuilder {
  readonly node: ScanNode;
  readonly columns: Column[];
  readonly numbers: number[];
}

/** Which part of a query an expression stands in: it decides whether aggregates and the like are allowed. */
export type Clause =
  | 'select list'
  | 'FROM'
  | 'JOIN conditions'
  | 'WHERE'
  | 'GROUP BY'
  | 'HAVING'
  | 'ORDER BY'
  | 'window'
  | 'FILTER'
  | 'LIMIT'
  | 'OFFSET'
  | 'VALUES'
  | 'UPDATE'
  | 'RETURNING'
  | 'aggregate'
  | 'CHECK'
  | 'DEFAULT'
  | 'index'
  | 'none';

export interface BoundWindow {
  readonly key: string;
  readonly partition: readonly Expr[];
  readonly order: readonly SortKey[];
  readonly frame: {
    readonly mode: 'rows' | 'range' | 'groups';
    readonly start: FrameBound;
    readonly end: FrameBound;
    readonly exclude: 'no others' | 'current row' | 'group' | 'ties';
  };
  readonly calls: { readonly call: WindowCall; readonly column: Column }[];
}

/** One query while it is bound. */
export class Level {
  readonly parent: Level | null;
  items: readonly Item[] = [];
  /** Common tables that this level's WITH names. */
  readonly ctes = new Map<string, CommonTableEntry>();
  readonly aggregates: { readonly key: string; readonly call: AggregateCall; readonly column: Column }[] = [];
  readonly windows: BoundWindow[] = [];
  /** Columns that this level's FROM produces; an aggregate belongs to the innermost level that its arguments use. */
  readonly own = new Set<ColumnId>();
  clause: Clause = 'none';
  /** True while the arguments of an aggregate or of a window call are bound: another may not stand inside. */
  insideAggregate = false;
  /** Set inside CASE and COALESCE, where no sets may be made. */
  conditional: 'CASE' | 'COALESCE' | undefined;
  insideWindow = false;
  hasSets = false;
  readonly #registered: Item[] = [];

  constructor(parent: Level | null) {
    this.parent = parent;
  }

  /** Says that an item, visible or not, belongs to this level with its columns. */
  register(item: Item): Item {
    this.#registered.push(item);
    for (const column of item.columns) if (column.expr.kind === 'column') this.own.add(column.expr.id);
    return item;
  }

  /** Every item of the level, those inside joins included. */
  allItems(): readonly Item[] {
    return this.#registered;
  }
}

/** Runs `step` while exactly these items can be seen. */
export function withItems<T>(level: Level, items: readonly Item[], step: () => T): T {
  const before = level.items;
  level.items = items;
  try {
    return step();
  } finally {
    level.items = before;
  }
}

/** A WITH query as references see it. */
export interface CommonTableEntry {
  readonly id: number;
  readonly columns: readonly Column[];
  /** Set while the non-recursive term is bound, or where a reference would be wrong: the reason. */
  readonly forbidden: { readonly reason: string; readonly at: number | undefined } | null;
  uses: number;
  /** Set while the recursive term is bound: how deep in sub-queries of expressions its own references may stand. */
  recursionDepth?: number | undefined;
}

/** Runs `step` with the level's clause set. */
export function inClause<T>(level: Level, clause: Clause, step: () => T): T {
  const before = level.clause;
  level.clause = clause;
  try {
    return step();
  } finally {
    level.clause = before;
  }
}

export interface FoundColumn {
  readonly column: ScopeColumn;
  readonly level: Level;
}

/** A column by its bare name, from the innermost level outwards. @throws ambiguous_column */
export function findColumn(b: Binding, level: Level, name: Name): FoundColumn | undefined {
  for (let at: Level | null = level; at !== null; at = at.parent) {
    let found: ScopeColumn | undefined;
    let owner: Item | undefined;
    for (const item of at.items) {
      if (!item.unqualified) continue;
      for (const column of item.columns) {
        if (column.name !== name.text) continue;
        if (found !== undefined)
          throw b.error('ambiguous_column', `column reference "${name.text}" is ambiguous`, name.at);
        found = column;
        owner = item;
      }
    }
    if (found !== undefined && owner !== undefined) {
      checkLateral(b, owner, at, level, name.text, name.at);
      return { column: found, level: at };
    }
  }
  return undefined;
}

/** An item that has not been joined yet can be seen by LATERAL items only. */
function checkLateral(b: Binding, item: Item, found: Level, asking: Level, name: string, at: number): void {
  if (!item.forbidden || found !== asking) return;
  throw b.error(
    'invalid_column_reference',
    `invalid reference to FROM-clause entry for table "${item.alias ?? name}"`,
    at,
    {
      detail: 'The combining JOIN type must be INNER or LEFT for a LATERAL reference.',
    },
  );
}

export interface FoundItem {
  readonly item: Item;
  readonly level: Level;
}

/** An item by alias, or by schema and table name. @throws duplicate_alias is prevented earlier: names in one level differ */
export function findItem(b: Binding, level: Level, schema: string | null, name: Name): FoundItem | undefined {
  for (let at: Level | null = level; at !== null; at = at.parent) {
    const found = at.items.filter(
      (item) => item.qualified && item.alias === name.text && (schema === null || item.schema === schema),
    );
    if (found.length > 1) throw b.error('ambiguous_column', `table reference "${name.text}" is ambiguous`, name.at);
    const item = found[0];
    if (item === undefined) continue;
    checkLateral(b, item, at, level, name.text, name.at);
    return { item, level: at };
  }
  return undefined;
}

/** Refuses two items of one name in one FROM clause. @throws duplicate_alias */
export function checkNames(b: Binding, items: readonly Item[], added: readonly Item[]): void {
  for (const item of added) {
    if (!item.qualified || item.alias === null) continue;
    const clash = items.find(
      (other) =>
        other.qualified &&
        other.alias === item.alias &&
        (other.schema === null || item.schema === null || other.schema === item.schema),
    );
    if (clash !== undefined)
      throw b.error('duplicate_alias', `table name "${item.alias}" specified more than once`, undefined);
  }
}

/** The innermost level that makes one of the columns; undefined when none does. */
export function levelOf(level: Level, ids: Iterable<ColumnId>): Level | undefined {
  const wanted = new Set(ids);
  for (let at: Level | null = level; at !== null; at = at.parent) {
    for (const id of wanted) if (at.own.has(id)) return at;
  }
  return undefined;
}
