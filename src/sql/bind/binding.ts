/**
 * What one statement gathers while it is bound: column numbers, parameters, the objects it depends on.
 *
 * Parameters are numbered `$1 … $n` first, then the literals that the normaliser took out of the text. A literal becomes a
 * parameter per type it is used as, so one string may be a date here and a text there:
 *
 *     index    0 … n − 1    the client's parameters; their types are declared, or inferred from their first use
 *     index    n …          { slot of the value, type to read it as }
 */
import { ExtentError, fail } from '../../base/errors.ts';
import type { Catalog, CatalogObject, TableObject } from '../../engine/catalog.ts';
import { positionOf } from '../ast/names.ts';
import type { Alias } from '../ast/queries.ts';
import { quoteIdentifier } from '../functions/string-functions.ts';
import type { LiteralValue } from '../lexer/literals.ts';
import type {
  CallExpr,
  Column,
  ColumnExpr,
  ColumnId,
  Expr,
  Logical,
  ParamExpr,
  VirtualRelation,
} from '../plan/logical.ts';
import type { EvalContext, Oid, Registry, TypeEntry } from '../types/contracts.ts';
import { UNKNOWN_OID } from '../types/type-oids.ts';
import type { ScopeColumn } from './scope.ts';

/** What the binder asks of the session. */
export interface BindContext {
  readonly catalog: Catalog;
  readonly registry: Registry;
  /** Schemas in the order in which unqualified names are looked up; `pg_catalog` is first unless it is listed. */
  readonly searchPath: readonly string[];
  /** The database's name, for `catalog.schema.name`. */
  readonly databaseName: string;
  /** For the text of constants: settings and the like. */
  readonly evaluation: EvalContext;
  /** A catalog view by name; undefined = there is none. */
  virtualRelation(schema: string, name: string): VirtualRelation | undefined;
}

/** A place of a statement's text that would mean something else later: what to write for [at, end) instead. */
export interface RelationReference {
  readonly at: number;
  readonly end: number;
  readonly text: string;
}

/**
 * A name in a text, and what it stands for: where what it names is called otherwise later, the text has to be.
 *
 *     relation    its name in FROM, with the alias that follows         output    of a select list's column, without an alias
 *     column      a column's name, as its table or view has it          qualifier what stands before the dot of a column
 */
export type NamePlace =
  | { readonly what: 'relation'; readonly at: number; readonly relation: Oid; readonly alias: Alias | null }
  | { readonly what: 'column' | 'qualifier'; readonly at: number; readonly column: NonNullable<Column['origin']> }
  | { readonly what: 'output'; readonly at: number };

/** A field of a row value. */
export interface RowField {
  readonly name: string;
  readonly type: Oid;
  readonly typmod: number;
}

/** A literal that is a parameter: which value of the normalised statement, read as which type. */
export interface LiteralParameter {
  readonly slot: number;
  /** The type of the parameter; an array type when the value is a list or a column of rows. */
  readonly type: Oid;
  /** For the rows of VALUES: which column of them; −1 otherwise. */
  readonly column: number;
}

/** A bound statement: the tree, its parameters and what it depends on. */
interface BoundStatement {
  readonly root: Logical;
  /** Column headings of the result; empty for a change without RETURNING. */
  readonly columns: readonly Column[];
  /** Types of `$1 …` as declared or inferred, then of the literal parameters. */
  readonly parameterTypes: readonly Oid[];
  /** Oids and versions of the objects it was bound to. */
  readonly objects: readonly { readonly oid: Oid; readonly version: number; readonly table: boolean }[];
  /** How far tables must be locked: table oid → mode. */
  readonly locks: readonly { readonly table: Oid; readonly mode: 'access share' | 'row share' | 'row exclusive' }[];
  /** Highest ColumnId given, so that the planner can add its own. */
  readonly lastColumnId: ColumnId;
  /** False when the text depends on something that a plan must not outlive (temporary objects, current schema tricks). */
  readonly cacheable: boolean;
}

export interface BoundResult extends BoundStatement {
  /** The literals behind the client's parameters, in the order of their indexes. */
  readonly literals: readonly LiteralParameter[];
  /** How many parameters are the client's. */
  readonly clientParameters: number;
  /** Where the text names a relation without its schema, or all columns by a star. */
  readonly references: readonly RelationReference[];
}

