/**
 * A session as clients see it: text in, results out.
 *
 * Both protocols and the embedded API come down to the same steps: lex, look the plan up (or parse, bind and plan), lock the
 * tables, take a snapshot, run. Everything that may wait is a task; whoever drives it decides how to wait.
 *
 * After an error the caller must run {@link SqlSession.failed}, which aborts the transaction as PostgreSQL would.
 */
import { ExtentError, fail } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import type { ConstraintObject, Oid, TableObject } from '../../engine/catalog.ts';
import type { Instance } from '../../engine/instance.ts';
import type { Session } from '../../engine/session.ts';
import type { Expression } from '../ast/expressions.ts';
import type { PlannableStatement } from '../ast/queries.ts';
import type { Statement } from '../ast/statements.ts';
import { bindConstant, bindStatement } from '../bind/bind.ts';
import type { BindContext, BoundResult } from '../bind/binding.ts';
import { tableRules } from '../bind/table-rules.ts';
import { ONLINE_DEFRAGMENTATION, shownMode } from '../ddl/database-settings.ts';
import { notingRefusals } from '../ddl/refusals.ts';
import { ChangeOperator } from '../exec/change-operator.ts';
import { compileEval } from '../exec/evaluate.ts';
import { ModifyPlan } from '../exec/modify.ts';
import { evaluateRow, type PlanNode } from '../exec/operator.ts';
import type { Shape } from '../exec/shape.ts';
import { Env, ExecState, type StatementServices } from '../exec/state.ts';
import { closeSubPlans } from '../exec/subplan.ts';
import { columnReader } from '../exec/values.ts';
import { missingParent } from '../exec/violations.ts';
import { Lexer } from '../lexer/lexer.ts';
import { type LiteralValue, type NormalizedStatement, normalize } from '../lexer/normalize.ts';
import { type StatementRange, splitStatements } from '../lexer/split.ts';
import { parseStatement } from '../parser/parser.ts';
import type { KnownValues } from '../plan/estimate.ts';
import type { Expr, Logical } from '../plan/logical.ts';
import { columnRef, Planner } from '../plan/planner.ts';
import type { SqlValue } from '../types/contracts.ts';
import { registry } from '../types/registry.ts';
import { virtualName, virtualOid, virtualRelation, virtualRows } from '../views/virtual-relations.ts';
import { searchSchemas } from './names.ts';
import { literalValues, PlanCache, PlannedStatement } from './planned.ts';
import { lockTables, lockTablesNow, Portal } from './portal.ts';
import { CountingSink, type Notice, type ResultColumn, type ResultSink } from './results.ts';
import { EPOCH_MICROS, SessionContext } from './session-context.ts';
import { Settings } from './settings.ts';
import { endsFailedBlock, isPlannable, sameColumns, tagOf } from './statement-kinds.ts';
import { TransactionBlock } from './transaction-block.ts';
import { runUtility, utilityColumns } from './utility.ts';

/** Characters of a text whose reading and planning are worth being taken apart. */
const LONG_TEXT = 16_384;

/** A statement prepared under a name: by Parse, or by PREPARE. */
export interface Prepared {
  readonly text: string;
  readonly statement: Statement | undefined;
  /** Set for queries and changes. */
  planned: PlannedStatement | undefined;
  readonly literals: readonly LiteralValue[];
  readonly declaredTypes: readonly Oid[];
  readonly parameterCount: number;
  /** Where the statement begins in `text`. */
  readonly bySql: boolean;
  /** A client counts on the result columns: they cannot change any more. */
  readonly columnsFixed?: true;
}

/** A portal, or a utility statement bound as one. */
export interface BoundPortal {
  readonly prepared: Prepared;
  readonly parameters: readonly SqlValue[];
  portal: Portal | undefined;
  /** Where DECLARE CURSOR's query gave it a name, it shows in pg_cursors. */
  readonly cursor: boolean;
  done: boolean;
}

export interface SessionOptions {
  readonly user: string;
  readonly settings?: ReadonlyMap<string, string>;
  readonly notice?: (notice: Notice) => void;
}

