/**
 * The trees of tables and indexes, made and changed as their storage options say.
 *
 *   table + its primary key   one tree; the long values' tree as a child of it, made at once when `lob.` options speak of it
 *   every other index         a tree of its own, a child of the table's; if it INCLUDEs columns, its long values' tree a child of it
 */
import type { Task } from '../../base/task.ts';
import type { IndexObject, TableObject } from '../../engine/catalog.ts';
import { TREE_INDEX, TREE_TABLE } from '../../engine/record-port.ts';
import type { Definer } from './definer.ts';
import { longSpaceOf, spaceOf } from './space-options.ts';

/** Default fill of tables and long values (100) and of indexes (90), as PostgreSQL has them. */
const TABLE_FILL = 100;
const INDEX_FILL = 90;

/** Options of the index whose tree is the table's own; none without a primary key. */
export function primaryOptions(d: Definer, table: TableObject): readonly string[] {
  const index = table.primaryIndex === undefined ? undefined : d.catalog.object(table.primaryIndex);
  return index?.kind === 'index' ? index.options : [];
}

/** An empty tree for a table's rows. @param primary - options of its primary key. */
export function* newTableTree(d: Definer, options: readonly string[], primary: readonly string[]): Task<number> {
  const { store, transaction } = d.engine;
  const tree = yield* store.createTree(transaction, {
    kind: TREE_TABLE,
    parent: 0,
    ...spaceOf([...options, ...primary], TABLE_FILL, store.pageBytes),
  });
  const long = longSpaceOf(options, TABLE_FILL, store.pageBytes);
  if (long !== undefined) yield* store.setLongSpace(transaction, tree, long.fillPercent, long.hints);
  return tree;
}

/** An empty tree for an index of the table whose tree is `parent`. */
export function* newIndexTree(d: Definer, parent: number, options: readonly string[]): Task<number> {
  const { store, transaction } = d.engine;
  const tree = yield* store.createTree(transaction, {
    kind: TREE_INDEX,
    parent,
    ...spaceOf(options, INDEX_FILL, store.pageBytes),
  });
  const long = longSpaceOf(options, TABLE_FILL, store.pageBytes);
  if (long !== undefined) yield* store.setLongSpace(transaction, tree, long.fillPercent, long.hints);
  return tree;
}

/** The same as the index's options say; a disabled one gets no space beyond the page of the empty tree. */
export function* indexTreeFor(d: Definer, parent: number, index: IndexObject): Task<number> {
  return yield* newIndexTree(d, parent, index.disabled === true ? [] : index.options);
}

/** Gives a table's tree what its options and those of its primary key say now. */
export function* changeTableSpace(d: Definer, table: TableObject): Task<void> {
  const { store, transaction } = d.engine;
  const options = [...table.options, ...primaryOptions(d, table)];
  const { fillPercent, hints } = spaceOf(options, TABLE_FILL, store.pageBytes);
  yield* store.setSpace(transaction, table.tree, fillPercent, hints);
}

/** Gives the long values of a table or an index what its options say now, if they speak of them or did `before`. */
export function* changeLongSpace(
  d: Definer,
  { tree, options }: TableObject | IndexObject,
  before: readonly string[],
): Task<void> {
  const { store, transaction } = d.engine;
  if (longSpaceOf([...before, ...options], TABLE_FILL, store.pageBytes) === undefined) return;
  const { fillPercent, hints } =
    longSpaceOf(options, TABLE_FILL, store.pageBytes) ?? spaceOf([], TABLE_FILL, store.pageBytes);
  yield* store.setLongSpace(transaction, tree, fillPercent, hints);
}

/** Gives an index's own tree what its options say now. */
export function* changeIndexSpace(d: Definer, index: IndexObject): Task<void> {
  const { store, transaction } = d.engine;
  const { fillPercent, hints } = spaceOf(index.options, INDEX_FILL, store.pageBytes);
  yield* store.setSpace(transaction, index.tree, fillPercent, hints);
}