export type TableLock = BoundStatement['locks'][number]['mode'];

const LOCK_RANK: Record<TableLock, number> = { 'access share': 0, 'row share': 1, 'row exclusive': 2 };

export class Binding {
  readonly context: BindContext;
  /** The statement's text for positions; null inside stored texts, whose errors have none. */
  text: string | null;
  readonly values: readonly LiteralValue[];
  cacheable = true;
  /** In how many sub-queries of expressions the binder is. */
  expressionDepth = 0;
  readonly #clientTypes: Oid[];
  readonly #literals: LiteralParameter[] = [];
  readonly #objects = new Map<Oid, BoundStatement['objects'][number]>();
  readonly #locks = new Map<Oid, TableLock>();
  readonly #references: RelationReference[] = [];
  #lastColumn = 0;
  #lastCte = 0;

  /** @param declared types of the first parameters; 0 or unknown (705) leaves one to inference. */
  constructor(
    context: BindContext,
    text: string,
    parameterCount: number,
    declared: readonly Oid[],
    values: readonly LiteralValue[],
  ) {
    this.context = context;
    this.text = text;
    this.values = values;
    const count = Math.max(parameterCount, declared.length);
    this.#clientTypes = Array.from({ length: count }, (_, i) => declared[i] || UNKNOWN_OID);
  }

  get lastColumn(): ColumnId {
    return this.#lastColumn;
  }

  newId(): ColumnId {
    return ++this.#lastColumn;
  }

  newCte(): number {
    return ++this.#lastCte;
  }

  /** A column with a number of its own. */
  column(name: string, type: Oid, typmod = -1): Column {
    return { id: this.newId(), name, type, typmod };
  }

  type(oid: Oid): TypeEntry | undefined {
    return this.context.registry.type(oid);
  }

  /** The fields of columns that hold rows, as far as the statement itself says them. */
  readonly #rows = new Map<ColumnId, readonly RowField[]>();

