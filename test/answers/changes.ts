/**
 * Transactions of changes: what each statement answers, and what all tables hold at the end.
 *
 *   parents (id, u unique deferrable, v check) <── children (id, p → cascade, q → set null, w unique with z)
 *   shelf   partitioned by range of a, moves rows between partitions
 *   BEGIN … three to six changes, a savepoint now and then … COMMIT or ROLLBACK, then every table is read
 *
 * Each case begins from the same rows. Values that must be unique are checked at the statement's or transaction's end, or
 * written so that no order of the rows matters; sources of UPDATE … FROM have one row per target.
 */
import type { Prng } from '../../src/base/prng.ts';
import { expression } from './expressions.ts';
import { cell } from './literals.ts';
import { columnOf, type Kind, type Pen, type Relation } from './pen.ts';

const PARENTS = 30;
const CHILDREN = 60;
const SHELF = 60;

const TABLES: readonly Relation[] = [
  { name: 'parents', columns: { id: 'int', u: 'int', v: 'int', d: 'text', c: 'num' } },
  { name: 'children', columns: { id: 'int', p: 'int', q: 'int', w: 'int', d: 'text' } },
  { name: 'shelf', columns: { a: 'int', b: 'int', d: 'text', f: 'date' } },
];

/** Columns that SET may change, with what a value must be put into. */
const SETTABLE: Readonly<Record<string, Readonly<Record<string, (value: string) => string>>>> = {
  parents: {
    u: (v) => `abs(${v}) + 200 + parents.id`,
    v: (v) => v,
    d: (v) => v,
    c: (v) => `round(${v}, 2)`,
  },
  children: { p: (v) => `abs(${v}) % 34`, q: (v) => `nullif(abs(${v}) % 32, 4)`, w: (v) => v, d: (v) => v },
  shelf: { a: (v) => v, b: (v) => v, d: (v) => v, f: (v) => v },
};

export const CHANGE_TABLES_SETUP: readonly string[] = [
  `create table parents (id int primary key, u int unique deferrable, v int check (v < 60), d text, c numeric(8,2));
   create table children (id int primary key, p int references parents on delete cascade on update cascade,
     q int references parents on delete set null deferrable, w int, d text not null default 'none');
   create unique index on children (w, id) where w > 3;
   create index on children (p); create index on parents (v desc, d) include (c); create index on parents (lower(d));
   create table shelf (a int, b int, d text, f date) partition by range (a);
   create table shelf1 partition of shelf for values from (minvalue) to (2);
   create table shelf2 partition of shelf for values from (2) to (6);
   create table shelf3 partition of shelf default;
   create index on shelf (b);`,
];

/** Statements that give the tables the rows that each case begins with. */
export function refill(prng: Prng): string[] {
  const parents = Array.from({ length: PARENTS }, (_, i) =>
    [`${i}`, `${i * 3}`, ...(['int', 'text', 'num'] as const).map((k) => cell(prng, k, 0.15))].join(', '),
  );
  const children = Array.from({ length: CHILDREN }, (_, i) => {
    const key = (): string => (prng.chance(0.2) ? 'null' : String(prng.below(PARENTS)));
    return [`${i}`, key(), key(), cell(prng, 'int', 0.2), cell(prng, 'text', 0)].join(', ');
  });
  const shelf = Array.from({ length: SHELF }, () =>
    (['int', 'int', 'text', 'date'] as const).map((k) => cell(prng, k, 0.15)).join(', '),
  );
  const insert = (into: string, rows: readonly string[]): string =>
    `insert into ${into} values ${rows.map((r) => `(${r})`).join(', ')}`;
  return [
    'truncate parents, children, shelf',
    insert('parents', parents),
    insert('children', children),
    insert('shelf', shelf),
  ];
}

/** The statements of one transaction, in order, with what it ends with. */
export function transaction(pen: Pen): { statements: string[]; commits: boolean } {
  const { prng } = pen;
  const statements = ['begin'];
  if (prng.chance(0.3)) statements.push('set constraints all deferred');
  let saved = false;
  for (let i = 3 + prng.below(4); i > 0; i--) {
    if (!saved && prng.chance(0.15)) {
      statements.push('savepoint s');
      saved = true;
    } else if (saved && prng.chance(0.25)) {
      statements.push('rollback to s');
      saved = false;
    }
    statements.push(change(pen));
  }
  if (saved && prng.chance(0.5)) statements.push('rollback to s');
  const commits = prng.chance(0.5);
  statements.push(commits ? 'commit' : 'rollback');
  return { statements, commits };
}

