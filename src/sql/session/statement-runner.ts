/**
 * Plans that run: a portal is opened for a prepared statement, and statements of ours run inside the running one.
 *
 * To open a portal its tables are locked. Where a lock was waited for, a table may have changed meanwhile: then the statement
 * is planned anew, and what the new plan reads is locked in its turn.
 */
import { fail } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import type { Oid } from '../../engine/catalog.ts';
import type { Session } from '../../engine/session.ts';
import type { Expression } from '../ast/expressions.ts';
import type { PlannableStatement } from '../ast/queries.ts';
import { bindConstant } from '../bind/bind.ts';
import { ChangeOperator } from '../exec/change-operator.ts';
import type { Constants } from '../exec/constants.ts';
import { compileEval } from '../exec/evaluate.ts';
import { evaluateRow, type PlanNode } from '../exec/operator.ts';
import type { Shape } from '../exec/shape.ts';
import { Env, ExecState, type StatementServices } from '../exec/state.ts';
import { closeSubPlans } from '../exec/subplan.ts';
import { columnReader } from '../exec/values.ts';
import { Lexer } from '../lexer/lexer.ts';
import { splitStatements } from '../lexer/split.ts';
import { parseStatement } from '../parser/parser.ts';
import type { Expr } from '../plan/logical.ts';
import { Planner } from '../plan/planner.ts';
import type { SqlValue } from '../types/contracts.ts';
import { literalValues, type PlannedStatement } from './planned.ts';
import { lockTables, lockTablesNow, Portal } from './portal.ts';
import { CountingSink, type ResultSink } from './results.ts';
import type { SessionContext } from './session-context.ts';
import type { Settings } from './settings.ts';
import { tagOf } from './statement-kinds.ts';
import type { Prepared, StatementPlanner } from './statement-planner.ts';
import type { TransactionBlock } from './transaction-block.ts';

/** Runs the plans of one session. */
export class StatementRunner {
  readonly #engine: Session;
  readonly #settings: Settings;
  readonly #context: SessionContext;
  readonly #block: TransactionBlock;
  readonly #planner: StatementPlanner;
  readonly #services: StatementServices;

  constructor(
    engine: Session,
    settings: Settings,
    context: SessionContext,
    block: TransactionBlock,
    planner: StatementPlanner,
    services: StatementServices,
  ) {
    this.#engine = engine;
    this.#settings = settings;
    this.#context = context;
    this.#block = block;
    this.#planner = planner;
    this.#services = services;
  }

  /** Locks, checks that the plan still fits, and opens a portal. */
  *openPortal(prepared: Prepared, parameters: readonly SqlValue[]): Task<Portal> {
    this.#beginStatement();
    return this.#portalOf(yield* this.#lockAndFit(prepared), prepared, parameters);
  }

