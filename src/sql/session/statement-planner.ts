/**
 * From text to plan: lex, look the plan up in the session's cache, or else parse, bind and plan.
 *
 *   text ─ lexer ─> tokens ─ normalize ─> key, literals ─┬─ cache ───────────────> Prepared
 *                                                        └─ parse, bind, plan ─> cache, Prepared
 *
 * A plan fits as long as the objects that it reads are what they were when it was made; {@link StatementPlanner.replan} makes
 * the plan of a prepared statement anew.
 */
import { broken } from '../../base/assert.ts';
import { ExtentError, fail } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import type { Oid } from '../../engine/catalog.ts';
import type { Session } from '../../engine/session.ts';
import type { PlannableStatement } from '../ast/queries.ts';
import type { Statement } from '../ast/statements.ts';
import { bindStatement } from '../bind/bind.ts';
import type { BindContext, BoundResult } from '../bind/binding.ts';
import { Constants } from '../exec/constants.ts';
import { compileEval } from '../exec/evaluate.ts';
import type { VirtualRows } from '../exec/functions.ts';
import { Env, ExecState } from '../exec/state.ts';
import { Lexer } from '../lexer/lexer.ts';
import type { LiteralValue } from '../lexer/literals.ts';
import { type NormalizedStatement, normalize } from '../lexer/normalize.ts';
import { type StatementRange, splitStatements } from '../lexer/split.ts';
import { parseStatement } from '../parser/parser.ts';
import type { KnownValues } from '../plan/estimate.ts';
import { Folder } from '../plan/fold.ts';
import type { Logical } from '../plan/logical.ts';
import { Planner } from '../plan/planner.ts';
import type { SqlValue } from '../types/contracts.ts';
import { registry } from '../types/registry.ts';
import { virtualRelation } from '../views/virtual-relations.ts';
import { searchSchemas } from './names.ts';
import { literalValues, PlanCache, PlannedStatement } from './planned.ts';
import { splitInto, tableFromQuery } from './select-into.ts';
import type { SessionContext } from './session-context.ts';
import type { Settings } from './settings.ts';
import { isPlannable, sameColumns } from './statement-kinds.ts';
import type { TransactionBlock } from './transaction-block.ts';

/** Room for the constants that are computed while planning. */
const CONSTANT_BYTES = 1 << 20;

/** A statement prepared under a name: by Parse, or by PREPARE. */
export interface Prepared {
  readonly text: string;
  /** Where in the text it stands, when its plan was found without parsing it; the text may have other statements too. */
  readonly range?: StatementRange;
  readonly statement: Statement | undefined;
  /** Set for queries and changes. */
  planned: PlannedStatement | undefined;
  readonly literals: readonly LiteralValue[];
  readonly declaredTypes: readonly Oid[];
  readonly parameterCount: number;
  /** Of a utility statement: the types of the parameters that its query has. */
  readonly queryTypes?: readonly Oid[];
  /** By PREPARE, or by ExtentDB itself. */
  readonly bySql: boolean;
  /** A client counts on the result columns: they cannot change any more. */
  readonly columnsFixed?: true;
}

/** Makes and keeps the plans of one session. */
export class StatementPlanner {
  readonly #engine: Session;
  readonly #settings: Settings;
  readonly #context: SessionContext;
  readonly #block: TransactionBlock;
  readonly #virtualRows: VirtualRows;
  readonly #cache = new PlanCache();

  /** @param virtualRows - the rows of catalog relations, as this session sees them. */
  constructor(
    engine: Session,
    settings: Settings,
    context: SessionContext,
    block: TransactionBlock,
    virtualRows: VirtualRows,
  ) {
    this.#engine = engine;
    this.#settings = settings;
    this.#context = context;
    this.#block = block;
    this.#virtualRows = virtualRows;
  }

  /** Lexes, parses, binds and plans the statement in a range of the scanned text; plans come from the cache where they can. */
  prepare(text: string, lexer: Lexer, range: StatementRange, declaredTypes: readonly Oid[]): Prepared {
    const normalized = normalize(lexer, range.from, range.to);
    return (
      this.#fromCache(text, range, normalized, declaredTypes) ??
      this.#plan(text, lexer, range, normalized, declaredTypes, parseStatement(lexer, range, normalized))
    );
  }