  /** The fields of a row-valued expression; undefined when they are not known. */
  fieldsOf(expr: Expr): readonly RowField[] | undefined {
    if (expr.kind === 'column') return this.#rows.get(expr.id);
    if (expr.kind === 'row')
      return expr.items.map((item, i) => ({ name: expr.names[i]!, type: item.type, typmod: item.typmod }));
    if (expr.kind !== 'call') return undefined;
    return expr.fn.columns?.map(({ name, type }) => ({ name, type: this.#fieldType(expr, type), typmod: -1 }));
  }

  /** A polymorphic result column has the element type of the call's first array. */
  #fieldType(call: CallExpr, declared: Oid): Oid {
    if (this.type(declared)?.typeType !== 'p') return declared;
    const elements = call.args.map((arg) => this.type(arg.type)?.elementOid ?? 0);
    return elements.find((element) => element !== 0) ?? declared;
  }

  /** Says that a column holds the rows of an expression. */
  keepFields(column: Column, source: Expr): void {
    const fields = this.fieldsOf(source);
    if (fields !== undefined) this.#rows.set(column.id, fields);
  }

  // ── parameters ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** `$n` with the type known so far. @throws undefined_parameter */
  parameter(number: number, at: number): ParamExpr {
    const type = this.#clientTypes[number - 1];
    if (number < 1 || type === undefined)
      throw this.error('undefined_parameter', `there is no parameter $${number}`, at);
    return { kind: 'param', index: number - 1, type, typmod: -1, at };
  }

  /** Gives an untyped parameter its type, at its first use that needs one. @throws ambiguous_parameter */
  inferParameter(param: ParamExpr, type: Oid): ParamExpr {
    const known = this.#clientTypes[param.index]!;
    if (known === UNKNOWN_OID) this.#clientTypes[param.index] = type;
    else if (known !== type) {
      throw this.error(
        'ambiguous_parameter',
        `inconsistent types deduced for parameter $${param.index + 1}`,
        param.at,
        {
          detail: `${this.typeName(known)} versus ${this.typeName(type)}`,
        },
      );
    }
    return { ...param, type };
  }

  /** The parameter that stands for a literal of the text when it is read as `type`. */
  literalParameter(slot: number, type: Oid, at: number, column = -1): ParamExpr {
    let index = this.#literals.findIndex((l) => l.slot === slot && l.type === type && l.column === column);
    if (index < 0) index = this.#literals.push({ slot, type, column }) - 1;
    return { kind: 'param', index: this.#clientTypes.length + index, type, typmod: -1, at };
  }

  // ── dependencies ───────────────────────────────────────────────────────────────────────────────────────────────────

  uses(object: CatalogObject): void {
    this.#objects.set(object.oid, { oid: object.oid, version: object.version, table: object.kind === 'table' });
    if (object.kind === 'table' && object.persistence === 'temporary') this.cacheable = false;
  }

  /** Notes that an unqualified name was found in a schema. */
  refersTo(at: number, schema: string): void {
    if (this.text !== null) this.#references.push({ at, end: at, text: `${quoteIdentifier(schema)}.` });
  }

  /** Notes which columns the star at `at`, behind its qualifier if it has one, stands for now. */
  expands(at: number, columns: string): void {
    const star = this.text?.slice(at).match(/^[^*(),;]*\*/);
    if (columns !== '' && star != null) this.#references.push({ at, end: at + star[0].length, text: columns });
  }

  /** Where the text names what, if somebody wants to know. */
  places: NamePlace[] | undefined;

  notes(place: NamePlace): void {
    if (this.places !== undefined && this.text !== null) this.places.push(place);
  }

  /** Notes a column's name. */
  notesColumn(what: 'column' | 'qualifier', at: number, { named }: Pick<ScopeColumn, 'named'>): void {
    if (named !== undefined) this.notes({ what, at, column: named });
  }

  /** A table that is used to be locked so far, and its partitions with it. */
  locks(table: TableObject, mode: TableLock): void {
    for (const partition of this.context.catalog.descendantsOf(table.oid)) this.#lock(partition, mode);
    this.#lock(table, mode);
  }

  #lock(table: TableObject, mode: TableLock): void {
    this.uses(table);
    const known = this.#locks.get(table.oid);
    if (known === undefined || LOCK_RANK[known] < LOCK_RANK[mode]) this.#locks.set(table.oid, mode);
  }

  /** @throws indeterminate_datatype for a parameter that nothing gave a type. */
  finish(root: BoundStatement['root'], columns: readonly Column[]): BoundResult {
    this.#clientTypes.forEach((type, i) => {
      if (type === UNKNOWN_OID)
        throw fail('indeterminate_datatype', `could not determine data type of parameter $${i + 1}`);
    });
    return {
      root,
      columns,
      parameterTypes: [...this.#clientTypes, ...this.#literals.map((l) => l.type)],
      objects: [...this.#objects.values()],
      locks: [...this.#locks].map(([table, mode]) => ({ table, mode })),
      lastColumnId: this.#lastColumn,
      cacheable: this.cacheable,
      literals: this.#literals,
      clientParameters: this.#clientTypes.length,
      references: this.#references,
    };
  }

  // ── errors ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  error(
    code: Parameters<typeof fail>[0],
    message: string,
    at: number | undefined,
    facts: { detail?: string; hint?: string } = {},
  ): ExtentError {
    return fail(code, message, { ...facts, position: this.position(at) });
  }

  /** 0A000 with a position. */
  unsupported(what: string, at: number | undefined): ExtentError {
    return this.error('feature_not_supported', `${what} is not supported`, at);
  }

  position(at: number | undefined): number | undefined {
    return at === undefined || this.text === null ? undefined : positionOf(this.text, at);
  }

  /** Runs a step whose errors know no position and gives them one. */
  at<T>(at: number | undefined, step: () => T): T {
    try {
      return step();
    } catch (error) {
      if (error instanceof ExtentError) error.position ??= this.position(at);
      throw error;
    }
  }

  /** A type as messages spell it. */
  typeName(oid: Oid): string {
    const type = this.type(oid);
    if (type === undefined) return `type ${oid}`;
    if (type.category === 'A' && type.elementOid !== 0 && type.name.startsWith('_'))
      return `${this.typeName(type.elementOid)}[]`;
    return type.displayName;
  }
}

export function columnRef(column: Column, at?: number): ColumnExpr {
  const { id, type, typmod } = column;
  return at === undefined ? { kind: 'column', id, type, typmod } : { kind: 'column', id, type, typmod, at };
}
