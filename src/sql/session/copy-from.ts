/**
 * COPY … FROM STDIN: lines of text become rows, which go into their table as those of an INSERT do.
 *
 * Fields of the common types are written into the row from their bytes; the others are read as text by their type.
 */
import { decodeClientText } from '../../base/bytes.ts';
import { ExtentError, fail } from '../../base/errors.ts';
import { KIND_BPCHAR, KIND_I32, KIND_I64, KIND_TEXT } from '../../base/physical.ts';
import type { Task } from '../../base/task.ts';
import type { ColumnObject, TableObject } from '../../engine/catalog.ts';
import type { TrackedWork } from '../../engine/maintenance.ts';
import { RowBuffer, TABLE_ROW_EXCLUSIVE, writeInt64 } from '../../engine/record-port.ts';
import type { CopyStatement } from '../ast/statements.ts';
import { Binding } from '../bind/binding.ts';
import { bindPartitions } from '../bind/partitions.ts';
import { bindRules, defaultOf, rowColumns } from '../bind/rules.ts';
import { Definer } from '../ddl/definer.ts';
import { ModifyPlan } from '../exec/modify.ts';
import { Operator, type PlanNode } from '../exec/operator.ts';
import { Shape } from '../exec/shape.ts';
import type { ExecState } from '../exec/state.ts';
import { columnWriter, typeEntry, type Writer } from '../exec/values.ts';
import type { Expr } from '../plan/logical.ts';
import { planPartitionedInsert } from '../plan/plan-partitioned.ts';
import { columnRef, Planner } from '../plan/planner.ts';
import { type CopyOptions, CopyReader, CopyRow } from './copy-format.ts';
import { copyColumn, followCopy } from './copy-table.ts';
import type { CopySource, ResultSink } from './results.ts';
import type { SqlSession } from './sql-session.ts';

const BATCH_ROWS = 512;
const SHOWN_FIELD_MAX = 100;

/** @throws 42809, 42703, 22P04 and what its rows violate */
export function* copyFrom(
  sql: SqlSession,
  s: CopyStatement,
  text: string,
  options: CopyOptions,
  sink: ResultSink,
): Task<void> {
  const d = new Definer(sql, text);
  const found = d.relation(s.table!);
  if (found.kind !== 'table') throw fail('wrong_object_type', `cannot copy to ${found.kind} "${found.name}"`);
  sql.engine.beginWriting();
  const table = yield* d.lockTable(found.oid, TABLE_ROW_EXCLUSIVE);
  if (table === undefined) throw fail('undefined_table', `relation "${found.name}" does not exist`);
  for (const partition of d.catalog.descendantsOf(table.oid)) yield* d.lockTable(partition.oid, TABLE_ROW_EXCLUSIVE);
  const columns =
    s.columns.length > 0
      ? s.columns.map((n) => copyColumn(table, n.text))
      : table.columns.filter((c) => !c.dropped && c.generatedSql === undefined);
  const seen = new Set<number>();
  for (const c of columns) {
    if (seen.has(c.number)) throw fail('duplicate_column', `column "${c.name}" specified more than once`);
    seen.add(c.number);
  }
  if (options.freeze) sql.tell('COPY FREEZE is accepted; rows are stored as by COPY');
  const source = sink.copyIn(options.format, columns.length);
  const b = new Binding(sql.bindContext(), text, 0, [], []);
  const input = new CopyInputPlan(table, columns, options, source);
  const access = sql.engine.access(table);
  const values = access.columns.map((column): Expr => {
    const at = columns.findIndex((c) => c.number === column.number);
    if (at >= 0) return columnRef(input.shape.columns[at]!);
    return column.generatedSql === undefined
      ? defaultOf(b, column)
      : { kind: 'const', type: column.type, typmod: column.typmod, value: null };
  });
  const row = rowColumns(b, table);
  const rules = bindRules(b, table, row);
  const planner = new Planner(sql.engine, 1_000_000, () => []);
  const partitions = bindPartitions(b, table, row);
  if (partitions !== undefined) {
    const parts = { table, input, rules, values, partitions, onConflict: undefined, returning: undefined };
    sink.complete(`COPY ${yield* sql.runner.runPlan(planPartitionedInsert(planner, parts))}`);
    return;
  }
  const plan = new ModifyPlan(
    {
      kind: 'insert',
      title: `Insert on ${table.name}`,
      access,
      input,
      rules,
      returning: undefined,
      values,
      onConflict: undefined,
    },
    planner.scope,
  );
  const work = followCopy(sql, 'COPY FROM', table);
  input.work = work;
  try {
    const affected = yield* sql.runner.runPlan(plan);
    sink.complete(`COPY ${affected}`);
  } finally {
    work.end();
  }
}

