/**
 * A session as clients see it: text in, results out.
 *
 * Both protocols and the embedded API come down to the same steps: lex, look the plan up (or parse, bind and plan), lock the
 * tables, take a snapshot, run. Everything that may wait is a task; whoever drives it decides how to wait.
 *
 *   statement-planner.ts   text → plan, with the plan cache        utility.ts             statements without a plan
 *   statement-runner.ts    plan → portal, rows, values             transaction-block.ts   which of them may run now
 *
 * Here are the two protocols, and the names of prepared statements and portals. After an error the caller must run
 * {@link SqlSession.failed}, which aborts the transaction as PostgreSQL would.
 */
import { fail } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import type { Oid } from '../../engine/catalog.ts';
import type { Instance } from '../../engine/instance.ts';
import type { Session } from '../../engine/session.ts';
import type { Statement } from '../ast/statements.ts';
import type { BindContext } from '../bind/binding.ts';
import { ONLINE_DEFRAGMENTATION, shownMode } from '../ddl/database-settings.ts';
import { noteRefusal, notingRefusals } from '../ddl/refusals.ts';
import { ExecState, type StatementServices } from '../exec/state.ts';
import { Lexer } from '../lexer/lexer.ts';
import { type StatementRange, splitStatements } from '../lexer/split.ts';
import type { Expr } from '../plan/logical.ts';
import type { SqlValue } from '../types/contracts.ts';
import { virtualName, virtualOid, virtualRows } from '../views/virtual-relations.ts';
import { DeferredChecks } from './deferred-checks.ts';
import { LastTag } from './last-tag.ts';
import { noticesAbove } from './notices.ts';
import { OpenPortals } from './open-portals.ts';
import type { Portal } from './portal.ts';
import type { Notice, ResultColumn, ResultSink } from './results.ts';
import { EPOCH_MICROS, SessionContext } from './session-context.ts';
import { Settings } from './settings.ts';
import { endsFailedBlock, tagOf } from './statement-kinds.ts';
import { type Prepared, StatementPlanner } from './statement-planner.ts';
import { StatementRunner } from './statement-runner.ts';
import { TransactionBlock } from './transaction-block.ts';
import { runUtility, utilityColumns } from './utility.ts';

/** Characters of a text whose reading and planning are worth being taken apart. */
const LONG_TEXT = 16_384;
/** What a deferred check may hold before it spills: it looks at single rows. */
const CHECK_BYTES = 1 << 20;

/** Types and values of the parameters that a utility statement's query has: of EXPLAIN, DECLARE, CREATE TABLE AS. */
export interface GivenParameters {
  readonly types: readonly Oid[];
  readonly values: readonly SqlValue[];
}

