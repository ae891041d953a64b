/**
 * Reading tables: all of one, ranges of its key, ranges of an index. The plan, and whether code has been generated for it;
 * `scan-operator.ts` runs it, and `point-scan.ts` where the whole primary key is given.
 */
import type { TableObject } from '../../engine/catalog.ts';
import type { TableAccess } from '../../engine/table-access.ts';
import type { ColumnId, Expr } from '../plan/logical.ts';
import { type CompiledLoop, compileScanLoop } from './codegen/scan-code.ts';
import { type Copier, rowCopier } from './copy.ts';
import { compileEval, type Scope } from './evaluate.ts';
import type { KeyRecord } from './key-record.ts';
import type { Operator, PlanNode } from './operator.ts';
import { PointScanOperator } from './point-scan.ts';
import { ScanOperator } from './scan-operator.ts';
import { type CompiledRange, compileRange, type RangeSpec } from './scan-ranges.ts';
import type { Shape } from './shape.ts';
import type { ExecState } from './state.ts';
import type { Eval } from './values.ts';

export interface ScanOptions {
  readonly table: TableObject;
  readonly alias: string;
  /** All live columns of the table, with the table's stored layout. */
  readonly tableShape: Shape;
  /** What the scan puts out: a subset of them, and the row key if asked for. */
  readonly shape: Shape;
  /** Column id under which the row key is put out, as bytes. */
  readonly keyColumn: ColumnId | undefined;
  readonly tableOidColumn: ColumnId | undefined;
  readonly filter: Expr | undefined;
  readonly range: RangeSpec | undefined;
  /** Columns of the primary key in key order; undefined = the table has none. */
  readonly primaryOrder: readonly { readonly id: ColumnId; readonly descending: boolean }[] | undefined;
  /** Set when the index's entries hold all that is needed: the table is not read. */
  readonly keyRecord: KeyRecord | undefined;
  readonly rows: number;
  /** Estimated cost, in rows read in order. */
  readonly cost: number;
  readonly details: readonly string[];
}

export class ScanPlan implements PlanNode {
  readonly shape: Shape;
  readonly rows: number;
  readonly details: readonly string[];
  readonly children: readonly PlanNode[] = [];
  readonly options: ScanOptions;
  readonly scope: Scope;
  readonly filter: Eval | undefined;
  readonly copy: Copier;
  readonly range: CompiledRange | undefined;
  /** Position of the row key in the output, or −1. */
  readonly keyPosition: number;
  readonly tableOidPosition: number;

  constructor(options: ScanOptions, scope: Scope) {
    this.options = options;
    this.scope = scope;
    this.shape = options.shape;
    this.rows = options.rows;
    this.details = options.details;
    const recordShape = options.keyRecord?.shape ?? options.tableShape;
    this.filter =
      options.filter === undefined ? undefined : compileEval(options.filter, { ...scope, shape0: recordShape });
    this.copy = rowCopier(recordShape, options.shape);
    this.keyPosition = options.keyColumn === undefined ? -1 : options.shape.position(options.keyColumn);
    this.tableOidPosition = options.tableOidColumn === undefined ? -1 : options.shape.position(options.tableOidColumn);
    const spec = options.range;
    this.isPoint =
      spec !== undefined &&
      spec.index === undefined &&
      spec.anyOf === undefined &&
      spec.lower === undefined &&
      spec.upper === undefined &&
      spec.equals.length === spec.parts.length;
    this.range = spec === undefined ? undefined : compileRange(spec, scope);
  }

  get title(): string {
    return titleOf(this.options, this.#backward);
  }

  start(state: ExecState): Operator {
    return this.isPoint ? new PointScanOperator(state, this) : new ScanOperator(state, this);
  }

  /** True when the whole primary key is given: at most one row. */
  readonly isPoint: boolean;

  #backward = false;

  /** Reads from the end to the beginning. */
  get backward(): boolean {
    return this.#backward;
  }

  /**
   * Can the scan deliver its rows in this order? If so it will, reading backward where that is what it takes; for the
   * planner, before the plan runs. Rows come in key order of the table's own tree: behind the columns that are fixed.
   *
   * @param ids - columns of the table's shape that are sorted by.
   */
  deliversOrder(
    ids: readonly ColumnId[],
    keys: readonly { readonly descending: boolean; readonly nullsFirst: boolean }[],
  ): boolean {
    const { range, primaryOrder } = this.options;
    if (primaryOrder === undefined || range?.index !== undefined || range?.anyOf !== undefined) return false;
    const fixed = range?.equals.length ?? 0;
    const rest = primaryOrder.slice(fixed);
    const wanted = ids
      .map((id, i) => ({ id, key: keys[i]! }))
      .filter(({ id }) => !primaryOrder.slice(0, fixed).some((p) => p.id === id));
    // The whole key decides: what is sorted by after it changes nothing.
    const compared = wanted.slice(0, rest.length);
    const against = compared.length > 0 && compared[0]!.key.descending !== rest[0]!.descending;
    for (let i = 0; i < compared.length; i++) {
      const { id, key } = compared[i]!;
      if (rest[i]!.id !== id || (key.descending !== rest[i]!.descending) !== against) return false;
    }
    this.#backward = against;
    return true;
  }

  /** True when every row of the table is read, in any order. */
  get isWholeTable(): boolean {
    return this.range === undefined && this.keyPosition < 0 && this.tableOidPosition < 0;
  }

  #starts = 0;

  /** Counts executions; true when generating code pays: many rows, or often run. */
  isWorthCompiling(): boolean {
    this.#starts++;
    return this.options.cost >= COMPILE_ROWS || this.#starts >= COMPILE_STARTS;
  }

  #loop: { readonly compiled: CompiledLoop | undefined } | undefined;

  /** The generated leaf loop, when there is one by now. */
  leafLoop(access: TableAccess): CompiledLoop | undefined {
    if (this.#loop === undefined) {
      if (
        this.keyPosition >= 0 ||
        this.tableOidPosition >= 0 ||
        this.options.range?.index !== undefined ||
        this.backward ||
        !this.isWorthCompiling()
      )
        return undefined;
      this.#loop = { compiled: compileScanLoop(this.options.tableShape, access, this.shape, this.options.filter) };
    }
    return this.#loop.compiled;
  }

  /** Generated code, for EXPLAIN. */
  get generated(): string | undefined {
    return this.#loop?.compiled?.source;
  }
}

/** Generated code takes over at about this many rows, or at this execution. */
const COMPILE_ROWS = 1000;
const COMPILE_STARTS = 3;

function titleOf(options: ScanOptions, backward: boolean): string {
  const name = options.alias === options.table.name ? options.table.name : `${options.table.name} ${options.alias}`;
  const { range } = options;
  if (range === undefined) return `Seq Scan${backward ? ' Backward' : ''} on ${name}`;
  const way = backward ? ' Backward' : '';
  return `Index ${options.keyRecord === undefined ? '' : 'Only '}Scan${way} using ${range.index?.name ?? `${options.table.name}_pkey`} on ${name}`;
}
