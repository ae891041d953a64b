/** EXPLAIN [ANALYZE]: the plan as a tree of lines, with counts once it has run. Cost figures come later. */
import { fail, unsupported } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import { positionOf } from '../ast/names.ts';
import type { ExplainStatement } from '../ast/statements.ts';
import { AppendPlan, initialSurvivors } from '../exec/append.ts';
import { ChangeOperator } from '../exec/change-operator.ts';
import type { Operator, PlanNode } from '../exec/operator.ts';
import { ExecState } from '../exec/state.ts';
import { withColumnNames } from '../plan/explain-expr.ts';
import type { ColumnId, Logical } from '../plan/logical.ts';
import { inputsOf } from '../plan/walk.ts';
import type { PlannedStatement } from './planned.ts';
import { lockTables, Portal } from './portal.ts';
import { CountingSink, type ResultSink } from './results.ts';
import { sendRows, textColumn } from './rows-out.ts';
import { splitInto } from './select-into.ts';
import type { SqlSession } from './sql-session.ts';
import { isPlannable } from './statement-kinds.ts';

/** Room for the values that conditions are compared with. */
const STATE_BYTES = 1 << 20;
const KNOWN = new Set([
  'analyze',
  'verbose',
  'costs',
  'settings',
  'buffers',
  'wal',
  'timing',
  'summary',
  'format',
  'codegen',
]);

export function* explain(sql: SqlSession, s: ExplainStatement, text: string, sink: ResultSink): Task<void> {
  const flags = new Map<string, boolean>();
  for (const option of s.options) {
    if (!KNOWN.has(option.name)) throw fail('syntax_error', `unrecognized EXPLAIN option "${option.name}"`);
    if (option.name === 'format') {
      if (option.value?.text.toLowerCase() !== 'text')
        throw fail('feature_not_supported', `EXPLAIN format ${option.value?.text ?? ''} is not supported`);
      continue;
    }
    flags.set(option.name, option.value === null || ['true', 'on', '1'].includes(option.value.text.toLowerCase()));
  }
  for (const name of ['costs', 'settings', 'buffers', 'wal'])
    if (flags.get(name) === true) throw fail('feature_not_supported', `EXPLAIN option "${name}" is not supported`);
  const into = splitInto(s.statement);
  const statement = into?.query ?? s.statement;
  if (into !== undefined && flags.get('analyze') === true)
    throw unsupported('EXPLAIN ANALYZE of SELECT INTO', positionOf(text, into.into.at));
  if (!isPlannable(statement)) throw fail('feature_not_supported', 'EXPLAIN of this statement is not supported');
  const names = new Map<ColumnId, string>();
  const planned = withColumnNames(names, sql.context, () =>
    sql.planner.planStatement(statement, text, sql.given.types.length, sql.given.types, [], (root) =>
      collectNames(root, names),
    ),
  );
  const lines: string[] = [];
  const kept = yield* knownBefore(sql, planned);
  if (flags.get('analyze') === true) {
    yield* lockTables(sql.engine, planned);
    const began = sql.engine.database.clock.monotonicMs();
    const started = new Map<PlanNode, Operator[]>();
    const portal = new Portal(
      sql.engine,
      planned,
      sql.given.values,
      sql.context,
      sql.services,
      sql.settings.number('work_mem') * 1024,
      started,
    );
    try {
      yield* portal.fetch(Number.POSITIVE_INFINITY, new CountingSink());
    } finally {
      portal.close();
    }
    describe(planned.plan, 0, lines, started, kept);
    lines.push(`Execution Time: ${(sql.engine.database.clock.monotonicMs() - began).toFixed(3)} ms`);
  } else describe(planned.plan, 0, lines, undefined, kept);
  if (flags.get('codegen') === true) listCode(planned.plan, lines);
  yield* sendRows(
    sql,
    sink,
    [textColumn('QUERY PLAN')],
    lines.map((l) => [l]),
  );
  sink.complete('EXPLAIN');
}

