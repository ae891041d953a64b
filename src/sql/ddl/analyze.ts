/**
 * ANALYZE and VACUUM.
 *
 * ANALYZE reads a table (up to {@link SAMPLE_ROWS} rows spread over it) and keeps pg_stats' figures per column: share of
 * nulls, width, number of distinct values, most common values and a histogram. VACUUM lets pending clean-up run now, and then
 * joins leaves whose rows fit fewer pages, beside everybody else; VACUUM FULL is in `rebuild-statements.ts`.
 */
import { ExtentError } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import type { ColumnStatistics, StatisticsObject, TableObject } from '../../engine/catalog.ts';
import type { TrackedWork } from '../../engine/maintenance.ts';
import { TABLE_SHARE_UPDATE_EXCLUSIVE } from '../../engine/record-port.ts';
import type { VacuumStatement } from '../ast/statements.ts';
import { evaluateRow, pointAt } from '../exec/operator.ts';
import { sortInSlices } from '../exec/sort-in-slices.ts';
import { Env } from '../exec/state.ts';
import { columnReader, typeEntry } from '../exec/values.ts';
import { leavesOf } from '../partitions/bounds.ts';
import type { SqlValue } from '../types/contracts.ts';
import { readTable } from './build-index.ts';
import { indexFacts, sqlName, tableFacts } from './command-facts.ts';
import type { Definer } from './definer.ts';
import { info, isOn, vacuumFull } from './rebuild-statements.ts';

/** Sampled values between two looks at the clock. */
const LOOK_VALUES = 256;

const SAMPLE_ROWS = 30_000;
const COMMON_VALUES = 100;
const HISTOGRAM_BOUNDS = 101;
const KEPT_TEXT_BYTES = 1024;

const ANALYZE_OPTIONS = new Set(['verbose', 'skip_locked']);
const VACUUM_OPTIONS = new Set([
  'full',
  'verbose',
  'analyze',
  'freeze',
  'skip_locked',
  'truncate',
  'index_cleanup',
  'process_toast',
  'parallel',
]);

/** The tables that a statement means; of a partitioned one itself and all that lies below it. */
function targets(d: Definer, s: VacuumStatement): TableObject[] {
  if (s.tables.length === 0) return [...d.catalog.objects()].filter((o): o is TableObject => o.kind === 'table');
  return s.tables.flatMap(({ name }) => {
    const table = d.table(name);
    return [table, ...d.catalog.descendantsOf(table.oid)];
  });
}

export function* analyze(d: Definer, s: VacuumStatement): Task<void> {
  for (const option of s.options)
    if (!ANALYZE_OPTIONS.has(option.name))
      throw d.error('syntax_error', `unrecognized ANALYZE option "${option.name}"`, option.at);
  const list = targets(d, s);
  const verbose = isOn(d, s.options, 'verbose');
  for (const table of list) yield* analyzeTable(d, table, verbose, table === list[list.length - 1]);
}

export function* vacuum(d: Definer, s: VacuumStatement): Task<void> {
  for (const option of s.options)
    if (!VACUUM_OPTIONS.has(option.name))
      throw d.error('syntax_error', `unrecognized VACUUM option "${option.name}"`, option.at);
  const list = targets(d, s);
  const stored = list.filter((table) => table.partitioning === undefined);
  yield* d.engine.database.cleanBehind();
  if (isOn(d, s.options, 'full')) yield* vacuumFull(d, s, stored);
  else for (const table of stored) yield* compactTable(d, s, table, table === stored[stored.length - 1]);
  if (isOn(d, s.options, 'analyze'))
    for (const table of list) yield* analyzeTable(d, table, isOn(d, s.options, 'verbose'), true);
}