/** Reads of all tables, partition by partition. */
export const READS: readonly string[] = [
  'select * from parents',
  'select * from children',
  'select tableoid::regclass::text, * from shelf',
  'select id from children where w > 3',
  'select d, v from parents where v >= 2',
  'select b, count(*) from shelf where b = 3 group by b',
];

function change(pen: Pen): string {
  const { prng } = pen;
  const target = prng.pick(TABLES);
  const roll = prng.float();
  if (roll < 0.45) return update(pen, target);
  if (roll < 0.65) return remove(pen, target);
  return insertion(pen, target);
}

function where(pen: Pen, scope: readonly Relation[], share = 0.85): string {
  return pen.prng.chance(share) ? ` where ${expression(pen, scope, 'bool', 2)}` : '';
}

function returning(pen: Pen, target: Relation): string {
  if (!pen.prng.chance(0.4)) return '';
  return pen.prng.pick([
    ` returning ${target.name}.*`,
    ` returning ${target.name}.d, ${expression(pen, [target], 'int', 1)}`,
  ]);
}

function assignments(pen: Pen, target: Relation, scope: readonly Relation[]): string {
  const { prng } = pen;
  const settable = Object.entries(SETTABLE[target.name]!);
  const chosen = new Map(Array.from({ length: 1 + prng.below(2) }, () => prng.pick(settable)));
  return [...chosen]
    .map(([name, put]) => {
      const kind: Kind = target.columns[name]!;
      return `${name} = ${put(expression(pen, scope, kind, 1))}`;
    })
    .join(', ');
}

function update(pen: Pen, target: Relation): string {
  const { prng } = pen;
  if (prng.chance(0.1) && target.name === 'parents') {
    // Another distance each time: no key meets one that is about to move away.
    return `update parents set id = id + ${pen.fresh('')}000${where(pen, [target])}`;
  }
  if (prng.chance(0.3)) {
    const y: Relation = { name: 'y', columns: { x0: 'int', x1: 'text' } };
    const source =
      '(select k, min(d) from (select p, d from children union select b, d from shelf) o(k, d) group by k)';
    const set = assignments(pen, target, [target, y]);
    const on = `${columnOf(pen, [target], 'int')} = y.x0`;
    const more = prng.chance(0.4) ? ` and ${expression(pen, [target, y], 'bool', 1)}` : '';
    return `update ${target.name} set ${set} from ${source} y(x0, x1) where ${on}${more}${returning(pen, target)}`;
  }
  return `update ${target.name} set ${assignments(pen, target, [target])}${where(pen, [target])}${returning(pen, target)}`;
}

function remove(pen: Pen, target: Relation): string {
  const { prng } = pen;
  if (prng.chance(0.3)) {
    const other = prng.pick(TABLES);
    const y: Relation = { name: 'y', columns: other.columns };
    const on = `${columnOf(pen, [target], 'int')} = ${columnOf(pen, [y], 'int')}`;
    const more = ` and ${expression(pen, [target, y], 'bool', 1)}`;
    return `delete from ${target.name} using ${other.name} y where ${on}${more}${returning(pen, target)}`;
  }
  return `delete from ${target.name}${where(pen, [target], 0.95)}${returning(pen, target)}`;
}

function insertion(pen: Pen, target: Relation): string {
  const { prng } = pen;
  const back = returning(pen, target);
  const step = prng.pick([1, 7, 40, 500]);
  if (target.name === 'shelf') {
    return `insert into shelf select a + ${prng.below(5)}, b, d, f from shelf${where(pen, [target])}${back}`;
  }
  const rows =
    target.name === 'parents'
      ? `insert into parents (id, u, v, d) select id + ${step}, u + 1000, v, d from parents${where(pen, [target])}`
      : `insert into children (id, p, w, d) select id + ${step}, p, w, coalesce(d, 'x') from children${where(pen, [target])}`;
  const conflict = prng.pick([
    () => '',
    () => ' on conflict (id) do nothing',
    () => ' on conflict (id) do nothing',
    () => ` on conflict (id) do update set d = excluded.d || ${target.name}.d`,
    () => {
      const column = target.name === 'parents' ? 'v' : 'w';
      const only = ` where ${target.name}.${column} is distinct from excluded.${column}`;
      return ` on conflict (id) do update set ${column} = excluded.${column}, d = 'met'${prng.chance(0.5) ? only : ''}`;
    },
  ])();
  return rows + conflict + back;
}
