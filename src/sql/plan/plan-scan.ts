/**
 * A scan of a table: its path is the cheapest of the whole table, its primary key and its indexes (access.ts).
 *
 * An index that has all columns which are read answers alone; conditions on system columns are judged above the scan.
 */
import { broken } from '../../base/assert.ts';
import { unsupported } from '../../base/errors.ts';
import { KIND_BYTES } from '../../base/physical.ts';
import type { IndexObject } from '../../engine/catalog.ts';
import type { TableAccess } from '../../engine/table-access.ts';
import { KeyRecord } from '../exec/key-record.ts';
import type { PlanNode } from '../exec/operator.ts';
import { ScanPlan } from '../exec/scan.ts';
import { Shape, type ShapeColumn } from '../exec/shape.ts';
import { accessPaths } from './access.ts';
import { formatExpr } from './explain-expr.ts';
import type { Column, ColumnId, Expr, ScanNode } from './logical.ts';
import { idsOf, type Needed, withColumns } from './needed.ts';
import { planPartitionedScan } from './partition-scan.ts';
import type { Planner } from './planner.ts';
import { ROW_KEY } from './row-keys.ts';
import { columnsOf, conjunction } from './walk.ts';

/** A table scan by the cheapest path. */
export function planScan(planner: Planner, node: ScanNode, needed: Needed, conditions: readonly Expr[]): PlanNode {
  const { table } = node;
  if (table.partitioning !== undefined && node.only !== true)
    return planPartitionedScan(planner, node, needed, conditions);
  const { catalog, store } = planner.session;
  const access = planner.session.access(table);
  const own = new Set(node.columns.map((c) => c.id));
  const ids = access.columns.map((c) => {
    const at = node.numbers.indexOf(c.number);
    return at >= 0 ? node.columns[at]!.id : planner.newId();
  });
  const tableShape = new Shape(
    access.columns.map((c, i): ShapeColumn => ({ id: ids[i]!, type: c.type, typmod: c.typmod, physical: c.physical })),
    access.layout,
  );
  const tableRows = Math.max(1, store.facts(table.tree).rows);
  planner.estimates.addScan(
    catalog,
    table,
    access.columns.map((c, i) => ({ id: ids[i]!, number: c.number, type: c.type })),
    tableRows,
  );
  const usable = conditions.filter((c) => !usesSystemColumn(c, node));
  const late = conditions.filter((c) => !usable.includes(c));
  const idOf = (number: number): ColumnId | undefined => {
    const position = access.position(number);
    return position < 0 ? undefined : ids[position];
  };
  // An index that is younger than the transaction's snapshot lacks the rows that only the snapshot sees.
  const indexes = catalog.liveIndexesOf(table.oid).filter((index) => !planner.session.isTooNew(index.oid));
  const wanted = withColumns(needed, late);
  const columns = tableShape.columns.filter((c) => wanted.has(c.id));
  const tableOid = systemColumn(node, -6, wanted);
  const keyColumn = systemColumn(node, ROW_KEY, wanted)?.id;
  const covering = (index: IndexObject, filter: readonly Expr[]): KeyRecord | undefined => {
    // Whoever wants a row's key changes or locks the row: its long values are the table's, and entries refer to their own.
    if (tableOid !== undefined || keyColumn !== undefined) return undefined;
    const read = [...withColumns(idsOf(columns), filter)].filter((id) => own.has(id));
    const record = keyRecordFor(access, index, tableShape, new Set(read));
    return read.every((id) => record.shape.position(id) >= 0) ? record : undefined;
  };
  const paths = accessPaths(table, indexes, idOf, usable, own, tableRows, planner.estimates, covering);
  // A whole key is one look-up, which is never dearer than a scan, however few rows there are or seem to be.
  const best = paths.find((p) => p.single) ?? paths.reduce((a, b) => (b.cost < a.cost ? b : a));
  if (systemColumn(node, -1, wanted) !== undefined) throw unsupported('the system column ctid');
  if (tableOid !== undefined) columns.push(Shape.of([tableOid]).columns[0]!);
  if (keyColumn !== undefined)
    columns.push({ id: keyColumn, type: 17, typmod: -1, physical: { kind: KIND_BYTES, scale: 0 } });
  const filter = conjunction(best.filter);
  const details: string[] = [];
  if (best.conditions.length > 0) details.push(`Index Cond: ${formatExpr(conjunction(best.conditions)!)}`);
  if (filter !== undefined) details.push(`Filter: ${formatExpr(filter)}`);
  const plan = new ScanPlan(
    {
      table,
      alias: node.alias,
      tableShape,
      shape: new Shape(columns),
      keyColumn,
      tableOidColumn: tableOid?.id,
      filter,
      range: best.range,
      primaryOrder: access.primaryIndex?.columns.map((c) => ({ id: idOf(c.column)!, descending: c.descending })),
      keyRecord: best.keyRecord,
      rows: Math.max(1, best.rows),
      cost: best.cost,
      details,
    },
    planner.scope,
  );
  return planner.filtered(plan, late);
}

/** What an index's entries say of some columns of a table's rows. */
function keyRecordFor(access: TableAccess, index: IndexObject, tableShape: Shape, needed: Needed): KeyRecord {
  const { parts, included } = access.secondary.find((s) => s.index.oid === index.oid) ?? broken('no such index');
  const columnOf = (number: number): ShapeColumn => tableShape.columns[access.position(number)]!;
  const columns = [...index.columns, ...(access.primaryIndex?.columns ?? [])].map((c) => columnOf(c.column));
  const entry = included === undefined ? undefined : new Shape(included.numbers.map(columnOf), included.layout);
  return new KeyRecord([...parts, ...(access.primaryParts ?? [])], columns, entry, needed);
}

function systemColumn(node: ScanNode, number: number, wanted: Needed): Column | undefined {
  const at = node.numbers.indexOf(number);
  return at >= 0 && wanted.has(node.columns[at]!.id) ? node.columns[at] : undefined;
}

function usesSystemColumn(expr: Expr, node: ScanNode): boolean {
  const system = new Set(node.columns.filter((_, i) => node.numbers[i]! < 0).map((c) => c.id));
  return [...columnsOf(expr)].some((id) => system.has(id));
}
