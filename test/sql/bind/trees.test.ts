/** The shape of bound trees: parameters that literals become, correlation, grouping, changes. */

import { describe, expect, test } from 'vitest';
import { qualifiedText } from '../../../src/sql/bind/qualify.ts';
import type { Expr, Logical } from '../../../src/sql/plan/logical.ts';
import { expressionsOf, freeColumns, inputsOf, walkExpr } from '../../../src/sql/plan/walk.ts';
import { bindText, contextOf, sampleObjects } from './support.ts';

const context = contextOf(sampleObjects());

function nodes(root: Logical): Logical[] {
  return [root, ...inputsOf(root).flatMap(nodes)];
}

function kinds(sql: string): string[] {
  return nodes(bindText(context, sql).root).map((node) => node.kind);
}

function expressions(root: Logical): Expr[] {
  const found: Expr[] = [];
  for (const node of nodes(root)) for (const expr of expressionsOf(node)) walkExpr(expr, (e) => found.push(e));
  return found;
}

describe('literals as parameters', () => {
  test('a literal is read as the type it is compared with', () => {
    const bound = bindText(context, "select a from t where d = '2020-01-01' and b = '2020-01-01' and a = 5", true);
    expect(bound.literals).toEqual([
      { slot: 0, type: 1082, column: -1 },
      { slot: 0, type: 25, column: -1 },
      { slot: 1, type: 23, column: -1 },
    ]);
    expect(bound.cacheable).toBe(true);
  });
  test("the client's parameters come first", () => {
    const bound = bindText(context, 'select a from t where a = $1 and c > 1.5', true);
    expect(bound.clientParameters).toBe(1);
    expect(bound.parameterTypes).toEqual([23, 1700]);
  });
  test('an IN list is one array', () => {
    const bound = bindText(context, 'select a from t where a in (1, 2, 3)', true);
    expect(bound.literals).toEqual([{ slot: 0, type: 1007, column: -1 }]);
    expect(expressions(bound.root).some((e) => e.kind === 'anyarray')).toBe(true);
  });
  test('rows of VALUES are one array per column, of the types of the target', () => {
    const bound = bindText(context, "insert into t (a, b, d) values (1, 'x', '2020-01-01'), (2, null, null)", true);
    expect(bound.literals).toEqual([
      { slot: 0, type: 1007, column: 0 },
      { slot: 0, type: 1009, column: 1 },
      { slot: 0, type: 1182, column: 2 },
    ]);
    expect(nodes(bound.root).map((node) => node.kind)).toContain('function');
  });
  test('what a literal says at another time is not cached', () => {
    expect(bindText(context, "select 'now'::timestamp", true).cacheable).toBe(false);
  });
});

test('a sub-query that uses outer columns has free columns, others have none', () => {
  const free = (sql: string) => {
    const sub = expressions(bindText(context, sql).root).find((e) => e.kind === 'subquery');
    return sub?.kind === 'subquery' ? freeColumns(sub.plan).size : -1;
  };
  expect(free('select (select max(u.id) from u where u.a = t.a) from t')).toBe(1);
  expect(free('select (select max(u.id) from u) from t')).toBe(0);
});

test('column numbers are unique but for groups that pass a column on', () => {
  const { root } = bindText(
    context,
    'select x.a, u.v from (select a, count(*) from t group by a) x join u on u.a = x.a',
  );
  const made = nodes(root).flatMap((node) =>
    node.kind === 'scan' || node.kind === 'project' ? node.columns.map((c) => c.id) : [],
  );
  expect(new Set(made).size).toBe(made.length);
});

describe('order of steps', () => {
  test.each([
    ['select a from t where e order by b limit 1', ['limit', 'project', 'sort', 'filter', 'scan']],
    ['select distinct b from t order by b', ['sort', 'distinct', 'project', 'scan']],
    ['select b, count(*) from t group by b having count(*) > 1', ['project', 'filter', 'aggregate', 'scan']],
    ['select a from t order by a for update', ['project', 'lock', 'sort', 'scan']],
    ['select rank() over (order by a) from t', ['project', 'window', 'scan']],
    ['select unnest(arr) from w order by x', ['project', 'sort', 'project', 'scan']],
    ['select 1', ['project', 'onerow']],
    ['with x as (select a from t) select * from x', ['with', 'project', 'scan', 'project', 'ctescan']],
  ])('%s', (sql, expected) => {
    expect(kinds(sql)).toEqual(expected);
  });
});

test('names of relations are qualified where the text leaves the schema out, stars are written out', () => {
  const sql = 'select * from t x join public.u using (a) where exists (select 1 from vt, w)';
  const { references } = bindText(context, sql);
  expect(qualifiedText(sql, 0, sql.length, references)).toBe(
    'select x.a, x.b, x.c, x.d, x.e, u.id, u.v, u.ts, u.f from public.t x join public.u using (a) where exists (select 1 from public.vt, public.w)',
  );
});

test('a lateral join is marked', () => {
  const joins = (sql: string) =>
    nodes(bindText(context, sql).root).flatMap((node) => (node.kind === 'join' ? [node.lateral] : []));
  expect(joins('select * from t, lateral (select t.a + 1 as z) l')).toEqual([true]);
  expect(joins('select * from t, u')).toEqual([false]);
});

describe('changes', () => {
  test('INSERT: targets, defaults, rules', () => {
    const { root, locks } = bindText(context, 'insert into g (id) overriding system value values (1)');
    if (root.kind !== 'insert') throw new Error('no insert');
    expect(root.targets).toEqual([1]);
    expect(root.defaults.map((d) => d.number)).toEqual([2]);
    expect(root.rules.generated.map((g) => g.number)).toEqual([3]);
    expect(locks.map((l) => l.mode)).toEqual(['row exclusive']);
  });
  test('ON CONFLICT finds its index and keeps both rows apart', () => {
    const { root } = bindText(
      context,
      "insert into t (a, b) values (1, 'x') on conflict (b) do update set b = t.b || excluded.b",
    );
    if (root.kind !== 'insert' || root.onConflict === undefined) throw new Error('no conflict clause');
    expect(root.onConflict.arbiters.map((index) => index.name)).toEqual(['t_b_key']);
    const used = expressionIds(root.onConflict.set[0]!.expr);
    expect(used).toEqual([root.onConflict.existing[1]!.id, root.rules.row[1]!.id]);
  });
  test('UPDATE and DELETE scan all live columns of their target', () => {
    const { root } = bindText(context, 'update t set c = c + 1 from u where u.a = t.a');
    if (root.kind !== 'update') throw new Error('no update');
    expect(root.target.numbers).toEqual([1, 2, 3, 4, 5]);
    expect(nodes(root.input).includes(root.target)).toBe(true);
  });
});

function expressionIds(expr: Expr): number[] {
  const found: number[] = [];
  walkExpr(expr, (e) => {
    if (e.kind === 'column') found.push(e.id);
  });
  return found;
}
