/** Row keys through a tree: how UPDATE, DELETE and FOR UPDATE get the keys of the rows that they must lock. */
import type { Column, ColumnId, Expr, Logical, ScanNode } from './logical.ts';
import { columnsOf, conjunctsOf, isVolatile, touches } from './walk.ts';

/** Number of the pseudo-column that is a row's whole key, as bytes. */
export const ROW_KEY = -7;

/** Number of the pseudo-column that says in which partition a row lies: its place among the leaves, from 0. */
export const ROW_PARTITION = -8;

/** What a target's scan puts out beside its columns. */
export interface RowPlace {
  readonly key: Column;
  /** For a partitioned table only. */
  readonly partition: Column | undefined;
}

/** Ids for what a target puts out; UPDATE, DELETE and FOR UPDATE need it. */
export function rowPlace(target: ScanNode, newId: () => ColumnId): RowPlace {
  const isPartitioned = target.table.partitioning !== undefined && target.only !== true;
  const column = (type: number): Column => ({ id: newId(), name: '', type, typmod: -1 });
  return { key: column(17), partition: isPartitioned ? column(23) : undefined };
}

/** The tree with what says where a scan's rows lie, put out by the scan and carried by everything above it. */
export function withRowPlace(node: Logical, target: ScanNode, { key, partition }: RowPlace): Logical {
  if (partition === undefined) return withColumn(node, target, key, ROW_KEY).node;
  const first = withColumn(node, target, key, ROW_KEY);
  return first.target === undefined ? node : withColumn(first.node, first.target, partition, ROW_PARTITION).node;
}

/** A tree with one more column, and the scan in it that has it; undefined = the scan was not there. */
function withColumn(
  node: Logical,
  target: ScanNode,
  column: Column,
  number: number,
): { node: Logical; target: ScanNode | undefined } {
  const scan: ScanNode = { ...target, columns: [...target.columns, column], numbers: [...target.numbers, number] };
  const changed = replaceScan(node, target, scan, column);
  return { node: changed, target: changed === node ? undefined : scan };
}

function replaceScan(node: Logical, target: ScanNode, scan: ScanNode, key: Column): Logical {
  if (node === target) return scan;
  const columns = [...node.columns, key];
  switch (node.kind) {
    case 'filter':
    case 'sort':
    case 'limit':
    case 'lock': {
      const input = replaceScan(node.input, target, scan, key);
      return input === node.input ? node : { ...node, input, columns };
    }
    case 'project': {
      const input = replaceScan(node.input, target, scan, key);
      if (input === node.input) return node;
      return {
        ...node,
        input,
        columns,
        exprs: [...node.exprs, { kind: 'column', id: key.id, type: key.type, typmod: key.typmod }],
      };
    }
    case 'join': {
      const left = replaceScan(node.left, target, scan, key);
      const right = left === node.left ? replaceScan(node.right, target, scan, key) : node.right;
      return left === node.left && right === node.right ? node : { ...node, left, right, columns };
    }
    case 'with': {
      const body = replaceScan(node.body, target, scan, key);
      return body === node.body ? node : { ...node, body, columns };
    }
    default:
      return node;
  }
}

/** The conditions of a tree that speak of some columns: what must still hold when those columns have changed. */
export function conditionsOn(node: Logical, ids: { has(id: ColumnId): boolean }): Expr[] {
  switch (node.kind) {
    case 'filter':
      return [
        ...conditionsOn(node.input, ids),
        ...conjunctsOf(node.predicate).filter((c) => touches(columnsOf(c), ids) && !isVolatile(c)),
      ];
    case 'join': {
      if (node.type !== 'inner') return conditionsOn(node.left, ids);
      const own = conjunctsOf(node.on).filter((c) => touches(columnsOf(c), ids) && !isVolatile(c));
      return [...conditionsOn(node.left, ids), ...conditionsOn(node.right, ids), ...own];
    }
    case 'sort':
    case 'limit':
    case 'lock':
      return conditionsOn(node.input, ids);
    case 'with':
      return conditionsOn(node.body, ids);
    default:
      return [];
  }
}