export class SqlSession {
  readonly instance: Instance;
  readonly engine: Session;
  readonly settings: Settings = new Settings();
  readonly context: SessionContext;
  readonly block: TransactionBlock;
  readonly user: string;
  readonly prepared = new Map<string, Prepared>();
  readonly portals = new Map<string, BoundPortal>();
  readonly notice: (notice: Notice) => void;
  readonly #lexer = new Lexer();
  readonly #cache = new PlanCache();
  readonly services: StatementServices;

  constructor(instance: Instance, engine: Session, options: SessionOptions) {
    this.instance = instance;
    this.engine = engine;
    this.user = options.user;
    this.settings.setFixed('session_authorization', options.user);
    for (const [name, value] of options.settings ?? []) this.settings.setDefault(name, value);
    const minimum = (): string => this.settings.get('client_min_messages')!;
    const send = options.notice ?? (() => {});
    this.notice = (notice) => {
      if (shows(minimum(), notice.severity)) send(notice);
    };
    this.context = new SessionContext(engine, this.settings, options.user, {
      databases: () => instance.databaseList(),
      cancel: (pid, terminate) => instance.cancel(pid, terminate),
      virtualOid,
      virtualName,
      openDatabases: () => instance.databases(),
      databaseSize: (oid) => instance.databaseBytes(oid),
      isReadOnly: () => this.block.readOnly,
    });
    this.settings.setComputed(ONLINE_DEFRAGMENTATION, () => shownMode(engine.database.defragmentation.mode));
    this.settings.setComputed('extentdb.shrink', () => engine.database.file.shrink);
    this.block = new TransactionBlock(engine, this.settings, this.context);
    this.block.onEnd = () => this.#endPortals();
    const { activity } = engine;
    activity.user = options.user;
    activity.applicationName = () => this.settings.get('application_name') ?? '';
    activity.transactionMicros = () =>
      engine.inTransaction ? this.context.transactionMicros + EPOCH_MICROS : undefined;
    this.services = {
      runInternal: (sql, parameters) => this.runInternal(sql, parameters),
      defer: (constraint, check) => this.block.defer(constraint, check),
    };
  }

  get status(): 'I' | 'T' | 'E' {
    return this.block.status;
  }

  // ── simple protocol ──

  /** Runs all statements of a text as one message: one implicit transaction unless it says otherwise. */
  *simple(text: string, sink: ResultSink): Task<void> {
    this.beginActivity(text);
    this.closeUnnamed();
    let lexer = this.#lexer;
    lexer.scan(text);
    this.#tellCuts();
    if (text.length > LONG_TEXT) yield this.engine.slice();
    const ranges = splitStatements(lexer);
    if (ranges.length === 0) {
      sink.empty();
      this.#endActivity();
      return;
    }
    if (ranges.length > 1) {
      // A statement of the text may wait, and others use the session's lexer meanwhile.
      lexer = new Lexer();
      lexer.scan(text);
    }
    for (const range of ranges) yield* this.#simpleStatement(text, lexer, range, sink);
    yield* this.endImplicit();
  }

  /** Names are cut where the text is read, once, whatever becomes of its statements. */
  #tellCuts(): void {
    for (const [name, cut] of this.#lexer.cuts)
      this.tell(`identifier "${name}" will be truncated to "${cut}"`, { sqlstate: '42622' });
  }

