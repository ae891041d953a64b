/** Row keys through a tree: how UPDATE, DELETE and FOR UPDATE get the keys of the rows that they must lock. */
import type { Column, ColumnId, Expr, Logical, ScanNode } from './logical.ts';
import { columnsOf, conjunctsOf, isVolatile, touches } from './walk.ts';

/** Number of the pseudo-column that is a row's whole key, as bytes. */
export const ROW_KEY = -7;

/** The tree with one more column, a scan's row key, put out by the scan and carried by everything above it. */
export function withRowKey(node: Logical, target: ScanNode, key: Column): Logical {
  if (node === target) return { ...target, columns: [...target.columns, key], numbers: [...target.numbers, ROW_KEY] };
  const columns = [...node.columns, key];
  switch (node.kind) {
    case 'filter':
    case 'sort':
    case 'limit':
    case 'lock': {
      const input = withRowKey(node.input, target, key);
      return input === node.input ? node : { ...node, input, columns };
    }
    case 'project': {
      const input = withRowKey(node.input, target, key);
      if (input === node.input) return node;
      return {
        ...node,
        input,
        columns,
        exprs: [...node.exprs, { kind: 'column', id: key.id, type: key.type, typmod: key.typmod }],
      };
    }
    case 'join': {
      const left = withRowKey(node.left, target, key);
      const right = left === node.left ? withRowKey(node.right, target, key) : node.right;
      return left === node.left && right === node.right ? node : { ...node, left, right, columns };
    }
    case 'with': {
      const body = withRowKey(node.body, target, key);
      return body === node.body ? node : { ...node, body, columns };
    }
    default:
      return node;
  }
}

export function rowKeyColumn(id: ColumnId): Column {
  return { id, name: '', type: 17, typmod: -1 };
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
