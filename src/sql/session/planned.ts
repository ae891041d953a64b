/**
 * Bound and planned statements, and the cache that keeps them.
 *
 * A plan is good as long as the catalog is the one it was made with and its tables have not changed their size by much. It
 * captures no session state: parameters, settings and snapshots come with each execution.
 */
import { ExtentError, fail } from '../../base/errors.ts';
import type { Catalog } from '../../engine/catalog.ts';
import type { Session } from '../../engine/session.ts';
import { positionOf } from '../ast/names.ts';
import type { BoundResult, LiteralParameter } from '../bind/binding.ts';
import { AggregatePlan } from '../exec/aggregate.ts';
import type { Constants } from '../exec/constants.ts';
import { ModifyPlan } from '../exec/modify.ts';
import { NeverPlan, OneTimePlan } from '../exec/one-time.ts';
import type { Operator, PlanNode } from '../exec/operator.ts';
import { PointReader } from '../exec/point-scan.ts';
import { ProjectPlan, ValuesPlan } from '../exec/project.ts';
import { ScanPlan } from '../exec/scan.ts';
import { RenamePlan } from '../exec/sets.ts';
import { SortPlan } from '../exec/sort.ts';
import type { ExecState } from '../exec/state.ts';
import type { LiteralValue, ScalarClass } from '../lexer/literals.ts';
import { PgArray } from '../types/array.ts';
import type { EvalContext, Oid, SqlValue } from '../types/contracts.ts';
import { registry } from '../types/registry.ts';
import type { ResultColumn } from './results.ts';

/** Operators with more memory than this are not kept for the next execution. */
const IDLE_BYTES_MAX = 32_768;
const CACHE_ENTRIES_MAX = 500;
const CACHE_TEXT_MAX = 1 << 20;
/** A plan is made anew when a table has grown or shrunk by this factor. */
const SIZE_FACTOR = 4;

export class PlannedStatement {
  readonly bound: BoundResult;
  readonly plan: PlanNode;
  /** What an execution computes before its first row; undefined = nothing. */
  readonly constants: Constants | undefined;
  readonly catalog: Catalog;
  readonly columns: readonly ResultColumn[];
  /** First word of the command tag. */
  readonly command: 'SELECT' | 'INSERT' | 'UPDATE' | 'DELETE';
  readonly #sizes: readonly { readonly tree: number; readonly rows: number }[];

  constructor(session: Session, bound: BoundResult, plan: PlanNode, constants: Constants | undefined) {
    this.bound = bound;
    this.plan = plan;
    this.constants = constants;
    this.catalog = session.catalog;
    this.columns = bound.columns.map((c) => ({
      name: c.name,
      type: c.type,
      typmod: c.typmod,
      table: c.origin?.table ?? 0,
      number: c.origin?.number ?? 0,
    }));
    this.command = commandOf(bound);
    this.recyclable = isRecyclable(plan);
    this.#sizes = bound.locks.map(({ table }) => {
      const { tree } = session.catalog.table(table);
      return { tree, rows: session.store.facts(tree).rows };
    });
  }

  fits(session: Session): boolean {
    if (this.catalog !== session.catalog) return false;
    for (let i = 0; i < this.#sizes.length; i++) {
      const { tree, rows } = this.#sizes[i]!;
      const now = session.store.facts(tree).rows;
      if (now > rows * SIZE_FACTOR + 1000 || now * SIZE_FACTOR + 1000 < rows) return false;
    }
    return true;
  }

  /** True when operators that ran to their end hold nothing but memory. */
  readonly recyclable: boolean;
  #idle: { readonly state: ExecState; readonly operator: Operator } | undefined;

  /** Operators left by an earlier execution, to be opened again; plans belong to one session. */
  takeIdle(): { readonly state: ExecState; readonly operator: Operator } | undefined {
    const idle = this.#idle;
    this.#idle = undefined;
    return idle;
  }

  /** Keeps the operators of an execution that ended well. False = they must be closed. */
  keepIdle(state: ExecState, operator: Operator): boolean {
    if (this.#idle !== undefined || state.memory.usedBytes > IDLE_BYTES_MAX) return false;
    this.#idle = { state, operator };
    return true;
  }

  #point: PointReader | null | undefined;

  /** The statement as a bare look-up by primary key, when it is one: `SELECT columns FROM t WHERE key = $1`. */
  pointReader(session: Session): PointReader | undefined {
    if (this.#point === undefined) this.#point = this.#findPoint(session) ?? null;
    return this.#point ?? undefined;
  }

  #findPoint(session: Session): PointReader | undefined {
    let { plan } = this;
    const { shape } = plan;
    const ids: number[] = shape.columns.map((c) => c.id);
    while (!(plan instanceof ScanPlan)) {
      const [input] = plan.children;
      if (input === undefined || plan.children.length !== 1) return undefined;
      if (plan instanceof RenamePlan) {
        for (let i = 0; i < ids.length; i++) ids[i] = input.shape.columns[plan.shape.require(ids[i]!)]!.id;
      } else if (plan instanceof ProjectPlan && plan.predicate === undefined) {
        for (let i = 0; i < ids.length; i++) {
          const expr = plan.exprs[plan.shape.require(ids[i]!)]!;
          if (expr.kind !== 'column') return undefined;
          ids[i] = expr.id;
        }
      } else return undefined;
      plan = input;
    }
    if (
      !plan.isPoint ||
      plan.filter !== undefined ||
      plan.keyPosition >= 0 ||
      plan.tableOidPosition >= 0 ||
      !this.readsOnly
    )
      return undefined;
    const given = this.bound.parameterTypes.length;
    const parameters = plan.options.range!.equals.map((e) => (e?.kind === 'param' && e.index < given ? e.index : -1));
    if (parameters.includes(-1)) return undefined;
    const { tableShape, table } = plan.options;
    return new PointReader(
      plan,
      ids.map((id) => tableShape.require(id)),
      parameters,
      session.store,
      session.access(table),
    );
  }

  /** True when it changes nothing and locks no rows. */
  get readsOnly(): boolean {
    return (
      this.command === 'SELECT' && this.bound.locks.every((l) => l.mode === 'access share') && !hasChange(this.plan)
    );
  }
}