/** The rows that a client sends, as a plan's input. */
class CopyInputPlan implements PlanNode {
  readonly shape: Shape;
  readonly rows = 1000;
  readonly title = 'COPY';
  readonly details: readonly string[] = [];
  readonly children: readonly PlanNode[] = [];
  readonly table: TableObject;
  readonly columns: readonly ColumnObject[];
  readonly options: CopyOptions;
  readonly source: CopySource;
  /** Hears how much has come. */
  work: TrackedWork | undefined;

  constructor(table: TableObject, columns: readonly ColumnObject[], options: CopyOptions, source: CopySource) {
    this.table = table;
    this.columns = columns;
    this.options = options;
    this.source = source;
    this.shape = new Shape(
      columns.map((c, i) => ({ id: 2_000_000 + i, type: c.type, typmod: c.typmod, physical: c.physical })),
    );
  }

  start(state: ExecState): Operator {
    return new CopyInputOperator(state, this);
  }
}

/** Puts a field's bytes into the row that is being built. */
type FieldWriter = (out: RowBuffer, bytes: Uint8Array, start: number, end: number) => void;

class CopyInputOperator extends Operator {
  readonly #plan: CopyInputPlan;
  readonly #out: RowBuffer;
  readonly #reader: CopyReader;
  readonly #row = new CopyRow();
  readonly #fields: readonly FieldWriter[];
  readonly #nulls: readonly Writer[];
  #skipHeader: boolean;
  #ended = false;
  /** Taken from the client so far. */
  #bytes = 0;
  #rows = 0;

  constructor(state: ExecState, plan: CopyInputPlan) {
    super(state);
    this.#plan = plan;
    this.#out = new RowBuffer(plan.shape.layout, state.memory);
    this.#reader = new CopyReader(plan.options);
    this.#fields = plan.columns.map((c, i) => this.#fieldWriter(c, i));
    this.#nulls = plan.columns.map((_, i) => columnWriter(plan.shape, i));
    this.#skipHeader = plan.options.header;
  }

  *open(): Task<void> {}