const NOTHING_GIVEN: GivenParameters = { types: [], values: [] };

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
  readonly portals = new OpenPortals(this);
  readonly notice: (notice: Notice) => void;
  readonly #lexer = new Lexer();
  readonly services: StatementServices;
  readonly planner: StatementPlanner;
  readonly runner: StatementRunner;

  /** What an aborted transaction did not take, where nothing can be waited for; {@link failed} writes it down. */
  #refused: { readonly statement: Statement; readonly text: string; readonly error: unknown } | undefined;

  /** While a utility statement runs: what it was given. */
  given: GivenParameters = NOTHING_GIVEN;

  #lastTag: LastTag | undefined;

  constructor(instance: Instance, engine: Session, options: SessionOptions) {
    this.instance = instance;
    this.engine = engine;
    this.user = options.user;
    this.settings.setFixed('session_authorization', options.user);
    for (const [name, value] of options.settings ?? []) this.settings.setDefault(name, value);
    this.notice = noticesAbove(() => this.settings.get('client_min_messages')!, options.notice);
    this.context = new SessionContext(engine, this.settings, options.user, {
      databases: () => instance.databaseList(),
      cancel: (pid, terminate) => instance.cancel(pid, terminate),
      warn: (message) => this.warn(message),
      virtualOid,
      virtualName,
      openDatabases: () => instance.databases(),
      databaseSize: (oid) => instance.databaseBytes(oid),
      isReadOnly: () => this.block.readOnly,
    });
    this.settings.setComputed(ONLINE_DEFRAGMENTATION, () => shownMode(engine.database.defragmentation.mode));
    this.settings.setComputed('extentdb.shrink', () => engine.database.file.shrink);
    const newState = (): ExecState =>
      new ExecState(engine, this.context, [], engine.snapshot(), CHECK_BYTES, this.services);
    this.block = new TransactionBlock(engine, this.settings, this.context, new DeferredChecks(engine, newState));
    this.block.onCommit = () => this.portals.hold();
    this.block.onEnd = () => this.portals.transactionEnded();
    const { activity } = engine;
    activity.user = options.user;
    activity.applicationName = () => this.settings.get('application_name') ?? '';
    activity.transactionMicros = () =>
      engine.inTransaction ? this.context.transactionMicros + EPOCH_MICROS : undefined;
    this.services = {
      runInternal: (sql, parameters) => this.runInternal(sql, parameters),
      defer: (constraint, bytes, check) => this.block.deferred.defer(constraint, bytes, check),
    };
    const { settings, context, block, services } = this;
    this.planner = new StatementPlanner(engine, settings, context, block, (relation) => virtualRows(relation, this));
    this.runner = new StatementRunner(engine, settings, context, block, this.planner, services);
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
    this.#lastTag ??= new LastTag(sink);
    const last = this.#lastTag.over(sink);
    for (let i = 0; i < ranges.length; i++)
      yield* this.#simpleStatement(text, lexer, ranges[i]!, i === ranges.length - 1 ? last : sink);
    yield* this.endImplicit();
    last.tell();
  }

  /** Names are cut where the text is read, once, whatever becomes of its statements. */
  #tellCuts(): void {
    for (const [name, cut] of this.#lexer.cuts)
      this.tell(`identifier "${name}" will be truncated to "${cut}"`, { sqlstate: '42622' });
  }

  *#simpleStatement(text: string, lexer: Lexer, range: StatementRange, sink: ResultSink): Task<void> {
    const prepared =
      text.length > LONG_TEXT
        ? yield* this.planner.prepareInSteps(text, lexer, range)
        : this.planner.prepare(text, lexer, range, []);
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
    const refused = this.#refused;
    this.#refused = undefined;
    if (refused !== undefined) yield* noteRefusal(this, refused.statement, refused.text, refused.error);
    yield* this.block.abort();
    if (this.block.state === 'failed') this.portals.transactionEnded();
    this.#endActivity();
  }

  // ── running ──

  /** Runs a prepared statement to its end. */
  *runStatement(prepared: Prepared, parameters: readonly SqlValue[], sink: ResultSink): Task<void> {
    if (prepared.planned === undefined) {
      yield* this.#runUtility(prepared, parameters, sink);
      return;
    }
    yield* this.runner.runToEnd(prepared, parameters, sink);
  }

  *#runUtility(prepared: Prepared, parameters: readonly SqlValue[], sink: ResultSink): Task<void> {
    const statement = prepared.statement!;
    this.given = { types: this.parameterTypes(prepared), values: parameters };
    try {
      yield* notingRefusals(this, statement, prepared.text, () => this.#carryOut(statement, prepared.text, sink));
    } finally {
      this.given = NOTHING_GIVEN;
    }
  }

  *#carryOut(statement: Statement, text: string, sink: ResultSink): Task<void> {
    if (!endsFailedBlock(statement)) this.block.enter();
    this.context.beginStatement();
    yield* runUtility(this, statement, text, sink);
    if (this.engine.inTransaction) this.engine.nextCommand();
  }

  // ── for statements that define and maintain ──

  /** See {@link StatementPlanner.bindContext}. */
  bindContext(): BindContext {
    return this.planner.bindContext();
  }

  /** See {@link StatementRunner.runInternal}. */
  runInternal(sql: string, parameters: readonly SqlValue[]): Task<number> {
    return this.runner.runInternal(sql, parameters);
  }

  /** See {@link StatementRunner.evaluateConstant}. */
  evaluateConstant(expr: Expr): Task<SqlValue> {
    return this.runner.evaluateConstant(expr);
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
        : this.planner.prepare(text, lexer, ranges[0]!, types);
    this.#requireNotAborted(prepared);
    this.prepared.set(name, { ...prepared, columnsFixed: true });
  }

  /** @throws 25P02 for a statement that may not come into an aborted transaction. */
  #requireNotAborted(prepared: Prepared): void {
    const { statement, planned, text } = prepared;
    if (this.block.state !== 'failed' || (statement === undefined && planned === undefined)) return;
    if (statement !== undefined && endsFailedBlock(statement)) return;
    try {
      this.block.enter();
    } catch (error) {
      if (statement !== undefined) this.#refused = { statement, text, error };
      throw error;
    }
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
    const types = prepared.planned?.bound.parameterTypes ?? prepared.queryTypes ?? [];
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
    const portal = yield* this.runner.openPortal(prepared, parameters);
    this.portals.set(portalName, { prepared, parameters, portal, cursor: false, done: false });
  }

  /** As {@link bind}, on the spot; false = a table's lock must be waited for: run `bind`. */
  bindNow(portalName: string, statementName: string, parameters: readonly SqlValue[]): boolean {
    const prepared = this.statement(statementName);
    this.beginActivity(prepared.text);
    if (portalName !== '' && this.portals.has(portalName))
      throw fail('duplicate_cursor', `cursor "${portalName}" already exists`);
    this.#requireNotAborted(prepared);
    this.portals.close(portalName);
    let portal: Portal | undefined;
    if (prepared.planned !== undefined) {
      portal = this.runner.openPortalNow(prepared, parameters);
      if (portal === undefined) return false;
    }
    this.portals.set(portalName, { prepared, parameters, portal, cursor: false, done: false });
    return true;
  }

  /** Execute. @returns true when the portal is exhausted (the sink got its tag), false when it is suspended. */
  *execute(name: string, maxRows: number, sink: ResultSink): Task<boolean> {
    const bound = this.portals.named(name);
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
      yield* this.#runUtility(prepared, bound.parameters, sink);
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

  closeUnnamed(): void {
    this.portals.close('');
    this.prepared.delete('');
  }

  /** The end of the session: rolls back what is open. */
  *close(): Task<void> {
    this.portals.closeAll();
    yield* this.block.rollback();
    this.engine.advisory.unlockAll();
    this.engine.database.closeSession(this.engine);
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