function isRecyclable(plan: PlanNode): boolean {
  const fit =
    plan instanceof ScanPlan ||
    plan instanceof ProjectPlan ||
    plan instanceof RenamePlan ||
    plan instanceof ModifyPlan ||
    plan instanceof ValuesPlan ||
    plan instanceof OneTimePlan ||
    plan instanceof NeverPlan ||
    plan instanceof AggregatePlan ||
    plan instanceof SortPlan;
  return fit && plan.children.every(isRecyclable);
}

function hasChange(plan: PlanNode): boolean {
  return (
    plan.title.startsWith('Insert on') ||
    plan.title.startsWith('Update on') ||
    plan.title.startsWith('Delete on') ||
    plan.children.some(hasChange)
  );
}

function commandOf(bound: BoundResult): PlannedStatement['command'] {
  let { root } = bound;
  while (root.kind === 'with') root = root.body;
  return root.kind === 'insert'
    ? 'INSERT'
    : root.kind === 'update'
      ? 'UPDATE'
      : root.kind === 'delete'
        ? 'DELETE'
        : 'SELECT';
}

/** Least recently used plans by key; bounded by number and by the length of their keys. */
export class PlanCache {
  readonly #entries = new Map<string, PlannedStatement>();
  #text = 0;
  hits = 0;
  misses = 0;

  get(key: string, session: Session): PlannedStatement | undefined {
    const found = this.#entries.get(key);
    if (found === undefined) {
      this.misses++;
      return undefined;
    }
    this.#entries.delete(key);
    if (!found.fits(session)) {
      this.#text -= key.length;
      this.misses++;
      return undefined;
    }
    this.#entries.set(key, found);
    this.hits++;
    return found;
  }

  put(key: string, planned: PlannedStatement): void {
    if (this.#entries.delete(key)) this.#text -= key.length;
    this.#entries.set(key, planned);
    this.#text += key.length;
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= CACHE_ENTRIES_MAX && this.#text <= CACHE_TEXT_MAX) break;
      this.#entries.delete(oldest);
      this.#text -= oldest.length;
    }
  }

  clear(): void {
    this.#entries.clear();
    this.#text = 0;
  }
}

const CLASS_TYPE: Record<ScalarClass, Oid> = { int4: 23, int8: 20, numeric: 1700, string: 25 };

/** Reads the literals of a statement's text as the types that its plan wants. */
export function literalValues(
  literals: readonly LiteralParameter[],
  values: readonly LiteralValue[],
  context: EvalContext,
  text: string,
): SqlValue[] {
  return literals.map((l) => literalValue(l, values[l.slot]!, context, text));
}

/** Runs `read`; an error of its own says where the literal stands in the statement. */
function located<T>(text: string, at: number, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof ExtentError && error.position === undefined) error.position = positionOf(text, at);
    throw error;
  }
}

function literalValue(literal: LiteralParameter, value: LiteralValue, context: EvalContext, text: string): SqlValue {
  const type = registry.type(literal.type);
  if (type === undefined) throw fail('internal_error', `no type ${literal.type}`);
  if (value.kind === 'scalar')
    return located(text, value.at, () => readAs(literal.type, value.class, value.text, context));
  const element = type.elementOid;
  if (value.kind === 'list')
    return new PgArray(
      element,
      value.texts.map((t, i) => located(text, value.offsets[i]!, () => readAs(element, value.class, t, context))),
    );
  const width = value.classes.length;
  const items: SqlValue[] = [];
  for (let i = literal.column; i < value.texts.length; i += width) {
    const item = value.texts[i]!;
    items.push(
      item === null
        ? null
        : located(text, value.offsets[i]!, () => readAs(element, value.classes[literal.column]!, item, context)),
    );
  }
  return new PgArray(element, items);
}

/** A number literal is read by its own class and then cast: `numeric` text of an int4 literal is just digits. */
function readAs(type: Oid, scalarClass: ScalarClass, text: string, context: EvalContext): SqlValue {
  const entry = registry.type(type)!;
  const own = CLASS_TYPE[scalarClass];
  if (own === type || scalarClass === 'string') return entry.parse(text, -1, context);
  const value = registry.type(own)!.parse(text, -1, context);
  const cast = registry.cast(own, type);
  if (value === null || cast === undefined || cast.method === 'io') return entry.parse(text, -1, context);
  return cast.impl === undefined ? value : cast.impl(context, value, -1, false);
}