  /** As {@link prepare}, for texts whose every step may take long: others have their turn in between. */
  *prepareInSteps(text: string, lexer: Lexer, range: StatementRange): Task<Prepared> {
    const normalized = normalize(lexer, range.from, range.to);
    if (this.#engine.sliceOver()) yield this.#engine.slice();
    const cached = this.#fromCache(text, range, normalized, []);
    if (cached !== undefined) return cached;
    const parsed = parseStatement(lexer, range, normalized);
    if (this.#engine.sliceOver()) yield this.#engine.slice();
    return this.#plan(text, lexer, range, normalized, [], parsed);
  }

  #cacheKey(normalized: NormalizedStatement, declaredTypes: readonly Oid[]): string {
    return `${normalized.key}\u0001${declaredTypes.join(',')}\u0001${this.#settings.get('search_path')}`;
  }

  #fromCache(
    text: string,
    range: StatementRange,
    normalized: NormalizedStatement | null,
    declaredTypes: readonly Oid[],
  ): Prepared | undefined {
    if (normalized === null) return undefined;
    if (this.#block.state === 'failed') this.#block.enter();
    const cached = this.#cache.get(this.#cacheKey(normalized, declaredTypes), this.#engine);
    if (cached === undefined) return undefined;
    return {
      text,
      range,
      statement: undefined,
      planned: cached,
      literals: normalized.values,
      declaredTypes,
      parameterCount: cached.bound.clientParameters,
      bySql: false,
    };
  }

  #plan(
    text: string,
    lexer: Lexer,
    range: StatementRange,
    normalized: NormalizedStatement | null,
    declaredTypes: readonly Oid[],
    parsed: ReturnType<typeof parseStatement>,
  ): Prepared {
    const { statement } = parsed;
    const isInto = splitInto(statement) !== undefined;
    if (isInto || !isPlannable(statement))
      return {
        ...this.#queryTypes(statement, text, parsed.parameterCount, declaredTypes),
        text,
        // The query of a definition has its literals in it.
        statement: isInto ? tableFromQuery(parseStatement(lexer, range, null).statement) : statement,
        planned: undefined,
        literals: [],
        declaredTypes,
        parameterCount: parsed.parameterCount,
        bySql: false,
      };
    this.#block.enter();
    const values = parsed.sharable && normalized !== null ? normalized.values : [];
    const reparsed =
      parsed.sharable || normalized === null
        ? statement
        : (parseStatement(lexer, range, null).statement as PlannableStatement);
    const planned = this.planStatement(
      reparsed as PlannableStatement,
      text,
      parsed.parameterCount,
      declaredTypes,
      values,
    );
    if (normalized !== null && parsed.sharable && planned.bound.cacheable && this.#engine.sharesPlans)
      this.#cache.put(this.#cacheKey(normalized, declaredTypes), planned);
    return {
      text,
      statement,
      planned,
      literals: values,
      declaredTypes,
      parameterCount: planned.bound.clientParameters,
      bySql: false,
    };
  }

  /** What the parameters of a utility statement's query are. */
  #queryTypes(
    statement: Statement,
    text: string,
    count: number,
    declaredTypes: readonly Oid[],
  ): Pick<Prepared, 'queryTypes'> {
    const query = count === 0 ? undefined : queryInside(statement);
    if (query === undefined) return {};
    this.#block.enter();
    const { parameterTypes } = this.planStatement(query, text, count, declaredTypes, []).bound;
    return { queryTypes: parameterTypes.slice(0, count) };
  }