type Kept = ReadonlyMap<PlanNode, readonly PlanNode[]>;

/**
 * Computes what is known before the first row: the constants, which may fail, and of scans of partitioned tables the partitions
 * that are left, where the statement's own values tell.
 */
function* knownBefore(sql: SqlSession, { plan, constants }: PlannedStatement): Task<Kept> {
  const kept = new Map<PlanNode, readonly PlanNode[]>();
  const appends: AppendPlan[] = [];
  const find = (node: PlanNode): void => {
    if (node instanceof AppendPlan) appends.push(node);
    for (const child of node.children) find(child);
  };
  find(plan);
  if (appends.length === 0 && constants === undefined) return kept;
  const snapshot = sql.engine.snapshot();
  try {
    const state = new ExecState(sql.engine, sql.context, sql.given.values, snapshot, STATE_BYTES, sql.services);
    if (constants !== undefined) yield* constants.compute(state);
    for (const append of appends) {
      const numbers = yield* initialSurvivors(state, append);
      if (numbers !== undefined)
        kept.set(
          append,
          numbers.map((number) => append.children[number]!),
        );
    }
  } finally {
    sql.engine.release(snapshot);
  }
  return kept;
}

function collectNames(node: Logical, names: Map<ColumnId, string>): void {
  for (const c of node.columns) if (c.name !== '' && !names.has(c.id)) names.set(c.id, c.name);
  for (const input of inputsOf(node)) collectNames(input, names);
}

/** What a part did: rows per loop, as PostgreSQL counts, and loops. */
function actual(operators: readonly Operator[] | undefined): string {
  if (operators === undefined) return ' (never executed)';
  const loops = Math.max(
    1,
    operators.reduce((sum, o) => sum + Math.max(1, o.loops), 0),
  );
  const rows = operators.reduce(
    (sum, o) => sum + (o instanceof ChangeOperator && o.producedRows === 0 ? o.affected : o.producedRows),
    0,
  );
  return ` (actual rows=${Math.round(rows / loops)} loops=${loops})`;
}

/** What a part put aside on disk. */
function spilled(operators: readonly Operator[] = []): readonly string[] {
  const files = operators.reduce((sum, o) => sum + o.spilledFiles, 0);
  const bytes = operators.reduce((sum, o) => sum + o.spilledBytes, 0);
  return files === 0 ? [] : [`Disk: ${Math.ceil(bytes / 1024)}kB in ${files} temporary file${files === 1 ? '' : 's'}`];
}

function describe(
  node: PlanNode,
  depth: number,
  lines: string[],
  started: ReadonlyMap<PlanNode, Operator[]> | undefined,
  kept: Kept,
): void {
  // A plan that only renames columns is its input.
  if (node.title === 'Subquery Scan' && node.children.length === 1) {
    describe(node.children[0]!, depth, lines, started, kept);
    return;
  }
  const children = kept.get(node) ?? node.children;
  const removed = node.children.length - children.length;
  const indent = depth === 0 ? '' : `${' '.repeat(depth * 6 - 4)}->  `;
  lines.push(
    `${indent}${node.title}  (rows=${Math.round(node.rows)})${started === undefined ? '' : actual(started.get(node))}`,
  );
  const details = [...node.details, ...spilled(started?.get(node))];
  if (removed > 0) details.push(`Subplans Removed: ${removed}`);
  for (const detail of details) lines.push(`${' '.repeat(depth * 6 + 2)}${detail}`);
  for (const child of children) describe(child, depth + 1, lines, started, kept);
}

/** Lists the code of every node that has some; EXPLAIN without ANALYZE has only what an earlier execution made. */
function listCode(node: PlanNode, lines: string[]): void {
  if (node.generated !== undefined)
    lines.push(`Code of ${node.title}:`, ...node.generated.split('\n').map((l) => `  ${l}`));
  for (const child of node.children) listCode(child, lines);
}