  /** As {@link openPortal}, on the spot; undefined = a table's lock must be waited for. */
  openPortalNow(prepared: Prepared, parameters: readonly SqlValue[]): Portal | undefined {
    this.#beginStatement();
    if (!prepared.planned!.fits(this.#engine)) this.#planner.replan(prepared);
    if (!lockTablesNow(this.#engine, prepared.planned!)) return undefined;
    return this.#portalOf(prepared.planned!, prepared, parameters);
  }

  #beginStatement(): void {
    this.#block.enter();
    this.#block.use();
    this.#context.beginStatement();
  }

  #portalOf(planned: PlannedStatement, prepared: Prepared, parameters: readonly SqlValue[]): Portal {
    if (this.#block.readOnly && !planned.readsOnly)
      throw fail(
        'read_only_sql_transaction',
        `cannot execute ${planned.command === 'SELECT' ? 'SELECT FOR UPDATE' : planned.command} in a read-only transaction`,
      );
    const literals =
      planned.bound.literals.length === 0
        ? []
        : literalValues(planned.bound.literals, prepared.literals, this.#context, prepared.text);
    const all = literals.length === 0 ? parameters : [...parameters, ...literals];
    return this.#portal(planned, all);
  }

  #portal(planned: PlannedStatement, parameters: readonly SqlValue[]): Portal {
    return new Portal(this.#engine, planned, parameters, this.#context, this.#services, this.#workMemory);
  }

  /** Bytes that a statement may take before it spills. */
  get #workMemory(): number {
    return this.#settings.number('work_mem') * 1024;
  }

  *#lockAndFit(prepared: Prepared): Task<PlannedStatement> {
    let planned = prepared.planned!;
    if (!planned.fits(this.#engine)) planned = this.#planner.replan(prepared);
    // Nothing can change between the two where nothing is waited for.
    if (lockTablesNow(this.#engine, planned)) return planned;
    for (;;) {
      yield* lockTables(this.#engine, planned);
      if (planned.fits(this.#engine)) return planned;
      // A table changed while its lock was waited for.
      planned = this.#planner.replan(prepared);
    }
  }

  /** Runs a query or a change to its end. */
  *runToEnd(prepared: Prepared, parameters: readonly SqlValue[], sink: ResultSink): Task<void> {
    const portal = yield* this.openPortal(prepared, parameters);
    try {
      if (portal.planned.columns.length > 0 || portal.planned.command === 'SELECT')
        sink.columns(portal.planned.columns);
      yield* portal.fetch(Number.POSITIVE_INFINITY, sink);
    } finally {
      portal.close();
    }
    this.#engine.nextCommand();
    sink.complete(tagOf(portal));
  }

  /** Runs a statement of ours inside the running one, as a command of its own. @returns its number of rows. */
  *runInternal(sql: string, parameters: readonly SqlValue[]): Task<number> {
    const lexer = new Lexer();
    lexer.scan(sql);
    const parsed = parseStatement(lexer, splitStatements(lexer)[0]!, null);
    this.#engine.nextCommand();
    const planned = this.#planner.planStatement(
      parsed.statement as PlannableStatement,
      sql,
      parsed.parameterCount,
      [],
      [],
    );
    yield* lockTables(this.#engine, planned);
    const portal = this.#portal(planned, parameters);
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
    const prepared = this.#planner.internalStatement(sql, '');
    const rows: SqlValue[][] = [];
    const sink = new CountingSink();
    sink.taker = (shape?: Shape) => {
      const readers = shape!.columns.map((_, i) => columnReader(shape!, i, 0));
      return (env?: Env) => {
        rows.push(readers.map((read) => read(env!)));
      };
    };
    yield* this.runToEnd(prepared, parameters, sink);
    return rows;
  }

  /**
   * Runs a plan that was not bound from a statement.
   *
   * @param constants - what it computes before its first row.
   * @returns the number of rows it changed.
   */
  *runPlan(plan: PlanNode, constants?: Constants, parameters: readonly SqlValue[] = []): Task<number> {
    const snapshot = this.#engine.snapshot();
    const state = new ExecState(this.#engine, this.#context, parameters, snapshot, this.#workMemory, this.#services);
    const operator = plan.start(state);
    try {
      if (constants !== undefined) yield* constants.compute(state);
      yield* operator.open();
      for (;;) if ((yield* operator.next()) === undefined) break;
      return operator instanceof ChangeOperator ? operator.affected : operator.producedRows;
    } finally {
      operator.close();
      closeSubPlans(state);
      if (this.#engine.inTransaction) this.#engine.release(snapshot);
    }
  }

  /** The value of an expression without columns. */
  *evaluateConstant(expr: Expr): Task<SqlValue> {
    const snapshot = this.#engine.snapshot();
    const state = new ExecState(this.#engine, this.#context, [], snapshot, 1 << 20, this.#services);
    const env = new Env(state);
    const evaluate = compileEval(expr, new Planner(this.#engine, 0, () => []).scope);
    try {
      return yield* evaluateRow(env, () => evaluate(env));
    } finally {
      closeSubPlans(state);
      this.#engine.release(snapshot);
    }
  }

  /** Arguments of EXECUTE, as values of the parameters' types. */
  *evaluateArguments(args: readonly Expression[], types: readonly Oid[], text: string): Task<SqlValue[]> {
    const values: SqlValue[] = [];
    for (let i = 0; i < args.length; i++) {
      values.push(
        yield* this.evaluateConstant(
          bindConstant(this.#planner.bindContext(), args[i]!, text, { oid: types[i]!, typmod: -1 }),
        ),
      );
    }
    return values;
  }
}