/** One pass over a table's rows, long values and indexes. What is being reorganized or rebuilt is left out. */
function* compactTable(d: Definer, s: VacuumStatement, table: TableObject, isLast: boolean): Task<void> {
  const { database } = d.engine;
  const has = (name: string): boolean => !s.options.some((o) => o.name === name) || isOn(d, s.options, name);
  const verbose = isOn(d, s.options, 'verbose');
  if (verbose) info(d, `vacuuming "${d.catalog.object(table.schema)?.name ?? ''}.${table.name}"`);
  const indexes = has('index_cleanup') ? d.catalog.liveIndexesOf(table.oid) : [];
  const trees = [
    { index: table.primaryIndex ?? 0, tree: table.tree, name: table.name },
    ...indexes
      .filter((index) => index.oid !== table.primaryIndex)
      .map(({ oid, tree, name }) => ({ index: oid, tree, name })),
  ];
  for (const place of trees) {
    const target = { ...place, table: table.oid, owner: d.engine.processId };
    const facts = indexFacts(d, table, target, `VACUUM ${sqlName(d, table)}`, 'VACUUM');
    try {
      const report = yield* database.history.record(
        facts,
        database.maintenance.compact(target, 'VACUUM', has('process_toast')),
        ({ scanned, removed }) => ({ status: 'done', actual: { scanned, removed } }),
        isLast && place === trees[trees.length - 1],
      );
      if (verbose) info(d, `"${target.name}": ${report.scanned} pages scanned, ${report.removed} removed`);
    } catch (error) {
      if (!(error instanceof ExtentError) || error.code !== 'object_in_use') throw error;
      d.sql.tell(`skipping "${target.name}": ${error.message}`);
    }
  }
}

/** A table that has gone meanwhile is left out, and told of. */
function* analyzeTable(d: Definer, named: TableObject, verbose: boolean, isLast: boolean): Task<void> {
  const table = yield* d.lockTable(named.oid, TABLE_SHARE_UPDATE_EXCLUSIVE);
  if (table === undefined) {
    d.sql.warn(`skipping analyze of "${named.name}" --- relation no longer exists`, '42P01');
    return;
  }
  if (verbose) info(d, `analyzing "${d.catalog.object(table.schema)?.name ?? ''}.${table.name}"`);
  const facts = tableFacts(d, table, `ANALYZE ${sqlName(d, table)}`, 'UPDATE_STATISTICS');
  const { history, maintenance } = d.engine.database;
  const work = maintenance.follow(
    { tree: table.tree, table: table.oid, index: 0, name: table.name, owner: d.engine.processId },
    'ANALYZE',
    {
      phase: 'initializing',
      unit: 'pages',
      workTotal: d.engine.store.facts(table.tree).leafPages,
      treesTotal: 1,
    },
  );
  try {
    const { rows, sampled } = yield* history.record(facts, gather(d, table, work), () => ({ status: 'done' }), isLast);
    if (verbose) info(d, `"${table.name}": ${rows} rows, ${sampled} rows in sample`);
  } finally {
    work.end();
  }
}

