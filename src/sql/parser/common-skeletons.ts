/**
 * What node-sql-parser answers to the commonest skeletons, so that a program whose queries are short starts without it: loading it
 * takes 10 ms, a fifth of what opening a database and a first query may. A test holds every answer against the parser's own.
 *
 *   SELECT e0, e1 [FROM t2 AS a2 [WHERE e3]]     up to ITEMS_MAX items
 *   SELECT e0 AS n1
 *   INSERT INTO t0 VALUES (e1, e2)               up to ITEMS_MAX values, with column names too
 *   UPDATE t0 AS a0 SET n1 = e2 [WHERE e3]
 *   DELETE FROM t0 AS a0 [WHERE e1]
 */
import { lazy } from '../../base/lazy.ts';
import type { Skeleton, SkeletonFrom, SkeletonTarget } from './skeleton.ts';

const ITEMS_MAX = 6;
const NONE = -1;

/** By their texts. */
export const commonSkeletons = lazy((): ReadonlyMap<string, Skeleton> => {
  const known = new Map<string, Skeleton>();
  known.set('SELECT e0 AS n1', query([{ item: 0, alias: 1 }], [], NONE));
  for (let items = 1; items <= ITEMS_MAX; items++) {
    const targets = numbers(0, items).map((item) => ({ item, alias: NONE }));
    const list = `SELECT ${names('e', 0, items)}`;
    const from = [{ table: items, join: null, on: NONE, using: NONE }];
    known.set(list, query(targets, [], NONE));
    known.set(`${list} FROM t${items} AS a${items}`, query(targets, from, NONE));
    known.set(`${list} FROM t${items} AS a${items} WHERE e${items + 1}`, query(targets, from, items + 1));
    const insert = { kind: 'insert', table: 0 } as const;
    known.set(`INSERT INTO t0 VALUES (${names('e', 1, items)})`, { ...insert, columns: [], values: numbers(1, items) });
    known.set(`INSERT INTO t0 (${names('n', 1, items)}) VALUES (${names('e', 1 + items, items)})`, {
      ...insert,
      columns: numbers(1, items),
      values: numbers(1 + items, items),
    });
  }
  const set = [{ target: 1, value: 2 }];
  const update = { kind: 'update', table: 0, set, from: [] } as const;
  known.set('UPDATE t0 AS a0 SET n1 = e2', { ...update, where: NONE });
  known.set('UPDATE t0 AS a0 SET n1 = e2 WHERE e3', { ...update, where: 3 });
  known.set('DELETE FROM t0 AS a0', { kind: 'delete', table: 0, where: NONE });
  known.set('DELETE FROM t0 AS a0 WHERE e1', { kind: 'delete', table: 0, where: 1 });
  return known;
});

function query(targets: readonly SkeletonTarget[], from: readonly SkeletonFrom[], where: number): Skeleton {
  const arm = { distinct: false, distinctOn: null, targets, from, where, groupBy: [], having: NONE };
  const rest = { recursive: false, ctes: [], operations: [], orderBy: [], limit: NONE, offset: NONE };
  return { kind: 'query', arms: [arm], ...rest };
}

function numbers(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => from + i);
}

function names(letter: string, from: number, count: number): string {
  return numbers(from, count)
    .map((number) => `${letter}${number}`)
    .join(', ');
}