  *next(): Task<RowBuffer | undefined> {
    const out = this.#out;
    out.clear();
    while (out.count < BATCH_ROWS) {
      if (this.#reader.next(this.#row)) {
        if (this.#skipHeader) this.#skipHeader = false;
        else this.#putRow();
        continue;
      }
      if (this.#ended) break;
      if (this.#reader.finished && out.count > 0) break;
      const piece = this.#plan.source.next();
      if (piece === undefined) {
        this.#ended = true;
        this.#reader.close();
      } else if (piece instanceof Uint8Array) {
        this.#bytes += piece.length;
        if (!this.#reader.finished) this.#reader.feed(piece);
      } else yield piece;
    }
    this.#rows += out.count;
    this.#plan.work?.reach(this.#rows, { scanned: this.#bytes, moved: this.#rows });
    return out.count === 0 ? undefined : out;
  }

  #putRow(): void {
    const row = this.#row;
    const { columns } = this.#plan;
    if (row.count > columns.length)
      throw this.#error('bad_copy_file_format', 'extra data after last expected column', undefined);
    const out = this.#out;
    out.start();
    for (let i = 0; i < columns.length; i++) {
      if (i >= row.count)
        throw this.#error('bad_copy_file_format', `missing data for column "${columns[i]!.name}"`, undefined);
      if (row.isNull(i)) this.#nulls[i]!(out, null);
      else {
        try {
          this.#fields[i]!(out, row.bytes, row.starts[i]!, row.ends[i]!);
        } catch (error) {
          if (error instanceof ExtentError) error.where ??= this.#where(i);
          throw error;
        }
      }
    }
    out.finish();
  }

  #where(column: number): string {
    const row = this.#row;
    const field = Buffer.from(row.bytes.subarray(row.starts[column]!, row.ends[column]!))
      .toString()
      .slice(0, SHOWN_FIELD_MAX);
    return `COPY ${this.#plan.table.name}, line ${this.#reader.lines}, column ${this.#plan.columns[column]!.name}: "${field}"`;
  }

  #error(code: 'bad_copy_file_format', message: string, column: number | undefined): Error {
    const row = this.#row;
    const line =
      row.count === 0
        ? ''
        : Buffer.from(row.bytes.subarray(row.starts[0]!, Math.max(row.starts[0]!, row.ends[row.count - 1]!)))
            .toString()
            .slice(0, SHOWN_FIELD_MAX);
    return fail(code, message, {
      where:
        column === undefined
          ? `COPY ${this.#plan.table.name}, line ${this.#reader.lines}: "${line}"`
          : this.#where(column),
    });
  }

  #fieldWriter(column: ColumnObject, position: number): FieldWriter {
    const { layout } = this.#plan.shape;
    const { kind } = column.physical;
    const at = layout.fixedAt[position]!;
    const entry = typeEntry(column.type);
    const write = columnWriter(this.#plan.shape, position);
    const general: FieldWriter = (out, bytes, start, end) =>
      write(out, entry.parse(decodeClientText(bytes, start, end), column.typmod, this.state.context));
    if (column.type === 23 && kind === KIND_I32) {
      return (out, bytes, start, end) => {
        const value = shortInteger(bytes, start, end, 9);
        if (Number.isNaN(value)) general(out, bytes, start, end);
        else out.view.setInt32(out.at + at, value, true);
      };
    }
    if (column.type === 20 && kind === KIND_I64) {
      return (out, bytes, start, end) => {
        const value = shortInteger(bytes, start, end, 15);
        if (Number.isNaN(value)) general(out, bytes, start, end);
        else writeInt64(out.view, out.at + at, value);
      };
    }
    const variable = layout.variableIndex[position]!;
    if (column.type === 25 && kind === KIND_TEXT)
      return (out, bytes, start, end) =>
        isAscii(bytes, start, end) ? out.putBytes(variable, bytes, start, end) : general(out, bytes, start, end);
    if (kind === KIND_BPCHAR || (column.type === 1043 && kind === KIND_TEXT)) {
      const limit = column.typmod >= 4 ? column.typmod - 4 : Number.POSITIVE_INFINITY;
      return (out, bytes, start, end) => {
        if (end - start > limit || !isAscii(bytes, start, end)) {
          general(out, bytes, start, end);
          return;
        }
        let last = end;
        if (kind === KIND_BPCHAR) while (last > start && bytes[last - 1] === 32) last--;
        out.putBytes(variable, bytes, start, last);
      };
    }
    return general;
  }

  close(): void {
    this.#out.release();
  }
}

function isAscii(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!;
    if (byte > 127 || byte === 0) return false;
  }
  return true;
}

/** Decimal digits with an optional minus, up to `digits` of them; NaN for anything else. */
function shortInteger(bytes: Uint8Array, start: number, end: number, digits: number): number {
  const negative = bytes[start] === 45;
  let i = negative ? start + 1 : start;
  if (i >= end || end - i > digits) return Number.NaN;
  let value = 0;
  for (; i < end; i++) {
    const digit = bytes[i]! - 48;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return negative ? 0 - value : value;
}