/** @returns the rows that there are, and those that were looked at. */
function* gather(d: Definer, table: TableObject, work: TrackedWork): Task<{ rows: number; sampled: number }> {
  work.enter('acquiring sample rows');
  const { leafPages } = d.engine.store.facts(table.tree);
  const live = table.columns.filter((c) => !c.dropped);
  for (const partition of d.catalog.descendantsOf(table.oid))
    yield* d.lockTable(partition.oid, TABLE_SHARE_UPDATE_EXCLUSIVE);
  const reader = readTable(d, table, [], undefined, false);
  const total = leavesOf(d.catalog, table).reduce((sum, { tree }) => sum + d.engine.store.facts(tree).rows, 0);
  const every = Math.max(1, Math.floor(total / SAMPLE_ROWS));
  const samples: SqlValue[][] = live.map(() => []);
  let rows = 0;
  try {
    const env = new Env(reader.state);
    const readers = live.map((_, i) => columnReader(reader.shape, i, 0));
    yield* reader.operator.open();
    for (;;) {
      const batch = yield* reader.operator.next();
      if (batch === undefined) break;
      for (let i = 0; i < batch.count; i++) {
        if (rows++ % every !== 0) continue;
        pointAt(env, batch, i);
        const values = yield* evaluateRow(env, () => readers.map((read) => read(env)));
        values.forEach((v, c) => samples[c]!.push(v));
      }
      work.reach(Math.min(leafPages, Math.floor((leafPages * rows) / Math.max(1, total))));
      if (reader.state.spent(batch.count)) yield d.engine.slice();
    }
  } finally {
    reader.operator.close();
    reader.close();
  }
  work.enter('computing statistics');
  const before = d.catalog.statisticsOf(table.oid);
  const columns: ColumnStatistics[] = [];
  for (let c = 0; c < live.length; c++) {
    columns.push(yield* columnStatistics(d, live[c]!.number, live[c]!.type, samples[c]!));
    yield d.engine.slice();
  }
  const statistics: StatisticsObject = {
    kind: 'statistics',
    oid: before?.oid ?? (yield* d.takeOid()),
    name: table.name,
    schema: table.schema,
    owner: table.owner,
    version: (before?.version ?? 0) + 1,
    table: table.oid,
    rows,
    columns,
  };
  yield* d.put(statistics);
  return { rows, sampled: samples[0]?.length ?? 0 };
}

function* columnStatistics(
  d: Definer,
  number: number,
  type: number,
  sample: readonly SqlValue[],
): Task<ColumnStatistics> {
  const entry = typeEntry(type);
  const counts = new Map<string, { value: SqlValue; count: number }>();
  let nulls = 0;
  let bytes = 0;
  let looked = 0;
  for (const value of sample) {
    if (++looked % LOOK_VALUES === 0 && d.engine.sliceOver()) yield d.engine.slice();
    if (value === null) {
      nulls++;
      continue;
    }
    const text = entry.format(value, d.sql.context);
    bytes += entry.length > 0 ? entry.length : text.length;
    const seen = counts.get(text);
    if (seen === undefined) counts.set(text, { value, count: 1 });
    else seen.count++;
  }
  const present = sample.length - nulls;
  const distinct = counts.size;
  // As PostgreSQL: when nearly every sampled value is new, the number grows with the table.
  const scaled = present > 0 && distinct > present * 0.1 ? -(distinct / Math.max(1, present)) : distinct;
  const entries = yield* sortInSlices(
    d.engine,
    [...counts.entries()].filter(([text]) => text.length <= KEPT_TEXT_BYTES),
    (a, b) => b[1].count - a[1].count,
  );
  // A few values that are the whole column are all worth keeping; else those that stand out.
  const complete = scaled >= 0 && entries.length === distinct && distinct <= COMMON_VALUES;
  const common = complete
    ? entries
    : entries
        .filter(([, e]) => e.count > 1 && e.count > (present / Math.max(1, distinct)) * 1.25)
        .slice(0, COMMON_VALUES);
  const uncommon = entries.slice(common.length).flatMap(([, e]) => new Array<SqlValue>(e.count).fill(e.value));
  const { compare } = entry;
  const rest = compare === undefined ? uncommon : yield* sortInSlices(d.engine, uncommon, compare);
  const bounds = Math.min(HISTOGRAM_BOUNDS, rest.length);
  const histogram =
    compare === undefined || bounds < 2
      ? []
      : Array.from({ length: bounds }, (_, i) => rest[Math.floor((i * (rest.length - 1)) / (bounds - 1))]!);
  return {
    column: number,
    nullFraction: sample.length === 0 ? 0 : nulls / sample.length,
    averageBytes: present === 0 ? 0 : Math.round(bytes / present),
    distinct: scaled,
    commonValues: common.map(([text]) => text),
    commonShares: common.map(([, e]) => e.count / Math.max(1, sample.length)),
    histogram: histogram.map((v) => entry.format(v as Exclude<SqlValue, null>, d.sql.context)),
    correlation: 0,
  };
}
