/**
 * `DBCC CHECKDB [( db | 0 )] [WITH …]` and `DBCC CHECKTABLE ( table ) [WITH …]`: is the database sound, while it is in use?
 *
 *   structure   pages, trees, links, checksums, extents (`space/online-check.ts`)     XX001
 *   agreement   every row is in its indexes, and every entry has a row, in one snapshot for each table     XX002
 *
 * What is wrong is told in warnings, and then the statement fails with XX001; WITH TABLERESULTS it returns rows instead. Rows of
 * broken trees are not compared. PHYSICAL_ONLY leaves the second part out.
 */
import type { Task } from '../../base/task.ts';
import type { TableObject } from '../../engine/catalog.ts';
import { Check } from '../../engine/consistency.ts';
import type { CommandOutcome } from '../../engine/history.ts';
import type { CheckDatabaseStatement } from '../ast/definitions.ts';
import type { ResultColumn, ResultSink } from '../session/results.ts';
import { sendRows, textColumn } from '../session/rows-out.ts';
import { checkTable } from './check-indexes.ts';
import { sqlName, tableFacts } from './command-facts.ts';
import type { Definer } from './definer.ts';
import { requireHere, tableNamed } from './index-defrag.ts';

const COLUMNS: readonly ResultColumn[] = [textColumn('sqlstate'), textColumn('message')];
const WARNINGS_MAX = 100;

interface Finding {
  readonly sqlstate: 'XX001' | 'XX002';
  readonly message: string;
}

/** Result columns, for Describe; null = no rows. */
export function checkColumns(s: CheckDatabaseStatement): readonly ResultColumn[] | null {
  return s.tableResults ? COLUMNS : null;
}

/** @throws XX001 when something is wrong, 3D000, 42P01, 0A000 for another database */
export function* checkDatabase(d: Definer, s: CheckDatabaseStatement, sink: ResultSink): Task<void> {
  if (s.database !== null) requireHere(d, s.database, 'DBCC CHECKDB');
  const table = s.table === null ? undefined : tableNamed(d, s.table);
  const { history, name } = d.engine.database;
  const command = table === undefined ? 'DBCC CHECKDB' : `DBCC CHECKTABLE (${sqlName(d, table)})`;
  const processId = d.engine.processId;
  const facts =
    table === undefined
      ? { database: name, command, commandType: 'DBCC_CHECKDB', processId }
      : tableFacts(d, table, command, 'DBCC_CHECKTABLE');
  const findings = yield* history.record(facts, check(d, s, table), outcomeOf);
  if (s.tableResults)
    yield* sendRows(
      d.sql,
      sink,
      COLUMNS,
      findings.map((f) => [f.sqlstate, f.message]),
    );
  else tell(d, s, table, findings);
}

function outcomeOf(findings: readonly Finding[]): CommandOutcome {
  const first = findings[0];
  return {
    status: 'done',
    reason: first === undefined ? undefined : `${findings.length} problems, the first: ${first.message}`,
    info: { problems: findings.length },
  };
}

function* check(d: Definer, s: CheckDatabaseStatement, table: TableObject | undefined): Task<Finding[]> {
  const tables = tablesOf(d, table);
  const { database, processId } = d.engine;
  const work = new Check(database, {
    command: table === undefined ? 'DBCC CHECKDB' : 'DBCC CHECKTABLE',
    owner: processId,
    tables,
    table,
    rows: s.physicalOnly ? 0 : rowsOf(d, tables),
  });
  try {
    const findings: Finding[] = [];
    for (const message of yield* work.structure(() => tellUnsettled(d))) findings.push({ sqlstate: 'XX001', message });
    if (findings.length === 0 && !s.physicalOnly) yield* agreement(d, tables, work, findings);
    return findings;
  } finally {
    work.end();
  }
}

function tellUnsettled(d: Definer): void {
  d.sql.tell('the extents of all trees have not been compared: they changed faster than they could be read', {
    hint: 'Check again when fewer tables are made, dropped, rebuilt or reorganized.',
  });
}

function tablesOf(d: Definer, table: TableObject | undefined): TableObject[] {
  const all = [...d.catalog.objects()].filter((o): o is TableObject => o.kind === 'table');
  if (table === undefined) return all;
  return [table, ...d.catalog.descendantsOf(table.oid)];
}

/** Rows that will be looked up in indexes, nearly. */
function rowsOf(d: Definer, tables: readonly TableObject[]): number {
  let rows = 0;
  for (const table of tables)
    if (d.engine.access(table).secondary.length > 0) rows += d.engine.store.facts(table.tree).rows;
  return rows;
}

function* agreement(d: Definer, tables: readonly TableObject[], work: Check, findings: Finding[]): Task<void> {
  work.compare();
  for (const { oid } of tables) {
    // As it is when its turn comes; one that was dropped meanwhile has no turn.
    const table = d.catalog.object(oid);
    if (table?.kind !== 'table') continue;
    const problems: string[] = [];
    yield* checkTable(d.sql, table, problems, () => work.advance());
    for (const message of problems) findings.push({ sqlstate: 'XX002', message });
  }
}

function tell(
  d: Definer,
  s: CheckDatabaseStatement,
  table: TableObject | undefined,
  findings: readonly Finding[],
): void {
  const what = table === undefined ? `database "${d.engine.database.name}"` : `table "${table.name}"`;
  const command = table === undefined ? 'CHECKDB' : 'CHECKTABLE';
  if (findings.length === 0) {
    if (!s.noInfo) d.sql.tell(`${command} found 0 errors in ${what}`);
    return;
  }
  for (const { sqlstate, message } of findings.slice(0, WARNINGS_MAX)) d.sql.warn(message, sqlstate);
  const isStructure = findings.some(({ sqlstate }) => sqlstate === 'XX001');
  throw d.error(
    isStructure ? 'data_corrupted' : 'index_corrupted',
    `${command} found ${findings.length} ${findings.length === 1 ? 'error' : 'errors'} in ${what}`,
    undefined,
    { detail: findings[0]?.message ?? '' },
  );
}