  *#simpleStatement(text: string, lexer: Lexer, range: StatementRange, sink: ResultSink): Task<void> {
    const prepared =
      text.length > LONG_TEXT ? yield* this.#prepareInSteps(text, lexer, range) : this.#prepare(text, lexer, range, []);
    if (prepared.planned !== undefined && prepared.parameterCount > 0)
      throw fail('undefined_parameter', 'there is no parameter $1');
    yield* this.runStatement(prepared, [], sink);
  }

  /** Commits an implicit transaction: the end of a Query message, or Sync. */
  *endImplicit(): Task<void> {
    if (this.block.state === 'implicit') yield* this.block.commit();
    this.#endActivity();
  }

  /** Tells whoever looks that a statement runs. */
  beginActivity(text: string): void {
    this.engine.activity.begin(text, this.engine.database.clock.wallMicros());
  }

  #endActivity(): void {
    this.engine.activity.end(this.status, this.engine.database.clock.wallMicros());
  }

  /** To be run after any error of the methods here. */
  *failed(): Task<void> {
    yield* this.block.abort();
    if (this.block.state === 'failed') this.#endPortals();
    this.#endActivity();
  }

  // ── preparing ──

  /** Lexes, parses, binds and plans the statement in a range of the scanned text; plans come from the cache where they can. */
  #prepare(text: string, lexer: Lexer, range: StatementRange, declaredTypes: readonly Oid[]): Prepared {
    const normalized = normalize(lexer, range.from, range.to);
    return (
      this.#fromCache(text, normalized, declaredTypes) ??
      this.#plan(text, lexer, range, normalized, declaredTypes, parseStatement(lexer, range, normalized))
    );
  }

  /** As {@link #prepare}, for texts whose every step may take long: others have their turn in between. */
  *#prepareInSteps(text: string, lexer: Lexer, range: StatementRange): Task<Prepared> {
    const normalized = normalize(lexer, range.from, range.to);
    if (this.engine.sliceOver()) yield this.engine.slice();
    const cached = this.#fromCache(text, normalized, []);
    if (cached !== undefined) return cached;
    const parsed = parseStatement(lexer, range, normalized);
    if (this.engine.sliceOver()) yield this.engine.slice();
    return this.#plan(text, lexer, range, normalized, [], parsed);
  }

  #cacheKey(normalized: NormalizedStatement, declaredTypes: readonly Oid[]): string {
    return `${normalized.key}\u0001${declaredTypes.join(',')}\u0001${this.settings.get('search_path')}`;
  }

  #fromCache(
    text: string,
    normalized: NormalizedStatement | null,
    declaredTypes: readonly Oid[],
  ): Prepared | undefined {
    if (normalized === null) return undefined;
    if (this.block.state === 'failed') this.block.enter();
    const cached = this.#cache.get(this.#cacheKey(normalized, declaredTypes), this.engine);
    if (cached === undefined) return undefined;
    return {
      text,
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
    if (!isPlannable(statement))
      return {
        text,
        statement,
        planned: undefined,
        literals: [],
        declaredTypes,
        parameterCount: parsed.parameterCount,
        bySql: false,
      };
    this.block.enter();
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
    if (normalized !== null && parsed.sharable && planned.bound.cacheable && this.engine.sharesPlans)
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

  bindContext(): BindContext {
    const { catalog } = this.engine;
    const schemas = searchSchemas(catalog, this.settings.get('search_path')!, this.user, undefined);
    return {
      catalog,
      registry,
      searchPath: schemas.map((oid) => catalog.object(oid)!.name),
      databaseName: this.engine.database.name,
      evaluation: this.context,
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
    const planner = new Planner(
      this.engine,
      bound.lastColumnId,
      (relation) => virtualRows(relation, this),
      this.#known(bound, values),
    );
    const plan = planner.plan(bound.root, new Set(bound.columns.map((c) => c.id)), []);
    return new PlannedStatement(
      this.engine,
      bound,
      bound.columns.length > 0 || bound.root.kind === 'onerow' ? planner.exactly(plan, bound.columns) : plan,
    );
  }

  /** The literals of a statement, for the planner's guesses. */
  #known(bound: BoundResult, literals: readonly LiteralValue[]): KnownValues {
    const unknown = new Array<undefined>(bound.clientParameters).fill(undefined);
    let values: readonly SqlValue[] = [];
    try {
      values = literalValues(bound.literals, literals, this.context, '');
    } catch (error) {
      // A literal that its type does not take is an error of the execution, which says where it stands.
      if (!(error instanceof ExtentError)) throw error;
    }
    return { values: [...unknown, ...values], context: this.context };
  }

  // ── running ──

  /** Runs a prepared statement to its end. */
  *runStatement(prepared: Prepared, parameters: readonly SqlValue[], sink: ResultSink): Task<void> {
    if (prepared.planned === undefined) {
      yield* this.#runUtility(prepared.statement!, prepared.text, sink);
      return;
    }
    const portal = yield* this.openPortal(prepared, parameters);
    try {
      if (portal.planned.columns.length > 0 || portal.planned.command === 'SELECT')
        sink.columns(portal.planned.columns);
      yield* portal.fetch(Number.POSITIVE_INFINITY, sink);
    } finally {
      portal.close();
    }
    this.engine.nextCommand();
    sink.complete(tagOf(portal));
  }

  #runUtility(statement: Statement, text: string, sink: ResultSink): Task<void> {
    return notingRefusals(this, statement, text, () => this.#carryOut(statement, text, sink));
  }

  *#carryOut(statement: Statement, text: string, sink: ResultSink): Task<void> {
    if (!endsFailedBlock(statement)) this.block.enter();
    this.context.beginStatement();
    yield* runUtility(this, statement, text, sink);
    if (this.engine.inTransaction) this.engine.nextCommand();
  }

  /** Locks, checks that the plan still fits, and opens a portal. */
  *openPortal(prepared: Prepared, parameters: readonly SqlValue[]): Task<Portal> {
    this.#beginStatement();
    return this.#portalOf(yield* this.#lockAndFit(prepared), prepared, parameters);
  }

  #beginStatement(): void {
    this.block.enter();
    this.block.use();
    this.context.beginStatement();
  }

  #portalOf(planned: PlannedStatement, prepared: Prepared, parameters: readonly SqlValue[]): Portal {
    if (this.block.readOnly && !planned.readsOnly)
      throw fail(
        'read_only_sql_transaction',
        `cannot execute ${planned.command === 'SELECT' ? 'SELECT FOR UPDATE' : planned.command} in a read-only transaction`,
      );
    const literals =
      planned.bound.literals.length === 0
        ? []
        : literalValues(planned.bound.literals, prepared.literals, this.context, prepared.text);
    const all = literals.length === 0 ? parameters : [...parameters, ...literals];
    return new Portal(this.engine, planned, all, this.context, this.services, this.settings.number('work_mem') * 1024);
  }

  *#lockAndFit(prepared: Prepared): Task<PlannedStatement> {
    let planned = prepared.planned!;
    if (!planned.fits(this.engine)) planned = this.#replan(prepared);
    // Nothing can change between the two where nothing is waited for.
    if (lockTablesNow(this.engine, planned)) return planned;
    for (;;) {
      yield* lockTables(this.engine, planned);
      if (planned.fits(this.engine)) return planned;
      // A table changed while its lock was waited for.
      planned = this.#replan(prepared);
    }
  }

  #replan(prepared: Prepared): PlannedStatement {
    const before = prepared.planned!;
    const lexer = new Lexer();
    lexer.scan(prepared.text);
    const ranges = splitStatements(lexer);
    const range = ranges[0]!;
    const normalized: NormalizedStatement | null =
      prepared.literals.length > 0 ? normalize(lexer, range.from, range.to) : null;
    if (prepared.bySql || ranges.length !== 1) {
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

  /** Runs a statement of ours inside the running one, as a command of its own. @returns its number of rows. */
  *runInternal(sql: string, parameters: readonly SqlValue[]): Task<number> {
    const lexer = new Lexer();
    lexer.scan(sql);
    const parsed = parseStatement(lexer, splitStatements(lexer)[0]!, null);
    this.engine.nextCommand();
    const planned = this.planStatement(parsed.statement as PlannableStatement, sql, parsed.parameterCount, [], []);
    yield* lockTables(this.engine, planned);
    const portal = new Portal(
      this.engine,
      planned,
      parameters,
      this.context,
      this.services,
      this.settings.number('work_mem') * 1024,
    );
    const sink = new CountingSink();
    try {
      yield* portal.fetch(Number.POSITIVE_INFINITY, sink);
    } finally {
      portal.close();
    }
    return planned.command === 'SELECT' ? sink.rows : portal.affected;
  }

  /** Runs a query of ours and gives its rows as values. */
  *queryInternal(sql: string, parameters: readonly SqlValue[]): Task<SqlValue[][]> {
    const prepared = this.internalStatement(sql, '');
    const rows: SqlValue[][] = [];
    const sink = new CountingSink();
    sink.taker = (shape?: Shape) => {
      const readers = shape!.columns.map((_, i) => columnReader(shape!, i, 0));
      return (env?: Env) => {
        rows.push(readers.map((read) => read(env!)));
      };
    };
    yield* this.runStatement(prepared, parameters, sink);
    return rows;
  }

  /** Plans a statement given as text or tree, outside the cache. */
  internalStatement(query: string | PlannableStatement, text: string): Prepared {
    let tree: PlannableStatement;
    if (typeof query === 'string') {
      const lexer = new Lexer();
      lexer.scan(query);
      tree = parseStatement(lexer, splitStatements(lexer)[0]!, null).statement as PlannableStatement;
    } else tree = query;
    const source = typeof query === 'string' ? query : text;
    const planned = this.planStatement(tree, source, 0, [], []);
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

  /** Runs a plan that was not bound from a statement. @returns the number of rows it changed. */
  *runPlan(plan: PlanNode): Task<number> {
    const snapshot = this.engine.snapshot();
    const state = new ExecState(
      this.engine,
      this.context,
      [],
      snapshot,
      this.settings.number('work_mem') * 1024,
      this.services,
    );
    const operator = plan.start(state);
    try {
      yield* operator.open();
      for (;;) if ((yield* operator.next()) === undefined) break;
      return operator instanceof ChangeOperator ? operator.affected : operator.producedRows;
    } finally {
      operator.close();
      closeSubPlans(state);
      if (this.engine.inTransaction) this.engine.release(snapshot);
    }
  }

  /** The value of an expression without columns. */
  *evaluateConstant(expr: Expr): Task<SqlValue> {
    const snapshot = this.engine.snapshot();
    const state = new ExecState(this.engine, this.context, [], snapshot, 1 << 20, this.services);
    const env = new Env(state);
    const evaluate = compileEval(expr, new Planner(this.engine, 0, () => []).scope);
    try {
      return yield* evaluateRow(env, () => evaluate(env));
    } finally {
      closeSubPlans(state);
      this.engine.release(snapshot);
    }
  }

  /** Arguments of EXECUTE, as values of the parameters' types. */
  *evaluateArguments(args: readonly Expression[], types: readonly Oid[], text: string): Task<SqlValue[]> {
    const values: SqlValue[] = [];
    for (let i = 0; i < args.length; i++) {
      values.push(
        yield* this.evaluateConstant(bindConstant(this.bindContext(), args[i]!, text, { oid: types[i]!, typmod: -1 })),
      );
    }
    return values;
  }

  /** PREPARE: the tree is at hand already. */
  prepareParsed(
    name: string,
    statement: PlannableStatement,
    text: string,
    parameterCount: number,
    types: readonly Oid[],
  ): void {
    const planned = this.planStatement(statement, text, parameterCount, types, []);
    this.prepared.set(name, {
      text,
      statement,
      planned,
      literals: [],
      declaredTypes: types,
      parameterCount: planned.bound.clientParameters,
      bySql: true,
      columnsFixed: true,
    });
  }

  *declareCursor(name: string, query: PlannableStatement, text: string): Task<void> {
    if (this.portals.has(name)) throw fail('duplicate_cursor', `cursor "${name}" already exists`);
    const prepared = this.internalStatement(query, text);
    const portal = yield* this.openPortal(prepared, []);
    this.portals.set(name, { prepared, parameters: [], portal, cursor: true, done: false });
  }

  /** Fills a new table from a query. @returns the number of rows. */
  *insertFrom(planned: PlannedStatement, table: TableObject): Task<number> {
    const access = this.engine.access(table);
    yield* lockTables(this.engine, planned);
    const rules = tableRules(this.bindContext(), table);
    const values = planned.plan.shape.columns.map(columnRef);
    const scope = new Planner(this.engine, 1_000_000, () => []).scope;
    const plan = new ModifyPlan(
      {
        kind: 'insert',
        title: `Insert on ${table.name}`,
        access,
        input: planned.plan,
        rules,
        returning: undefined,
        values,
        onConflict: undefined,
      },
      scope,
    );
    return yield* this.runPlan(plan);
  }

  /** Looks for a child row without its parent. @throws 23503 that names it. */
  *validateForeignKey(table: TableObject, constraint: ConstraintObject): Task<void> {
    const { catalog } = this.engine;
    const name = (t: TableObject): string =>
      `"${catalog.object(t.schema)!.name.replaceAll('"', '""')}"."${t.name.replaceAll('"', '""')}"`;
    const column = (t: TableObject, number: number): string =>
      `"${t.columns.find((c) => c.number === number)!.name.replaceAll('"', '""')}"`;
    const parent = catalog.table(constraint.foreign!.table);
    const own = constraint.columns.map((n) => `c.${column(table, n)}`);
    const pairs = constraint.foreign!.columns.map((n, i) => `p.${column(parent, n)} = ${own[i]}`);
    const missing = yield* this.queryInternal(
      `SELECT ${own.join(', ')} FROM ${name(table)} c WHERE ${own.map((o) => `${o} IS NOT NULL`).join(' AND ')} AND NOT EXISTS (SELECT 1 FROM ${name(parent)} p WHERE ${pairs.join(' AND ')}) LIMIT 1`,
      [],
    );
    if (missing.length > 0) throw missingParent(catalog, constraint, missing[0]!, this.context);
  }

  // ── extended protocol ──

  /** Parse. */
  parse(name: string, text: string, types: readonly Oid[]): void {
    const lexer = this.#lexer;
    lexer.scan(text);
    this.#tellCuts();
    const ranges = splitStatements(lexer);
    if (ranges.length > 1) throw fail('syntax_error', 'cannot insert multiple commands into a prepared statement');
    if (name !== '' && this.prepared.has(name))
      throw fail('duplicate_prepared_statement', `prepared statement "${name}" already exists`);
    const prepared: Prepared =
      ranges.length === 0
        ? {
            text,
            statement: undefined,
            planned: undefined,
            literals: [],
            declaredTypes: types,
            parameterCount: 0,
            bySql: false,
          }
        : this.#prepare(text, lexer, ranges[0]!, types);
    if (prepared.statement !== undefined && this.block.state === 'failed' && !endsFailedBlock(prepared.statement))
      this.block.enter();
    this.prepared.set(name, { ...prepared, columnsFixed: true });
  }

  /** The statement of a name. @throws 26000. */
  statement(name: string): Prepared {
    const prepared = this.prepared.get(name);
    if (prepared !== undefined) return prepared;
    throw fail(
      'invalid_sql_statement_name',
      name === '' ? 'unnamed prepared statement does not exist' : `prepared statement "${name}" does not exist`,
    );
  }

  parameterTypes(prepared: Prepared): readonly Oid[] {
    const types = prepared.planned?.bound.parameterTypes ?? [];
    return types.length === prepared.parameterCount ? types : types.slice(0, prepared.parameterCount);
  }

  /** Result columns of a prepared statement; undefined = it returns no rows. */
  resultColumns(prepared: Prepared): readonly ResultColumn[] | undefined {
    if (prepared.planned !== undefined)
      return prepared.planned.columns.length > 0 || prepared.planned.command === 'SELECT'
        ? prepared.planned.columns
        : undefined;
    if (prepared.statement === undefined) return undefined;
    return utilityColumns(this, prepared.statement) ?? undefined;
  }

  /** Bind. `parameters` are values of {@link parameterTypes}. */
  *bind(portalName: string, statementName: string, parameters: readonly SqlValue[]): Task<void> {
    if (this.bindNow(portalName, statementName, parameters)) return;
    const prepared = this.statement(statementName);
    const portal = yield* this.openPortal(prepared, parameters);
    this.portals.set(portalName, { prepared, parameters, portal, cursor: false, done: false });
  }

  /** As {@link bind}, on the spot; false = a table's lock must be waited for: run `bind`. */
  bindNow(portalName: string, statementName: string, parameters: readonly SqlValue[]): boolean {
    const prepared = this.statement(statementName);
    this.beginActivity(prepared.text);
    if (portalName !== '' && this.portals.has(portalName))
      throw fail('duplicate_cursor', `cursor "${portalName}" already exists`);
    if (this.block.state === 'failed' && (prepared.statement === undefined || !endsFailedBlock(prepared.statement)))
      this.block.enter();
    this.closePortal(portalName);
    let portal: Portal | undefined;
    if (prepared.planned !== undefined) {
      this.#beginStatement();
      if (!prepared.planned.fits(this.engine)) this.#replan(prepared);
      if (!lockTablesNow(this.engine, prepared.planned)) return false;
      portal = this.#portalOf(prepared.planned, prepared, parameters);
    }
    this.portals.set(portalName, { prepared, parameters, portal, cursor: false, done: false });
    return true;
  }

  /** The portal of a name. @throws 34000. */
  portal(name: string): BoundPortal {
    const portal = this.portals.get(name);
    if (portal !== undefined) return portal;
    throw fail(
      'invalid_cursor_name',
      name === '' ? 'unnamed portal does not exist' : `portal "${name}" does not exist`,
    );
  }

  /** Execute. @returns true when the portal is exhausted (the sink got its tag), false when it is suspended. */
  *execute(name: string, maxRows: number, sink: ResultSink): Task<boolean> {
    const bound = this.portal(name);
    const { prepared, portal } = bound;
    // Of a portal that was suspended, or bound before a Sync.
    if (!this.engine.activity.isActive) this.beginActivity(prepared.text);
    if (portal === undefined) {
      if (prepared.statement === undefined) {
        sink.empty();
        return true;
      }
      if (bound.done) throw fail('object_not_in_prerequisite_state', `portal "${name}" cannot be run`);
      bound.done = true;
      yield* this.#runUtility(prepared.statement, prepared.text, sink);
      return true;
    }
    if (this.block.state === 'failed') this.block.enter();
    const before = portal.delivered;
    const ended = yield* portal.fetch(maxRows === 0 ? Number.POSITIVE_INFINITY : maxRows, sink);
    if (!ended) return false;
    if (!bound.done) this.engine.nextCommand();
    bound.done = true;
    sink.complete(portal.planned.command === 'SELECT' ? `SELECT ${portal.delivered - before}` : tagOf(portal));
    return true;
  }

  closePortal(name: string): void {
    this.portals.get(name)?.portal?.close();
    this.portals.delete(name);
  }

  closeUnnamed(): void {
    this.closePortal('');
    this.prepared.delete('');
  }

  #endPortals(): void {
    for (const { portal } of this.portals.values()) portal?.close();
    this.portals.clear();
  }

  /** The end of the session: rolls back what is open. */
  *close(): Task<void> {
    this.#endPortals();
    yield* this.block.rollback();
    this.engine.database.closeSession(this.engine);
  }

  /** Forgets cached plans. */
  discardPlans(): void {
    this.#cache.clear();
  }

  warn(message: string, sqlstate = '01000'): void {
    this.notice({ severity: 'WARNING', sqlstate, message });
  }

  tell(
    message: string,
    facts: { readonly sqlstate?: string; readonly detail?: string; readonly hint?: string } = {},
  ): void {
    this.notice({ severity: 'NOTICE', sqlstate: '00000', message, ...facts });
  }
}

const SEVERITIES = ['debug5', 'debug4', 'debug3', 'debug2', 'debug1', 'debug', 'log', 'notice', 'warning', 'error'];

function shows(minimum: string, severity: Notice['severity']): boolean {
  return severity === 'INFO' || SEVERITIES.indexOf(severity.toLowerCase()) >= SEVERITIES.indexOf(minimum);
}

function plannableOf(prepared: Prepared): PlannableStatement {
  if (prepared.statement === undefined || !isPlannable(prepared.statement))
    throw fail('internal_error', 'a prepared statement lost its tree');
  return prepared.statement;
}
