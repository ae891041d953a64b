/**
 * INSERT, UPDATE and DELETE as plans; `modify-operator.ts` runs them.
 */
import type { IndexObject } from '../../engine/catalog.ts';
import type { RowBuffer } from '../../engine/record-port.ts';
import type { TableAccess } from '../../engine/table-access.ts';
import type { ColumnId, Expr } from '../plan/logical.ts';
import type { PartitionLevel, Returning, RowRules } from '../plan/logical-changes.ts';
import { compileEval, type Scope } from './evaluate.ts';
import { ModifyOperator } from './modify-operator.ts';
import type { PlanNode } from './operator.ts';
import { PartitionTest } from './partition-routing.ts';
import { rowBuilder } from './project.ts';
import { RowRulesPlan } from './row-rules.ts';
import { Shape } from './shape.ts';
import type { Env, ExecState } from './state.ts';
import type { Eval } from './values.ts';

function samePhysical(a: Shape, b: Shape, column: number): boolean {
  const x = a.columns[column]!.physical;
  const y = b.columns[column]!.physical;
  return x.kind === y.kind && x.scale === y.scale;
}

/** What all three have in common. */
export interface ModifyOptions {
  readonly access: TableAccess;
  readonly input: PlanNode;
  readonly rules: RowRules;
  readonly returning: Returning | undefined;
  readonly title: string;
  /** What keeps rows in the table, if it is a partition that they may leave. */
  readonly levels?: readonly PartitionLevel[];
}

export interface InsertOptions extends ModifyOptions {
  readonly kind: 'insert';
  /** Rows that come from another partition: their foreign keys are seen to where they come from. */
  readonly arrives?: true;
  /** Per live column what it gets, over the input's columns. */
  readonly values: readonly Expr[];
  readonly onConflict:
    | undefined
    | {
        readonly arbiters: readonly IndexObject[];
        readonly existing: readonly { readonly id: ColumnId; readonly type: number; readonly typmod: number }[];
        /** Per live column its new value; undefined = DO NOTHING. */
        readonly update: readonly Expr[] | undefined;
        readonly where: Expr | undefined;
      };
}

export interface UpdateOptions extends ModifyOptions {
  readonly kind: 'update';
  /** Ids under which the input has the target's live columns, in order, and its row key. */
  readonly target: readonly ColumnId[];
  readonly key: ColumnId;
  /** Per live column its new value, over the input's columns. */
  readonly values: readonly Expr[];
  /** What must still hold for a newer version of the row; undefined = nothing. */
  readonly recheck: Expr | undefined;
  /** True when a target row can come more than once. */
  readonly mayRepeat: boolean;
}

export interface DeleteOptions extends ModifyOptions {
  readonly kind: 'delete';
  readonly target: readonly ColumnId[];
  readonly key: ColumnId;
  readonly recheck: Expr | undefined;
  readonly mayRepeat: boolean;
}

export class ModifyPlan implements PlanNode {
  readonly shape: Shape;
  readonly rows: number;
  readonly title: string;
  readonly details: readonly string[] = [];
  readonly children: readonly PlanNode[];
  readonly options: InsertOptions | UpdateOptions | DeleteOptions;
  readonly rules: RowRulesPlan;
  readonly build: ((env: Env, out: RowBuffer) => void) | undefined;
  readonly recheck: Eval | undefined;
  readonly returning: ((env: Env, out: RowBuffer) => void) | undefined;
  readonly existingShape: Shape | undefined;
  readonly conflictBuild: ((env: Env, out: RowBuffer) => void) | undefined;
  readonly conflictWhere: Eval | undefined;
  readonly levels: PartitionTest | undefined;

  constructor(options: InsertOptions | UpdateOptions | DeleteOptions, scope: Scope) {
    this.options = options;
    this.children = [options.input];
    this.rows = options.input.rows;
    this.title = options.title;
    const { access, input, returning } = options;
    this.rules = new RowRulesPlan(access, options.rules, scope);
    this.shape = Shape.of(returning?.columns ?? []);
    const over = { ...scope, shape0: input.shape };
    const { levels = [] } = options;
    this.levels = levels.length === 0 ? undefined : new PartitionTest(levels, { ...scope, shape0: this.rules.shape });
    this.build = options.kind === 'delete' ? undefined : rowBuilder(this.rules.shape, options.values, over);
    this.recheck =
      options.kind === 'insert' || options.recheck === undefined ? undefined : compileEval(options.recheck, over);
    this.returning =
      returning === undefined
        ? undefined
        : rowBuilder(this.shape, returning.exprs, { ...scope, shape0: this.rules.shape, shape1: input.shape });
    this.sameColumns =
      options.kind === 'insert' &&
      input.shape.columns.length === this.rules.shape.columns.length &&
      options.values.every(
        (v, i) =>
          v.kind === 'column' && v.id === input.shape.columns[i]!.id && samePhysical(input.shape, this.rules.shape, i),
      );
    const conflict = options.kind === 'insert' ? options.onConflict : undefined;
    if (conflict?.update !== undefined) {
      this.existingShape = new Shape(
        conflict.existing.map((c, i) => ({
          id: c.id,
          type: c.type,
          typmod: c.typmod,
          physical: access.columns[i]!.physical,
        })),
        access.wideLayout,
      );
      const both = { ...scope, shape0: this.existingShape, shape1: this.rules.shape };
      this.conflictBuild = rowBuilder(this.rules.shape, conflict.update, both);
      this.conflictWhere = conflict.where === undefined ? undefined : compileEval(conflict.where, both);
    }
  }

  /** True when new rows need no check, no index entry and no answer: they can be appended leaf by leaf. */
  get appendsOnly(): boolean {
    const { options } = this;
    return (
      options.kind === 'insert' &&
      options.onConflict === undefined &&
      options.returning === undefined &&
      options.access.secondary.length === 0 &&
      !this.rules.checksRows
    );
  }

  /** True when the input's rows are the table's rows already. */
  readonly sameColumns: boolean;

  start(state: ExecState): ModifyOperator {
    return new ModifyOperator(state, this);
  }
}
