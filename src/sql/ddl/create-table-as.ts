/** CREATE TABLE AS: the query's columns make the table, the query's rows fill it. */
import { ExtentError } from '../../base/errors.ts';
import type { Task } from '../../base/task.ts';
import type { Oid, TableObject } from '../../engine/catalog.ts';
import type { CreateTableAsStatement } from '../ast/definitions.ts';
import { tableRules } from '../bind/table-rules.ts';
import { ModifyPlan } from '../exec/modify.ts';
import { typeEntry } from '../exec/values.ts';
import { columnRef, Planner } from '../plan/planner.ts';
import type { PlannedStatement } from '../session/planned.ts';
import { lockTables } from '../session/portal.ts';
import type { SqlSession } from '../session/sql-session.ts';
import { type NewColumn, unstorable } from './column-definitions.ts';
import { makeTable } from './create-table.ts';
import type { Definer } from './definer.ts';
import { tellIdleOptions } from './space-options.ts';
import { newTableTree } from './tree-space.ts';

/** CREATE TABLE AS: the table, then its rows by INSERT … query. @returns the number of rows, undefined when it was there. */
export function* createTableAs(d: Definer, s: CreateTableAsStatement): Task<number | undefined> {
  if (s.materializedView) throw d.unsupported('CREATE MATERIALIZED VIEW', s.at);
  if (s.temporary) throw d.unsupported('CREATE TEMPORARY TABLE', s.at);
  if (s.unlogged) throw d.unsupported('CREATE UNLOGGED TABLE', s.at);
  const schema = schemaOf(d, s);
  if (d.catalog.relationNamed(schema, s.name.name) !== undefined) {
    if (!s.ifNotExists) d.requireFree(schema, s.name.name);
    d.sql.tell(`relation "${s.name.name}" already exists, skipping`, { sqlstate: '42P07' });
    return undefined;
  }
  const planned = d.sql.planner.planStatement(s.query, d.text, d.sql.given.types.length, d.sql.given.types, []);
  if (s.columns.length > planned.columns.length)
    throw d.error('syntax_error', 'too many column names were specified', s.columns[planned.columns.length]!.at);
  const columns = planned.columns.map((c, i): NewColumn => {
    const type = c.type === 705 ? 25 : c.type;
    const physical = typeEntry(type).physical(c.typmod);
    const name = s.columns[i]?.text ?? c.name;
    if (physical === undefined) throw unstorable(d, name, typeEntry(type));
    return {
      column: { number: i + 1, name, type, typmod: c.typmod, physical, notNull: false, dropped: false },
      sequence: undefined,
      keys: [],
      checks: [],
      foreign: [],
      defaultConstraint: undefined,
    };
  });
  const seen = new Set<string>();
  for (const { column } of columns) {
    if (seen.has(column.name))
      throw d.error('duplicate_column', `column "${column.name}" specified more than once`, undefined);
    seen.add(column.name);
  }
  const options = d.storageOptions(s.options, 'table');
  tellIdleOptions(d, options);
  const tree = yield* newTableTree(d, options, []);
  const table = yield* makeTable(d, schema, s.name.name, columns, options, tree, []);
  yield* d.put(table);
  if (!s.withData) return 0;
  return yield* fill(d.sql, planned, table);
}

/** The schema to make it in. Of this statement PostgreSQL does not say where the name stands. */
function schemaOf(d: Definer, { name }: CreateTableAsStatement): Oid {
  try {
    return d.targetSchema(name);
  } catch (error) {
    if (error instanceof ExtentError) error.position = undefined;
    throw error;
  }
}

/** Fills the new table from its query. @returns the number of rows. */
function* fill(sql: SqlSession, planned: PlannedStatement, table: TableObject): Task<number> {
  const access = sql.engine.access(table);
  yield* lockTables(sql.engine, planned);
  const rules = tableRules(sql.bindContext(), table);
  const values = planned.plan.shape.columns.map(columnRef);
  const scope = new Planner(sql.engine, 1_000_000, () => []).scope;
  const plan = new ModifyPlan(
    {
      kind: 'insert',
      title: `Insert on ${table.name}`,
      access,
      input: planned.plan,
      rules,
      returning: undefined,
      values,
      onConflict: undefined,
    },
    scope,
  );
  return yield* sql.runner.runPlan(plan, planned.constants, sql.given.values);
}
