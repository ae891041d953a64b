/**
 * Aggregation as a plan: which calls over which groups, and who runs it.
 *
 *   code is worth while and can be made   fused-aggregate.ts, together with the scan or join below where it can
 *   otherwise                             aggregate-operator.ts, group by group and call by call
 */
import type { AggregateCall, ColumnId, Expr } from '../plan/logical.ts';
import { substitute } from '../plan/walk.ts';
import type { AggregateImpl, Oid } from '../types/contracts.ts';
import { type FusedInput, leafCode, pairCode, rowCode } from './aggregate-feeds.ts';
import { AggregateOperator } from './aggregate-operator.ts';
import {
  type AggregateBatch,
  type AggregateWork,
  type CompiledAggregate,
  compileAggregateBatch,
} from './codegen/aggregate-code.ts';
import { compileEval, type Scope } from './evaluate.ts';
import { FusedAggregateOperator } from './fused-aggregate.ts';
import { type Gathering, gatheringOf } from './gathered-arguments.ts';
import { HashJoinPlan } from './hash-join.ts';
import { callTypes } from './implementation.ts';
import { OneTimePlan } from './one-time.ts';
import { type Operator, type PlanNode, startPlan } from './operator.ts';
import { ScanPlan } from './scan.ts';
import { RenamePlan } from './sets.ts';
import { Shape } from './shape.ts';
import type { SpilledRows } from './spill.ts';
import type { ExecState } from './state.ts';
import { columnWriter, type Eval, type Writer } from './values.ts';

/** The plan below all that only gives columns other names, and below conditions that are judged once. */
function unnamed(plan: PlanNode): PlanNode {
  return plan instanceof RenamePlan || plan instanceof OneTimePlan ? unnamed(plan.children[0]!) : plan;
}

/** The same work in terms of the columns below a renaming. */
function withNamesBelow(plan: RenamePlan, work: AggregateWork): AggregateWork {
  const below = plan.children[0]!.shape.columns;
  const names = new Map<ColumnId, Expr>();
  plan.shape.columns.forEach(({ id }, i) => {
    const column = below[i]!;
    names.set(id, { kind: 'column', id: column.id, type: column.type, typmod: column.typmod });
  });
  const calls = work.calls.map((call) => ({
    ...call,
    args: call.args.map((arg) => substitute(arg, names)),
    ...(call.filter === undefined ? {} : { filter: substitute(call.filter, names) }),
  }));
  return { ...work, groups: work.groups.map((group) => substitute(group, names)), calls };
}

/** Generated code takes over at about this many rows, or at this execution. */
const COMPILE_ROWS = 1000;
const COMPILE_STARTS = 3;

export interface CompiledCall {
  readonly impl: AggregateImpl;
  readonly strict: boolean;
  readonly args: readonly Eval[];
  readonly direct: readonly Eval[];
  readonly filter: Eval | undefined;
  /** For calls whose arguments have DISTINCT or must come in order. */
  readonly gathering: Gathering | undefined;
  /** States keep what they are given. */
  readonly keepsInput: boolean;
}

export class AggregatePlan implements PlanNode {
  readonly shape: Shape;
  readonly rows: number;
  readonly title: string;
  readonly details: readonly string[];
  readonly children: readonly PlanNode[];
  readonly groups: readonly Eval[];
  readonly groupExprs: readonly Expr[];
  readonly calls: readonly CompiledCall[];
  readonly writers: readonly Writer[];
  readonly groupShape: Shape;

  constructor(
    input: PlanNode,
    shape: Shape,
    groups: readonly Expr[],
    calls: readonly AggregateCall[],
    scope: Scope,
    rows: number,
    details: readonly string[],
  ) {
    this.shape = shape;
    this.rows = rows;
    this.title = groups.length === 0 ? 'Aggregate' : 'HashAggregate';
    this.details = details;
    this.children = [input];
    const inner = { ...scope, shape0: input.shape };
    this.groupExprs = groups;
    this.groups = groups.map((g) => compileEval(g, inner));
    this.calls = calls.map((c, i) => compileCall(c, inner, shape.columns[groups.length + i]!.type));
    this.#calls = calls;
    this.writers = shape.columns.map((_, i) => columnWriter(shape, i));
    this.groupShape = new Shape(shape.columns.slice(0, groups.length));
  }

  readonly #calls: readonly AggregateCall[];

  start(state: ExecState): Operator {
    const fused = this.#fusedInput(state);
    return fused === undefined
      ? new AggregateOperator(state, this, startPlan(this.children[0]!, state))
      : new FusedAggregateOperator(state, this, fused);
  }

  /** What generated code aggregates, when there is such code and it has been earned. */
  #fusedInput(state: ExecState): FusedInput | undefined {
    const input = unnamed(this.children[0]!);
    this.#starts++;
    const earned =
      input instanceof ScanPlan && input.isWholeTable
        ? input.isWorthCompiling()
        : Math.max(input.rows, ...input.children.map((c) => c.rows)) >= COMPILE_ROWS || this.#starts >= COMPILE_STARTS;
    if (!earned) return undefined;
    this.#fused ??= { input: this.#compile(state) };
    return this.#fused.input;
  }

  #compile(state: ExecState): FusedInput | undefined {
    let input = this.children[0]!;
    let work: AggregateWork = { groups: this.groupExprs, groupShape: this.groupShape, calls: this.#calls };
    const once: OneTimePlan[] = [];
    for (; input instanceof RenamePlan || input instanceof OneTimePlan; input = input.children[0]!)
      if (input instanceof OneTimePlan) once.push(input);
      else work = withNamesBelow(input, work);
    const fused = inputCode(input, state, work);
    return fused === undefined || once.length === 0 ? fused : { ...fused, once };
  }

  /** The interpreter, over an operator that is open already. */
  startOver(state: ExecState, input: Operator): Operator {
    return new AggregateOperator(state, this, input, 'open');
  }

  /** The interpreter, over rows that an aggregation put aside. */
  startRest(state: ExecState, parts: readonly SpilledRows[]): Operator {
    return new AggregateOperator(state, this, undefined, parts);
  }

  /** Generated code over rows put aside; undefined = there is none. */
  get partCode(): CompiledAggregate<AggregateBatch> | undefined {
    this.#partCode ??= {
      code: compileAggregateBatch(this.children[0]!.shape, {
        groups: this.groupExprs,
        groupShape: this.groupShape,
        calls: this.#calls,
      }),
    };
    return this.#partCode.code;
  }

  #starts = 0;
  #partCode: { readonly code: CompiledAggregate<AggregateBatch> | undefined } | undefined;
  #fused: { readonly input: FusedInput | undefined } | undefined;

  /** Generated code, for EXPLAIN. */
  get generated(): string | undefined {
    return this.#fused?.input?.code.source;
  }
}

function inputCode(input: PlanNode, state: ExecState, work: AggregateWork): FusedInput | undefined {
  if (input instanceof ScanPlan && input.isWholeTable) return leafCode(input, state, work);
  return (input instanceof HashJoinPlan ? pairCode(input, work) : undefined) ?? rowCode(input, work);
}

function compileCall(call: AggregateCall, scope: Scope, result: Oid): CompiledCall {
  return {
    impl: call.aggregate.specialize(callTypes([...call.direct, ...call.args], result)),
    strict: call.aggregate.strict,
    args: call.args.map((a) => compileEval(a, scope)),
    direct: call.direct.map((a) => compileEval(a, scope)),
    filter: call.filter === undefined ? undefined : compileEval(call.filter, scope),
    gathering: gatheringOf(call, scope),
    keepsInput: call.aggregate.keepsInput,
  };
}