  /** What names are resolved against, at this moment. */
  bindContext(): BindContext {
    const { catalog } = this.#engine;
    const schemas = searchSchemas(catalog, this.#settings.get('search_path')!, this.#context.sessionUser, undefined);
    return {
      catalog,
      registry,
      searchPath: schemas.map((oid) => catalog.object(oid)!.name),
      databaseName: this.#engine.database.name,
      evaluation: this.#context,
      virtualRelation,
    };
  }

  /** Binds and plans. A transaction must be open. */
  planStatement(
    statement: PlannableStatement,
    text: string,
    parameterCount: number,
    declaredTypes: readonly Oid[],
    values: readonly LiteralValue[],
    onBound?: (root: Logical) => void,
  ): PlannedStatement {
    const bound: BoundResult = bindStatement(
      statement,
      this.bindContext(),
      text,
      parameterCount,
      declaredTypes,
      values,
    );
    onBound?.(bound.root);
    const { known, folder } = this.#folder(bound, values);
    const root = folder.statement(bound.root);
    const planner = new Planner(this.#engine, bound.lastColumnId, this.#virtualRows, known, folder);
    const columns = planner.plan(root, new Set(bound.columns.map((c) => c.id)), []);
    const plan =
      bound.columns.length > 0 || bound.root.kind === 'onerow' ? planner.exactly(columns, bound.columns) : columns;
    const constants = Constants.of(folder.steps, planner.parametersRead, planner.scope);
    return new PlannedStatement(this.#engine, bound, plan, constants);
  }

  /** What folds a statement's constants, and the values by which it and the planner guess. */
  #folder(bound: BoundResult, literals: readonly LiteralValue[]): { known: KnownValues; folder: Folder } {
    const { values, context } = this.#known(bound, literals);
    const all = bound.parameterTypes.map((_, index) => values[index]);
    // Constants read no rows: any snapshot will do, and none is taken.
    const snapshot = { commitSeq: 0, oldestOpen: 0, transaction: this.#engine.transaction, command: 0 };
    const state = new ExecState(this.#engine, this.#context, [], snapshot, CONSTANT_BYTES, {
      runInternal: () => broken('a constant runs a statement'),
      defer: () => broken('a constant defers a check'),
    });
    const scope = { shape0: undefined, outer: new Map(), subquery: () => broken('a sub-query is no constant') };
    const env = new Env(state, false);
    const folder = new Folder(all, (expr, parameters) => {
      state.parameters = parameters.map((value) => value ?? null);
      return compileEval(expr, scope)(env);
    });
    return { known: { values: folder.values, context }, folder };
  }

  /** The literals of a statement, for the planner's guesses. */
  #known(bound: BoundResult, literals: readonly LiteralValue[]): KnownValues {
    const unknown = new Array<undefined>(bound.clientParameters).fill(undefined);
    let values: readonly SqlValue[] = [];
    try {
      values = literalValues(bound.literals, literals, this.#context, '');
    } catch (error) {
      // A literal that its type does not take is an error of the execution, which says where it stands.
      if (!(error instanceof ExtentError)) throw error;
    }
    return { values: [...unknown, ...values], context: this.#context };
  }

  /** Plans a statement given as text or tree, outside the cache. */
  internalStatement(query: string | PlannableStatement, text: string, types: readonly Oid[] = []): Prepared {
    let tree: PlannableStatement;
    if (typeof query === 'string') {
      const lexer = new Lexer();
      lexer.scan(query);
      tree = parseStatement(lexer, splitStatements(lexer)[0]!, null).statement as PlannableStatement;
    } else tree = query;
    const source = typeof query === 'string' ? query : text;
    const planned = this.planStatement(tree, source, types.length, types, []);
    return {
      text: source,
      statement: tree,
      planned,
      literals: [],
      declaredTypes: [],
      parameterCount: planned.bound.clientParameters,
      bySql: true,
    };
  }

  /** Plans a prepared statement anew. @throws 0A000 when its columns have changed and a client counts on them. */
  replan(prepared: Prepared): PlannedStatement {
    const before = prepared.planned!;
    const lexer = new Lexer();
    lexer.scan(prepared.text);
    const ranges = splitStatements(lexer);
    const range = prepared.range ?? ranges[0]!;
    const normalized: NormalizedStatement | null =
      prepared.literals.length > 0 ? normalize(lexer, range.from, range.to) : null;
    if (prepared.range === undefined && (prepared.bySql || ranges.length !== 1)) {
      const planned = this.planStatement(
        plannableOf(prepared),
        prepared.text,
        prepared.parameterCount,
        before.bound.parameterTypes.slice(0, prepared.parameterCount),
        prepared.literals,
      );
      return this.#replaced(prepared, planned);
    }
    const parsed = parseStatement(lexer, range, normalized);
    const planned = this.planStatement(
      parsed.statement as PlannableStatement,
      prepared.text,
      parsed.parameterCount,
      before.bound.parameterTypes.slice(0, prepared.parameterCount),
      prepared.literals,
    );
    return this.#replaced(prepared, planned);
  }

  #replaced(prepared: Prepared, planned: PlannedStatement): PlannedStatement {
    if (prepared.columnsFixed === true && !sameColumns(prepared.planned!.columns, planned.columns))
      throw fail('feature_not_supported', 'cached plan must not change result type');
    prepared.planned = planned;
    return planned;
  }

  /** Forgets cached plans. */
  forget(): void {
    this.#cache.clear();
  }
}

function plannableOf(prepared: Prepared): PlannableStatement {
  if (prepared.statement === undefined || !isPlannable(prepared.statement))
    throw fail('internal_error', 'a prepared statement lost its tree');
  return prepared.statement;
}

/** The query that a utility statement runs or shows, and whose parameters are its own. */
function queryInside(statement: Statement): PlannableStatement | undefined {
  if (statement.kind === 'declare' || statement.kind === 'createTableAs') return statement.query;
  if (statement.kind !== 'explain') return undefined;
  return isPlannable(statement.statement) ? statement.statement : queryInside(statement.statement);
}
